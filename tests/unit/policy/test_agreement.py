"""An agreement: its states, what it permits, and which are refused."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mpi.policy.legal_bases
from mpi.domain.errors import InputError
from mpi.domain.record import SENT_FIELDS
from mpi.policy.agreement import (
    Agreement,
    AgreementState,
    Clock,
    CodeList,
    Owner,
    choose_terms,
    find_lapses,
    find_last_day,
    find_notice,
)
from mpi.policy.agreement_checks import check_agreement
from mpi.policy.legal_bases import parse_legal_bases
from mpi.policy.parties import Party, PartyKind
from mpi.policy.purposes import PURPOSES
from tests.agreements import AGENCY, DSA, SCHOOL, TO_AGENCY, TO_SCHOOL, change_grant, make_dsa

BASES = parse_legal_bases(
    Path(mpi.policy.legal_bases.__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
SOURCES = {"sis", "ccwis"}
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
DAY = timedelta(days=1)
ACTIVE = make_dsa(version=1, is_approved=True)


def check(agreement: Agreement) -> None:
    check_agreement(agreement, BASES, PURPOSES, SOURCES)


def test_an_agreement_of_both_directions_is_accepted():
    check(DSA)


@pytest.mark.parametrize(("changes", "day", "state"), [
    ({}, FIRST, "draft"),
    ({"is_approved": True}, FIRST - DAY, "scheduled"),
    ({"is_approved": True}, FIRST, "active"),
    ({"is_approved": True}, LAST, "active"),
    ({"is_approved": True}, LAST + DAY, "expired"),
    ({"is_approved": True, "ends": None}, date(2999, 1, 1), "active"),
    ({"is_approved": True, "is_suspended": True}, FIRST, "suspended"),
    ({"is_approved": True, "is_suspended": True}, LAST + DAY, "expired"),
    ({"is_approved": True, "ended_on": date(2026, 5, 1)}, date(2026, 4, 30), "ended"),
    ({"is_approved": True, "ended_on": date(2026, 5, 1)}, date(2026, 5, 1), "ended"),
    ({"ended_on": date(2026, 5, 1)}, date(2026, 5, 1), "ended"),
])  # fmt: skip
def test_the_state_follows_from_dates_and_steps(changes, day, state):
    assert make_dsa(**changes).state(day) == state


@given(
    st.builds(
        make_dsa,
        is_approved=st.booleans(),
        is_suspended=st.booleans(),
        ends=st.none() | st.dates(FIRST, date(2027, 1, 1)),
        ended_on=st.none() | st.dates(FIRST, date(2027, 1, 1)),
    ),
    st.dates(date(2025, 6, 1), date(2027, 6, 1)),
)
def test_an_agreement_is_active_only_if_approved_in_force_and_not_suspended(agreement, day):
    is_in_force = agreement.begins <= day and (agreement.ends is None or day <= agreement.ends)
    is_stopped = agreement.is_suspended or agreement.ended_on is not None
    is_active = agreement.state(day) is AgreementState.ACTIVE
    assert is_active is (agreement.is_approved and is_in_force and not is_stopped)


@pytest.mark.parametrize(("basis", "purpose"), [*product(BASES, PURPOSES)])
def test_a_purpose_that_its_basis_cannot_carry_is_refused(basis, purpose):
    """Each basis, in a direction and for a population that it covers, with each purpose."""
    row = BASES[basis]
    discloser = Party("one", "One", min(row.disclosers))
    recipient = discloser if row.within_party else Party("two", "Two", max(row.recipients))
    agreement = make_dsa(
        parties=tuple({party.code: party for party in (discloser, recipient)}.values()),
        owners=(),
        grants=(
            replace(
                TO_AGENCY,
                discloser=discloser.code,
                recipient=recipient.code,
                legal_basis=basis,
                population=min(row.populations),
                purposes=frozenset({purpose}),
            ),
        ),
    )
    if row.carries(purpose):
        check(agreement)
    else:
        with pytest.raises(InputError, match=f"grant 1: {basis} cannot carry the purpose {purpose}"):
            check(agreement)


def test_a_direction_that_the_basis_does_not_cover_is_refused():
    with pytest.raises(
        InputError, match=r"grant 1: ferpa_caseworker does not cover a disclosure from agency"
    ):
        check(make_dsa(grants=(replace(TO_SCHOOL, legal_basis="ferpa_caseworker"),)))


def test_own_records_cover_no_disclosure_to_another_party():
    with pytest.raises(InputError, match="own_records does not cover"):
        check(change_grant(legal_basis="own_records"))
    check(change_grant(recipient="district", legal_basis="own_records"))


@pytest.mark.parametrize(("agreement", "message"), [
    (change_grant(population="all"), "ferpa_caseworker covers only foster_care, not all"),
    (change_grant(population="homeless"), "ferpa_caseworker covers only foster_care"),
    (change_grant(population="orphans"), "no population 'orphans'"),
    (change_grant(discloser="nobody"), "there is no party 'nobody'"),
    (change_grant(recipient="nobody"), "there is no party 'nobody'"),
    (change_grant(legal_basis="habit"), "there is no legal basis 'habit'"),
    (change_grant(purposes=frozenset()), "name at least one purpose"),
    (change_grant(purposes=frozenset({"curiosity"})), "no purpose 'curiosity'"),
    (change_grant(purposes=frozenset({"all"})), "no purpose 'all'"),
    (change_grant(output_fields=frozenset({"ssn"})), "output_fields: 'ssn' may not be permitted"),
    (change_grant(output_fields=frozenset({"allegations"})), "'allegations' is not a field of a record"),
    (change_grant(output_fields=frozenset({"flags.orphans"})), "'flags.orphans' is not a field"),
    (change_grant(matching_fields=frozenset({"flags"})), "matching_fields: 'flags' may not be permitted"),
    (change_grant(matching_fields=frozenset({"race"})), "matching_fields: 'race' may not be permitted"),
    (change_grant(output_fields=frozenset(), matching_fields=frozenset()), "at least one output field"),
    (make_dsa(code=""), "code:"), (make_dsa(code="-a"), "code:"), (make_dsa(code="DSA 1"), "code:"),
    (make_dsa(code="a" * 65), "code:"),
    (make_dsa(title=" "), "title:"), (make_dsa(title="a\nb"), "title:"),
    (make_dsa(title="a" * 201), "title:"),
    (make_dsa(ends=FIRST - DAY), "ends: the last day must not be before"),
    (make_dsa(small_cell=0), "small_cell"),
    (make_dsa(small_cell=2**70), "small_cell"),
    (make_dsa(codes=(CodeList("nickname", frozenset({"Ben"})),)), "codes: nickname: there is no such list"),
    (make_dsa(codes=(CodeList("county", frozenset()),)), "codes: county: a list has 1 to 10,000 codes"),
    (make_dsa(codes=(CodeList("county", frozenset({"Quill\n"})),)), "codes: county: a code has 1 to 64"),
    (make_dsa(retention_days=0), "retention_days: 1 to"),
    (make_dsa(clocks=(Clock("Reply", 3),)), "clocks: a name"),
    (make_dsa(clocks=(Clock("reply", 0),)), "clocks: reply: 1 to"),
    (make_dsa(clocks=(Clock("reply", 1), Clock("reply", 2))), "'reply' is named twice"),
    (make_dsa(owners=(Owner("nobody", "custodian", "Office"),)), "owners: there is no party 'nobody'"),
    (make_dsa(owners=(Owner("agency", "custodian", ""),)), "owners: office"),
    (make_dsa(parties=()), "1 to 1000 parties"),
    (make_dsa(parties=(SCHOOL, SCHOOL)), "parties: 'district' is named twice"),
    (make_dsa(parties=(SCHOOL, replace(AGENCY, sources=frozenset({"sis"})))), "'sis' can be of district"),
    (make_dsa(parties=(SCHOOL, replace(AGENCY, sources=frozenset({"jail"})))), "there is no source 'jail'"),
    (make_dsa(parties=(SCHOOL, replace(AGENCY, name=""))), "parties: agency: name"),
    (make_dsa(grants=()), "1 to 1000 grants"),
    (make_dsa(grants=(TO_AGENCY,) * 1_001), "1 to 1000 grants"),
])  # fmt: skip
def test_an_agreement_that_cannot_be_put_in_force_is_refused(agreement, message):
    with pytest.raises(InputError, match=message):
        check(agreement)


def test_tribes_and_tribal_agencies_are_parties_like_others():
    tribe = Party("nation", "Quill Nation", PartyKind.TRIBE)
    for party in (tribe, replace(tribe, kind=PartyKind.TRIBAL_AGENCY)):
        check(make_dsa(parties=(SCHOOL, party), grants=(replace(TO_AGENCY, recipient="nation"),), owners=()))


@pytest.mark.parametrize(("permitted", "field", "expected"), [
    ({"grade"}, "grade", True), ({"grade"}, "school_id", False),
    ({"enrollments"}, "grade", True), ({"grade"}, "enrollments", False),
    ({"addresses"}, "city", True), ({"guardians"}, "guardian_last_name", True),
    ({"flags"}, "flags.foster_care", True), ({"flags.foster_care"}, "flags.foster_care", True),
    ({"flags.foster_care"}, "flags.homeless", False), ({"flags.foster_care"}, "flags", False),
    ({"all"}, "flags.homeless", True), ({"all"}, "phone", True), (set(), "local_id", False),
])  # fmt: skip
def test_a_grant_permits_its_output_fields_and_no_other(permitted, field, expected):
    assert replace(TO_AGENCY, output_fields=frozenset(permitted)).permits_output(field) is expected


@given(st.sampled_from(SENT_FIELDS), st.sets(st.sampled_from(SENT_FIELDS)))
def test_matching_fields_permit_no_output(field, matching):
    grant = replace(TO_AGENCY, output_fields=frozenset(), matching_fields=frozenset(matching))
    assert not grant.permits_output(field)


@pytest.mark.parametrize(("matching", "named", "compared"), [
    ({"first_name", "birth_date"}, {"first_name", "grade"}, {"first_name"}),
    ({"all"}, {"first_name", "race", "flags.foster_care"}, {"first_name"}),
    ({"addresses"}, {"city", "last_name"}, {"city"}),
    ({"all"}, set(), set()),
])  # fmt: skip
def test_a_consent_compares_no_field_that_it_does_not_name(matching, named, compared):
    grant = replace(TO_AGENCY, matching_fields=frozenset(matching)).limit_to(named)
    assert grant.list_matching_fields() == compared
    assert not grant.matches_all_fields


@pytest.mark.parametrize(("left", "notice"), [
    (-1, None), (0, 7), (7, 7), (8, 30), (30, 30), (31, 90), (90, 90), (91, None),
])  # fmt: skip
def test_warnings_are_due_90_30_and_7_days_before_the_last_day(left, notice):
    assert find_notice(LAST, LAST - timedelta(days=left)) == notice
    assert find_notice(None, LAST) is None


def renew(version: int, begins: date, ends: date | None, *, approved: bool = True) -> Agreement:
    return make_dsa(version=version, begins=begins, ends=ends, is_approved=approved)


@pytest.mark.parametrize(("later", "last_day"), [
    ([], LAST),
    ([renew(2, LAST + DAY, date(2027, 12, 31))], date(2027, 12, 31)),
    ([renew(2, date(2026, 6, 1), None)], None),
    ([renew(2, LAST + 2 * DAY, date(2027, 12, 31))], LAST),
    ([renew(2, LAST + DAY, date(2027, 12, 31), approved=False)], LAST),
    ([renew(2, LAST + DAY, date(2027, 6, 30)), renew(3, date(2027, 7, 1), date(2028, 6, 30))],
     date(2028, 6, 30)),
    ([renew(2, date(2026, 6, 1), date(2026, 9, 30))], date(2026, 9, 30)),
])  # fmt: skip
def test_the_last_day_counts_approved_renewals_without_a_gap(later, last_day):
    assert find_last_day([ACTIVE, *later], FIRST) == last_day


def test_the_terms_are_the_latest_approved_version_that_has_begun():
    renewal, draft = renew(2, date(2026, 7, 1), None), renew(3, FIRST, None, approved=False)
    versions = [draft, renewal, ACTIVE]
    assert choose_terms(versions, date(2026, 6, 30)) is ACTIVE
    assert choose_terms(versions, date(2026, 7, 1)) is renewal
    assert choose_terms(versions, FIRST - DAY) is ACTIVE
    assert choose_terms([draft], FIRST) is None


HOUSE = make_dsa(
    code="house", version=1, is_approved=True, ends=None,
    parties=(Party("operator", "Operator", PartyKind.OPERATOR, frozenset({"all"})),),
)  # fmt: skip


@pytest.mark.parametrize(("terms", "codes"), [
    ([HOUSE], []), ([HOUSE, ACTIVE], []), ([], []),
    ([HOUSE, replace(ACTIVE, is_suspended=True)], ["dsa-1"]),
    ([HOUSE, replace(ACTIVE, is_suspended=True), replace(ACTIVE, code="dsa-2")], []),
    ([HOUSE, replace(ACTIVE, begins=LAST)], []),
    ([HOUSE, replace(ACTIVE, ended_on=FIRST), replace(ACTIVE, code="dsa-2", is_suspended=True)],
     ["dsa-1", "dsa-2"]),
    ([replace(HOUSE, ended_on=FIRST)], ["house"]),
    ([replace(HOUSE, ended_on=FIRST), ACTIVE], []),
])  # fmt: skip
def test_a_feed_is_open_while_an_agreement_of_its_party_is_active(terms, codes):
    assert [lapse.code for lapse in find_lapses(terms, "sis", date(2026, 6, 1))] == codes


def test_a_lapse_closes_no_feed_of_a_source_that_it_does_not_name():
    lapsed = replace(ACTIVE, is_suspended=True)
    assert find_lapses([HOUSE, lapsed], "other", FIRST) == ()

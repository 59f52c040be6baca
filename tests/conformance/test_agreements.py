"""The register of agreements on both stores: steps, terms, bindings, feeds and refusals."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, AgreementLapsed, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.policy.agreement import AgreementState
from mpi.policy.purposes import Purpose
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.accounts.account_rights import bind_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client, bind_client, list_clients
from mpi.service.agreements.documents import from_content, to_content
from mpi.service.agreements.house import build_house_agreement
from mpi.service.agreements.purposes import add_purpose, list_purposes
from mpi.service.agreements.refusals import list_refusals, record_refusal
from mpi.service.agreements.register import (
    approve_version,
    end_agreement,
    propose_version,
    resume_agreement,
    suspend_agreement,
)
from mpi.service.agreements.terms import find_terms
from mpi.service.agreements.views import list_agreements, list_due_notices, list_history, show_agreement
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.storage.repositories.access.refusals import MAX_ROWS_PER_MINUTE
from tests.agreements import DSA, make_dsa
from tests.index import OPERATOR, SECOND_PERSON, crosswalk, load_rows, make_child

DAY = date(2026, 6, 1)
AGREEMENT_READER = frozenset({Action.AGREEMENT_READ})


@pytest.fixture
def today():
    """Let all of a test happen on one day, which it may move."""

    class Day:
        def __init__(self):
            self.value = DAY

        def moment(self):
            return datetime(self.value.year, self.value.month, self.value.day, 12, tzinfo=UTC)

    day = Day()
    with clock.set_clock(day.moment):
        yield day


@pytest.fixture
def dsa(index, today):
    """The example agreement, in force."""
    propose_version(index, OPERATOR, DSA)
    approve_version(index, SECOND_PERSON, "dsa-1")
    return "dsa-1"


def state_of(index, code):
    return show_agreement(index, OPERATOR, code).state


def test_a_new_index_starts_with_the_operators_rule(index):
    [view] = list_agreements(index, OPERATOR)
    assert (view.code, view.state, view.end) == ("house", AgreementState.ACTIVE, None)
    assert view.clients == ("init",)
    assert view.fault is None
    [grant] = view.terms.grants
    assert grant.legal_basis == "own_records"
    assert "emergency_breakglass" not in grant.purposes
    assert len(grant.purposes) == 12
    assert grant.permits_output("flags.foster_care")


def test_the_stored_terms_are_those_that_were_proposed(index, today):
    assert propose_version(index, OPERATOR, DSA) == 1
    assert show_agreement(index, OPERATOR, "dsa-1").terms == make_dsa(version=1)
    assert from_content("dsa-1", 0, to_content(DSA)) == DSA


def test_a_version_is_in_force_once_a_second_person_approved_it(index, today):
    propose_version(index, OPERATOR, DSA)
    assert state_of(index, "dsa-1") is AgreementState.DRAFT
    with pytest.raises(ConflictError, match="somebody else has to approve"):
        approve_version(index, OPERATOR, "dsa-1")
    assert state_of(index, "dsa-1") is AgreementState.DRAFT
    assert approve_version(index, SECOND_PERSON, "dsa-1", 1) == 1
    assert state_of(index, "dsa-1") is AgreementState.ACTIVE
    with pytest.raises(ConflictError, match="approved already"):
        approve_version(index, SECOND_PERSON, "dsa-1")


def test_an_approval_without_a_second_person_shows_in_the_history(index, today):
    propose_version(index, OPERATOR, DSA)
    approve_version(index, OPERATOR, "dsa-1", alone=True)
    assert [(event.event, event.by, event.reason) for event in list_history(index, OPERATOR, "dsa-1")] == [
        ("propose", "operator", None),
        ("approve", "operator", "approved without a second person"),
    ]


def test_the_version_in_force_stays_so_until_the_next_is_approved(index, today, dsa):
    later = make_dsa(title="Narrower", grants=DSA.grants[:1])
    assert propose_version(index, OPERATOR, later) == 2
    view = show_agreement(index, OPERATOR, dsa)
    assert (view.terms.version, view.draft.version, view.proposed_by) == (1, 2, "operator")
    with pytest.raises(ConflictError, match="version 2 is the latest"):
        approve_version(index, SECOND_PERSON, dsa, 1)
    approve_version(index, SECOND_PERSON, dsa, 2)
    with index.database.read(OPERATOR) as unit:
        assert find_terms(unit, dsa, DAY).title == "Narrower"
        assert find_terms(unit, "nothing", DAY) is None
    assert show_agreement(index, OPERATOR, dsa).draft is None


def test_the_same_terms_are_not_proposed_twice(index, today, dsa):
    with pytest.raises(ConflictError, match="has these terms already"):
        propose_version(index, OPERATOR, DSA)


def test_an_agreement_is_suspended_resumed_and_ended(index, today, dsa):
    with pytest.raises(ConflictError, match="not suspended"):
        resume_agreement(index, OPERATOR, dsa, "no need")
    suspend_agreement(index, OPERATOR, dsa, "breach reported")
    assert state_of(index, dsa) is AgreementState.SUSPENDED
    with pytest.raises(ConflictError, match="suspended already"):
        suspend_agreement(index, OPERATOR, dsa, "again")
    resume_agreement(index, OPERATOR, dsa, "breach closed")
    assert state_of(index, dsa) is AgreementState.ACTIVE
    end_agreement(index, OPERATOR, dsa, "program closed")
    assert state_of(index, dsa) is AgreementState.ENDED
    for step in (
        lambda: end_agreement(index, OPERATOR, dsa, "again"),
        lambda: resume_agreement(index, OPERATOR, dsa, "again"),
        lambda: propose_version(index, OPERATOR, make_dsa(title="Another")),
        lambda: approve_version(index, SECOND_PERSON, dsa),
    ):
        with pytest.raises(ConflictError, match="has ended"):
            step()
    assert [(event.event, event.reason) for event in list_history(index, OPERATOR, dsa)] == [
        ("propose", None),
        ("approve", None),
        ("suspend", "breach reported"),
        ("resume", "breach closed"),
        ("end", "program closed"),
    ]


def test_an_ended_agreement_stays_ended_if_the_clock_is_set_back(index, today, dsa):
    end_agreement(index, OPERATOR, dsa, "program closed")
    today.value = DAY - timedelta(days=1)
    assert state_of(index, dsa) is AgreementState.ENDED
    with pytest.raises(AgreementLapsed, match="has ended"):
        upsert(index, OPERATOR, "sis", make_child("1"))


def test_a_number_that_could_not_be_read_again_is_not_stored(index, today):
    with pytest.raises(InputError, match="small_cell"):
        propose_version(index, OPERATOR, make_dsa(small_cell=2**70))
    upsert(index, OPERATOR, "sis", make_child("1"))
    assert [view.code for view in list_agreements(index, OPERATOR)] == ["house"]


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, "two\nlines"])
def test_a_step_without_a_readable_reason_is_refused(index, today, dsa, reason):
    with pytest.raises(InputError, match="reason"):
        suspend_agreement(index, OPERATOR, dsa, reason)
    assert state_of(index, dsa) is AgreementState.ACTIVE


def test_a_draft_can_be_ended_and_not_suspended(index, today):
    propose_version(index, OPERATOR, DSA)
    with pytest.raises(ConflictError, match="is a draft"):
        suspend_agreement(index, OPERATOR, "dsa-1", "any")
    end_agreement(index, OPERATOR, "dsa-1", "not needed")
    assert state_of(index, "dsa-1") is AgreementState.ENDED


def test_an_agreement_whose_last_day_has_passed_cannot_be_approved(index, today):
    propose_version(index, OPERATOR, DSA)
    today.value = date(2027, 1, 1)
    with pytest.raises(ConflictError, match="last day has passed"):
        approve_version(index, SECOND_PERSON, "dsa-1")


def test_a_version_is_checked_again_when_it_is_approved(index, today):
    propose_version(index, OPERATOR, DSA)
    bases = {code: basis for code, basis in index.settings.legal_bases.items() if code != "ferpa_caseworker"}
    stricter = replace(index, settings=replace(index.settings, legal_bases=bases))
    with pytest.raises(InputError, match="no legal basis 'ferpa_caseworker'"):
        approve_version(stricter, SECOND_PERSON, "dsa-1")
    approve_version(index, SECOND_PERSON, "dsa-1")
    assert "ferpa_caseworker" in show_agreement(stricter, OPERATOR, "dsa-1").fault


def test_an_agreement_that_cannot_be_put_in_force_leaves_nothing(index, today):
    with pytest.raises(InputError, match="there is no source"):
        propose_version(
            index, OPERATOR, make_dsa(parties=(replace(DSA.parties[0], sources={"x"}), DSA.parties[1]))
        )
    assert [view.code for view in list_agreements(index, OPERATOR)] == ["house"]


@pytest.mark.parametrize(("day", "days_left", "notice"), [
    (date(2026, 6, 1), 213, None), (date(2026, 10, 2), 90, 90), (date(2026, 12, 1), 30, 30),
    (date(2026, 12, 24), 7, 7), (date(2026, 12, 31), 0, 7), (date(2027, 1, 1), 0, None),
])  # fmt: skip
def test_warnings_come_before_the_last_day(index, today, dsa, day, days_left, notice):
    today.value = day
    end = show_agreement(index, OPERATOR, dsa).end
    assert (end.days_left, end.notice) == (days_left, notice)
    assert [view.code for view in list_due_notices(index, OPERATOR)] == ([dsa] if notice else [])


def test_an_approved_renewal_ends_the_warnings(index, today, dsa):
    today.value = date(2026, 12, 24)
    renewal = make_dsa(begins=date(2027, 1, 1), ends=date(2027, 12, 31))
    propose_version(index, OPERATOR, renewal)
    assert show_agreement(index, OPERATOR, dsa).end.notice == 7
    approve_version(index, SECOND_PERSON, dsa)
    assert show_agreement(index, OPERATOR, dsa).end.notice is None
    assert state_of(index, dsa) is AgreementState.ACTIVE
    today.value = date(2027, 1, 1)
    assert show_agreement(index, OPERATOR, dsa).terms.version == 2
    assert state_of(index, dsa) is AgreementState.ACTIVE


def reader(agreement, actions=AGREEMENT_READER, sources=frozenset({"sis"})):
    return Viewer("district", None, actions, sources, agreement=agreement)


def test_a_client_reads_the_terms_of_its_own_agreement_only(index, today, dsa):
    propose_version(index, OPERATOR, make_dsa(title="Secret draft"))
    [view] = list_agreements(index, reader(dsa))
    assert (view.code, view.terms.title) == (dsa, DSA.title)
    assert (view.draft, view.proposed_by, view.clients, view.accounts) == (None, None, (), ())
    assert list_agreements(index, reader(None)) == []
    for code in ("house", "dsa-2"):
        with pytest.raises(NotFoundError) as refused:
            show_agreement(index, reader(dsa), code)
        assert str(refused.value) == f"there is no agreement {code!r} that you may read"
    with pytest.raises(AccessDenied):
        list_history(index, reader(dsa), dsa)


def test_a_client_of_a_draft_reads_nothing(index, today):
    propose_version(index, OPERATOR, DSA)
    assert list_agreements(index, reader("dsa-1")) == []


def test_who_sees_some_sources_administers_and_approves_no_agreement(index, today, dsa):
    limited = reader(dsa, frozenset(Action))
    assert [view.code for view in list_agreements(index, limited)] == [dsa]
    propose_version(index, OPERATOR, make_dsa(code="dsa-2"))
    for step in (
        lambda: propose_version(index, limited, make_dsa(title="Mine")),
        lambda: approve_version(index, limited, "dsa-2"),
        lambda: suspend_agreement(index, limited, dsa, "any"),
        lambda: list_refusals(index, limited),
    ):
        with pytest.raises(AccessDenied):
            step()


@pytest.mark.parametrize("missing", [Action.APPROVE, Action.AGREEMENT_READ])
def test_approval_needs_both_rights(index, today, missing):
    propose_version(index, OPERATOR, DSA)
    with pytest.raises(AccessDenied):
        approve_version(index, Viewer("ben", None, frozenset(Action) - {missing}, None), "dsa-1")


def test_a_client_and_an_account_are_bound_to_an_agreement(index, today, dsa):
    key = add_client(index, OPERATOR, "district", ["record.read"], ["sis"], dsa)
    assert authenticate(index, key, None).agreement == dsa
    bind_client(index, OPERATOR, "district", "house")
    assert authenticate(index, key, None).agreement == "house"
    add_account(index, OPERATOR, NewAccount("ana", "Ana Ruiz", "steward", None))
    bind_account(index, OPERATOR, "ana", dsa)
    assert [account.agreement for account in list_accounts(index, OPERATOR)] == [dsa]
    assert {client.name: client.agreement for client in list_clients(index, OPERATOR)} == {
        "district": "house",
        "init": "house",
    }
    view = show_agreement(index, OPERATOR, dsa)
    assert (view.clients, view.accounts) == ((), ("ana",))


def test_nobody_is_bound_to_an_agreement_that_is_unknown_or_has_ended(index, today, dsa):
    end_agreement(index, OPERATOR, dsa, "over")
    with pytest.raises(NotFoundError):
        add_client(index, OPERATOR, "district", ["record.read"], None, "dsa-9")
    with pytest.raises(ConflictError, match="has ended: name another"):
        add_client(index, OPERATOR, "district", ["record.read"], None, dsa)
    with pytest.raises(NotFoundError):
        bind_client(index, OPERATOR, "nobody", "house")
    assert [client.name for client in list_clients(index, OPERATOR)] == ["init"]


def test_who_may_not_administer_agreements_binds_clients_to_the_own_one_only(index, today, dsa):
    granter = reader(dsa, frozenset({Action.CLIENT_ADMIN, Action.RECORD_READ}))
    with pytest.raises(AccessDenied, match="own agreement only"):
        add_client(index, granter, "wider", ["record.read"], ["sis"])
    add_client(index, granter, "equal", ["record.read"], ["sis"], dsa)
    with pytest.raises(AccessDenied):
        bind_client(index, granter, "equal", "house")


def test_a_lapsed_agreement_quarantines_the_feeds_of_its_parties(index, today, dsa):
    upsert(index, OPERATOR, "sis", make_child("1"))
    before = crosswalk(index)
    suspend_agreement(index, OPERATOR, dsa, "breach")
    for send in (
        lambda: load_rows(index, "sis", make_child("2")),
        lambda: upsert(index, OPERATOR, "sis", make_child("2")),
    ):
        with pytest.raises(AgreementLapsed, match="'dsa-1' is suspended"):
            send()
    [refused] = list_refusals(index, OPERATOR)
    assert (refused.action, refused.reason, refused.count) == ("load", "agreement-suspended", 1)
    assert crosswalk(index) == before
    resume_agreement(index, OPERATOR, dsa, "closed")
    load_rows(index, "sis", make_child("2"))
    assert len(crosswalk(index)) == 2


def test_a_source_can_withdraw_a_record_while_its_agreement_has_lapsed(index, today, dsa):
    upsert(index, OPERATOR, "sis", make_child("1"))
    end_agreement(index, OPERATOR, dsa, "over")
    withdraw(index, OPERATOR, "sis", "1")
    assert crosswalk(index) == {}


def test_a_feed_is_quarantined_on_the_day_after_the_last_one(index, today, dsa):
    today.value = date(2026, 12, 31)
    upsert(index, OPERATOR, "sis", make_child("1"))
    today.value += timedelta(days=1)
    with pytest.raises(AgreementLapsed, match="'dsa-1' has expired"):
        upsert(index, OPERATOR, "sis", make_child("2"))


def test_a_lapse_changes_no_id(index, today, dsa):
    for source in ("sis", "ccwis"):
        upsert(index, OPERATOR, source, make_child("1"))
    before = crosswalk(index)
    suspend_agreement(index, OPERATOR, dsa, "breach")
    assert crosswalk(index) == before
    resume_agreement(index, OPERATOR, dsa, "closed")
    assert crosswalk(index) == before


def test_a_purpose_that_a_state_adds_can_be_named(index):
    key = add_client(index, OPERATOR, "district", ["record.read"], None)
    assert authenticate(index, key, "mentoring").actions == frozenset()
    add_purpose(index, OPERATOR, Purpose("mentoring", "Find a mentor", "A mentor is found.", "Company."))
    assert authenticate(index, key, "mentoring").actions == frozenset()
    house = build_house_agreement()
    [grant] = house.grants
    named = replace(grant, purposes=grant.purposes | {"mentoring"})
    propose_version(index, OPERATOR, replace(house, grants=(named,)))
    approve_version(index, OPERATOR, "house", alone=True)
    viewer = authenticate(index, key, "mentoring")
    assert (viewer.purpose, viewer.actions) == ("mentoring", {Action.RECORD_READ})
    assert list_purposes(index, OPERATOR)[-1].code == "mentoring"
    with pytest.raises(InputError, match="there is a purpose"):
        add_purpose(index, OPERATOR, Purpose("mentoring", "Again", "A.", "B."))


def test_equal_refusals_of_a_minute_are_one_row(index, today):
    viewer = reader("house")
    for _ in range(3):
        record_refusal(index, viewer, "person.read", "no-purpose")
    record_refusal(index, replace(viewer, purpose="transport"), "person.read", "no-purpose")
    rows = list_refusals(index, OPERATOR)
    assert sorted((row.purpose or "", row.agreement, row.reason, row.count) for row in rows) == [
        ("", "house", "no-purpose", 3),
        ("transport", "house", "no-purpose", 1),
    ]
    today.value += timedelta(days=8)
    assert list_refusals(index, OPERATOR) == []


def test_a_client_cannot_fill_the_disk_with_refusals(index, today):
    viewer = reader("house")
    for number in range(MAX_ROWS_PER_MINUTE + 30):
        record_refusal(index, viewer, "person.read", f"reason-{number}")
    record_refusal(index, viewer, "person.read", "reason-0")
    record_refusal(index, replace(viewer, client="other"), "person.read", "reason-0")
    rows = [row for row in list_refusals(index, OPERATOR) if row.client == "district"]
    assert len(rows) == MAX_ROWS_PER_MINUTE + 1
    assert {row.reason: row.count for row in rows}["other"] == 30
    assert {row.reason: row.count for row in rows}["reason-0"] == 2
    assert len(list_refusals(index, OPERATOR)) == len(rows) + 1


def run_together(calls):
    """Run calls in threads of their own; return their answers."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: call(), calls))


def test_of_two_proposals_at_once_each_gets_a_version_of_its_own(index, today):
    drafts = [make_dsa(title=f"Draft {number}") for number in range(4)]
    numbers = run_together([lambda draft=draft: propose_version(index, OPERATOR, draft) for draft in drafts])
    assert sorted(numbers) == [1, 2, 3, 4]


def test_of_two_approvals_at_once_one_takes_effect(index, today):
    propose_version(index, OPERATOR, DSA)

    def approve():
        try:
            return approve_version(index, SECOND_PERSON, "dsa-1")
        except ConflictError:
            return None

    assert sorted(run_together([approve] * 3), key=str) == [1, None, None]
    assert [event.event for event in list_history(index, OPERATOR, "dsa-1")] == ["propose", "approve"]


def test_refusals_at_once_are_all_counted(index, today):
    run_together([lambda: record_refusal(index, reader("house"), "person.read", "no-purpose")] * 8)
    assert [row.count for row in list_refusals(index, OPERATOR)] == [8]


def test_verify_reports_a_client_of_an_agreement_that_does_not_exist(index):
    assert verify(index, OPERATOR) == []
    with index.database.write(OPERATOR, "test") as unit:
        unit.clients.set_agreement("init", "lost")
    [finding] = verify(index, OPERATOR)
    assert (finding.law, "'lost'" in finding.detail) == (7, True)

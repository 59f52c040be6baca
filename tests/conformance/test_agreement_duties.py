"""Clocks, destruction and redisclosure under an agreement, on both stores."""

from datetime import UTC, date, datetime

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.policy.duties import DutyKind
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.clients import add_client
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.duties import (
    attest_destruction,
    begin_clock,
    describe_duty,
    list_attestations,
    list_duties,
    meet_clock,
)
from mpi.service.agreements.register import approve_version, end_agreement, propose_version
from mpi.service.agreements.terms import find_terms
from mpi.service.agreements.views import list_agreements
from mpi.service.core.disclosure import NO_REDISCLOSURE, disclose
from mpi.service.maintenance.verify import verify
from tests.agreements import make_dsa
from tests.index import OPERATOR, SECOND_PERSON

TODAY = date(2026, 6, 1)
BOTH = frozenset({"sis", "ccwis"})


@pytest.fixture
def today():
    """Let a test happen on one day, which it may move."""

    class Day:
        value = TODAY

        def moment(self):
            return datetime(self.value.year, self.value.month, self.value.day, 12, tzinfo=UTC)

    day = Day()
    with clock.set_clock(day.moment):
        yield day


@pytest.fixture
def dsa(index, today):
    """An agreement with a clock of 45 days and a retention of 365, and people who act under it."""
    propose_version(index, OPERATOR, make_dsa())
    approve_version(index, SECOND_PERSON, "dsa-1")
    for name, sources in (("ana", BOTH), ("own-only", frozenset({"ccwis"}))):
        account = NewAccount(name, name, Role.CASEWORKER, sources, agreement="dsa-1")
        add_account(index, OPERATOR, account)
    return "dsa-1"


def viewer_of(index, name="ana", sources=BOTH, code="dsa-1"):
    """Return a caseworker under the agreement."""
    day = clock.now().date()
    with index.database.read(OPERATOR) as unit:
        terms = find_terms(unit, code, day)
    return build_viewer(
        Caller(name, frozenset(), sources, code, 1, Role.CASEWORKER), "school_stability", terms, day
    )


def receive(index, **caller):
    """Answer a caseworker once."""
    disclose(index, viewer_of(index, **caller), Action.PERSON_READ, [1], ("records",))


def test_a_clock_says_who_has_to_act_by_when_until_a_person_attests_it(index, dsa, today):
    duty = begin_clock(index, OPERATOR, dsa, "inspection", "district", date(2026, 5, 1), "IR-2026-031")
    assert (duty.due, duty.days_left(TODAY)) == (date(2026, 6, 15), 14)
    assert list_duties(index, OPERATOR) == [duty]
    [view] = [view for view in list_agreements(index, OPERATOR) if view.code == dsa]
    assert view.clocks == (duty,)
    today.value = date(2026, 6, 20)
    assert describe_duty(duty, today.value) == (
        "agreement dsa-1: district has to do inspection since 2026-06-15, 5 days ago"
    )
    with pytest.raises(InputError, match="day"):
        meet_clock(index, OPERATOR, duty.code, "R. Alvarado", date(2026, 4, 30))
    meet_clock(index, OPERATOR, duty.code, "R. Alvarado", date(2026, 6, 18))
    assert list_duties(index, OPERATOR) == []
    with pytest.raises(ConflictError, match="met already"):
        meet_clock(index, OPERATOR, duty.code, "R. Alvarado", date(2026, 6, 18))
    with index.database.read(OPERATOR) as unit:
        assert unit.agreement_duties.find(duty.code).met_by == "R. Alvarado"
    assert verify(index, OPERATOR) == []


def test_another_version_does_not_move_a_clock_that_runs(index, dsa):
    begin_clock(index, OPERATOR, dsa, "inspection", "district", TODAY)
    propose_version(index, OPERATOR, make_dsa(clocks=()))
    approve_version(index, SECOND_PERSON, dsa)
    [duty] = list_duties(index, OPERATOR)
    assert duty.due == date(2026, 7, 16)
    with pytest.raises(InputError, match="it has none"):
        begin_clock(index, OPERATOR, dsa, "inspection", "district", TODAY)


@pytest.mark.parametrize(
    ("changes", "error", "fault"),
    [
        ({"name": "no-such"}, InputError, "clock: the agreement has none of this name; it has inspection"),
        ({"party": "no-such"}, InputError, "party"),
        ({"begun": date(2026, 6, 2)}, InputError, "begun"),
        ({"reference": " "}, InputError, "reference"),
        ({"code": "no-such"}, NotFoundError, "no approved agreement"),
    ],
)
def test_a_clock_that_the_agreement_does_not_have_is_refused(index, dsa, changes, error, fault):
    values = {"code": dsa, "name": "inspection", "party": "district", "begun": TODAY, **changes}
    with pytest.raises(error, match=fault):
        begin_clock(index, OPERATOR, **values)
    assert list_duties(index, OPERATOR) == []


def test_a_recipient_has_to_destroy_what_it_received_until_a_person_attests_it(index, dsa, today):
    receive(index)
    today.value = date(2026, 6, 10)
    receive(index)
    [duty] = list_duties(index, OPERATOR)
    assert (duty.kind, duty.party, duty.begun, duty.due) == (
        DutyKind.DESTRUCTION, "agency", TODAY, date(2027, 6, 1),
    )  # fmt: skip
    assert "destroy what it received, and attest it by 2027-06-01" in describe_duty(duty, today.value)
    attest_destruction(index, OPERATOR, dsa, "agency", date(2026, 6, 9), "B. Osei", "files overwritten")
    [duty] = list_duties(index, OPERATOR)
    assert duty.begun == date(2026, 6, 10)
    today.value = date(2026, 6, 11)
    attest_destruction(index, OPERATOR, dsa, "agency", date(2026, 6, 10), "B. Osei", "files overwritten")
    assert list_duties(index, OPERATOR) == []
    receive(index)
    end_agreement(index, OPERATOR, dsa, "program closed")
    today.value = date(2027, 7, 1)
    [duty] = list_duties(index, OPERATOR)
    assert duty.days_left(today.value) < 0
    attest_destruction(index, OPERATOR, dsa, "agency", date(2027, 6, 30), "B. Osei", "disks shredded")
    assert list_duties(index, OPERATOR) == []
    attestations = list_attestations(index, OPERATOR)
    assert [(each.attested_by, each.method, each.recorded_by) for each in attestations] == [
        *[("B. Osei", "files overwritten", "operator")] * 2, ("B. Osei", "disks shredded", "operator"),
    ]  # fmt: skip
    with pytest.raises(ConflictError, match="attested through 2027-06-30"):
        attest_destruction(index, OPERATOR, dsa, "agency", date(2027, 6, 30), "B. Osei", "again")


def test_a_login_that_a_binding_gives_a_party_has_to_destroy_what_it_received(index, dsa):
    """Several parties own its sources, and only the binding says for which it acts."""
    add_client(index, OPERATOR, "portal", ["person.read"], BOTH, agreement=dsa, party="agency")
    disclose(index, Viewer("portal", agreement=dsa), Action.PERSON_READ, [1], ("records",))
    assert [duty.party for duty in list_duties(index, OPERATOR)] == ["agency"]


def test_who_receives_nothing_of_others_has_nothing_to_destroy(index, dsa):
    receive(index, name="own-only", sources=frozenset({"ccwis"}))
    add_client(index, OPERATOR, "school", ["person.read"], ("sis",), agreement=dsa)
    disclose(index, Viewer("school", agreement=dsa), Action.PERSON_READ, [1], ("records",))
    disclose(index, OPERATOR, Action.PERSON_READ, [1], ("records",))
    assert list_duties(index, OPERATOR) == []


def test_without_a_retention_nothing_is_to_be_destroyed(index, dsa):
    receive(index)
    propose_version(index, OPERATOR, make_dsa(retention_days=None))
    approve_version(index, SECOND_PERSON, dsa)
    assert list_duties(index, OPERATOR) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"party": "no-such"}, InputError),
        ({"through": TODAY}, InputError),
        ({"person": ""}, InputError),
        ({"method": "x" * 201}, InputError),
        ({"code": "no-such"}, NotFoundError),
    ],
)
def test_a_faulty_attestation_is_refused(index, dsa, changes, error):
    values = {
        "code": dsa,
        "party": "agency",
        "through": date(2026, 5, 31),
        "person": "B. Osei",
        "method": "shredded",
    }
    with pytest.raises(error):
        attest_destruction(index, OPERATOR, **{**values, **changes})
    assert list_attestations(index, OPERATOR) == []


def test_duties_are_for_who_administers_agreements(index, dsa):
    reader = Viewer("reader", None, frozenset({Action.AGREEMENT_READ}), None, agreement=dsa)
    for call in (
        lambda: list_duties(index, reader),
        lambda: list_attestations(index, reader),
        lambda: begin_clock(index, reader, dsa, "inspection", "district", TODAY),
        lambda: meet_clock(index, reader, "0123456789ab", "R. Alvarado", TODAY),
        lambda: attest_destruction(index, reader, dsa, "agency", TODAY, "B. Osei", "shredded"),
    ):
        with pytest.raises(AccessDenied):
            call()
    begin_clock(index, OPERATOR, dsa, "inspection", "district", TODAY)
    assert [view.clocks for view in list_agreements(index, reader)] == [()]
    for unknown in ("0123456789ab", "é", "a\0b"):
        with pytest.raises(NotFoundError, match="no such clock"):
            meet_clock(index, OPERATOR, unknown, "R. Alvarado", TODAY)


@pytest.mark.parametrize("redisclosure", [False, True])
def test_the_ledger_says_that_an_answer_may_not_be_passed_on(index, dsa, redisclosure):
    if redisclosure:
        propose_version(index, OPERATOR, make_dsa(redisclosure=True))
        approve_version(index, SECOND_PERSON, dsa)
    receive(index)
    receive(index, name="own-only", sources=frozenset({"ccwis"}))
    disclose(index, OPERATOR, Action.PERSON_READ, [1], ("records",))
    with index.database.read(OPERATOR) as unit:
        said = {line.client: NO_REDISCLOSURE in line.fields for line in unit.disclosures.all()[-3:]}
    assert said == {"ana": not redisclosure, "own-only": False, "operator": False}

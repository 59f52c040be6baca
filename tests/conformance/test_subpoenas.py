"""Subpoena cases on both stores: nothing is released but what counsel decided, for anybody."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.viewer import PURPOSES, Action, IdempotentCall, Viewer
from mpi.policy.cases.subpoena import CaseState, CounselDecision, CounselVerdict, Subpoena
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.legal.subpoena_cases import decide_case, list_cases, open_case, record_notice, show_case
from mpi.service.legal.subpoena_release import release_case
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from tests.agreements import make_dsa
from tests.index import OPERATOR, SECOND_PERSON, expunge, make_child

TODAY = date(2026, 11, 29)
OFFICE = Viewer("office", None, frozenset({Action.SUBPOENA_MANAGE}), frozenset({"sis"}))
COUNSEL = Viewer("counsel", None, frozenset({Action.SUBPOENA_DECIDE}), frozenset({"sis"}))
SERVED = Subpoena(
    source="sis",
    court="Juvenile Court",
    reference="26-JV-0412",
    served_by="Public Defender",
    received=date(2026, 11, 20),
    due=date(2026, 12, 4),
)
GO = CounselDecision(CounselVerdict.RELEASE, "R. Alvarado", "relevant")
CHILD = make_child("1", grade="05", school_id="S1", phone="614 555 0100")
OTHER = make_child("2", first_name="Femi", last_name="Adeyemi", birth_date="2012-01-02", grade="07")


@pytest.fixture(autouse=True)
def today():
    """Let a test happen on one day."""
    with clock.set_clock(lambda: datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC)):
        yield


@pytest.fixture
def records(index):
    """Two children of the school, one of whom the agency holds too."""
    upsert(index, OPERATOR, "sis", CHILD)
    upsert(index, OPERATOR, "ccwis", make_child("C-1", phone="614 555 0199"))
    upsert(index, OPERATOR, "sis", OTHER)


def served(index, *local_ids, fields=("first_name", "grade"), viewer=OFFICE, **changes):
    """Open a case and return its code."""
    return open_case(index, viewer, replace(SERVED, **changes), local_ids or ("1",), fields)


def decided(index, *local_ids, decision=GO, kept=((), ()), **changes):
    """Open a case in which the parents are notified and counsel has decided; return its code."""
    code = served(index, *local_ids, **changes)
    record_notice(index, OFFICE, code, TODAY)
    decide_case(index, COUNSEL, code, decision, *kept)
    return code


def ledger(index):
    """Return the ledger's lines about subpoenas that were answered."""
    with index.database.read(OPERATOR) as unit:
        return [line for line in unit.disclosures.all() if line.action == "subpoena.release"]


def values_of(release):
    return {record.local_id: dict(record.values) for record in release.records}


def test_a_case_releases_the_decided_fields_with_a_ledger_line_for_each_person(index, records):
    code = decided(index, "1", "2", fields=("first_name", "grade", "school_id"))
    release = release_case(index, OFFICE, code)
    assert release.reference == "26-JV-0412"
    assert values_of(release) == {
        "1": {"first_name": "Amara", "grade": "05", "school_id": "S1"},
        "2": {"first_name": "Femi", "grade": "07"},
    }
    lines = ledger(index)
    assert [(line.client, line.purpose) for line in lines] == [("office", f"subpoena:{code}")] * 2
    assert [line.fields for line in lines] == [
        ("local_id", "first_name", "grade", "school_id"), ("local_id", "first_name", "grade"),
    ]  # fmt: skip
    assert len({line.record_ids for line in lines}) == 2
    assert show_case(index, OFFICE, code).state is CaseState.RELEASED
    assert verify(index, OPERATOR) == []


def test_two_records_of_one_person_share_a_line(index):
    upsert(index, OPERATOR, "sis", CHILD)
    upsert(index, OPERATOR, "sis", {**CHILD, "local_id": "1b"})
    assert len({look_up_crosswalk(index, OPERATOR, "sis", each).enterprise_id for each in ("1", "1b")}) == 1
    release_case(index, OFFICE, decided(index, "1", "1b"))
    [line] = ledger(index)
    assert len(line.record_ids) == 2


@pytest.mark.parametrize("verdict", [None, CounselVerdict.REFUSE])
def test_without_a_decision_that_permits_it_nothing_is_released(index, records, verdict):
    code = served(index, notice_forbidden=True)
    if verdict is not None:
        decide_case(index, COUNSEL, code, replace(GO, verdict=verdict))
    with pytest.raises(ConflictError, match="nothing was released: counsel"):
        release_case(index, OFFICE, code)
    assert ledger(index) == []
    assert show_case(index, OFFICE, code).state is (CaseState.REFUSED if verdict else CaseState.OPEN)


def test_the_parents_are_notified_first_unless_the_order_forbids_it(index, records):
    code = served(index)
    decide_case(index, COUNSEL, code, GO)
    with pytest.raises(ConflictError, match="parents were not notified"):
        release_case(index, OFFICE, code)
    for day in (date(2026, 11, 19), date(2026, 11, 30)):
        with pytest.raises(InputError, match="day"):
            record_notice(index, OFFICE, code, day)
    record_notice(index, OFFICE, code, date(2026, 11, 23))
    assert show_case(index, OFFICE, code).case.notified == date(2026, 11, 23)
    assert release_case(index, OFFICE, code).records
    with pytest.raises(ConflictError, match="recorded already"):
        record_notice(index, OFFICE, code, TODAY)
    secret = served(index, notice_forbidden=True)
    with pytest.raises(ConflictError, match="forbids"):
        record_notice(index, OFFICE, secret, TODAY)
    decide_case(index, COUNSEL, secret, GO)
    assert release_case(index, OFFICE, secret).records


def test_counsel_narrows_what_is_released(index, records):
    narrow = replace(GO, verdict=CounselVerdict.NARROW)
    code = decided(index, "1", "2", decision=narrow, kept=(("2",), ("grade",)))
    assert values_of(release_case(index, OFFICE, code)) == {"2": {"grade": "07"}}
    view = show_case(index, OFFICE, code)
    assert (view.local_ids, view.released_local_ids) == (("1", "2"), ("2",))


@pytest.mark.parametrize(
    ("verdict", "kept"),
    [
        (CounselVerdict.NARROW, ((), ())),
        (CounselVerdict.NARROW, (("1",), ("first_name", "grade"))),
        (CounselVerdict.NARROW, ((), ("phone",))),
        (CounselVerdict.NARROW, (("2",), ())),
        (CounselVerdict.RELEASE, ((), ("grade",))),
        (CounselVerdict.REFUSE, (("1",), ())),
    ],
)
def test_a_decision_adds_nothing_to_what_is_asked_for(index, records, verdict, kept):
    code = served(index, notice_forbidden=True)
    with pytest.raises(InputError, match="local_ids, fields"):
        decide_case(index, COUNSEL, code, replace(GO, verdict=verdict), *kept)
    assert show_case(index, OFFICE, code).state is CaseState.OPEN


def test_who_opened_a_case_cannot_decide_it(index, records):
    both = replace(OFFICE, actions=OFFICE.actions | COUNSEL.actions)
    code = served(index, viewer=both)
    with pytest.raises(ConflictError, match="this case is your own"):
        decide_case(index, both, code, GO)
    operator_case = served(index, viewer=OPERATOR)
    with pytest.raises(ConflictError, match="this case is your own"):
        decide_case(index, OPERATOR, operator_case, GO)
    decide_case(index, COUNSEL, code, GO)
    with pytest.raises(ConflictError, match="decided about this case already"):
        decide_case(index, COUNSEL, code, replace(GO, verdict=CounselVerdict.REFUSE))


def test_each_step_needs_its_own_right(index, records):
    code = served(index)
    for call in (
        lambda: served(index, viewer=COUNSEL),
        lambda: record_notice(index, COUNSEL, code, TODAY),
        lambda: release_case(index, COUNSEL, code),
        lambda: decide_case(index, OFFICE, code, GO),
        lambda: list_cases(index, Viewer("reader", None, frozenset({Action.RECORD_READ}), None)),
    ):
        with pytest.raises(AccessDenied):
            call()


def test_a_case_of_another_agency_is_unknown(index, records):
    code = served(index)
    agency = Viewer("agency", None, OFFICE.actions | COUNSEL.actions, frozenset({"ccwis"}))
    assert list_cases(index, agency) == []
    for call in (
        lambda: decide_case(index, agency, code, GO),
        lambda: record_notice(index, agency, code, TODAY),
        lambda: release_case(index, agency, code),
    ):
        with pytest.raises(NotFoundError) as known:
            call()
        assert str(known.value) == "there is no such case that you may handle: see mpi subpoena list"
    for unknown in ("0123456789ab", "é", "a\0b"):
        with pytest.raises(NotFoundError, match="no such case that you may handle"):
            release_case(index, OFFICE, unknown)


def test_under_an_agreement_a_case_is_about_records_of_the_own_party_alone(index, records):
    propose_version(index, OPERATOR, make_dsa())
    approve_version(index, SECOND_PERSON, "dsa-1")
    rights = frozenset({Action.SUBPOENA_MANAGE, Action.PERSON_READ})
    key = add_client(index, OPERATOR, "district", rights, ("sis", "ccwis"), agreement="dsa-1")
    # A client of both parties' sources acts for none of them; one of its own source acts for the school.
    with pytest.raises(AccessDenied):
        served(index, viewer=authenticate(index, key, None))
    key = add_client(index, OPERATOR, "school", rights, ("sis",), agreement="dsa-1")
    school = authenticate(index, key, None)
    code = served(index, viewer=school)
    assert [view.case.code for view in list_cases(index, school)] == [code]
    with pytest.raises(AccessDenied):
        served(index, "C-1", viewer=school, source="ccwis")


@pytest.mark.parametrize("purpose", [*PURPOSES, "subpoena:0123456789ab", "subpoena"])
def test_no_purpose_is_a_subpoena_and_no_subpoena_is_a_purpose(index, records, purpose):
    rights = frozenset({Action.SUBPOENA_MANAGE, Action.PERSON_READ, Action.RECORD_READ})
    key = add_client(index, OPERATOR, "both", rights, ("sis",))
    viewer = authenticate(index, key, purpose)
    assert (Action.SUBPOENA_MANAGE in viewer.actions) is (purpose == "data_quality")
    if purpose not in PURPOSES:
        assert viewer.actions == frozenset()


def test_a_right_of_its_own_is_granted_by_name(index):
    with index.database.read(OPERATOR) as unit:
        [first] = unit.clients.active()
    assert not {Action.SUBPOENA_MANAGE, Action.SUBPOENA_DECIDE} & first.actions


def test_sealed_and_withdrawn_records_are_not_released_and_none_is_destroyed(index, records):
    upsert(index, OPERATOR, "sis", make_child("3", first_name="Ines", birth_date="2011-05-05"))
    code = decided(index, "1", "2", "3")
    upsert(index, OPERATOR, "sis", {**CHILD, "restrictions": [{"kind": "sealed"}]})
    with pytest.raises(ConflictError, match="keeps 1 of these records"):
        expunge(index, "sis", OTHER)
    withdraw(index, OPERATOR, "sis", "3")
    assert release_case(index, OFFICE, code).records == ()
    assert ledger(index) == []
    assert "1" not in show_case(index, OFFICE, code).local_ids
    with pytest.raises(NotFoundError, match="no such record"):
        served(index, "1")


def test_confidential_whereabouts_are_withheld_and_the_flag_of_an_adoption_is_left_out(index):
    flags = [
        {"population": population, "value": "Y", "definition": "ESSA"}
        for population in ("adopted", "foster_care")
    ]
    order = {"kind": "protective_order", "begin": "2026-01-01"}
    upsert(index, OPERATOR, "sis", {**CHILD, "flags": flags, "restrictions": [order]})
    code = decided(index, "1", fields=("first_name", "phone", "grade", "flags"))
    [record] = release_case(index, OFFICE, code).records
    assert record.withheld == ("grade", "phone")
    assert set(record.values) == {"first_name", "flags"}
    assert [flag["population"] for flag in record.values["flags"]] == ["foster_care"]


@pytest.mark.parametrize(
    ("changes", "fields", "fault"),
    [
        ({"reference": "In re Amara Okonkwo"}, ("grade",), "reference"),
        ({"court": " "}, ("grade",), "court"),
        ({"served_by": "x" * 201}, ("grade",), "served_by"),
        ({"received": date(2026, 11, 30)}, ("grade",), "received"),
        ({"due": date(2026, 11, 19)}, ("grade",), "due"),
        ({}, (), "fields"),
        ({}, ("ssn",), "never released"),
        ({}, ("restrictions",), "never released"),
        ({}, ("Amara",), "not a field"),
    ],
)
def test_a_faulty_case_is_refused_without_naming_a_value(index, records, changes, fields, fault):
    with pytest.raises(InputError, match=fault) as refused:
        served(index, fields=fields, **changes)
    assert "Amara" not in str(refused.value)
    assert list_cases(index, OFFICE) == []


def test_a_case_names_some_records_that_exist(index, records):
    with pytest.raises(InputError, match="1 to 100 records"):
        open_case(index, OFFICE, SERVED, (), ("grade",))
    with pytest.raises(InputError, match="1 to 100 records"):
        open_case(index, OFFICE, SERVED, [str(number) for number in range(101)], ("grade",))
    with pytest.raises(NotFoundError, match="for 1 IDs") as refused:
        served(index, "1", "no-such-child")
    assert "no-such-child" not in str(refused.value)
    for hostile in ("a\0b", "x" * 10_000, "\ud800", ""):
        with pytest.raises(InputError, match="local_id"):
            served(index, hostile)


def test_a_repeated_call_opens_one_case_and_its_release_is_one_step(index, records):
    once = replace(OFFICE, idempotent_call=IdempotentCall("open-1", b"open"))
    code = served(index, viewer=once)
    assert served(index, viewer=once) == code
    assert len(list_cases(index, OFFICE)) == 1
    record_notice(index, OFFICE, code, TODAY)
    decide_case(index, COUNSEL, code, GO)
    again = replace(OFFICE, idempotent_call=IdempotentCall("release-1", b"release"))
    assert release_case(index, again, code) == release_case(index, again, code)
    with index.database.read(OPERATOR) as unit:
        history = unit.subpoenas.find(code)
    assert [step.kind for step in history.steps] == ["notify", "decide", "release"]
    assert len(ledger(index)) == 2


def test_the_list_is_on_the_ledger_and_the_earliest_due_day_comes_first(index, records):
    late = served(index, due=date(2027, 1, 1))
    soon = served(index, "2")
    assert [view.case.code for view in list_cases(index, OFFICE)] == [soon, late]
    with index.database.read(OPERATOR) as unit:
        line = unit.disclosures.all()[-1]
    assert (line.action, line.client, len(line.record_ids)) == ("subpoena.manage", "office", 2)
    show_case(index, OFFICE, soon)
    with index.database.read(OPERATOR) as unit:
        assert len(unit.disclosures.all()[-1].record_ids) == 1


def test_a_release_that_names_another_case_is_refused(index, records):
    code = decided(index)
    with pytest.raises(InputError, match="another paper"):
        release_case(index, OFFICE, code, "26-JV-7")
    assert ledger(index) == []
    assert release_case(index, OFFICE, code, "26-JV-0412").records


def test_errors_and_logs_name_nothing_of_a_case(index, records, caplog):
    caplog.set_level("DEBUG")
    code = decided(index, "1", "2")
    with pytest.raises(MpiError) as refused:
        decide_case(index, COUNSEL, code, GO)
    release_case(index, OFFICE, code)
    for text in ("Amara", "26-JV-0412", "Juvenile Court"):
        assert text not in caplog.text + str(refused.value)

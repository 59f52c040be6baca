"""Requests to amend a record on both stores: decision, hearing, statement, and the source's correction."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Action, Viewer
from mpi.policy.cases.subject_rights import CaseKind, Inspection, RefusalReason, RightsState
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.rights.amendments import ask_hearing, attach_statement, decide_hearing, grant_amendment
from mpi.service.rights.cases import show_case, to_plain_values
from mpi.service.rights.requests import open_case, refuse_case
from mpi.service.rights.source_rules import set_rule
from mpi.service.rights.subject_report import release_report
from mpi.service.stewardship.expunge_requests import approve_expunges
from tests.conformance.test_subject_reports import ALL_CHECKS, CHILD, CLERK, OFFICER, REQUEST
from tests.index import OPERATOR, SECOND_PERSON, all_stored_bytes, expunge

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
AMEND = replace(REQUEST, kind=CaseKind.AMEND, field="grade", wanted="She is in grade 06.")
HEARING_OFFICER = Viewer("hearer", None, frozenset({Action.RIGHTS_DECIDE}), frozenset({"sis"}))
STATEMENT = "My daughter skipped fifth grade: Zebulonia-canary."


class Today:
    """The day of a test, which it can move."""

    now = NOW


@pytest.fixture(autouse=True)
def today():
    """Let a test happen on a day that it can move."""
    moment = Today()
    with clock.set_clock(lambda: moment.now):
        yield moment


@pytest.fixture(autouse=True)
def child(index):
    """A pupil of a school to which FERPA applies."""
    set_rule(index, OPERATOR, "sis", inspection=Inspection.LINKED, citation="FERPA")
    upsert(index, OPERATOR, "sis", CHILD)


def view(index, code):
    return to_plain_values(show_case(index, CLERK, code))


def refused(index):
    code = open_case(index, CLERK, AMEND)
    refuse_case(index, OFFICER, code, CaseKind.AMEND, RefusalReason.NOT_INACCURATE, "P. Officer")
    return code


def upheld(index):
    code = refused(index)
    ask_hearing(index, CLERK, code)
    decide_hearing(index, HEARING_OFFICER, code, "H. Officer", amends=False)
    return code


def test_a_granted_request_is_closed_by_the_sources_own_correction(index):
    code = open_case(index, CLERK, AMEND)
    assert (view(index, code)["wanted"], view(index, code)["clock"]) == ("She is in grade 06.", "amendment")
    with pytest.raises(ConflictError, match="somebody else"):
        grant_amendment(index, replace(CLERK, actions=OFFICER.actions), code, "Clerk")
    grant_amendment(index, OFFICER, code, "P. Officer")
    assert (view(index, code)["state"], view(index, code)["clock"]) == ("granted", "correction")
    upsert(index, OPERATOR, "sis", {**CHILD, "phone": "614 555 0111"})
    assert view(index, code)["state"] == "granted"
    upsert(index, OPERATOR, "sis", {**CHILD, "grade": "06"})
    assert (view(index, code)["state"], view(index, code)["clock"]) == ("corrected", None)


def test_a_refusal_offers_a_hearing_for_some_days(index, today):
    code = refused(index)
    assert "hearing" in view(index, code)["letter"]
    today.now = NOW + timedelta(days=46)
    with pytest.raises(ConflictError, match="time to ask for a hearing ended"):
        ask_hearing(index, CLERK, code)
    today.now = NOW + timedelta(days=45)
    ask_hearing(index, CLERK, code)
    assert (view(index, code)["clock"], view(index, code)["days_left"]) == ("hearing", 45)


def test_who_opened_or_refused_a_case_holds_no_hearing(index):
    code = refused(index)
    ask_hearing(index, CLERK, code)
    for viewer in (OFFICER, replace(CLERK, actions=OFFICER.actions)):
        with pytest.raises(ConflictError, match="somebody else"):
            decide_hearing(index, viewer, code, "X", amends=True)
    decide_hearing(index, HEARING_OFFICER, code, "H. Officer", amends=True)
    assert view(index, code)["state"] == "granted"


def test_a_statement_stands_with_the_record_for_later_readers(index):
    code = upheld(index)
    assert "statements" not in read(index, OPERATOR, "sis", "1")
    attach_statement(index, CLERK, code, STATEMENT)
    assert read(index, OPERATOR, "sis", "1")["statements"] == [STATEMENT]
    inspect = open_case(index, CLERK, REQUEST)
    assert release_report(index, OFFICER, inspect, ALL_CHECKS, "P. Officer").records[0].statements == (
        STATEMENT,
    )
    with pytest.raises(ConflictError, match="already"):
        attach_statement(index, CLERK, code, "again")
    assert show_case(index, CLERK, code).state is RightsState.UPHELD


def test_a_statement_needs_a_hearing_that_upheld_the_record(index):
    for code in (refused(index), open_case(index, CLERK, AMEND)):
        with pytest.raises(ConflictError, match="'upheld' is needed"):
            attach_statement(index, CLERK, code, STATEMENT)


def test_a_refused_request_keeps_its_record_while_a_hearing_may_be_asked_for(index, today):
    refused(index)
    today.now = NOW + timedelta(days=45)
    with pytest.raises(ConflictError, match="open request"):
        expunge(index, "sis", CHILD)
    today.now = NOW + timedelta(days=46)
    assert approve_expunges(index, SECOND_PERSON, "sis", ["1"]).records == 1


def test_a_statement_is_destroyed_with_its_record(index):
    code = upheld(index)
    attach_statement(index, CLERK, code, STATEMENT)
    assert b"Zebulonia-canary" in all_stored_bytes(index)
    expunge(index, "sis", CHILD)
    assert b"Zebulonia-canary" not in all_stored_bytes(index)
    with index.database.read(OPERATOR) as unit:
        [case] = [case for case, _ in unit.rights_cases.all()]
        assert unit.rights_cases.texts([case.record_id]) == []


def test_a_faulty_request_is_refused(index):
    for change in (
        {"field": None},
        {"field": "ssn"},
        {"wanted": " "},
        {"wanted": "x" * 4_001},
        {"wanted": "a\0b"},
        {"kind": CaseKind.INSPECT},
    ):
        with pytest.raises(InputError):
            open_case(index, CLERK, replace(AMEND, **change))

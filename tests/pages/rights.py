"""States of the pages of rights and retention: a case in each state, holds, and runs."""

from dataclasses import replace
from datetime import date, timedelta

from mpi.domain import clock
from mpi.domain.viewer import make_operator
from mpi.policy.cases.subject_rights import (
    CaseKind,
    Identification,
    Inspection,
    RefusalReason,
    Relation,
    RightsState,
)
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.rights.amendments import ask_hearing, attach_statement, decide_hearing, grant_amendment
from mpi.service.rights.cases import list_cases
from mpi.service.rights.destruction import approve_run, execute_run, list_runs, plan_run
from mpi.service.rights.holds import LegalHoldOrder, lift_hold, place_hold
from mpi.service.rights.requests import RightsRequest, open_case, refuse_case
from mpi.service.rights.research_ids import end_project, open_project
from mpi.service.rights.source_rules import set_rule
from tests.index import load_rows, make_child

_LONG_NAME = "Office of Student Records and Family Rights, North Quill County"
_PUPILS = (
    ("left-1", "Thaddeus", "Quillfeather", "2001-02-03"),
    ("left-2", "Ottoline", "Brackenridge", "2002-05-09"),
    ("left-3", "Ignatius", "Summerhayes", "2000-11-21"),
)


def add_rights(index, sessions):
    """Add a rights case in each state, two legal holds, and destruction runs in each state."""
    clerk, officer = (authenticate_session(index, sessions[name]).viewer for name in ("lex", "kim"))
    _add_cases(index, clerk, officer)
    _add_retention(index, clerk, officer)
    for code, title in (("reading", "Reading in care"), ("moves", "School moves of children in care")):
        open_project(index, make_operator(), code, title, "D. Director")
    end_project(index, make_operator(), "moves", "D. Director")


def rights_pages(desk):
    """Yield name, role and path of the pages of cases, one of each state and of both people."""
    clerk = authenticate_session(desk.index, desk.sessions["lex"]).viewer
    for case in list_cases(desk.index, clerk):
        kind = f"rights-{case.kind}-{case.state}"
        yield kind, "account:lex", f"/rights/{case.code}"
        if case.state in (RightsState.OPEN, RightsState.HEARING):
            yield f"{kind}-officer", "account:kim", f"/rights/{case.code}"


def _add_cases(index, clerk, officer):
    def open_one(number, kind, days_ago, **changes):
        received = date.fromisoformat(clock.today()) - timedelta(days=days_ago)
        request = {
            "kind": kind, "source": "sis", "local_id": "pair-1", "relation": Relation.PARENT,
            "identification": Identification.PHOTO_ID, "identified_by": "R. Alvarado",
            "reference": f"SR-2026-0{number}", "received": received, "owner": _LONG_NAME, **changes,
        }  # fmt: skip
        return open_case(index, clerk, RightsRequest(**request))

    change = {"field": "grade", "wanted": "The child is in grade 9, not in grade 8, since August."}
    open_one(11, CaseKind.INSPECT, 40)
    refused = open_one(12, CaseKind.INSPECT, 9)
    refuse_case(index, officer, refused, CaseKind.INSPECT, RefusalReason.IDENTITY, "K. Counsel")
    open_one(13, CaseKind.AMEND, 60, **change)
    granted = open_one(14, CaseKind.AMEND, 12, **change)
    grant_amendment(index, officer, granted, "K. Counsel")
    for number in (15, 16, 17):
        code = open_one(number, CaseKind.AMEND, 20, **change)
        refuse_case(index, officer, code, CaseKind.AMEND, RefusalReason.NOT_INACCURATE, "K. Counsel")
        if number > 15:
            ask_hearing(index, clerk, code)
        if number > 16:
            decide_hearing(index, replace(officer, client="Hal Hearing"), code, "H. Officer", amends=False)
    attach_statement(index, clerk, code, "The school knows since August that the grade is wrong.")


def _add_retention(index, clerk, officer):
    rule = {"inspection": Inspection.LINKED, "citation": "FERPA, 34 CFR 99.10", "retention_days": 1_825}
    set_rule(index, make_operator(), "sis", **rule)
    for number, reference in enumerate(("LH-2026-03", "LH-2026-04")):
        order = LegalHoldOrder(
            reference, "Lawsuit about school records, Quill County", "C. Clerk", "sis", "wrong-1"
        )
        hold = place_hold(index, clerk, order)
        if number:
            lift_hold(index, officer, hold, "K. Counsel", "The lawsuit is over.")
    # One run ends, and another waits for the second person.
    for pupil in _PUPILS:
        _add_pupil(index, *pupil)
        if pupil != _PUPILS[1]:
            number = plan_run(index, clerk, "sis")
        if pupil == _PUPILS[0]:
            approve_run(index, officer, number, "K. Counsel", 1)
            execute_run(index, clerk, number)
    assert {view.state for view in list_runs(index, clerk)} == {"done", "planned"}


def _add_pupil(index, local_id, first_name, last_name, birth_date):
    """Load a record of a child who left school long ago."""
    child = make_child(
        local_id,
        first_name=first_name,
        last_name=last_name,
        birth_date=birth_date,
        school_id="NORTH-H1",
        entry_date="2010-08-01",
        exit_date="2016-06-10",
    )
    load_rows(index, "sis", child)

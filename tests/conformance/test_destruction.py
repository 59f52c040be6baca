"""Retention, legal holds and destruction on both stores."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.policy.cases.subject_rights import CaseKind, Inspection, RefusalReason
from mpi.service.audit.signing import RootsFile, sign_root
from mpi.service.audit.signing_key import load_signing_key
from mpi.service.audit.verification import RootEvidence, verify_ledger
from mpi.service.core.disclosure import disclose
from mpi.service.maintenance.verify import verify
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.rights.destruction import (
    CERTIFICATE,
    approve_run,
    count_due,
    execute_run,
    get_certificate,
    plan_run,
    show_run,
)
from mpi.service.rights.due_records import list_retention, show_due
from mpi.service.rights.holds import LegalHoldOrder, lift_hold, list_holds, place_hold
from mpi.service.rights.requests import open_case, refuse_case
from mpi.service.rights.source_rules import set_rule
from mpi.service.stewardship.expunge_requests import approve_expunges
from tests.conformance.test_subject_reports import CLERK, OFFICER, REQUEST
from tests.index import OPERATOR, SECOND_PERSON, all_stored_bytes, load_rows, make_child, many_children

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
ORDER = LegalHoldOrder(reference="LH-2026-3", reason="pending lawsuit", placed_by="C. Counsel", source="sis")


@pytest.fixture(autouse=True)
def today():
    """Let a test happen on one day."""
    with clock.set_clock(lambda: NOW):
        yield


def pupil(local_id, exit_date, **changes):
    return make_child(local_id, school_id="S1", entry_date="2010-08-01", exit_date=exit_date, **changes)


@pytest.fixture
def pupils(index):
    """Two pupils who left long ago, one who left lately, and one who is enrolled."""
    set_rule(index, OPERATOR, "sis", retention_days=1826, inspection=Inspection.OWN, citation="FERPA")
    names = (("1", "2015-06-01"), ("2", "2016-06-01"), ("3", "2026-06-01"), ("4", None))
    for record, (local_id, left) in zip(many_children(4), names, strict=True):
        upsert(index, OPERATOR, "sis", {**record, **pupil(local_id, left, **_name_of(record))})


def _name_of(record):
    return {key: record[key] for key in ("first_name", "last_name", "birth_date", "postal_code")}


def approved(index, records=2):
    number = plan_run(index, CLERK, "sis")
    approve_run(index, OFFICER, number, "P. Officer", records)
    return number


def due(index):
    return show_due(index, CLERK, "sis").local_ids


def test_only_what_left_long_enough_ago_is_due(index, pupils):
    assert due(index) == ("1", "2")
    assert count_due(index, CLERK, "sis") == (2, 0)
    [view] = list_retention(index, CLERK)
    assert (view.source, view.rule, view.due) == ("sis", "1826 days after the last exit", 2)
    assert {view.source: view.due for view in list_retention(index, OPERATOR)} == {"ccwis": 0, "sis": 2}


def test_without_a_retention_nothing_is_due_and_nothing_can_be_planned(index, pupils):
    with pytest.raises(ConflictError, match="no retention"):
        plan_run(index, OPERATOR, "ccwis")


def test_an_approved_run_destroys_what_is_due_with_a_certificate(index, pupils):
    number = approved(index)
    done = execute_run(index, CLERK, number, chunk_size=1)
    assert (done.state, done.stored.destroyed, done.stored.spared) == ("done", 2, 0)
    for local_id in ("1", "2"):
        with pytest.raises(NotFoundError):
            read(index, OPERATOR, "sis", local_id)
    assert read(index, OPERATOR, "sis", "3")["local_id"] == "3"
    certificate = get_certificate(index, CLERK, number)
    assert certificate.is_valid
    assert certificate.content["class"] == "records of source sis, 1826 days after the last exit"
    assert (certificate.content["destroyed"], certificate.content["approved_by"]) == (2, "P. Officer")
    with index.database.read(OPERATOR) as unit:
        [line] = [line for line in unit.disclosures.all() if line.action == CERTIFICATE]
    assert line.fields == (f"destruction-{number}", f"sha256:{certificate.digest}")
    assert verify(index, OPERATOR) == []
    execute_run(index, CLERK, number)
    with index.database.read(OPERATOR) as unit:
        assert len([line for line in unit.disclosures.all() if line.action == CERTIFICATE]) == 1


def test_nothing_of_a_destroyed_record_is_left(index, pupils):
    upsert(index, OPERATOR, "sis", pupil("1", "2015-06-01", first_name="Zebulonia", last_name="Quarles"))
    assert b"Zebulonia" in all_stored_bytes(index)
    execute_run(index, CLERK, approved(index))
    assert b"Zebulonia" not in all_stored_bytes(index)


def test_a_destroyed_record_leaves_the_ledger_too(index, pupils, tmp_path):
    with index.database.read(OPERATOR) as unit:
        numbers = {record.local_id: record.id for record in unit.records.get([1, 2, 3, 4]).values()}
    disclose(index, OPERATOR, "person.read", [numbers["1"]], ["reason:canary of one"])
    disclose(index, OPERATOR, "person.read", [numbers["1"], numbers["3"]], ["first_name"])
    upsert(index, OPERATOR, "sis", pupil("3", "2026-06-01", restrictions=[{"kind": "sealed"}]))
    execute_run(index, CLERK, approved(index))
    with index.database.read(OPERATOR) as unit:
        lines = unit.disclosures.all()
    assert all("canary of one" not in field for line in lines for field in line.fields)
    named = {number for line in lines for number in line.record_ids}
    assert numbers["1"] not in named
    assert numbers["3"] in named, "a sealed record is not destroyed"
    roots = RootsFile(tmp_path / "roots.jsonl", load_signing_key(tmp_path / "key.pem", is_new=True))
    sign_root(index, OPERATOR, roots)
    assert verify_ledger(index, OPERATOR, RootEvidence(roots.path, roots.key.public)).findings == ()


def test_a_run_needs_a_second_person_who_read_its_number(index, pupils):
    number = plan_run(index, CLERK, "sis")
    with pytest.raises(ConflictError, match="nobody has approved"):
        execute_run(index, CLERK, number)
    with pytest.raises(ConflictError, match="somebody else"):
        approve_run(index, replace(CLERK, actions=OFFICER.actions), number, "Clerk", 2)
    with pytest.raises(InputError, match="number of records"):
        approve_run(index, OFFICER, number, "P. Officer", 3)
    with pytest.raises(ConflictError, match="not done"):
        plan_run(index, CLERK, "sis")
    stranger = Viewer("x", None, frozenset({Action.RIGHTS_DECIDE}), frozenset({"ccwis"}))
    with pytest.raises(NotFoundError, match="no such destruction run"):
        approve_run(index, stranger, number, "X", 2)
    assert due(index) == ("1", "2")


@pytest.mark.parametrize("target", [{}, {"local_id": "1"}])
def test_a_hold_placed_after_the_approval_spares_its_records(index, pupils, target):
    number = approved(index)
    code = place_hold(index, CLERK, replace(ORDER, **target))
    done = execute_run(index, CLERK, number).stored
    assert (done.destroyed, done.spared) == ((1, 1) if target else (0, 2))
    assert read(index, OPERATOR, "sis", "1")["local_id"] == "1"
    lift_hold(index, OFFICER, code, "C. Counsel", "settled")
    assert "1" in due(index)


def test_a_hold_keeps_a_record_from_being_expunged_until_it_is_lifted(index, pupils):
    code = place_hold(index, CLERK, replace(ORDER, local_id="1"))
    upsert(index, OPERATOR, "sis", {**pupil("1", "2015-06-01"), "restrictions": [{"kind": "expunged"}]})
    with pytest.raises(ConflictError, match="legal hold"):
        approve_expunges(index, SECOND_PERSON, "sis", ["1"])
    with pytest.raises(ConflictError, match="somebody else"):
        lift_hold(index, replace(CLERK, actions=OFFICER.actions), code, "X", "x")
    lift_hold(index, OFFICER, code, "C. Counsel", "settled")
    assert approve_expunges(index, SECOND_PERSON, "sis", ["1"]).records == 1
    with pytest.raises(ConflictError, match="already"):
        lift_hold(index, OFFICER, code, "C. Counsel", "again")


def test_a_hold_of_the_operator_reaches_the_childs_records_of_every_source(index):
    child = make_child("1", exit_date="2015-06-01", school_id="S1")
    upsert(index, OPERATOR, "sis", child)
    upsert(index, OPERATOR, "ccwis", make_child("C-1"))
    set_rule(index, OPERATOR, "ccwis", retention_days=0, retention_begins="last_sent")
    assert count_due(index, OPERATOR, "ccwis") == (1, 0)
    place_hold(index, CLERK, replace(ORDER, local_id="1"))
    assert count_due(index, OPERATOR, "ccwis") == (1, 0), "an agency's hold does not reach another agency"
    place_hold(index, OPERATOR, replace(ORDER, local_id="1"))
    assert count_due(index, OPERATOR, "ccwis") == (0, 1)
    assert [view.local_id for view in list_holds(index, CLERK)] == ["1"]
    assert len(list_holds(index, OPERATOR)) == 2


def test_a_hold_reaches_the_childs_records_that_have_left_the_person(index):
    for local_id in ("1", "2", "3"):
        upsert(index, OPERATOR, "sis", pupil(local_id, "2015-06-01"))
    place_hold(index, CLERK, replace(ORDER, local_id="1"))
    withdraw(index, OPERATOR, "sis", "2")
    set_rule(index, OPERATOR, "sis", retention_days=0)
    assert count_due(index, CLERK, "sis") == (0, 3)
    upsert(index, OPERATOR, "sis", {**pupil("3", "2015-06-01"), "restrictions": [{"kind": "expunged"}]})
    with pytest.raises(ConflictError, match="legal hold"):
        approve_expunges(index, SECOND_PERSON, "sis", ["3"])
    withdraw(index, OPERATOR, "sis", "1")
    assert count_due(index, CLERK, "sis") == (0, 2)
    with pytest.raises(ConflictError, match="legal hold"):
        approve_expunges(index, SECOND_PERSON, "sis", ["3"])


def test_a_hold_reaches_no_other_child_whose_record_was_withdrawn(index, pupils):
    place_hold(index, CLERK, replace(ORDER, local_id="1"))
    withdraw(index, OPERATOR, "sis", "2")
    set_rule(index, OPERATOR, "sis", retention_days=0)
    assert "2" in due(index)


def test_an_open_request_keeps_its_record_from_being_expunged(index, pupils):
    code = open_case(index, CLERK, replace(REQUEST, local_id="1"))
    upsert(index, OPERATOR, "sis", {**pupil("1", "2015-06-01"), "restrictions": [{"kind": "expunged"}]})
    with pytest.raises(ConflictError, match="open request"):
        approve_expunges(index, SECOND_PERSON, "sis", ["1"])
    refuse_case(index, OFFICER, code, CaseKind.INSPECT, RefusalReason.OTHER, "P. Officer")
    assert approve_expunges(index, SECOND_PERSON, "sis", ["1"]).records == 1


def test_an_open_request_keeps_its_record(index, pupils):
    open_case(index, CLERK, replace(REQUEST, local_id="1"))
    assert due(index) == ("2",)
    assert count_due(index, CLERK, "sis") == (1, 1)


def test_a_withdrawn_record_counts_from_its_last_statement(index, pupils):
    withdraw(index, OPERATOR, "sis", "3")
    assert due(index) == ("1", "2")
    set_rule(index, OPERATOR, "sis", retention_days=0)
    assert due(index) == ("1", "2", "3")


def test_a_faulty_hold_or_rule_is_refused(index, pupils):
    for order in (
        replace(ORDER, source=None),
        replace(ORDER, agreement="dsa-1"),
        replace(ORDER, reference="no digit"),
        replace(ORDER, placed_by=""),
    ):
        with pytest.raises(InputError):
            place_hold(index, OPERATOR, order)
    with pytest.raises(NotFoundError):
        place_hold(index, CLERK, replace(ORDER, source=None, agreement="dsa-1"))
    for change in (
        {"retention_days": -1},
        {"retention_begins": "birth"},
        {"retention_begins": "agreement_end"},
        {"retention_agreement": "dsa-1"},
    ):
        with pytest.raises(InputError, match="retention"):
            set_rule(index, OPERATOR, "sis", **change)


_PROGRAM = """
import os, sys
from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.rights.destruction import execute_run

home, url = sys.argv[1], sys.argv[2] or None
settings = Settings(home=home, model=f"{home}/tiny", database_url=url, secret_file=None)
index = open_index(settings)
stop = int(sys.argv[3])

def progress(done, _all):
    if done >= stop:
        os.kill(os.getpid(), 9)

execute_run(index, make_operator(), 1, chunk_size=3, progress=progress)
"""


def test_a_run_that_is_killed_goes_on_where_it_stopped(index, database_url):
    children = [{**child, "school_id": "S1", "exit_date": "2015-06-01"} for child in many_children(20)]
    load_rows(index, "sis", *children)
    set_rule(index, OPERATOR, "sis", retention_days=10)
    number = plan_run(index, OPERATOR, "sis")
    approve_run(index, SECOND_PERSON, number, "P. Officer", 20)
    home = str(index.home)
    for stop in (3, 12):
        killed = subprocess.run(
            [sys.executable, "-c", _PROGRAM, home, database_url or "", str(stop)], check=False
        )
        assert killed.returncode == -9
        view = show_run(index, OPERATOR, number)
        assert (view.stored.destroyed, view.waiting) == (stop, 20 - stop)
        assert verify(index, OPERATOR) == []
    done = execute_run(index, OPERATOR, number)
    assert (done.stored.destroyed, done.stored.spared, done.waiting) == (20, 0, 0)
    assert get_certificate(index, OPERATOR, number).is_valid
    assert verify(index, OPERATOR) == []

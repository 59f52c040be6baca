"""An incident has a day by which its corrections are sent, and another by which they are acknowledged."""

import logging
from dataclasses import replace

import pytest

from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.policy.agreement import Clock
from mpi.policy.cases.incident_clock import IncidentDays
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.audit.corrections import acknowledge_correction, list_corrections
from mpi.service.audit.incident_notices import describe_notice, log_incident_notices
from mpi.service.audit.incidents import close_incident, list_incidents, send_corrections
from mpi.service.notices.due_incidents import count_overdue_incidents
from mpi.service.notices.menu_counts import count_for_menu
from mpi.service.persons.persons import look_up_crosswalk, look_up_person
from mpi.service.stewardship.merge_split_move import StepOptions, split
from tests.agreements import make_dsa
from tests.index import OPERATOR, SECOND_PERSON, load_rows, make_child, with_settings

STEWARD = replace(OPERATOR, client="steward")
OFFICER = replace(OPERATOR, client="officer")
READER = replace(OFFICER, actions=frozenset({Action.LEDGER_READ}))
REGISTRY = Viewer("registry", "data_quality", frozenset({Action.PERSON_READ}), None)


@pytest.fixture
def parted(index, manual_clock):
    """An index that has parted two records, of whose link the registry was told."""
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2"))
    manual_clock.advance(hours=1)
    part(index, manual_clock, REGISTRY)
    return index


def part(index, clock, viewer):
    """Tell a client of the child, and part its records as a steward."""
    eid = look_up_crosswalk(index, STEWARD, "sis", "1").enterprise_id
    look_up_person(index, viewer, eid)
    clock.advance(hours=1)
    split(index, STEWARD, eid, [[RecordRef("sis", "1")], [RecordRef("ccwis", "2")]], StepOptions("test"))


def only(index):
    [incident] = list_incidents(index, OFFICER)
    return incident


def notice_of(index, clock):
    return describe_notice(only(index), clock.now.date())


def test_corrections_are_due_within_three_days_and_acknowledgements_within_fourteen(parted, manual_clock):
    shown = only(parted).as_dict()
    assert (shown["clock"], shown["days_left"], shown["notice"]) == ("send", 3, 7)
    assert notice_of(parted, manual_clock) is None
    manual_clock.advance(days=3)
    assert notice_of(parted, manual_clock).endswith(f"are to be sent, due by {only(parted).deadline.due}")
    assert count_overdue_incidents(parted, OFFICER) == 0
    manual_clock.advance(days=1)
    assert only(parted).as_dict()["notice"] == 0
    assert notice_of(parted, manual_clock).endswith(", 1 day ago")
    assert count_overdue_incidents(parted, OFFICER) == 1
    assert count_for_menu(parted, OFFICER).incidents == 1

    code = only(parted).code
    send_corrections(parted, OFFICER, code)
    shown = only(parted).as_dict()
    assert (shown["clock"], shown["days_left"], shown["notice"]) == ("acknowledge", 14, 14)
    [correction] = list_corrections(parted, REGISTRY)
    assert correction.due == shown["due"]
    assert count_for_menu(parted, OFFICER).incidents == 0
    manual_clock.advance(days=16)
    assert "1 acknowledgement of its corrections wait, due since" in notice_of(parted, manual_clock)
    assert "2 days ago" in notice_of(parted, manual_clock)
    assert count_overdue_incidents(parted, OFFICER) == count_for_menu(parted, OFFICER).incidents == 1

    acknowledge_correction(parted, REGISTRY, code)
    assert list_corrections(parted, REGISTRY)[0].due is None
    assert only(parted).deadline is None
    assert count_overdue_incidents(parted, OFFICER) == 0
    assert count_for_menu(parted, OFFICER).incidents == 1, "it waits to be closed"
    close_incident(parted, OFFICER, code, "P. Officer", "done")
    assert count_for_menu(parted, OFFICER).incidents == 0


def test_only_who_handles_incidents_counts_them(parted, manual_clock):
    manual_clock.advance(days=9)
    for viewer in (READER, REGISTRY, replace(OFFICER, actions=frozenset({Action.AGREEMENT_ADMIN}))):
        assert count_for_menu(parted, viewer).incidents == count_overdue_incidents(parted, viewer) == 0


def test_the_days_are_configuration(parted):
    days = IncidentDays(send=0, acknowledge=1)
    strict = with_settings(parted, incident_days=days)
    assert only(strict).as_dict()["days_left"] == 0
    send_corrections(strict, OFFICER, only(strict).code)
    assert only(strict).as_dict()["days_left"] == 1


def test_the_clock_of_an_agreement_that_ends_before_counts(index, manual_clock):
    today = manual_clock.now.date()
    terms = make_dsa(begins=today.replace(month=1, day=1), ends=None, clocks=(Clock("breach_notice", 1),))
    propose_version(index, OPERATOR, terms)
    approve_version(index, SECOND_PERSON, "dsa-1")
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2"))
    manual_clock.advance(hours=1)
    look_up_person(index, REGISTRY, look_up_crosswalk(index, STEWARD, "sis", "1").enterprise_id)
    part(index, manual_clock, replace(REGISTRY, client="portal", agreement="dsa-1"))
    assert only(index).as_dict()["days_left"] == 1
    send_corrections(index, OFFICER, only(index).code)
    assert only(index).as_dict()["days_left"] == 1
    manual_clock.advance(days=2)
    assert count_overdue_incidents(index, OFFICER) == count_for_menu(index, OFFICER).incidents == 1
    [correction] = list_corrections(index, REGISTRY)
    assert correction.due > manual_clock.now.date().isoformat(), "the agreement is another recipient's"


def test_an_incident_of_which_nobody_was_told_has_no_clock_and_waits(index, manual_clock):
    load_rows(index, "sis", make_child("1"))
    load_rows(index, "ccwis", make_child("2"))
    part(index, manual_clock, STEWARD)
    manual_clock.advance(days=9)
    close = [only(index).deadline, count_overdue_incidents(index, OFFICER)]
    assert (close, count_for_menu(index, OFFICER).incidents) == ([None, 0], 1)


def test_the_log_warns_of_what_is_due_tomorrow_or_over_and_names_no_child(parted, manual_clock, caplog):
    def log():
        caplog.clear()
        with caplog.at_level(logging.WARNING, "mpi.incidents"):
            log_incident_notices(parted)
        return [record.getMessage() for record in caplog.records]

    assert log() == []
    manual_clock.advance(days=2)
    [line] = log()
    code = only(parted).code
    assert line.startswith(f"incident {code}: its corrections are to be sent, due by ")
    assert "registry" not in line
    manual_clock.advance(days=7)
    assert "6 days ago" in log()[0]

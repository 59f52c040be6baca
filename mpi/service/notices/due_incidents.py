"""Counts of incidents that wait for a privacy officer or are overdue."""

from datetime import datetime

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.policy.cases.incident_clock import find_deadline
from mpi.service.core.index import Index
from mpi.service.incidents.parts import are_joined_again, regroup
from mpi.service.incidents.views import build_incidents
from mpi.storage.unit_of_work.units import ReadUnit

OFFICER_ACTIONS = (Action.LEDGER_READ, Action.AGREEMENT_ADMIN)
"""Actions of who handles incidents; both are needed."""
_OVER = 0
"""Notice of a clock that has ended."""


def count_waiting_incidents(unit: ReadUnit, index: Index) -> int:
    """Count the incidents that wait for a privacy officer.

    All do but those whose recipients still have time to acknowledge their corrections. No recipient is looked
    for in the ledger, so that the menu of a page costs little.
    """
    stored = unit.incidents.all_open()
    corrections = unit.incidents.corrections_of(each.code for each in stored)
    asked = [each for each in stored if any(sent.is_waiting for sent in corrections[each.code])]
    records = unit.incidents.records_of(each.code for each in asked)
    persons = unit.persons.current_persons({each.record_id for group in records.values() for each in group})
    times = unit.commit_info({each.sent_commit for each in asked if each.sent_commit is not None})
    today = clock.now().date()
    in_time = 0
    for each in asked:
        if each.sent_commit is None:
            continue
        sent = datetime.fromisoformat(times[each.sent_commit][0]).date()
        agreement_days = [] if each.due is None else [datetime.fromisoformat(each.due).date()]
        deadline = find_deadline(index.settings.incident_days, sent, sent, agreement_days)
        is_joined = each.reverses is None and are_joined_again(regroup(records[each.code], persons))
        in_time += deadline.days_left(today) >= 0 and not is_joined
    return len(stored) - in_time


def count_overdue_incidents(index: Index, viewer: Viewer) -> int:
    """Count overdue incidents; 0 for people who do not handle them."""
    if not all(is_allowed(viewer, action) for action in OFFICER_ACTIONS):
        return 0
    with index.database.read(viewer) as unit:
        incidents, _ = build_incidents(unit, index, unit.incidents.all_open())
    today = clock.now().date()
    return sum(
        incident.deadline is not None and incident.deadline.find_notice(today) == _OVER
        for incident in incidents
    )

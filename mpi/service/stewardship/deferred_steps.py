"""Put deferred decisions in force, and release held changes, on request.

Only those whose day has come. The clock alone changes nothing: ``mpi decisions --due`` does it, or the
lifting of a freeze window.
"""

from collections.abc import Mapping, Sequence

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.decisions.decision_log import find_affected_records, supersede_predecessors
from mpi.service.gates.freeze_rules import FROZEN_SOURCES, WANTED_FROM, find_first_free_day
from mpi.service.gates.holds import HELD_UNTIL, end_hold
from mpi.service.incidents.opening import PartingCause, open_incidents
from mpi.service.incidents.reversal import reverse_incidents
from mpi.service.resolution.id_choice import IdChoice
from mpi.service.resolution.resolve import resettle
from mpi.service.stewardship.apply_step import choice_from_detail
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_LAST_DAY = "9999-12-31"


def apply_due_decisions(index: Index, viewer: Viewer) -> int:
    """Put decisions in force when due; release changes after freeze windows.

    Returns:
        The number of decisions put in force and held changes released.

    Raises:
        AccessDenied: the viewer may not decide.
    """
    require_permission(viewer, Action.DECIDE)
    with index.database.write(viewer, "decision") as unit:
        return release_due(unit, index)


def release_due(unit: WriteUnit, index: Index) -> int:
    """Apply decisions and held changes whose day has come; return their number.

    Decisions that part records open an incident for each step, as they would have at once, and those that
    join them again reverse it.
    """
    today = clock.today()
    due_decisions = _select_not_frozen(unit, unit.decisions.pending_until(today), today)
    decision_ids = [hold.id for hold in due_decisions]
    affected_records = find_affected_records(unit, decision_ids)
    unit.decisions.set_status(decision_ids, DecisionStatus.IN_FORCE, None)
    supersede_predecessors(unit, due_decisions)
    due_holds = [
        hold
        for hold in unit.proposals.holds()
        if HELD_UNTIL in hold.detail
        and find_first_free_day(unit, hold.detail[FROZEN_SOURCES], today) == today
    ]
    for hold in due_holds:
        affected_records |= end_hold(unit, hold, "released")
    if affected_records:
        steps = _load_steps(unit, due_decisions)
        settlement = resettle(unit, index, affected_records, "decision", _combine_choices(steps))
        if steps:
            _settle_incidents(unit, index, steps, due_decisions, settlement.persons_before)
    return len(due_decisions) + len(due_holds)


def _settle_incidents(
    unit: WriteUnit,
    index: Index,
    steps: Sequence[Step],
    decisions: Sequence[StoredDecision],
    before: Mapping[int, int],
) -> None:
    """Open and reverse the incidents of steps that bind from now on."""
    causes = [
        PartingCause(
            step.kind,
            find_affected_records(
                unit, [decision.id for decision in decisions if decision.step_id == step.id]
            ),
        )
        for step in steps
    ]
    open_incidents(unit, index, causes, before)
    kinds = {step.kind for step in steps}
    reverse_incidents(unit, index, kinds.pop() if len(kinds) == 1 else "decision", before)


def recompute_effective_days(unit: WriteUnit) -> None:
    """Recompute from which day each decision delayed by a freeze window binds."""
    today = clock.today()
    pending = unit.decisions.pending_until(_LAST_DAY)
    steps = {step.id: step for step in _load_steps(unit, pending)}
    for decision in pending:
        step = steps.get(decision.step_id or 0)
        if step is not None and FROZEN_SOURCES in step.detail:
            wanted_day = max(step.detail.get(WANTED_FROM) or today, today)
            unit.decisions.set_effective_day(
                [decision.id], find_first_free_day(unit, step.detail[FROZEN_SOURCES], wanted_day)
            )


def _select_not_frozen(
    unit: WriteUnit, due_decisions: Sequence[StoredDecision], today: str
) -> list[StoredDecision]:
    """Return due decisions that no freeze window delays; postpone the others."""
    steps = {step.id: step for step in _load_steps(unit, due_decisions)}
    free_decisions = []
    for decision in due_decisions:
        step = steps.get(decision.step_id or 0)
        frozen_sources = step.detail.get(FROZEN_SOURCES) if step is not None else None
        if frozen_sources is None:
            frozen_sources = {record.source_id for record in unit.records.get(decision.seen).values()}
        free_day = find_first_free_day(unit, frozen_sources, today)
        if free_day == today:
            free_decisions.append(decision)
        else:
            unit.decisions.set_effective_day([decision.id], free_day)
    return free_decisions


def _load_steps(unit: ReadUnit, decisions: Sequence[StoredDecision]) -> list[Step]:
    """Load the stewards' steps that made the given decisions."""
    steps = (unit.steps.get(step_id) for step_id in sorted({decision.step_id or 0 for decision in decisions}))
    return [step for step in steps if step is not None]


def _combine_choices(steps: Sequence[Step]) -> IdChoice:
    """Combine the preferences about enterprise IDs of several steward's steps."""
    choices = [choice_from_detail(step.detail) for step in steps]
    survivors = frozenset(person for choice in choices for person in choice.survivors)
    return IdChoice(
        survivors, {person: records for choice in choices for person, records in choice.kept_records.items()}
    )

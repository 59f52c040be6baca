"""Answer to a stored record, built from what its transaction wrote."""

from mpi.domain import clock
from mpi.domain.record import QualityIssue
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import visible_groups
from mpi.service.records.upsert_result import Outcome, UpsertResult
from mpi.service.resolution.review_tasks import CLAIM, OVERLAY_TASK, PAIR, may_be_asked
from mpi.service.statements.statement_judgement import StatementOutcome
from mpi.storage.unit_of_work.units import WriteUnit


class AnswerRequests:
    """Pending database requests for the answer to a record's upsert.

    Args:
        unit: the upsert's transaction.
        record_id: the stored record.

    Attributes:
        shown_records: the records that the keys of the answer's tasks name.
    """

    def __init__(self, unit: WriteUnit, record_id: int) -> None:
        self.unit, self.record_id = unit, record_id
        self.shown_records: set[int] = set()
        self.read_tasks = unit.tasks.request_about_record(record_id, clock.today())
        self.read_holder = unit.record_holders.request_holder(record_id)
        self.read_pending = unit.large_blocks.request_pending(record_id)


def build_result(
    requests: AnswerRequests,
    address: tuple[str, str],
    verdict: StatementOutcome,
    previous_person: int | None,
    issues: tuple[QualityIssue, ...],
) -> UpsertResult:
    """Build the answer to a record's upsert."""
    source, local_id = address
    unit, record_id, holder = requests.unit, requests.record_id, requests.read_holder()
    if verdict in (StatementOutcome.SEALED, StatementOutcome.REFUSED):
        return UpsertResult(
            source=source, local_id=local_id, enterprise_id=None, outcome=Outcome.REFUSED, record="refused"
        )
    if verdict is StatementOutcome.HELD:
        eid = None if holder is None else holder.eid
        return UpsertResult(
            source=source,
            local_id=local_id,
            enterprise_id=eid,
            outcome=Outcome.HELD,
            record="held",
            tasks=_visible_task_keys(requests),
            issues=issues,
        )
    if holder is None:
        return UpsertResult(
            source=source,
            local_id=local_id,
            enterprise_id=None,
            outcome=Outcome.HISTORY,
            record=verdict.value,
            issues=issues,
        )
    tasks = _visible_task_keys(requests)
    # Only members that the viewer may know of count.
    other_sources = {code for record, code in holder.sources.items() if record != record_id}
    is_alone = not any(unit.viewer.may_see(code) for code in other_sources)
    outcome = _choose_outcome(
        verdict, previous_person, holder.person_id, is_alone=is_alone, has_tasks=bool(tasks)
    )
    return UpsertResult(
        source=source,
        local_id=local_id,
        enterprise_id=holder.eid,
        outcome=outcome,
        record=verdict.value,
        provisional=outcome is Outcome.REVIEW,
        tasks=tasks,
        issues=issues,
    )


def _visible_task_keys(requests: AnswerRequests) -> tuple[str, ...]:
    """Return keys of a record's review tasks that the viewer may see."""
    unit = requests.unit
    tasks = [
        task
        for task in requests.read_tasks()
        if task.kind in (PAIR, CLAIM, OVERLAY_TASK) and may_be_asked(unit.viewer, task.kind, task.reason)
    ]
    if not tasks:
        return ()
    visible_records = visible_labels(unit, {end for task in tasks for end in (task.lo, task.hi)}).keys()
    claims = unit.decisions.by_ids({task.decision_id for task in tasks if task.decision_id is not None})
    visible_claims = {number for number, claim in claims.items() if visible_groups(unit, claim) is not None}
    shown_tasks = [
        task
        for task in tasks
        if {task.lo, task.hi} <= visible_records
        and (task.decision_id is None or task.decision_id in visible_claims)
    ]
    requests.shown_records.update(end for task in shown_tasks for end in (task.lo, task.hi))
    return tuple(task.key for task in shown_tasks)


def _choose_outcome(
    verdict: StatementOutcome,
    previous_person: int | None,
    current_person: int,
    *,
    is_alone: bool,
    has_tasks: bool,
) -> Outcome:
    """Return how storing a record affected its identity."""
    if verdict is StatementOutcome.HISTORY:
        return Outcome.HISTORY
    if previous_person == current_person:
        return Outcome.UNCHANGED
    if previous_person is not None:
        return Outcome.MOVED
    if is_alone:
        return Outcome.REVIEW if has_tasks else Outcome.CREATED
    return Outcome.LINKED

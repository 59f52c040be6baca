"""Order of what a source states about two of its local IDs; the latest counts.

Statements are ordered by the day on which they happened at the source, then by receipt, so that the order of
arrival of files does not matter. Each is a decision, and replaces the one before it: if it is taken back, the
one before it is in force again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step
from mpi.service.decisions.decision_log import DecisionDraft, add_decision
from mpi.service.resolution.source_assertions import STATED_MERGE, STATED_ORIGINS, STATED_REUSE
from mpi.service.source_merges.statement_checks import ORIGIN_BY_KIND, CheckedStatement
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.unit_of_work.units import WriteUnit

RecordSet = frozenset[int]
"""Numbers of the one or two records that a statement is about."""


@dataclass(slots=True)
class StatementHistory:
    """What a source has stated about one or two of its records.

    Args:
        counting: statements that were not taken back, earliest first.
        undone: statements that a person undid, without those that the source took back itself.
    """

    counting: list[StoredDecision] = field(default_factory=list)
    undone: list[StoredDecision] = field(default_factory=list)


def load_histories(unit: WriteUnit, record_sets: Iterable[RecordSet]) -> dict[RecordSet, StatementHistory]:
    """Return what was stated about each set of records before."""
    histories = {records: StatementHistory() for records in record_sets}
    named = {record for records in histories for record in records}
    stored = [
        statement
        for statement in unit.decisions.assertions_of_records(named, STATED_ORIGINS)
        if frozenset(statement.seen) in histories
    ]
    revoked_steps = {
        statement.step_id
        for statement in stored
        if statement.status is DecisionStatus.REVOKED and statement.step_id is not None
    }
    steps = unit.steps.by_ids(revoked_steps)
    for statement in stored:
        history = histories[frozenset(statement.seen)]
        if statement.status is not DecisionStatus.REVOKED:
            history.counting.append(statement)
        # Only a person undoes the step; a source ends its statement alone.
        elif (step := steps.get(statement.step_id or 0)) is not None and step.undone_commit is not None:
            history.undone.append(statement)
    for history in histories.values():
        history.counting.sort(key=rank_statement)
    return histories


def rank_statement(statement: StoredDecision) -> tuple[str, int]:
    """Return the sort key of a stored statement: its day, then its number."""
    return statement.effective_from or "", statement.id


def find_equal_statement(
    statement: CheckedStatement, old_record: int, candidates: Sequence[StoredDecision]
) -> StoredDecision | None:
    """Return a stored statement that says the same as a sent one.

    A statement without a day says the same as the latest one.

    Args:
        statement: the sent statement.
        old_record: the record of its old local ID.
        candidates: stored statements about the same records, earliest first.
    """
    if statement.date is None:
        candidates = candidates[-1:]
    return next(
        (
            stored
            for stored in candidates
            if stored.origin == ORIGIN_BY_KIND[statement.kind]
            and (stored.origin != STATED_MERGE or stored.asserting_record == old_record)
            and statement.date in (None, stored.effective_from)
        ),
        None,
    )


def write_statement(
    unit: WriteUnit,
    index: Index,
    statement: CheckedStatement,
    records: Sequence[int],
    history: StatementHistory,
) -> StoredDecision:
    """Store a statement at its place in the order, and add it to the history.

    Args:
        unit: the transaction.
        index: the open index.
        statement: the statement.
        records: the records of its local IDs, the old one first.
        history: what was stated about them before.
    """
    origin = ORIGIN_BY_KIND[statement.kind]
    is_merge, is_claim = origin == STATED_MERGE, origin == STATED_REUSE
    draft = DecisionDraft(
        kind=DecisionKind.SAME if is_merge else DecisionKind.DIFFERENT,
        groups=(tuple(records),) if is_merge else tuple((record,) for record in records),
        reason=origin,
        origin=origin,
        authority=Authority.SOURCE,
        asserting_record=records[0],
        is_claim=is_claim,
        stated_on=statement.date or clock.today(),
    )
    # A step of its own: what one person undoes of a file is known by it.
    step_id = add_step(unit, "assertion", origin, {"record": records[0]})
    number = add_decision(unit, index, step_id, draft)
    [written] = unit.decisions.by_ids([number]).values()
    if is_claim:
        history.counting.append(written)
        return written
    place = sum(rank_statement(earlier) < rank_statement(written) for earlier in history.counting)
    earlier, later = history.counting[:place], history.counting[place:]
    is_latest = not later
    if earlier:
        unit.decisions.supersede(number, [earlier[-1].id], unit.commit_no, binding=is_latest)
    if not is_latest:
        unit.decisions.supersede(later[0].id, [number], unit.commit_no)
    history.counting.insert(place, written)
    return written


def find_replaced_merges(histories: Mapping[RecordSet, StatementHistory]) -> list[StoredDecision]:
    """Return merges that were in force and that a later statement replaces now."""
    return [
        statement
        for history in histories.values()
        for statement in history.counting[:-1]
        if statement.origin == STATED_MERGE and statement.status is DecisionStatus.IN_FORCE
    ]

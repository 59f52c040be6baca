"""Order of a source's statements about two local IDs.

The latest counts.

Statements are ordered by the day on which they happened at the source, then by receipt, so that the order of
arrival of files does not matter. Each is a decision, and replaces the one before it: if it is taken back, the
one before it is in force again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

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


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A source's statement, with the number of its decision.

    Args:
        id: number of the decision.
        origin: kind of the statement.
        date: day on which it happened at the source (ISO).
        old_record: record of the old local ID.
        records: the one or two records that it is about.
        commit_no: commit that stored it.
        is_in_force: whether it counted before this transaction.
    """

    id: int
    origin: str
    date: str
    old_record: int
    records: RecordSet
    commit_no: int
    is_in_force: bool = False

    @property
    def rank(self) -> tuple[str, int]:
        """Its place in the order: its day, then its number."""
        return self.date, self.id


@dataclass(slots=True)
class StatementHistory:
    """What a source has stated about one or two of its records.

    Args:
        counting: statements that were not taken back, earliest first.
        undone: statements that a person undid, without those that the source took back itself.
    """

    counting: list[StoredStatement] = field(default_factory=list)
    undone: list[StoredStatement] = field(default_factory=list)


def load_histories(unit: WriteUnit, record_sets: Iterable[RecordSet]) -> dict[RecordSet, StatementHistory]:
    """Return what was stated about each set of records before."""
    histories = {records: StatementHistory() for records in record_sets}
    named = {record for records in histories for record in records}
    stored = [
        decision
        for decision in unit.decisions.assertions_of_records(named, STATED_ORIGINS)
        if frozenset(decision.seen) in histories
    ]
    steps = unit.steps.by_ids(
        {
            decision.step_id
            for decision in stored
            if decision.status is DecisionStatus.REVOKED and decision.step_id is not None
        }
    )
    for decision in stored:
        history = histories[frozenset(decision.seen)]
        if decision.status is not DecisionStatus.REVOKED:
            history.counting.append(_to_statement(decision))
        # Only a person undoes the step; a source ends its statement alone.
        elif (step := steps.get(decision.step_id or 0)) is not None and step.undone_commit is not None:
            history.undone.append(_to_statement(decision))
    for history in histories.values():
        history.counting.sort(key=attrgetter("rank"))
    return histories


def _to_statement(decision: StoredDecision) -> StoredStatement:
    """Return the statement that a stored decision is."""
    return StoredStatement(
        id=decision.id,
        origin=decision.origin or "",
        date=decision.effective_from or "",
        old_record=decision.asserting_record or 0,
        records=frozenset(decision.seen),
        commit_no=decision.commit_no,
        is_in_force=decision.status is DecisionStatus.IN_FORCE,
    )


def find_equal_statement(
    statement: CheckedStatement, old_record: int, candidates: Sequence[StoredStatement]
) -> StoredStatement | None:
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
            and (stored.origin != STATED_MERGE or stored.old_record == old_record)
            and statement.date in (None, stored.date)
        ),
        None,
    )


def write_statement(
    unit: WriteUnit,
    index: Index,
    statement: CheckedStatement,
    records: Sequence[int],
    history: StatementHistory,
) -> StoredStatement:
    """Store a statement at its place in the order.

    Args:
        unit: the transaction.
        index: the open index.
        statement: the statement.
        records: the records of its local IDs, the old one first.
        history: what was stated about them before.
    """
    origin = ORIGIN_BY_KIND[statement.kind]
    is_merge, is_claim = origin == STATED_MERGE, origin == STATED_REUSE
    date = statement.date or clock.today()
    draft = DecisionDraft(
        kind=DecisionKind.SAME if is_merge else DecisionKind.DIFFERENT,
        groups=(tuple(records),) if is_merge else tuple((record,) for record in records),
        reason=origin,
        origin=origin,
        authority=Authority.SOURCE,
        asserting_record=records[0],
        is_claim=is_claim,
        stated_on=date,
    )
    # A step of its own: what one person undoes of a file is known by it.
    step_id = add_step(unit, "assertion", origin, {"record": records[0]})
    number = add_decision(unit, index, step_id, draft)
    written = StoredStatement(number, origin, date, records[0], frozenset(records), unit.commit_no)
    if is_claim:
        history.counting.append(written)
        return written
    place = sum(earlier.rank < written.rank for earlier in history.counting)
    earlier, later = history.counting[:place], history.counting[place:]
    is_latest = not later
    if earlier:
        unit.decisions.supersede(number, [earlier[-1].id], unit.commit_no, binding=is_latest)
    if not is_latest:
        unit.decisions.supersede(later[0].id, [number], unit.commit_no)
    history.counting.insert(place, written)
    return written


def find_replaced_merges(histories: Mapping[RecordSet, StatementHistory]) -> list[StoredStatement]:
    """Return the merges in force that a later statement now replaces."""
    return [
        statement
        for history in histories.values()
        for statement in history.counting[:-1]
        if statement.origin == STATED_MERGE and statement.is_in_force
    ]

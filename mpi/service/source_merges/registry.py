"""Register of a source's statements about its own local IDs.

A merge says that an old local ID is now another one, a split that two merged ones are two again, and a
reuse that one was used for two children. Each is an assertion of the source: weaker than a steward's
decision, dated, listed, and revocable. A reuse links nothing; a task asks a steward.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.source_merge import MergeStatement
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.undoable_steps import add_step, check_reason, require_own_step, step_transaction
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.decision_log import find_retained_records
from mpi.service.holdings.settings import find_limited_sources
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.resolution.id_choice import NO_ID_CHOICE, IdChoice
from mpi.service.resolution.resolve import resettle
from mpi.service.resolution.settlement import Settlement
from mpi.service.resolution.source_assertions import STATED_ORIGINS, AssertionEffect, revoke_assertions
from mpi.service.source_merges.merge_graph import require_sound_merges
from mpi.service.source_merges.statement_checks import CheckedStatement, check_statements
from mpi.service.source_merges.statement_order import (
    StoredStatement,
    find_equal_statement,
    find_replaced_merges,
    load_histories,
    write_statement,
)
from mpi.service.statements.placeholders import add_placeholders
from mpi.service.statements.sources import require_data_source
from mpi.service.statements.tombstones import merge_buried_records
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.repositories.steps.decisions import DecisionStatus, StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

SOURCE_MERGES = "source-merges"
"""Kind of the commits and steps that hold what a source states about its local IDs."""
_ANSWER_FIELDS = ("local_id", "outcome")
_PROGRESS_STRIDE = 500


@dataclass(frozen=True, slots=True)
class StatementsResult:
    """Outcome of what a source stated about its local IDs.

    Args:
        source: code of the source.
        step: number that undo takes; None if nothing new was stated, and in a preview.
        new: how many are new.
        stated: numbers of the new statements, in the order in which they were sent; none in a preview.
        unchanged: how many were stated before and are not taken back.
        undone: how many a person undid; the source cannot state them again.
        refused: places of statements about a sealed or destroyed record.
        moved: number of records, of those that the viewer may see, that changed person.
        preview: whether nothing was changed.
    """

    source: str
    step: int | None
    new: int
    stated: tuple[int, ...]
    unchanged: int
    undone: int
    refused: tuple[str, ...]
    moved: int
    preview: bool = False


@dataclass(frozen=True, slots=True)
class TakenBackResult:
    """Outcome of taking back a statement about local IDs.

    Args:
        source: code of the source.
        number: number of the statement.
        moved: number of records, of those that the viewer may see, that changed person.
    """

    source: str
    number: int
    moved: int


def state_merges(
    index: Index,
    viewer: Viewer,
    source_code: str,
    statements: Sequence[MergeStatement],
    reason: str = "source-merge",
    *,
    preview: bool = False,
    progress: Progress = ignore_progress,
) -> StatementsResult:
    """Store what a source states about its local IDs, all or nothing.

    A local ID that has no record yet is known from now on; its record joins when it is sent. A statement that
    was made before changes nothing.

    Args:
        index: the open index.
        viewer: who states it for the source.
        source_code: the source.
        statements: merges, splits and reuses, in any order.
        reason: reason code.
        preview: change nothing.
        progress: receives the progress of long steps.

    Raises:
        InputError: a statement or the reason is malformed.
        ConflictError: merges make a circle, or merge one local ID into two; or the source is
            paused, or takes no records.
        NotFoundError: there is no such source.
        AccessDenied: the viewer may not write to this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    reason_code = check_reason(reason)
    checked = check_statements(statements)
    with step_transaction(index, viewer, SOURCE_MERGES, preview=preview) as unit:
        if (
            stored_answer := find_stored_answer(unit, index, _ANSWER_FIELDS, Action.RECORD_WRITE)
        ) is not None:
            return _result_from_answer(stored_answer)
        source = _require_source(unit, viewer, source_code)
        writer = _StatementWriter(unit, index, source, checked, progress)
        writer.write(reason_code)
        settlement = writer.settle()
        result = StatementsResult(
            source=source_code,
            step=None if preview else writer.step_id,
            new=len(writer.places),
            stated=() if preview else tuple(writer.places),
            unchanged=writer.unchanged,
            undone=writer.undone,
            refused=tuple(writer.refused),
            moved=_count_moved(unit, settlement),
            preview=preview,
        )
        store_answer(unit, index, result, writer.affected_records)
    disclose(index, viewer, Action.RECORD_WRITE, writer.affected_records, _ANSWER_FIELDS)
    return result


def take_back(index: Index, viewer: Viewer, source_code: str, number: int) -> TakenBackResult:
    """Take back a source's statement about its local IDs.

    What it replaced is in force again. The source may state it again.

    Args:
        index: the open index.
        viewer: who takes it back for the source.
        source_code: the source.
        number: number of the statement.

    Raises:
        NotFoundError: the source made no such statement, or the viewer may not see its records.
        ConflictError: it was taken back or undone before, or the source is paused.
        AccessDenied: the viewer may not write to this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    with index.database.write(viewer, SOURCE_MERGES) as unit:
        if (
            stored_answer := find_stored_answer(unit, index, _ANSWER_FIELDS, Action.RECORD_WRITE)
        ) is not None:
            return TakenBackResult(**stored_answer)
        source = _require_source(unit, viewer, source_code)
        statement = _require_statement(unit, source, number)
        effect = revoke_assertions(unit, [statement])
        settlement = _settle_revoked(unit, index, effect)
        result = TakenBackResult(source_code, number, _count_moved(unit, settlement))
        store_answer(unit, index, result, statement.seen)
    disclose(index, viewer, Action.RECORD_WRITE, statement.seen, _ANSWER_FIELDS)
    return result


def undo_statements(unit: WriteUnit, step: Step) -> AssertionEffect:
    """Take back all that one call or file stated.

    The source may state it again: the next file may hold the right ones among them.

    Returns:
        The records to settle, and those that a person's ID stays with.

    Raises:
        NotFoundError: the viewer may not see the source.
        ConflictError: the step was undone before, or is another client's.
        AccessDenied: the viewer may not write to the source.
    """
    source = next((each for each in unit.sources.all() if each.id == step.detail["source"]), None)
    if source is None or not unit.viewer.may_see(source.code):
        raise NotFoundError(f"there is no step {step.id}")
    require_permission(unit.viewer, Action.RECORD_WRITE, source.code)
    require_own_step(unit, step)
    if step.undone_commit is not None:
        raise ConflictError(f"step {step.id} was undone before")
    statements = unit.decisions.by_ids(step.detail["decisions"]).values()
    unit.steps.mark_undone(step.id, unit.commit_no)
    return revoke_assertions(
        unit, [statement for statement in statements if statement.status is not DecisionStatus.REVOKED]
    )


class _StatementWriter:
    """Writes the statements of one call.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source.
        statements: well-formed statements.
        progress: receives the progress.
    """

    def __init__(
        self,
        unit: WriteUnit,
        index: Index,
        source: Source,
        statements: Sequence[CheckedStatement],
        progress: Progress,
    ) -> None:
        self._unit = unit
        self._index = index
        self._source = source
        self._statements = statements
        self._progress = progress
        self._replaced: list[StoredStatement] = []
        self.step_id: int | None = None
        self.places: dict[int, str] = {}
        self.unchanged = 0
        self.undone = 0
        self.refused: list[str] = []
        self.affected_records: set[int] = set()

    def write(self, reason: str) -> None:
        """Store the statements as one step.

        Raises:
            ConflictError: merges make a circle, or merge one local ID into two.
        """
        records_by_id = self._find_records()
        accepted: list[tuple[CheckedStatement, list[int]]] = []
        for statement in self._statements:
            numbers = [records_by_id[local_id] for local_id in statement.local_ids]
            records = [number for number in numbers if number is not None]
            if len(records) < len(numbers):
                self.refused.append(statement.place)
            else:
                accepted.append((statement, records))
        histories = load_histories(self._unit, [frozenset(records) for _, records in accepted])
        for done, (statement, records) in enumerate(accepted, 1):
            history = histories[frozenset(records)]
            if find_equal_statement(statement, records[0], history.counting) is not None:
                self.unchanged += 1
            elif find_equal_statement(statement, records[0], history.undone) is not None:
                self.undone += 1
            else:
                written = write_statement(self._unit, self._index, statement, records, history)
                self.places[written.id] = statement.place
                self.affected_records.update(records)
            if done % _PROGRESS_STRIDE == 0 or done == len(accepted):
                self._progress("merges", done, len(accepted))
        require_sound_merges(self._unit, self.places, histories)
        self._replaced = find_replaced_merges(histories)
        if self.places:
            detail = {"source": self._source.id, "decisions": list(self.places)}
            self.step_id = add_step(self._unit, SOURCE_MERGES, reason, detail)

    def settle(self) -> Settlement | None:
        """Recompute the persons of the records; None if nothing new was stated."""
        if not self.affected_records:
            return None
        id_choice = NO_ID_CHOICE
        if self._replaced:
            records = {record for merge in self._replaced for record in merge.records}
            first_commit = min(merge.commit_no for merge in self._replaced)
            id_choice = IdChoice(kept_records=find_retained_records(self._unit, records, first_commit))
        return resettle(self._unit, self._index, self.affected_records, SOURCE_MERGES, id_choice)

    def _find_records(self) -> Mapping[str, int | None]:
        """Return the record of each local ID, added where it is new.

        None stands for a sealed or destroyed record.
        """
        unit, source = self._unit, self._source
        place = (source.id, source.code)
        local_ids = list(dict.fromkeys(each for stated in self._statements for each in stated.local_ids))
        present = unit.records.find_by_local_ids(source.id, local_ids)
        known = merge_buried_records(unit, self._index, place, local_ids, present)
        numbers = {
            local_id: None if record.state == RecordState.SEALED else record.id
            for local_id, record in known.items()
        }
        new_ids = [local_id for local_id in local_ids if local_id not in known]
        return numbers | add_placeholders(unit, self._index, (*place, source.group_id), new_ids)


def _require_source(unit: ReadUnit, viewer: Viewer, code: str) -> Source:
    """Return a source whose local IDs the viewer may make statements about.

    Of a source that holds only the records that are needed, the answer tells which ones these are.
    """
    source = unit.sources.get_by_code(code)
    require_data_source(source)
    if source.paused:
        raise ConflictError(f"source {code!r} is paused, and links nothing: resume it first")
    if code in find_limited_sources(unit):
        require_permission(viewer, Action.RECORD_READ, code)
    return source


def _require_statement(unit: ReadUnit, source: Source, number: int) -> StoredDecision:
    """Return a source's local-ID statement that was not taken back."""
    statement = unit.decisions.by_ids([number]).get(number)
    if (
        statement is None
        or statement.origin not in STATED_ORIGINS
        or unit.records.source_ids_of(statement.seen).get(statement.asserting_record or 0) != source.id
        or not statement.seen.keys() <= visible_labels(unit, statement.seen).keys()
    ):
        raise NotFoundError(f"source {source.code!r} made no statement {number}")
    if statement.status is DecisionStatus.REVOKED:
        raise ConflictError(f"statement {number} was taken back or undone before")
    return statement


def _settle_revoked(unit: WriteUnit, index: Index, effect: AssertionEffect) -> Settlement | None:
    """Recompute the persons of records of which a statement was taken back."""
    if not effect.records:
        return None
    id_choice = IdChoice(kept_records=effect.kept_records)
    return resettle(unit, index, effect.records, f"undo {SOURCE_MERGES}", id_choice)


def _count_moved(unit: ReadUnit, settlement: Settlement | None) -> int:
    """Return how many records that the viewer may see changed their person."""
    if settlement is None:
        return 0
    after = unit.persons.current_persons(settlement.persons_before)
    moved = [record for record, person in settlement.persons_before.items() if person != after.get(record)]
    return len(visible_labels(unit, moved))


def _result_from_answer(answer: Mapping[str, object]) -> StatementsResult:
    """Return the result that a repeated call was answered before."""
    fields = {**answer, "stated": tuple(answer["stated"]), "refused": tuple(answer["refused"])}  # type: ignore[arg-type]
    return StatementsResult(**fields)  # type: ignore[arg-type]

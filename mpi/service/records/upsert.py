"""One source record online: upsert it, withdraw it, read it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record import CanonicalRecord, QualityIssue
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.block_limits import BlockTooLargeError, queue_large_blocks
from mpi.service.core.confidential_addresses import WITHHELD_FIELDS, has_confidential_address
from mpi.service.core.disclosure import disclose
from mpi.service.core.group_commit import DeferredAnswer
from mpi.service.core.idempotency import store_answer, find_stored_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import known, visible
from mpi.service.decisions.decision_log import projected
from mpi.service.indexing.reindex import NOT_PAIRED, Changed, note_changed
from mpi.service.persons.disclosure_recipients import Receipts, receipts
from mpi.service.persons.effects import Received
from mpi.service.records.optimistic_candidates import OptimisticPairs, find_optimistic_pairs
from mpi.service.records.pipelined_candidates import PipelinedSearch, start_pipelined_search
from mpi.service.resolution.resolve import NO_FURTHER_INPUTS, ResolveInputs, resolve
from mpi.service.resolution.review_tasks import CLAIM, OVERLAY_TASK, PAIR
from mpi.service.resolution.source_assertions import PersonAssertions, extract_assertions, record_assertions
from mpi.service.statements.correction_records import bound_with
from mpi.service.statements.current_version import restate
from mpi.service.statements.intake import Verdict, made_beforehand, take
from mpi.service.statements.statement import Statement, statement
from mpi.standardize.address.addresses import is_confidential
from mpi.standardize.payload import from_payload, to_sent
from mpi.standardize.record_validation import Received as Came
from mpi.standardize.record_validation import receive
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord, StoredVersion
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit


class Outcome(StrEnum):
    """What an upsert meant for the record's identity."""

    CREATED = "created"
    LINKED = "linked"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    HISTORY = "history"
    REVIEW = "review"
    HELD = "held"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """The answer to an upsert.

    Args:
        source: code of the record's source.
        local_id: the record's local ID.
        enterprise_id: the person's ID; None for a record that takes no part.
        outcome: what it meant for the record's identity.
        record: what it meant for the record itself (``created``, ``updated``, ``unchanged``, …).
        provisional: whether a steward's answer may still give it another ID.
        tasks: keys of the review tasks that ask about it.
        issues: quality issues of the values sent.
        pending: whether others that may be the same child have yet to be looked at, which needs no answer.
    """

    source: str
    local_id: str
    enterprise_id: str | None
    outcome: Outcome
    record: str
    provisional: bool = False
    tasks: tuple[str, ...] = ()
    issues: tuple[QualityIssue, ...] = field(default=())
    pending: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class WithdrawalResult(UpsertResult):
    """The answer to a withdrawal.

    Args:
        disclosed: how many answers left because of links that it parts; None where the viewer may not know of
            others' answers.
        disclosures: the latest of them, newest first; empty where the viewer may not read the ledger, and in
            the answer to a repeated call.
    """

    disclosed: int | None = None
    disclosures: tuple[Received, ...] = ()


def upsert(index: Index, viewer: Viewer, source_code: str, sent: Mapping[str, object]) -> UpsertResult:
    """Take one whole record, resolve it, and answer with its enterprise ID, durably.

    Args:
        index: the open index.
        viewer: who sends it.
        source_code: its source.
        sent: a canonical record as sent; with ``same_as`` and ``not`` its source also says whose it is.

    Raises:
        RecordError: the record is refused; nothing is kept of it.
        InputError: ``same_as`` or ``not`` is not what it can be.
        NotFoundError: no such source.
        AccessDenied: the viewer may not write this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    sent, assertions = extract_assertions(sent)
    received = receive(sent, index.keyed_hash, clock.now())
    prepared = statement(
        received.record, received.issues, made=made_beforehand(index, received.record, source_code)
    )
    optimistic_pairs = find_optimistic_pairs(index, viewer, source_code, prepared)
    prepared_upsert = _PreparedUpsert(
        index,
        source_code,
        received,
        sent.get("as_of") not in (None, ""),
        prepared,
        assertions,
        optimistic_pairs,
    )
    try:
        return index.store.group_commit.write(index.database, viewer, "upsert", prepared_upsert.execute)
    except BlockTooLargeError as error:
        # Nothing was kept. Once more, with the search left to the worker.
        deferred_upsert = replace(prepared_upsert, large_blocks=error)
        return index.store.group_commit.write(index.database, viewer, "upsert", deferred_upsert.execute)


@dataclass(frozen=True, slots=True)
class _PreparedUpsert:
    """An upsert, prepared as far as it can be before anybody else has to wait for it.

    Args:
        index: the open index.
        source_code: who says it.
        received: what came through the door.
        has_as_of: whether the source said when it was true.
        statement: the same as a statement, made comparable.
        assertions: what the source also says of whose it is.
        optimistic_pairs: the pairs that it had a moment ago; None where they are looked for in the transaction.
        large_blocks: set where the record is kept and waits for the worker.
    """

    index: Index
    source_code: str
    received: Came
    has_as_of: bool
    statement: Statement
    assertions: PersonAssertions
    optimistic_pairs: OptimisticPairs | None = None
    large_blocks: BlockTooLargeError | None = None

    def execute(self, unit: WriteUnit) -> UpsertResult | DeferredAnswer[UpsertResult]:
        """Take it in one transaction, which it may share."""
        index, large, local_id = self.index, self.large_blocks, self.received.record.local_id
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return _result_from(stored_answer)
        source, existing, pipelined_search = self._read_stored(unit)
        refreshed_pairs = (
            None if self.optimistic_pairs is None else self.optimistic_pairs.refresh(unit, index)
        )
        dated = self._date_statement(existing.get(local_id))
        intake = take(unit, index, source, [dated], existing)
        record_id, verdict = intake.record_ids[local_id], intake.verdicts[local_id]
        previous_person = unit.persons.current_persons([record_id]).get(record_id) if existing else None
        changed, unsearched = intake.changed, set(intake.doubted)
        if large is not None:
            unsearched |= _defer_search(unit, index, changed, large)
            changed = {}
        known = NOT_PAIRED if refreshed_pairs is None else refreshed_pairs.get_pairs(record_id, changed)
        if pipelined_search is not None:
            unit.send()
            known = pipelined_search.get_pairs(unit, index, record_id, changed)
        limited_pairs = replace(known, most=index.settings.block_limits.hard)
        inputs = (
            ResolveInputs(touched=unsearched, paired=limited_pairs)
            if unsearched or changed
            else NO_FURTHER_INPUTS
        )
        if self.assertions != PersonAssertions() and _is_assertion_current(
            dated, verdict, existing.get(local_id)
        ):
            waits = source.paused or verdict is Verdict.HELD
            inputs = ResolveInputs(
                said=lambda: record_assertions(unit, index, record_id, self.assertions, waits=waits),
                touched=unsearched,
                paired=limited_pairs,
            )
        resolve(unit, index, changed, intake.gone & _record_ids(existing), "upsert", besides=inputs)
        result = DeferredAnswer(partial(self._read_result, _AnswerRequests(unit, record_id), verdict, previous_person))
        # SQLite answers at once, and an answer that is to be kept is written down by this very step.
        return result if index.database.is_postgresql and unit.viewer.once is None else result.read()

    def _read_result(
        self, requests: "_AnswerRequests", verdict: Verdict, previous_person: int | None
    ) -> UpsertResult:
        """The answer, as things stood after the step."""
        unit, record_id = requests.unit, requests.record_id
        address = (self.source_code, self.received.record.local_id)
        answer = _build_result(requests, address, verdict, previous_person, self.received.issues)
        is_deferred = self.large_blocks is not None
        if is_deferred or (answer.outcome is Outcome.UNCHANGED and unit.large_blocks.is_pending(record_id)):
            answer = replace(
                answer,
                outcome=Outcome.REVIEW,
                pending=True,
                provisional=previous_person is None or answer.provisional,
            )
        store_answer(unit, self.index, answer.as_dict(), [record_id])
        return answer

    def _read_stored(self, unit: WriteUnit) -> tuple[Source, dict[str, StoredRecord], PipelinedSearch | None]:
        """The source, the record if there is one, and its candidates where they were not found beforehand.

        In one round trip where the source was met before.
        """
        local_ids, known = [self.received.record.local_id], self.index.caches.sources
        unit.prefetch()
        if self.source_code in known:
            unit.records.prefetch_by_local_ids(known[self.source_code].id, local_ids)
        pipelined_search = None
        if self.optimistic_pairs is not None:
            self.optimistic_pairs.prefetch(unit)
        elif self.large_blocks is None:
            pipelined_search = start_pipelined_search(unit, self.index, self.source_code, self.statement)
        source = unit.sources.get_by_code(self.source_code)
        known.update({each_source.code: each_source for each_source in unit.sources.all()})
        return source, unit.records.find_by_local_ids(source.id, local_ids), pipelined_search

    def _date_statement(self, stored: StoredRecord | None) -> Statement:
        record = self.received.record if self.has_as_of else _date_by_receipt(self.received.record, stored)
        # Another date may mean another record: then what was prepared does not count.
        return self.statement if record is self.received.record else statement(record, self.received.issues)


def _is_assertion_current(prepared: Statement, verdict: Verdict, stored: StoredRecord | None) -> bool:
    """Whether what comes with a statement says anything of now: an older one does not, nor one of a seal."""
    if verdict is Verdict.UNCHANGED and stored is not None:
        return prepared.as_of >= stored.last_seen
    return verdict not in (Verdict.SEALED, Verdict.REFUSED, Verdict.HISTORY)


def _defer_search(
    unit: WriteUnit, index: Index, changed: Mapping[int, Changed], error: BlockTooLargeError
) -> set[int]:
    """Let records wait for the worker: a new one by itself, one that was there as it was compared before.

    Returns:
        The records that are to be settled without a search: the new ones.
    """
    config_id = index.config_id(unit)
    queue_large_blocks(unit, config_id, error.sizes)
    note_changed(unit, changed)
    for record in changed:
        unit.large_blocks.add_pending(record, unit.commit_no)
    indexed = unit.derived_data.features(config_id, changed).keys()
    new_payloads = {record: change.payload for record, change in changed.items() if record not in indexed}
    unit.derived_data.add_features(config_id, new_payloads.items())
    return set(new_payloads)


def withdraw(index: Index, viewer: Viewer, source_code: str, local_id: str) -> WithdrawalResult:
    """Withdraw one record: it keeps its history and leaves its person; sending it again returns it.

    Raises:
        NotFoundError: no such source, or no such record that the viewer may know of.
        ConflictError: it is a steward's correction, which is taken back by an undo.
        AccessDenied: the viewer may not write this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    received = Receipts()
    with index.database.write(viewer, "withdraw") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            disclosed = stored_answer.get("disclosed") if viewer.sources is None else None
            return WithdrawalResult(
                source_code, local_id, None, Outcome.WITHDRAWN, "withdrawn", disclosed=disclosed
            )
        record = _require_record(unit, source_code, local_id)
        if record.state == RecordState.ASIDE:
            raise ConflictError("a correction is taken back by undoing its step")
        if record.state in (RecordState.ACTIVE, RecordState.HELD):
            as_of = max(record.last_seen, clock.format_timestamp(clock.now()))
            unit.record_assertions.add([Sighting(record.id, SightingKind.GONE, as_of)], unit.commit_no)
            restated = restate(unit, index, [record.id])
            inputs = ResolveInputs(touched=restated.doubted) if restated.doubted else NO_FURTHER_INPUTS
            settlement = resolve(unit, index, {}, restated.gone, "withdraw", besides=inputs)
            received = Receipts() if settlement is None else receipts(unit, settlement.current)
        result = WithdrawalResult(
            source_code, local_id, None, Outcome.WITHDRAWN, "withdrawn", disclosed=received.number
        )
        store_answer(unit, index, result.as_dict(), [record.id])
    if received.latest:
        fields = ("source", "local_id", "disclosures")
        disclose(index, viewer, Action.RECORD_WRITE, received.records, fields)
    return replace(result, disclosures=received.latest)


def read(index: Index, viewer: Viewer, source_code: str, local_id: str) -> dict[str, Any]:
    """The record as its source last stated it, with its enterprise ID and quality issues.

    Where it, or another record of its person, keeps the address confidential, only who is named for its own
    source reads where the child lives; to others ``withheld`` names the fields that are not told.

    Raises:
        NotFoundError: no such source, or no such record that the viewer may know of.
        AccessDenied: the viewer may not read this source's records.
    """
    require_permission(viewer, Action.RECORD_READ, source_code)
    with index.database.read(viewer) as unit:
        record = _require_record(unit, source_code, local_id)
        person = unit.persons.current_persons([record.id]).get(record.id)
        version = _choose_version(unit, record)
        canonical = from_payload(version.payload)
        visible_values = to_sent(canonical)
        withheld = (
            WITHHELD_FIELDS & visible_values.keys()
            if _is_home_confidential(unit, record, canonical)
            else frozenset()
        )
        answer: dict[str, Any] = {
            "source": source_code,
            "local_id": local_id,
            "state": record.state,
            "enterprise_id": None if person is None else unit.persons.by_ids([person])[person].eid,
            "record": {name: value for name, value in visible_values.items() if name not in withheld},
            "withheld": sorted(withheld),
            "issues": orjson.loads(version.issues),
        }
    disclose(index, viewer, Action.RECORD_READ, [record.id], ("enterprise_id", *answer["record"]))
    return answer


def _result_from(stored_answer: Mapping[str, Any]) -> UpsertResult:
    issues = tuple(QualityIssue(**issue) for issue in stored_answer["issues"])
    values = {
        **stored_answer,
        "outcome": Outcome(stored_answer["outcome"]),
        "tasks": tuple(stored_answer["tasks"]),
        "issues": issues,
    }
    return UpsertResult(**values)


def _require_record(unit: ReadUnit, source_code: str, local_id: str) -> StoredRecord:
    source = unit.sources.get_by_code(source_code)
    record = known(unit, source.id, [local_id]).get(local_id)
    if record is None:
        raise NotFoundError(f"source {source_code!r} has no such record")
    return record


def _choose_version(unit: ReadUnit, record: StoredRecord) -> StoredVersion:
    """The active version; of a record that has none yet, the one that is held."""
    versions = unit.records.versions(record.id)
    shown = [v for v in versions if v.id == record.version_id] or [v for v in versions if v.state == "held"]
    if not shown:
        # Nothing that was said of it counts any more: its load was undone.
        raise NotFoundError("there is no such record")
    return shown[-1]


def _is_home_confidential(unit: ReadUnit, record: StoredRecord, canonical: CanonicalRecord) -> bool:
    """Whether where the child lives is not the reader's to know."""
    if unit.viewer.sources is not None:
        # What may be read at all is of a source that the reader is named for.
        return False
    described_records = bound_with(unit, record.id) if record.state == RecordState.ASIDE else {record.id}
    return is_confidential(canonical) or has_confidential_address(unit, described_records)


def _date_by_receipt(record: CanonicalRecord, stored: StoredRecord | None) -> CanonicalRecord:
    """The record as of its receipt, which is after all that was received before, whatever the clock says."""
    if stored is None or record.as_of is None or stored.last_seen <= record.as_of:
        return record
    return record._replace(as_of=stored.last_seen)


def _record_ids(existing: Mapping[str, StoredRecord]) -> set[int]:
    return {record.id for record in existing.values()}


class _AnswerRequests:
    """What an upsert is answered from, asked as things stand after it; read when the answer is made.

    Args:
        unit: its transaction.
        record_id: the record.
    """

    def __init__(self, unit: WriteUnit, record_id: int) -> None:
        self.unit, self.record_id = unit, record_id
        self.read_tasks = unit.tasks.request_about_record(record_id, clock.today())
        self.read_holder = unit.persons.request_holder(record_id)


def _build_result(
    requests: _AnswerRequests,
    address: tuple[str, str],
    verdict: Verdict,
    previous_person: int | None,
    issues: tuple[QualityIssue, ...],
) -> UpsertResult:
    source, local_id = address
    unit, record_id, holder = requests.unit, requests.record_id, requests.read_holder()
    if verdict in (Verdict.SEALED, Verdict.REFUSED):
        return UpsertResult(source, local_id, None, Outcome.REFUSED, "refused")
    if verdict is Verdict.HELD:
        eid = None if holder is None else holder.eid
        return UpsertResult(
            source, local_id, eid, Outcome.HELD, "held", tasks=_visible_task_keys(requests), issues=issues
        )
    if holder is None:
        return UpsertResult(source, local_id, None, Outcome.HISTORY, verdict.value, issues=issues)
    tasks = _visible_task_keys(requests)
    # Who else is here counts as far as the viewer may know of them.
    other_sources = {code for record, code in holder.sources.items() if record != record_id}
    is_alone = not any(unit.viewer.may_see(code) for code in other_sources)
    outcome = _choose_outcome(
        verdict, previous_person, holder.person_id, is_alone=is_alone, has_tasks=bool(tasks)
    )
    return UpsertResult(
        source,
        local_id,
        holder.eid,
        outcome,
        verdict.value,
        provisional=outcome is Outcome.REVIEW,
        tasks=tasks,
        issues=issues,
    )


def _visible_task_keys(requests: _AnswerRequests) -> tuple[str, ...]:
    """Keys of the tasks whether a record is another's too, of those that the viewer may know of."""
    unit, tasks = (
        requests.unit,
        [task for task in requests.read_tasks() if task.kind in (PAIR, CLAIM, OVERLAY_TASK)],
    )
    if not tasks:
        return ()
    visible_records = visible(unit, {end for task in tasks for end in (task.lo, task.hi)}).keys()
    claims = unit.decisions.by_ids({task.decision_id for task in tasks if task.decision_id is not None})
    visible_claims = {number for number, claim in claims.items() if projected(unit, claim) is not None}
    return tuple(
        task.key
        for task in tasks
        if {task.lo, task.hi} <= visible_records
        and (task.decision_id is None or task.decision_id in visible_claims)
    )


def _choose_outcome(
    verdict: Verdict, previous_person: int | None, current_person: int, *, is_alone: bool, has_tasks: bool
) -> Outcome:
    if verdict is Verdict.HISTORY:
        return Outcome.HISTORY
    if previous_person == current_person:
        return Outcome.UNCHANGED
    if previous_person is not None:
        return Outcome.MOVED
    if is_alone:
        return Outcome.REVIEW if has_tasks else Outcome.CREATED
    return Outcome.LINKED

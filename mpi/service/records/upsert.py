"""Upsert, withdraw and read one source record online."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, MpiError, NotFoundError, StaleError
from mpi.domain.record import CanonicalRecord, QualityIssue
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import Holdings
from mpi.domain.viewer import (
    Action,
    ConsentScope,
    StatedPopulations,
    Viewer,
    is_own_source,
    require_permission,
)
from mpi.service.agreements.feeds import require_open_feed
from mpi.service.core.block_limits import BlockTooLargeError, queue_large_blocks
from mpi.service.core.confidential_addresses import (
    WITHHELD_FIELDS,
    are_record_whereabouts_withheld,
    has_confidential_address,
)
from mpi.service.core.disclosure import disclose
from mpi.service.core.disclosure_consents import read_consents
from mpi.service.core.group_commit import DeferredAnswer
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.minimization import find_populations_by_child, keep_carried_fields, may_tell_of_field
from mpi.service.core.visibility import find_visible_records, may_learn_block_sizes, visible_labels
from mpi.service.decisions.decision_log import visible_groups
from mpi.service.holdings.screening import screen_statements, select_screened
from mpi.service.holdings.tokens import keep_tokens
from mpi.service.indexing.reindex import NO_KNOWN_PAIRS, ChangedRecord, note_changed_records
from mpi.service.persons.child_conditions import make_not_found, require_child_conditions
from mpi.service.persons.disclosure_recipients import DisclosureRecipients, find_recipients
from mpi.service.persons.step_effects import PastDisclosure
from mpi.service.records.candidates import keys_from_bytes
from mpi.service.records.optimistic_candidates import OptimisticPairs, find_optimistic_pairs
from mpi.service.records.pipelined_candidates import PipelinedSearch, start_pipelined_search
from mpi.service.records.seal_allowance import require_seal_allowance
from mpi.service.records.upsert_disclosure import (
    ANSWER_FIELDS,
    UndisclosedAnswer,
    add_line_to_transaction,
    disclose_answer,
)
from mpi.service.records.version_tag import CHANGED, make_version_tag
from mpi.service.resolution.resolve import NO_FURTHER_INPUTS, ResolveInputs, resolve
from mpi.service.resolution.review_tasks import CLAIM, OVERLAY_TASK, PAIR, may_be_asked
from mpi.service.resolution.source_assertions import PersonAssertions, extract_assertions, record_assertions
from mpi.service.statements.correction_records import find_bound_records
from mpi.service.statements.current_version import recompute_current_versions
from mpi.service.statements.seal_rights import require_seal_rights
from mpi.service.statements.sources import require_own_source
from mpi.service.statements.statement import Statement, build_statement
from mpi.service.statements.statement_intake import (
    StatementOutcome,
    judge_statement,
    prepare_comparable,
    write_statements,
)
from mpi.service.statements.tombstones import find_buried_records, prefetch_buried_records
from mpi.standardize.record_validation import ValidatedRecord as Came
from mpi.standardize.record_validation import validate_record
from mpi.standardize.serialization import record_from_bytes, to_canonical_fields
from mpi.storage.key_index.large_blocks import PendingWork
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import (
    RecordState,
    StoredRecord,
    StoredVersion,
    add_restrictions,
)
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_COMPARED = (StatementOutcome.CREATED, StatementOutcome.UPDATED, StatementOutcome.UNCHANGED)
"""Outcomes after which the record takes part as it was sent."""
_OWN_FIELDS = frozenset({"restrictions"})
"""Fields that only viewers named for a record's source read."""


class Outcome(StrEnum):
    """Effect of storing a record on its identity, such as moved."""

    CREATED = "created"
    LINKED = "linked"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    HISTORY = "history"
    REVIEW = "review"
    HELD = "held"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class UpsertResult:
    """Answer to the storing of one record.

    Args:
        source: code of the record's source.
        local_id: the record's local ID.
        enterprise_id: the person's ID; None for a record that takes no part, or that was dropped.
        outcome: what the upsert meant for the record's identity.
        record: what it meant for the record itself (``created``, ``updated``, ``unchanged``, …).
        provisional: whether the record may still get another ID: by a steward's answer, or as it is pending.
        tasks: keys of the review tasks about the record.
        issues: quality issues of the values sent.
        pending: whether the ID waits for the worker, since many records share a blocking key. An event with
            the cause ``settled`` tells that it is final; the caller need not do anything.
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
        """Return the answer to a stored record as plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class WithdrawalResult(UpsertResult):
    """Answer to the withdrawal of one record.

    Args:
        disclosed: number of disclosures due to links that the withdrawal removes; None if the viewer may not
            know others' disclosures.
        disclosures: the latest of them, newest first. Empty if the viewer may not read the ledger, and in the
            answer to a repeated call.
    """

    disclosed: int | None = None
    disclosures: tuple[PastDisclosure, ...] = ()


def upsert(
    index: Index,
    viewer: Viewer,
    source_code: str,
    sent: Mapping[str, object],
    expected_tag: str | None = None,
) -> UpsertResult:
    """Store one whole record and return its enterprise ID, durably.

    Args:
        index: the open index.
        viewer: who sends it.
        source_code: its source.
        sent: a canonical record as sent; with ``same_as`` and ``not`` its source also asserts whose it is.
        expected_tag: tag of the stored versions that the record was made from; None for whatever is stored.

    Raises:
        StaleError: the stored record is no longer that of the tag.
        RecordError: the record is refused; nothing of it is stored.
        InputError: ``same_as`` or ``not`` is malformed.
        NotFoundError: no such source.
        AccessDenied: the viewer may not write this source, or may not seal or expunge its records.
        ConflictError: the viewer has sealed as many records today as a client may seal one by one.
        AgreementLapsed: no agreement that covers the source is in force; nothing was stored.
        StoreError: the store cannot be used, or the ledger could not be written after the record was stored.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    sent, assertions = extract_assertions(sent)
    received = validate_record(sent, index.keyed_hash, clock.now())
    require_seal_rights(viewer, received.record)
    prepared = build_statement(
        received.record, received.issues, comparable=prepare_comparable(index, received.record, source_code)
    )
    optimistic_pairs = find_optimistic_pairs(index, viewer, source_code, prepared)
    prepared_upsert = _PreparedUpsert(
        index=index,
        source_code=source_code,
        received=received,
        has_as_of=sent.get("as_of") not in (None, ""),
        statement=prepared,
        assertions=assertions,
        optimistic_pairs=optimistic_pairs,
        expected_tag=expected_tag,
    )
    try:
        told = index.store.group_commit.write(index.database, viewer, "upsert", prepared_upsert.execute)
    except BlockTooLargeError as error:
        # Nothing was stored. Try again, with the search deferred.
        deferred_upsert = replace(prepared_upsert, large_blocks=error)
        told = index.store.group_commit.write(index.database, viewer, "upsert", deferred_upsert.execute)
    return disclose_answer(index, viewer, told)


@dataclass(frozen=True, slots=True)
class _PreparedUpsert:
    """Storing of one record, prepared outside its transaction.

    Others wait less that way.

    Args:
        index: the open index.
        source_code: the record's source.
        received: the validated record with its issues.
        has_as_of: whether the source stated an as-of.
        statement: the record as a standardized statement.
        assertions: what the source asserts of whose record it is.
        optimistic_pairs: pairs scored before the transaction; None if the transaction searches.
        large_blocks: set if the record is stored with its search deferred.
        expected_tag: tag of the stored versions that the record was made from; None for any.
    """

    index: Index
    source_code: str
    received: Came
    has_as_of: bool
    statement: Statement
    assertions: PersonAssertions
    optimistic_pairs: OptimisticPairs | None = None
    large_blocks: BlockTooLargeError | None = None
    expected_tag: str | None = None

    def execute(
        self, unit: WriteUnit
    ) -> UndisclosedAnswer[UpsertResult] | DeferredAnswer[UndisclosedAnswer[UpsertResult]]:
        """Store the prepared record in a transaction, which other records may share."""
        index, large, local_id = self.index, self.large_blocks, self.received.record.local_id
        if (stored_answer := find_stored_answer(unit, index, ANSWER_FIELDS, Action.RECORD_WRITE)) is not None:
            return UndisclosedAnswer(_result_from(stored_answer), is_written=True)
        source, existing, pipelined_search = self._read_stored(unit)
        require_open_feed(unit, index, source.code, Action.RECORD_WRITE)
        refreshed_pairs = (
            None if self.optimistic_pairs is None else self.optimistic_pairs.refresh(unit, index)
        )
        self._require_unchanged(unit, existing.get(local_id))
        if self._is_dropped(unit, source, existing):
            return UndisclosedAnswer(self._answer_dropped())
        dated = self._date_statement(existing.get(local_id))
        if judge_statement(existing.get(local_id), dated) is StatementOutcome.SEALED:
            require_seal_allowance(unit, index.settings.seals_per_day)
        intake = write_statements(unit, index, source, [dated], existing)
        record_id, verdict = intake.record_ids[local_id], intake.outcomes[local_id]
        previous_person = unit.persons.current_persons([record_id]).get(record_id) if existing else None
        changed, unsearched = intake.changed, set(intake.overlay_suspects)
        if large is not None:
            unsearched |= _defer_search(unit, index, changed, large)
            changed = {}
        known_pairs = (
            NO_KNOWN_PAIRS if refreshed_pairs is None else refreshed_pairs.get_pairs(record_id, changed)
        )
        if pipelined_search is not None:
            unit.send()
            known_pairs = pipelined_search.get_pairs(unit, index, record_id, changed)
        limited_pairs = replace(known_pairs, block_limit=index.settings.block_limits.hard)
        inputs = (
            ResolveInputs(further_records=unsearched, known_pairs=limited_pairs)
            if unsearched or changed
            else NO_FURTHER_INPUTS
        )
        if self.assertions != PersonAssertions() and _is_assertion_current(
            dated, verdict, existing.get(local_id)
        ):
            waits = source.paused or verdict is StatementOutcome.HELD
            inputs = ResolveInputs(
                write_assertions=lambda: record_assertions(
                    unit, index, record_id, self.assertions, waits=waits
                ),
                further_records=unsearched,
                known_pairs=limited_pairs,
            )
        resolve(unit, index, changed, intake.removed & _record_ids(existing), "upsert", further_inputs=inputs)
        if verdict in _COMPARED:
            self._note_due_check(unit, record_id, changed)
        is_written = add_line_to_transaction(unit, index, [record_id])
        requests = _AnswerRequests(unit, record_id)
        result = DeferredAnswer(
            partial(self._read_result, requests, verdict, previous_person, is_written=is_written)
        )
        # SQLite answers at once, and a stored answer must be written in this transaction.
        return (
            result if index.database.is_postgresql and unit.viewer.idempotent_call is None else result.read()
        )

    def _require_unchanged(self, unit: WriteUnit, stored: StoredRecord | None) -> None:
        """Refuse to store over another record than the caller has read."""
        if self.expected_tag is None:
            return
        if stored is None or make_version_tag(unit, self.index, stored) != self.expected_tag:
            raise StaleError(CHANGED)

    def _note_due_check(self, unit: WriteUnit, record_id: int, changed: Mapping[int, ChangedRecord]) -> None:
        """Mark the record's ID as provisional if its blocks await a check."""
        index, config_id = self.index, self.index.config_id(unit)
        if record_id in changed:
            blocking = index.blocking_of(unit, config_id)
            keys = changed[record_id].blocking_keys(blocking, index.keyed_hash)
        elif self.statement.comparable is not None:
            keys = keys_from_bytes(self.statement.comparable.keys)
        else:
            keys = unit.keys.keys_of(config_id, [record_id]).get(record_id, [])
        unit.large_blocks.add_if_check_is_due(config_id, keys, record_id, unit.commit_no)

    def _is_dropped(self, unit: WriteUnit, source: Source, existing: Mapping[str, StoredRecord]) -> bool:
        """Return whether the source's holdings leave the record out.

        Its tokens are kept, where the source keeps tokens. A record whose search is deferred is stored, and
        judged by the next run.
        """
        if source.holdings is Holdings.ALL or self.large_blocks is not None:
            return False
        screened = select_screened(source, [self.statement], existing)
        dropped = screen_statements(unit, self.index, source, screened).unmatched if screened else {}
        keep_tokens(unit, self.index, source, dropped, {self.statement.local_id} - dropped.keys())
        return bool(dropped)

    def _answer_dropped(self) -> UpsertResult:
        """Answer that nothing was stored; the answer is not stored either."""
        return UpsertResult(
            source=self.source_code,
            local_id=self.received.record.local_id,
            enterprise_id=None,
            outcome=Outcome.DROPPED,
            record="dropped",
            issues=self.received.issues,
        )

    def _read_result(
        self,
        requests: "_AnswerRequests",
        verdict: StatementOutcome,
        previous_person: int | None,
        *,
        is_written: bool,
    ) -> UndisclosedAnswer[UpsertResult]:
        """Return the answer about the record, and whom it tells of."""
        unit, record_id = requests.unit, requests.record_id
        address = (self.source_code, self.received.record.local_id)
        answer = _build_result(requests, address, verdict, previous_person, self.received.issues)
        work = requests.read_pending()
        if work is not None and verdict in _COMPARED and may_learn_block_sizes(unit):
            outcome = Outcome.REVIEW if work is PendingWork.SEARCH else answer.outcome
            answer = replace(answer, outcome=outcome, pending=True, provisional=True)
        shown_records = {record_id, *requests.shown_records}
        store_answer(unit, self.index, answer.as_dict(), shown_records)
        return UndisclosedAnswer(answer, frozenset(shown_records), is_written and len(shown_records) == 1)

    def _read_stored(self, unit: WriteUnit) -> tuple[Source, dict[str, StoredRecord], PipelinedSearch | None]:
        """Return the source, the stored record and a requested candidate search.

        A known source takes one round trip.
        """
        local_ids, known_sources = [self.received.record.local_id], self.index.caches.sources
        unit.prefetch()
        if self.source_code in known_sources:
            source_id = known_sources[self.source_code].id
            unit.records.prefetch_by_local_ids(source_id, local_ids)
            prefetch_buried_records(unit, self.index, (source_id, self.source_code), local_ids[0])
        pipelined_search = None
        if self.optimistic_pairs is not None:
            self.optimistic_pairs.prefetch(unit)
        elif self.large_blocks is None:
            pipelined_search = start_pipelined_search(unit, self.index, self.source_code, self.statement)
        source = unit.sources.get_by_code(self.source_code)
        known_sources.update({each_source.code: each_source for each_source in unit.sources.all()})
        existing = unit.records.find_by_local_ids(source.id, local_ids)
        buried = find_buried_records(unit, self.index, (source.id, source.code), local_ids)
        return source, {**buried, **existing}, pipelined_search

    def _date_statement(self, stored: StoredRecord | None) -> Statement:
        """Return the statement, dated by its receipt if undated."""
        record = self.received.record if self.has_as_of else _date_by_receipt(self.received.record, stored)
        # The payload depends on the date, so a new date needs a new statement.
        return (
            self.statement
            if record is self.received.record
            else build_statement(record, self.received.issues)
        )


def _is_assertion_current(
    prepared: Statement, verdict: StatementOutcome, stored: StoredRecord | None
) -> bool:
    """Return whether what a record asserts of its identity holds now.

    An older statement and a seal assert nothing of the present.
    """
    if verdict is StatementOutcome.UNCHANGED and stored is not None:
        return prepared.as_of >= stored.last_seen
    return verdict not in (StatementOutcome.SEALED, StatementOutcome.REFUSED, StatementOutcome.HISTORY)


def _defer_search(
    unit: WriteUnit, index: Index, changed: Mapping[int, ChangedRecord], error: BlockTooLargeError
) -> set[int]:
    """Queue records for a candidate search after this transaction.

    A new record is a person by itself meanwhile; a stored one stays as it was compared before.

    Returns:
        The new records, whose persons are computed without a search.
    """
    config_id = index.config_id(unit)
    queue_large_blocks(unit, config_id, error.sizes)
    note_changed_records(unit, changed)
    for record in changed:
        unit.large_blocks.add_pending(record, unit.commit_no)
    indexed = unit.derived_data.features(config_id, changed).keys()
    new_payloads = {record: change.payload for record, change in changed.items() if record not in indexed}
    unit.derived_data.add_features(config_id, new_payloads.items())
    return set(new_payloads)


def withdraw(index: Index, viewer: Viewer, source_code: str, local_id: str) -> WithdrawalResult:
    """Withdraw one record from its person; its history stays.

    Sending the record again returns it.

    Args:
        index: the open index.
        viewer: who withdraws it.
        source_code: its source.
        local_id: its local ID.

    Raises:
        NotFoundError: no such source, or no such record that the viewer may know of.
        ConflictError: the record is a steward's correction, which an undo takes back.
        AccessDenied: the viewer may not write this source.
    """
    require_permission(viewer, Action.RECORD_WRITE, source_code)
    received = DisclosureRecipients()
    with index.database.write(viewer, "withdraw") as unit:
        if (stored_answer := find_stored_answer(unit, index, ("outcome",), Action.RECORD_WRITE)) is not None:
            disclosed = stored_answer.get("disclosed") if viewer.sources is None else None
            return WithdrawalResult(
                source=source_code,
                local_id=local_id,
                enterprise_id=None,
                outcome=Outcome.WITHDRAWN,
                record="withdrawn",
                disclosed=disclosed,
            )
        require_own_source(unit.sources.get_by_code(source_code))
        record = _require_record(unit, source_code, local_id)
        if record.state == RecordState.ASIDE:
            raise ConflictError("the record is a steward's correction: undo its step instead")
        if record.state in (RecordState.ACTIVE, RecordState.HELD):
            as_of = max(record.last_seen, clock.format_timestamp(clock.now()))
            unit.record_assertions.add([Sighting(record.id, SightingKind.GONE, as_of)], unit.commit_no)
            version_changes = recompute_current_versions(unit, index, [record.id])
            inputs = (
                ResolveInputs(further_records=version_changes.overlay_suspects)
                if version_changes.overlay_suspects
                else NO_FURTHER_INPUTS
            )
            settlement = resolve(unit, index, {}, version_changes.removed, "withdraw", further_inputs=inputs)
            received = (
                DisclosureRecipients()
                if settlement is None
                else find_recipients(unit, settlement.persons_before)
            )
        result = WithdrawalResult(
            source=source_code,
            local_id=local_id,
            enterprise_id=None,
            outcome=Outcome.WITHDRAWN,
            record="withdrawn",
            disclosed=received.answer_count,
        )
        store_answer(unit, index, result.as_dict(), [record.id])
    fields = ("outcome", *(("source", "local_id", "disclosures") if received.latest else ()))
    disclose(index, viewer, Action.RECORD_WRITE, {record.id, *received.record_ids}, fields)
    return replace(result, disclosures=received.latest)


def read(index: Index, viewer: Viewer, source_code: str, local_id: str) -> dict[str, Any]:
    """Return a record as last stated, with enterprise ID and quality issues.

    If the record, or another of its person, has a confidential address or a protective order, only a viewer
    whose own source it is reads where the child is. For others ``withheld`` names all fields that are left
    out then, whether or not they have a value. Only such a viewer reads the restrictions.

    Args:
        index: the open index.
        viewer: who asks.
        source_code: the record's source.
        local_id: its local ID.

    Raises:
        NotFoundError: no such source, or no such record that the viewer may know of.
        AccessDenied: the viewer may not read this source's records.
    """
    require_permission(viewer, Action.RECORD_READ, source_code)
    [answer] = read_all(index, viewer, [RecordRef(source_code, local_id)])
    if isinstance(answer, MpiError):
        raise answer
    return answer


def read_all(
    index: Index, viewer: Viewer, records: Iterable[RecordRef]
) -> list[dict[str, Any] | AccessDenied | NotFoundError]:
    """Return records like ``read``, of one moment.

    What concerns a whole person is read once for all its records.

    Args:
        index: the open index.
        viewer: who asks.
        records: source and local ID of each record.

    Returns:
        For each record its answer, or the error that ``read`` would raise.
    """
    answers: list[dict[str, Any] | AccessDenied | NotFoundError] = []
    disclosed: dict[tuple[str, ...], list[int]] = {}
    with index.database.read(viewer) as unit:
        reader = _RecordReader(unit, list(records))
        for label in reader.labels:
            try:
                record, answer = reader.read(label)
            except (AccessDenied, NotFoundError) as error:
                answers.append(error)
                continue
            answers.append(answer)
            fields = ("enterprise_id", *answer["record"], *(["statements"] if "statements" in answer else []))
            disclosed.setdefault(fields, []).append(record.id)
    for fields, record_ids in disclosed.items():
        disclose(index, viewer, Action.RECORD_READ, record_ids, fields)
    return answers


class _RecordReader:
    """Reader of the records of one answer.

    It reads all data of one kind with one query.

    Args:
        unit: the transaction of the viewer.
        labels: source and local ID of each record.
    """

    def __init__(self, unit: ReadUnit, labels: Sequence[RecordRef]) -> None:
        self.labels = labels
        self._unit = unit
        self._records = self._find_records()
        record_ids = [record.id for record in self._records.values()]
        self._versions = unit.records.versions_of_records(record_ids)
        self._consents = read_consents(unit, record_ids)
        self._persons = _PersonReader(unit, record_ids)
        self._statements = unit.rights_cases.statements(record_ids)

    def read(self, label: RecordRef) -> tuple[StoredRecord, dict[str, Any]]:
        """Return a record and the answer about it.

        Raises:
            NotFoundError: no such source, or no such record that the viewer may know of.
            AccessDenied: the viewer may not read this source's records.
        """
        require_permission(self._unit.viewer, Action.RECORD_READ, label.source)
        self._unit.sources.get_by_code(label.source)
        record = self._records.get(label)
        if record is None:
            raise make_not_found(self._unit.viewer, _describe_unknown(label.source))
        person = self._persons.read_person_of(record, label.source)
        version = _choose_version(record, self._versions.get(record.id, []))
        consents = self._consents.get(record.id, frozenset())
        answer = _build_answer(self._unit, label, record, person, version, consents)
        return record, self._add_statements(record, answer)

    def _add_statements(self, record: StoredRecord, answer: dict[str, Any]) -> dict[str, Any]:
        """Add statements that persons attached to the answer's values.

        34 CFR 99.21(c)(2): a statement goes along with the contested part of the record [K].
        """
        statements = [
            statement.text
            for statement in self._statements.get(record.id, ())
            if statement.field in answer["record"] or is_own_source(self._unit.viewer, answer["source"])
        ]
        return {**answer, "statements": statements} if statements else answer

    def _find_records(self) -> dict[RecordRef, StoredRecord]:
        """Return the records that the viewer may see.

        The viewer must also be permitted to read their sources, which ``read`` checks.
        """
        sources = {source.code: source.id for source in self._unit.sources.all()}
        local_ids: dict[str, list[str]] = {}
        for label in self.labels:
            if label.source in sources:
                local_ids.setdefault(label.source, []).append(label.local_id)
        return {
            RecordRef(code, local_id): record
            for code, ids in local_ids.items()
            for local_id, record in find_visible_records(self._unit, sources[code], ids).items()
        }


@dataclass(frozen=True, slots=True)
class _PersonOfRecord:
    """What reading a record needs of its person.

    Args:
        enterprise_id: None for a record without a person.
        populations: populations that the person's records state.
        is_confidential: whether the person's whereabouts are, by a record that the viewer may see.
    """

    enterprise_id: str | None
    populations: StatedPopulations
    is_confidential: bool


class _PersonReader:
    """Reads what concerns whole persons, once for all their records.

    Args:
        unit: the transaction of the viewer.
        record_ids: numbers of all records that are read.
    """

    def __init__(self, unit: ReadUnit, record_ids: Collection[int]) -> None:
        self._unit = unit
        self._person_by_record = unit.persons.current_persons(record_ids)
        numbers = set(self._person_by_record.values())
        self._members = unit.persons.members(numbers)
        self._persons = unit.persons.by_ids(numbers)
        # A record of no person stands for a child of its own, under its negative number.
        alone = {-record: [record] for record in record_ids if record not in self._person_by_record}
        self._populations = find_populations_by_child(unit, {**alone, **self._members})
        self._known: dict[int, _PersonOfRecord] = {}

    def read_person_of(self, record: StoredRecord, source_code: str) -> _PersonOfRecord:
        """Return a record's person, if the viewer's policy permits this child.

        Raises:
            NotFoundError: a condition of the policy does not hold.
        """
        unit, number = self._unit, self._person_by_record.get(record.id)
        child = -record.id if number is None else number
        if child not in self._known:
            members = [record.id] if number is None else self._members[number]
            require_child_conditions(unit, members, _describe_unknown(source_code))
            eid = None if number is None else self._persons[number].eid
            is_confidential = has_confidential_address(unit, [record.id])
            self._known[child] = _PersonOfRecord(eid, self._populations[child], is_confidential)
        return self._known[child]


def _build_answer(
    unit: ReadUnit,
    label: RecordRef,
    record: StoredRecord,
    person: _PersonOfRecord,
    version: StoredVersion,
    consents: frozenset[ConsentScope],
) -> dict[str, Any]:
    """Return the answer about one record that the viewer may see."""
    viewer, source_code = unit.viewer, label.source
    canonical = record_from_bytes(_add_carried(version, record))
    stated = person.populations | consents
    carried_values = keep_carried_fields(
        viewer, Action.RECORD_READ, source_code, to_canonical_fields(canonical), stated
    )
    withheld = (
        WITHHELD_FIELDS
        if _are_whereabouts_withheld(unit, source_code, record, canonical, person)
        else frozenset[str]()
    )
    hidden = withheld if is_own_source(viewer, source_code) else withheld | _OWN_FIELDS
    return {
        "source": source_code,
        "local_id": label.local_id,
        "state": record.state,
        "enterprise_id": person.enterprise_id,
        "record": {name: value for name, value in carried_values.items() if name not in hidden},
        "withheld": sorted(withheld),
        # An issue tells that its field has a value.
        "issues": [
            issue
            for issue in orjson.loads(version.issues)
            if issue["field"] not in hidden
            and may_tell_of_field(viewer, Action.RECORD_READ, source_code, issue["field"], stated)
        ],
    }


def _result_from(stored_answer: Mapping[str, Any]) -> UpsertResult:
    """Restore the answer to an upsert from its stored form."""
    issues = tuple(QualityIssue(**issue) for issue in stored_answer["issues"])
    values = {
        **stored_answer,
        "outcome": Outcome(stored_answer["outcome"]),
        "tasks": tuple(stored_answer["tasks"]),
        "issues": issues,
    }
    return UpsertResult(**values)


def _describe_unknown(source_code: str) -> str:
    return f"source {source_code!r} has no such record"


def _require_record(unit: ReadUnit, source_code: str, local_id: str) -> StoredRecord:
    """Return a record by local ID, if the viewer may see it."""
    source = unit.sources.get_by_code(source_code)
    record = find_visible_records(unit, source.id, [local_id]).get(local_id)
    if record is None:
        raise make_not_found(unit.viewer, _describe_unknown(source_code))
    return record


def _choose_version(record: StoredRecord, versions: Sequence[StoredVersion]) -> StoredVersion:
    """Return a record's active version, else its held one."""
    shown = [v for v in versions if v.id == record.version_id] or [v for v in versions if v.state == "held"]
    if not shown:
        # It has no statement left, because its load was undone.
        raise NotFoundError("there is no such record")
    return shown[-1]


def _add_carried(version: StoredVersion, record: StoredRecord) -> bytes:
    """Return a version's content, with restrictions that stay in force."""
    is_current = version.id == record.version_id
    return add_restrictions(version.payload, record.carried_restrictions if is_current else None)


def _are_whereabouts_withheld(
    unit: ReadUnit,
    source_code: str,
    record: StoredRecord,
    canonical: CanonicalRecord,
    person: _PersonOfRecord,
) -> bool:
    """Return whether the viewer may not know where the record's child is."""
    if is_own_source(unit.viewer, source_code):
        return False
    if are_record_whereabouts_withheld(canonical):
        return True
    if record.state == RecordState.ASIDE:
        return has_confidential_address(unit, find_bound_records(unit, record.id))
    return person.is_confidential


def _date_by_receipt(record: CanonicalRecord, stored: StoredRecord | None) -> CanonicalRecord:
    """Return a record dated after all that was received before it.

    A clock that was set back does not matter.
    """
    if stored is None or record.as_of is None or stored.last_seen <= record.as_of:
        return record
    return record._replace(as_of=stored.last_seen)


def _record_ids(existing: Mapping[str, StoredRecord]) -> set[int]:
    """Return the record numbers of stored records."""
    return {record.id for record in existing.values()}


class _AnswerRequests:
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
        self.read_holder = unit.persons.request_holder(record_id)
        self.read_pending = unit.large_blocks.request_pending(record_id)


def _build_result(
    requests: _AnswerRequests,
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


def _visible_task_keys(requests: _AnswerRequests) -> tuple[str, ...]:
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

"""Online upsert of one source record, which returns its enterprise ID."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from mpi.domain import clock
from mpi.domain.errors import StaleError
from mpi.domain.record import CanonicalRecord
from mpi.domain.source import Holdings
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.agreements.feeds import require_open_feed
from mpi.service.core.block_limits import BlockTooLargeError, queue_large_blocks
from mpi.service.core.group_commit import DeferredAnswer
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import may_learn_block_sizes
from mpi.service.holdings.screening import screen_statements, select_screened
from mpi.service.holdings.tokens import keep_tokens
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.known_pairs import NO_KNOWN_PAIRS
from mpi.service.indexing.reindex import note_changed_records
from mpi.service.records.candidates import keys_from_bytes
from mpi.service.records.optimistic_candidates import OptimisticPairs, find_optimistic_pairs
from mpi.service.records.pipelined_candidates import PipelinedSearch, start_pipelined_search
from mpi.service.records.seal_allowance import require_seal_allowance
from mpi.service.records.upsert_answer import AnswerRequests, build_result
from mpi.service.records.upsert_disclosure import (
    ANSWER_FIELDS,
    UndisclosedAnswer,
    add_line_to_transaction,
    disclose_answer,
)
from mpi.service.records.upsert_result import Outcome, UpsertResult, restore_result
from mpi.service.records.version_tag import CHANGED, make_version_tag
from mpi.service.resolution.resolve import NO_FURTHER_INPUTS, ResolveInputs, resolve
from mpi.service.resolution.source_assertions import PersonAssertions, extract_assertions, record_assertions
from mpi.service.statements.seal_rights import require_seal_rights
from mpi.service.statements.statement import Statement, build_statement
from mpi.service.statements.statement_features import prepare_comparable
from mpi.service.statements.statement_intake import write_statements
from mpi.service.statements.statement_judgement import StatementOutcome, judge_statement
from mpi.service.statements.tombstones import find_buried_records, prefetch_buried_records
from mpi.standardize.quality.declared_rules import find_rule_issues
from mpi.standardize.record_validation import ValidatedRecord, validate_record
from mpi.storage.key_index.large_blocks import PendingWork
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit

_COMPARED = (StatementOutcome.CREATED, StatementOutcome.UPDATED, StatementOutcome.UNCHANGED)
"""Outcomes after which the record takes part as it was sent."""


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
    broken = find_rule_issues(received.record, index.settings.declared_rules)
    received = replace(received, issues=(*received.issues, *broken))
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
    received: ValidatedRecord
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
            return UndisclosedAnswer(restore_result(stored_answer), is_written=True)
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
        requests = AnswerRequests(unit, record_id)
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
            keys = unit.keys.forward.keys_of(config_id, [record_id]).get(record_id, [])
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
        requests: AnswerRequests,
        verdict: StatementOutcome,
        previous_person: int | None,
        *,
        is_written: bool,
    ) -> UndisclosedAnswer[UpsertResult]:
        """Return the answer about the record, and whom it tells of."""
        unit, record_id = requests.unit, requests.record_id
        address = (self.source_code, self.received.record.local_id)
        answer = build_result(requests, address, verdict, previous_person, self.received.issues)
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

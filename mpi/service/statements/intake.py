"""Take what a source says about its records: version it, and say what that changed."""

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from mpi.domain.record import CanonicalRecord
from mpi.matching.model.blocking_keys import keys
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord
from mpi.service.core.index import Index, canonical_key
from mpi.service.indexing.reindex import ChangedRecord
from mpi.service.statements.correction_records import seal_corrections
from mpi.service.statements.current_version import recompute_current_versions
from mpi.service.statements.overlay_detection import OVERLAY, REFUSED, find_overlays
from mpi.service.statements.sources import require_data_source
from mpi.service.statements.statement import Statement, StatementHeading, build_statement
from mpi.standardize.payload import features_to_bytes
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

__all__ = [
    "JudgedStatements",
    "Statement",
    "IntakeResult",
    "StatementOutcome",
    "make_comparable",
    "judge_statement",
    "judge_statements",
    "build_statement",
    "write_statements",
]


class StatementOutcome(StrEnum):
    """What became of a statement."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    HISTORY = "history"
    SEALED = "sealed"
    REFUSED = "refused"
    HELD = "held"


_EFFECTIVE_OUTCOMES = frozenset({StatementOutcome.CREATED, StatementOutcome.UPDATED})


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """What taking statements changed.

    Args:
        outcomes: by local ID.
        record_ids: the record of each local ID.
        changed: records whose features are new, to be indexed again.
        removed: records that no longer take part.
        overlay_suspects: records of which a version waits, or waited, because it says that they are another child.
    """

    outcomes: dict[str, StatementOutcome]
    record_ids: dict[str, int]
    changed: dict[int, ChangedRecord]
    removed: set[int]
    overlay_suspects: set[int]


@dataclass(frozen=True, slots=True)
class JudgedStatements:
    """What becomes of statements.

    Args:
        outcomes: by local ID.
        features: of those that would take effect.
        overlays: local IDs of those that are held because they say that the record is another child.
    """

    outcomes: dict[str, StatementOutcome]
    features: dict[str, ComparableRecord]
    overlays: frozenset[str]


def judge_statement(
    existing: StoredRecord | None, statement: Statement | StatementHeading
) -> StatementOutcome:
    """What a statement means for the record as it stands; reads nothing and changes nothing.

    The active version is the one with the greatest as-of, then the latest received. A sealed record stays
    sealed whatever is sent: lifting a seal is a person's act.
    """
    if existing is not None and existing.state == RecordState.SEALED:
        return StatementOutcome.REFUSED
    if statement.seal_kind:
        return StatementOutcome.SEALED
    if existing is None:
        return StatementOutcome.CREATED
    same = existing.content_hash == statement.content_hash and existing.state == RecordState.ACTIVE
    if same:
        return StatementOutcome.UNCHANGED
    return StatementOutcome.HISTORY if statement.as_of < existing.last_seen else StatementOutcome.UPDATED


def judge_statements(
    unit: ReadUnit,
    index: Index,
    source: Source,
    statements: Collection[Statement],
    existing: Mapping[str, StoredRecord],
) -> JudgedStatements:
    """What becomes of statements of one source; changes nothing.

    Of a paused source, one that would take effect is held; and so is one that says that the record is
    another child, until a person has looked.

    Args:
        unit: the transaction.
        index: for standardizing and the model.
        source: who says it.
        statements: at most one statement a local ID.
        existing: the records of those local IDs that there are.

    Raises:
        ConflictError: the source is that of stewards' corrections.
    """
    require_data_source(source)
    verdicts = {one.local_id: judge_statement(existing.get(one.local_id), one) for one in statements}
    if source.paused:
        verdicts = {n: StatementOutcome.HELD if v in _EFFECTIVE_OUTCOMES else v for n, v in verdicts.items()}
    features = make_comparable(
        unit, index, source, [one for one in statements if verdicts[one.local_id] in _EFFECTIVE_OUTCOMES]
    )
    known = {existing[name].id: name for name in features if name in existing}
    others = find_overlays(
        unit,
        index,
        [existing[name] for name in known.values()],
        {number: features[name] for number, name in known.items()},
    )
    overlays = frozenset(known[number] for number in others)
    verdicts |= dict.fromkeys(overlays, StatementOutcome.HELD)
    return JudgedStatements(verdicts, features, overlays)


def make_comparable(
    unit: ReadUnit, index: Index, source: Source, statements: Collection[Statement]
) -> dict[str, ComparableRecord]:
    """Statements made comparable under the configuration in force, by local ID."""
    shared = index.shared_values(unit)
    config = index.matcher.digest(shared) if any(one.comparable for one in statements) else None
    return {
        one.local_id: one.comparable
        if one.comparable is not None and one.comparable.config_digest == config
        else index.features_of(one.record, source.code, shared)
        for one in statements
    }


def prepare_comparable(index: Index, record: CanonicalRecord, source_code: str) -> PackedRecord | None:
    """A record made comparable before its transaction, as was right last; None where nothing is known yet.

    Where another configuration is in force by then, ``make_comparable`` makes it anew.
    """
    last = index.last_config_id
    shared, blocking = index.caches.shared_values.get(last), index.caches.blocking.get(last)
    if shared is None or blocking is None:
        return None
    features = index.features_of(record, source_code, shared)
    own = array("q", keys(features, blocking, index.keyed_hash))
    return PackedRecord(features_to_bytes(features), own.tobytes(), index.matcher.digest(shared))


def write_statements(
    unit: WriteUnit,
    index: Index,
    source: Source,
    statements: Sequence[Statement],
    existing: Mapping[str, StoredRecord],
    batch_id: int | None = None,
) -> IntakeResult:
    """Write statements, each of another record of one source.

    Args:
        unit: the transaction.
        index: for standardizing and keys.
        source: who says it.
        statements: at most one statement a local ID.
        existing: the records of those local IDs that there are.
        batch_id: the load that it is part of.

    Raises:
        ConflictError: the source is that of stewards' corrections.
    """
    judged = judge_statements(unit, index, source, statements, existing)
    numbers = _assign_numbers(unit, statements, existing)
    writer = _StatementWriter(unit, index, source, batch_id, numbers, judged)
    for one in statements:
        writer.add(one, existing.get(one.local_id))
    writer.flush()
    taken = IntakeResult(judged.outcomes, numbers, writer.changed, writer.gone, writer.doubted)
    _recompute_overlaid(unit, index, taken, existing)
    return taken


def _recompute_overlaid(
    unit: WriteUnit, index: Index, taken: IntakeResult, existing: Mapping[str, StoredRecord]
) -> None:
    """Where a statement comes before one that waits, that one may be the same child as it."""
    before = {record.id for record in existing.values() if record.overlaid} - taken.removed
    if before:
        restated = recompute_current_versions(unit, index, before)
        taken.changed.update(restated.changed)


def _assign_numbers(
    unit: WriteUnit, said: Sequence[Statement], existing: Mapping[str, StoredRecord]
) -> dict[str, int]:
    new = [s.local_id for s in said if s.local_id not in existing]
    first = unit.counters.take("record", len(new)) if new else 0
    numbers = {local_id: first + n for n, local_id in enumerate(new)}
    return numbers | {local_id: record.id for local_id, record in existing.items()}


class _StatementWriter:
    """Gathers rows while statements are judged, then writes them by table."""

    def __init__(
        self,
        unit: WriteUnit,
        index: Index,
        source: Source,
        batch_id: int | None,
        numbers: dict[str, int],
        judged: JudgedStatements,
    ) -> None:
        self._unit = unit
        self._index = index
        self._source = source
        self._batch_id = batch_id
        self._numbers = numbers
        self._judged = judged
        self._refused = unit.records.refused_hashes([numbers[name] for name in judged.overlays])
        self._waiting: list[int] = []
        self._records: list[dict[str, Any]] = []
        self._versions: list[tuple[dict[str, Any], Statement]] = []
        self._ended: list[int] = []
        self._seen: dict[int, str] = {}
        self._sightings: list[Sighting] = []
        self._activated: list[int] = []
        self._sealed: list[tuple[int, str | None]] = []
        self.changed: dict[int, ChangedRecord] = {}
        self.gone: set[int] = set()
        self.doubted: set[int] = set()

    def add(self, said: Statement, old: StoredRecord | None) -> None:
        record_id = self._numbers[said.local_id]
        verdict = self._judged.outcomes[said.local_id]
        if old is not None and old.overlaid:
            self.doubted.add(record_id)
        if verdict is StatementOutcome.SEALED:
            self._sealed.append((record_id, said.seal_kind))
            self.gone.add(record_id)
        elif verdict in _EFFECTIVE_OUTCOMES:
            features = self._judged.features[said.local_id]
            group = self._source.group_id if old is None else old.group_id
            key = None if old is not None else self._key(said)
            self.changed[record_id] = ChangedRecord(group, features, said.merged_into, key)
        else:
            self._set_aside(record_id, said, old, verdict)
            return
        if old is None:
            self._record(record_id, said)
        elif old.version_id is not None:
            self._ended.append(old.version_id)
        self._version(record_id, said, "active")
        self._activated.append(record_id)

    def _set_aside(
        self, record_id: int, said: Statement, old: StoredRecord | None, verdict: StatementOutcome
    ) -> None:
        """Keep a statement that leaves the active version as it is; one that is refused is not kept."""
        match verdict:
            case StatementOutcome.UNCHANGED if old is not None:
                self._unchanged(old, said)
            case StatementOutcome.HISTORY:
                known = self._unit.records.find_version(record_id, said.as_of, said.content_hash)
                if known is None:
                    self._version(record_id, said, "history")
                else:
                    self._sight(record_id, said, known)
            case StatementOutcome.HELD:
                self._hold(record_id, said, old)
            case _:
                pass

    def _hold(self, record_id: int, said: Statement, old: StoredRecord | None) -> None:
        state = "held"
        if said.local_id in self._judged.overlays:
            known = self._refused.get(record_id, {})
            # To what a person said no once, the answer is no when it is said again.
            state = REFUSED if said.content_hash in known.values() else OVERLAY
            self.doubted.add(record_id)
        if old is None:
            self._record(record_id, said, RecordState.HELD)
        elif old.state == RecordState.WITHDRAWN and state != REFUSED:
            self._waiting.append(record_id)
        self._version(record_id, said, state)

    def _unchanged(self, old: StoredRecord, said: Statement) -> None:
        """The source stands by the active version: said again, that counts where the first is undone."""
        if said.as_of > old.last_seen:
            self._seen[old.id] = said.as_of
        elif self._batch_id is None and said.as_of == old.last_seen:
            # Sent again and again, as after lost answers: once is enough, but a load's may be taken back.
            heard = self._unit.record_assertions.assertions_about([old.id])[old.id]
            same = (said.as_of, old.version_id, None)
            if any((one.as_of, one.version_id, one.batch_id) == same for one in heard):
                return
        self._sight(old.id, said, old.version_id)

    def _sight(self, record_id: int, said: Statement, version_id: int | None) -> None:
        sighting = Sighting(record_id, SightingKind.SAME, said.as_of, version_id, self._batch_id)
        self._sightings.append(sighting)

    def _record(self, record_id: int, said: Statement, state: RecordState = RecordState.ACTIVE) -> None:
        self._records.append(
            {
                "id": record_id,
                "source_id": self._source.id,
                "local_id": said.local_id,
                "group_id": self._source.group_id,
                "subject": said.subject,
                "state": state.value,
                "canonical_key": self._key(said),
                "version_id": None,
                # What is held is not yet said: an older statement that follows waits as well.
                "last_seen": "" if state is RecordState.HELD else said.as_of,
            }
        )

    def _key(self, said: Statement) -> int:
        return canonical_key(self._index.keyed_hash, self._source.code, said.local_id)

    def _version(self, record_id: int, said: Statement, state: str) -> None:
        row = {
            "record_id": record_id,
            "as_of": said.as_of,
            "batch_id": self._batch_id,
            "state": state,
            "content_hash": said.content_hash,
            # orjson writes a dataclass as the dict of its fields.
            "issues": orjson.dumps(said.issues).decode() if said.issues else "[]",
            "payload": said.payload,
        }
        self._versions.append((row, said))

    def flush(self) -> None:
        records = self._unit.records
        activated = self._number_versions() if self._versions else {}
        for row in self._records:
            if (stands := activated.pop(row["id"], None)) is not None:
                row["version_id"] = stands["version_id"]
        records.insert(self._records)
        if self._versions:
            self._write_versions(list(activated.values()))
        records.end_versions(self._ended, self._unit.commit_no if self._ended else 0)
        records.update_last_seen(self._seen)
        if self._sightings:
            self._unit.record_assertions.add(self._sightings, self._unit.commit_no)
        records.set_state(self._waiting, RecordState.HELD)
        if self._sealed:
            records.set_state([record for record, _ in self._sealed], RecordState.SEALED)
            sealed = dict(self._sealed)
            expunged = [record for record, kind in self._sealed if kind == "expunged"]
            destroyed = [*expunged, *seal_corrections(self._unit, sealed)]
            self._unit.keys.segments.erase(destroyed)
            for record in destroyed:
                records.erase(record)
                self._unit.idempotent_answers.delete_about_record(record)
                self._unit.steps.erase_notes(record)
                self._unit.task_work.erase_notes(record)
                self._unit.owner_questions.erase_notes(record)

    def _number_versions(self) -> dict[int, dict[str, Any]]:
        """Give the versions their numbers; by record, the one that is to stand for it."""
        first = self._unit.counters.take("record_version", len(self._versions))
        active: dict[int, dict[str, Any]] = {}
        for number, (row, said) in enumerate(self._versions, first):
            row |= {"id": number, "received_commit": self._unit.commit_no, "ended_commit": None}
            if row["state"] == "active":
                active[row["record_id"]] = {
                    "record_id": row["record_id"], "version_id": number, "as_of": said.as_of,
                }  # fmt: skip
        return active

    def _write_versions(self, activated: list[dict[str, Any]]) -> None:
        """Write versions, and let some stand for records that there were."""
        flags = [
            {"version_id": row["id"], "seq": seq, **flag._asdict()}
            for row, said in self._versions
            for seq, flag in enumerate(said.flags)
        ]
        self._unit.records.insert_versions([row for row, _ in self._versions])
        self._unit.records.insert_flags(flags)
        self._unit.records.activate(activated)

"""Database rows of judged statements, collected and written table by table."""

from typing import Any

import orjson

from mpi.service.core.index import Index, canonical_key
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.statements.boundary_orders import record_orders
from mpi.service.statements.care_times import write_periods
from mpi.service.statements.correction_records import seal_corrections
from mpi.service.statements.overlay_detection import OVERLAY, REFUSED
from mpi.service.statements.statement import Statement, find_seal_reference
from mpi.service.statements.statement_judgement import EFFECTIVE_OUTCOMES, JudgedStatements, StatementOutcome
from mpi.storage.repositories.sources.boundary_orders import OrderKind
from mpi.storage.repositories.sources.record_assertions import Sighting, SightingKind
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit


class StatementWriter:
    """Collects database rows of statements, then writes them table by table."""

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
        self._refused = unit.record_versions.refused_hashes([numbers[name] for name in judged.overlays])
        self._waiting: list[int] = []
        self._records: list[dict[str, Any]] = []
        self._versions: list[tuple[dict[str, Any], Statement]] = []
        self._ended: list[int] = []
        self._seen: dict[int, str] = {}
        self._sightings: list[Sighting] = []
        self._activated: list[int] = []
        self._canonical_keys: dict[str, int] = {}
        self._sealed: dict[int, Statement] = {}
        self._newly_sealed: set[int] = set()
        self.changed: dict[int, ChangedRecord] = {}
        self.gone: set[int] = set()
        self.doubted: set[int] = set()

    def add(self, statement: Statement, existing: StoredRecord | None) -> None:
        """Collect the database rows of one statement."""
        record_id = self._numbers[statement.local_id]
        outcome = self._judged.outcomes[statement.local_id]
        if existing is not None and existing.overlaid:
            self.doubted.add(record_id)
        if outcome is StatementOutcome.SEALED:
            self._sealed[record_id] = statement
            if existing is None or existing.state != RecordState.SEALED:
                self._newly_sealed.add(record_id)
            self.gone.add(record_id)
        elif outcome in EFFECTIVE_OUTCOMES:
            features = self._judged.features[statement.local_id]
            group = self._source.group_id if existing is None else existing.group_id
            key = None if existing is not None else self._key(statement.local_id)
            self.changed[record_id] = ChangedRecord(group, features, statement.merged_into, key)
        else:
            self._set_aside(record_id, statement, existing, outcome)
            return
        if existing is None:
            self._record(record_id, statement)
        elif existing.version_id is not None:
            self._ended.append(existing.version_id)
        self._version(record_id, statement, "active")
        self._activated.append(record_id)

    def _set_aside(
        self, record_id: int, statement: Statement, existing: StoredRecord | None, outcome: StatementOutcome
    ) -> None:
        """Collect a statement that leaves its record's current version unchanged.

        A refused statement is not stored.
        """
        match outcome:
            case StatementOutcome.UNCHANGED if existing is not None:
                self._unchanged(existing, statement)
            case StatementOutcome.HISTORY:
                version_id = self._unit.record_versions.find_version(
                    record_id, statement.as_of, statement.content_hash
                )
                if version_id is None:
                    self._version(record_id, statement, "history")
                else:
                    self._sight(record_id, statement, version_id)
            case StatementOutcome.HELD:
                self._hold(record_id, statement, existing)
            case _:
                pass

    def _hold(self, record_id: int, statement: Statement, existing: StoredRecord | None) -> None:
        state = "held"
        if statement.local_id in self._judged.overlays:
            refused_hashes = self._refused.get(record_id, {})
            # A person refused this content before: refuse the repetition too.
            state = REFUSED if statement.content_hash in refused_hashes.values() else OVERLAY
            self.doubted.add(record_id)
        if existing is None:
            self._record(record_id, statement, RecordState.HELD)
        elif existing.state == RecordState.WITHDRAWN and state != REFUSED:
            self._waiting.append(record_id)
        self._version(record_id, statement, state)

    def _unchanged(self, existing: StoredRecord, statement: Statement) -> None:
        """Collect the repetition of a record's current version by its source.

        The repetition counts if the load of the first assertion is undone.
        """
        if statement.as_of > existing.last_seen:
            self._seen[existing.id] = statement.as_of
        elif self._batch_id is None and statement.as_of == existing.last_seen:
            # A client repeats a call after a lost answer: once is enough. A load may be undone.
            assertions = self._unit.record_assertions.assertions_about([existing.id])[existing.id]
            repetition = (statement.as_of, existing.version_id, None)
            if any(
                (assertion.as_of, assertion.version_id, assertion.batch_id) == repetition
                for assertion in assertions
            ):
                return
        self._sight(existing.id, statement, existing.version_id)

    def _sight(self, record_id: int, statement: Statement, version_id: int | None) -> None:
        sighting = Sighting(
            record_id=record_id,
            kind=SightingKind.SAME,
            as_of=statement.as_of,
            version_id=version_id,
            batch_id=self._batch_id,
        )
        self._sightings.append(sighting)

    def _record(self, record_id: int, statement: Statement, state: RecordState = RecordState.ACTIVE) -> None:
        self._records.append(
            {
                "id": record_id,
                "source_id": self._source.id,
                "local_id": statement.local_id,
                "group_id": self._source.group_id,
                "subject": statement.subject,
                "state": state.value,
                "canonical_key": self._key(statement.local_id),
                "version_id": None,
                # A held version does not count yet, so that an older one that follows is held too.
                "last_seen": "" if state is RecordState.HELD else statement.as_of,
            }
        )

    def _key(self, local_id: str) -> int:
        """Return and cache the canonical key of a new record."""
        if local_id not in self._canonical_keys:
            self._canonical_keys[local_id] = canonical_key(
                self._index.keyed_hash, self._source.code, local_id
            )
        return self._canonical_keys[local_id]

    def _version(self, record_id: int, statement: Statement, state: str) -> None:
        row = {
            "record_id": record_id,
            "as_of": statement.as_of,
            "batch_id": self._batch_id,
            "state": state,
            "content_hash": statement.content_hash,
            # orjson writes a dataclass as the dict of its fields.
            "issues": orjson.dumps(statement.issues).decode() if statement.issues else "[]",
            "payload": statement.payload,
        }
        self._versions.append((row, statement))

    def flush(self) -> None:
        """Write the collected rows of the statements."""
        records = self._unit.records
        activated = self._number_versions() if self._versions else {}
        for row in self._records:
            if (current_version := activated.pop(row["id"], None)) is not None:
                row["version_id"] = current_version["version_id"]
        records.insert(self._records)
        if self._versions:
            self._write_versions(list(activated.values()))
        self._unit.record_versions.end_versions(self._ended, self._unit.commit_no if self._ended else 0)
        records.update_last_seen(self._seen)
        if self._sightings:
            self._unit.record_assertions.add(self._sightings, self._unit.commit_no)
        records.set_state(self._waiting, RecordState.HELD)
        if self._sealed:
            # What is to be expunged is only sealed until a second person has approved.
            records.set_state(self._sealed, RecordState.SEALED)
            seal_corrections(self._unit, self._sealed)
            references = {
                record_id: find_seal_reference(statement.record)
                for record_id, statement in self._sealed.items()
                if record_id in self._newly_sealed
            }
            record_orders(self._unit, self._index, OrderKind.SEAL, references)

    def _number_versions(self) -> dict[int, dict[str, Any]]:
        """Assign numbers to new record versions; return those that become current."""
        first = self._unit.counters.take("record_version", len(self._versions))
        active: dict[int, dict[str, Any]] = {}
        for version_id, (row, statement) in enumerate(self._versions, first):
            row |= {"id": version_id, "received_commit": self._unit.commit_no, "ended_commit": None}
            if row["state"] == "active":
                active[row["record_id"]] = {
                    "record_id": row["record_id"],
                    "version_id": version_id,
                    "as_of": statement.as_of,
                }
        return active

    def _write_versions(self, activated: list[dict[str, Any]]) -> None:
        """Write new record versions and their flags, and make some current."""
        flags = [
            {"version_id": row["id"], "seq": seq, **flag._asdict()}
            for row, statement in self._versions
            for seq, flag in enumerate(statement.flags)
        ]
        self._unit.record_versions.insert_versions([row for row, _ in self._versions])
        self._unit.record_versions.insert_flags(flags)
        self._write_periods()
        self._unit.records.activate(activated)

    def _write_periods(self) -> None:
        """Write the times in care and in school that new versions state."""
        contents = {row["id"]: statement.payload for row, statement in self._versions}
        write_periods(self._unit, self._index.keyed_hash, self._source, contents)

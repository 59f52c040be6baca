"""Load a file: every row accounted for, all of it in one transaction, or none."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from itertools import islice

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer, permit
from mpi.intake.rows import RejectedRow, SentRow
from mpi.service.context import Index
from mpi.service.guards import Effect, held_because
from mpi.service.letting_in import Door, Heading, Sent, let_in
from mpi.service.receipt import Receipt, count_verdicts, receipt_of
from mpi.service.reindex import Changed, Progress, silent
from mpi.service.resolve import NOTHING, Besides, resolve
from mpi.service.standing import restate
from mpi.service.statements import Verdict, judge, take
from mpi.service.who import who
from mpi.standardize.payload import from_payload
from mpi.storage.repositories.records import RecordState, StoredRecord
from mpi.storage.repositories.sightings import Sighting, SightingKind
from mpi.storage.repositories.sources import Source
from mpi.storage.unit import ReadUnit, WriteUnit

TAKE_ROWS = 20_000
"""Statements written at once."""


class Snapshot(StrEnum):
    """Whether a file holds all of a source's records, or only those that changed."""

    FULL = "full"
    DELTA = "delta"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How to load a file.

    Args:
        snapshot: ``full`` withdraws records that the file lacks; ``delta`` never does.
        as_of: when the file was true at its source; None for the moment of loading.
        confirm: load it even where a guard would hold it.
        digest: hash of the file's content, for the receipt.
    """

    snapshot: Snapshot = Snapshot.DELTA
    as_of: datetime | None = None
    confirm: bool = False
    digest: str = ""


def load(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[SentRow | RejectedRow],
    options: LoadOptions,
    progress: Progress = silent,
) -> Receipt:
    """Load rows of one source.

    Args:
        index: the open index.
        viewer: who loads.
        source_code: the source that the rows are of.
        rows: as ``mpi.intake.read`` gives them; an error while they are read loads nothing.
        options: snapshot, as-of, confirmation.
        progress: told of long steps.

    Returns:
        The receipt; its status is ``loaded`` or ``held``. A held load changed nothing.

    Raises:
        NotFoundError: no such source.
        AccessDenied: the viewer may not load this source.
    """
    permit(viewer, Action.LOAD, source_code)
    with index.database.read(viewer) as unit:
        unit.sources.by_code(source_code)
        last = unit.last_moment()
    # A clock set back must not make what is loaded now look older than what was loaded before.
    moment = options.as_of or max(clock.now(), last)
    with closing(receive_rows(index, viewer, source_code, rows, moment)) as sent:
        receipt = receipt_of(source_code, sent)
        with index.database.write(viewer, "load") as unit:
            source = unit.sources.by_code(source_code)
            _Load(unit, index, source, options, clock.iso(moment)).run(sent, receipt, progress)
    return receipt


def receive_rows(
    index: Index,
    viewer: Viewer,
    source_code: str,
    rows: Iterable[SentRow | RejectedRow],
    moment: datetime,
) -> Sent:
    """Let rows in by the door, and make them comparable; nothing is stored.

    Args:
        index: the open index.
        viewer: who loads.
        source_code: the source that the rows are of.
        rows: as for ``load``.
        moment: as-of of rows that state none.
    """

    def known(local_ids: Sequence[str]) -> Mapping[str, str]:
        with index.database.read(viewer) as unit:
            return unit.records.hashes(source.id, local_ids)

    with index.database.read(viewer) as unit:
        source = unit.sources.by_code(source_code)
        config_id = index.config_id(unit)
        lists, blocking = index.lists_of(unit, config_id).to_text(), index.blocking(unit, config_id)
    door = Door(index.seal, moment, source_code, lists, blocking)
    return let_in(door, rows, known, str(index.home))


class _Load:
    """One load inside its transaction."""

    def __init__(
        self, unit: WriteUnit, index: Index, source: Source, options: LoadOptions, as_of: str
    ) -> None:
        self._unit = unit
        self._index = index
        self._source = source
        self._options = options
        self._as_of = as_of

    def run(self, sent: Sent, receipt: Receipt, progress: Progress) -> None:
        """Carry the load out, or hold it."""
        said = sent.headings
        existing = self._unit.records.of_source(self._source.id)
        full = self._options.snapshot is Snapshot.FULL
        absent = absent_records(existing, sent, self._as_of, receipt) if full else []
        still_gone = withdrawn_records(existing, sent, self._as_of) if full else []
        reason = None
        if not self._options.confirm:
            reason = held_because(effect_of(self._unit, existing, said, len(absent)))
        receipt.batch = self._unit.counters.take("batch")
        if reason is None:
            self._write(sent, existing, absent, receipt, progress)
            self._unit.records.seen({record.id: self._as_of for record in absent + still_gone})
            self._unit.sightings.add(
                (
                    Sighting(record.id, SightingKind.GONE, self._as_of, None, receipt.batch)
                    for record in (lacking_records(existing, sent) if full else ())
                ),
                self._unit.commit_no,
            )
            held = [r.id for r in existing.values() if r.state == RecordState.HELD] if full else []
            restate(self._unit, self._index, held)
        else:
            receipt.status, receipt.held_reason, receipt.held = "held", reason, len(said)
        self._keep(receipt)

    def _write(
        self,
        sent: Sent,
        existing: Mapping[str, StoredRecord],
        absent: list[StoredRecord],
        receipt: Receipt,
        progress: Progress,
    ) -> None:
        changed: dict[int, Changed] = {}
        doubted: set[int] = set()
        gone = {record.id for record in absent}
        waiting = sent.statements()
        while chunk := list(islice(waiting, TAKE_ROWS)):
            known = {s.local_id: existing[s.local_id] for s in chunk if s.local_id in existing}
            taken = take(self._unit, self._index, self._source, chunk, known, receipt.batch)
            count_verdicts(receipt, chunk, known, taken.verdicts)
            changed.update(taken.changed)
            doubted |= taken.doubted
            gone |= taken.gone & {record.id for record in known.values()}
            progress("writing records", len(changed), len(sent.headings))
        self._unit.records.set_state([record.id for record in absent], RecordState.WITHDRAWN)
        receipt.withdrawn = len(absent)
        receipt.received += len(absent)
        besides = Besides(touched=doubted) if doubted else NOTHING
        resolve(self._unit, self._index, changed, gone, "load", progress, besides)

    def _keep(self, receipt: Receipt) -> None:
        self._unit.batches.add(
            {
                "id": receipt.batch,
                "source_id": self._source.id,
                "commit_no": self._unit.commit_no,
                "snapshot": self._options.snapshot.value,
                "status": receipt.status,
                "file_digest": self._options.digest,
                "as_of": self._as_of,
                "held_reason": receipt.held_reason,
            },
            receipt.counts,
        )
        self._unit.batches.reject(
            [
                {"batch_id": receipt.batch, "seq": seq, **asdict(reject)}
                for seq, reject in enumerate(receipt.rejects)
            ]
        )


def absent_records(
    existing: Mapping[str, StoredRecord], sent: Sent, as_of: str, receipt: Receipt
) -> list[StoredRecord]:
    """Active records that a full snapshot lacks, and that its source has not stated since.

    A record whose row was refused is not absent. Where a row had no readable local ID it may be any
    record's, so none is taken for absent, and the receipt says how many were spared.
    """
    absent = _lacking(existing, sent, as_of, RecordState.ACTIVE)
    if sent.nameless:
        receipt.spared = len(absent)
        return []
    return absent


def withdrawn_records(existing: Mapping[str, StoredRecord], sent: Sent, as_of: str) -> list[StoredRecord]:
    """Withdrawn records that a full snapshot lacks as well: their source says again that they are gone.

    Without that, a statement from before the snapshot would bring one back if it came late, and not if it
    came in time.
    """
    return [] if sent.nameless else _lacking(existing, sent, as_of, RecordState.WITHDRAWN)


def lacking_records(existing: Mapping[str, StoredRecord], sent: Sent) -> list[StoredRecord]:
    """Every record that a full snapshot says is gone, also one that its source has stated since."""
    if sent.nameless:
        return []
    return [
        record
        for local_id, record in existing.items()
        if local_id not in sent.headings
        and local_id not in sent.refused
        and record.state != RecordState.SEALED
    ]


def _lacking(
    existing: Mapping[str, StoredRecord], sent: Sent, as_of: str, state: RecordState
) -> list[StoredRecord]:
    return [
        record
        for local_id, record in existing.items()
        if local_id not in sent.headings
        and local_id not in sent.refused
        and record.state == state
        and record.last_seen <= as_of
    ]


def effect_of(
    unit: ReadUnit, existing: Mapping[str, StoredRecord], said: Mapping[str, Heading], absent: int
) -> Effect:
    """What a load would do to its source, for the guards.

    Args:
        unit: the transaction.
        existing: every record of the source.
        said: the headings of the load's statements.
        absent: how many records it would withdraw.
    """
    active = sum(record.state == RecordState.ACTIVE for record in existing.values())
    return Effect(active, absent, _renamed(unit, existing, said))


def _renamed(unit: ReadUnit, existing: Mapping[str, StoredRecord], said: Mapping[str, Heading]) -> int:
    """How many active records would change name or birth date."""
    updated = {
        record.id: said[local_id].who
        for local_id, record in existing.items()
        if local_id in said
        and record.state == RecordState.ACTIVE
        and judge(record, said[local_id]) is Verdict.UPDATED
    }
    old = unit.records.payloads(updated)
    return sum(who(from_payload(old[number][1])) != now for number, now in updated.items() if now is not None)

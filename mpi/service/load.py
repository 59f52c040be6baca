"""Load a file: every row accounted for, all of it in one transaction, or none."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import islice

from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.domain.viewer import Action, Viewer, permit
from mpi.intake.rows import RejectedRow, SentRow
from mpi.service.context import Index
from mpi.service.guards import Effect, held_because
from mpi.service.reindex import Changed, Progress, silent
from mpi.service.resolve import NOTHING, Besides, resolve
from mpi.service.standing import restate
from mpi.service.statements import Statement, Verdict, judge, statement, take
from mpi.service.who import who
from mpi.standardize.door import receive
from mpi.standardize.payload import from_payload
from mpi.standardize.scalars import local_id_of
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


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused row: where and why, never its text."""

    line: int
    offset: int | None
    reason: str
    detail: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The rows of a file, let in by the door.

    Args:
        said: statements by local ID.
        refused: local IDs of rows that the door refused.
        nameless: rows that could not be read so far as to have a local ID.
    """

    said: dict[str, Statement]
    refused: frozenset[str]
    nameless: int


@dataclass(slots=True)
class Receipt:
    """What became of a file.

    ``received`` = created + updated + unchanged + withdrawn + history + superseded + held + rejected: the
    file's rows, and for a full snapshot also the records whose absence it states. ``spared`` are absent
    records that were not withdrawn, because a row that could not be read may be theirs.
    """

    source: str
    status: str = "loaded"
    received: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    withdrawn: int = 0
    history: int = 0
    superseded: int = 0
    held: int = 0
    rejected: int = 0
    held_reason: str | None = None
    spared: int = 0
    batch: int | None = None
    rejects: list[Reject] = field(default_factory=list)
    issues: dict[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """The figures, by name."""
        names = (
            "received", "created", "updated", "unchanged", "withdrawn", "history", "superseded", "held",
            "rejected",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}

    @property
    def adds_up(self) -> bool:
        """Whether every row is accounted for (law 6)."""
        return self.received == sum(n for name, n in self.counts.items() if name != "received")


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
    receipt = Receipt(source_code)
    # A clock set back must not make what is loaded now look older than what was loaded before.
    moment = options.as_of or max(clock.now(), last)
    sent = receive_rows(index, rows, moment, receipt)
    with index.database.write(viewer, "load") as unit:
        source = unit.sources.by_code(source_code)
        _Load(unit, index, source, options, clock.iso(moment)).run(sent, receipt, progress)
    return receipt


def receive_rows(
    index: Index, rows: Iterable[SentRow | RejectedRow], moment: datetime, receipt: Receipt
) -> Sent:
    """Let rows in by the door, and count them; nothing is stored.

    Args:
        index: for the secret that seals SSNs.
        rows: as for ``load``.
        moment: as-of of rows that state none.
        receipt: takes the counts of received, superseded and rejected rows, rejects and issues.

    Returns:
        The statements; of two rows with one local ID the later as-of, then the later row, stays.
    """
    said: dict[str, Statement] = {}
    refused: set[str] = set()
    nameless = 0
    for row in rows:
        receipt.received += 1
        if isinstance(row, RejectedRow):
            receipt.rejects.append(Reject(row.line, row.offset, row.reason, row.detail))
            nameless += 1
            continue
        try:
            came = receive(row.fields, index.seal, moment)
        except RecordError as error:
            receipt.rejects.append(Reject(row.line, row.offset, error.reason, error.detail, error.field))
            if error.field == "local_id":
                nameless += 1
            else:
                refused.add(local_id_of(row.fields.get("local_id")))
            continue
        issues = came.issues + row.issues
        for issue in issues:
            name = f"{issue.field}: {issue.code}"
            receipt.issues[name] = receipt.issues.get(name, 0) + 1
        new = statement(came.record, issues, row.line)
        old = said.get(came.record.local_id)
        if old is not None:
            receipt.superseded += 1
        if old is None or old.as_of <= new.as_of:
            said[came.record.local_id] = new
    receipt.rejected = len(receipt.rejects)
    return Sent(said, frozenset(refused), nameless)


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
        said = sent.said
        existing = self._unit.records.of_source(self._source.id)
        full = self._options.snapshot is Snapshot.FULL
        absent = absent_records(existing, sent, self._as_of, receipt) if full else []
        still_gone = withdrawn_records(existing, sent, self._as_of) if full else []
        reason = None
        if not self._options.confirm:
            reason = held_because(effect_of(self._unit, existing, said, len(absent)))
        receipt.batch = self._unit.counters.take("batch")
        if reason is None:
            self._write(said, existing, absent, receipt, progress)
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
        said: Mapping[str, Statement],
        existing: Mapping[str, StoredRecord],
        absent: list[StoredRecord],
        receipt: Receipt,
        progress: Progress,
    ) -> None:
        changed: dict[int, Changed] = {}
        doubted: set[int] = set()
        gone = {record.id for record in absent}
        waiting = iter(said.values())
        while chunk := list(islice(waiting, TAKE_ROWS)):
            known = {s.local_id: existing[s.local_id] for s in chunk if s.local_id in existing}
            taken = take(self._unit, self._index, self._source, chunk, known, receipt.batch)
            count_verdicts(receipt, chunk, known, taken.verdicts)
            changed.update(taken.changed)
            doubted |= taken.doubted
            gone |= taken.gone & {record.id for record in known.values()}
            progress("writing records", len(changed), len(said))
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


def count_verdicts(
    receipt: Receipt,
    said: Iterable[Statement],
    known: Mapping[str, StoredRecord],
    verdicts: Mapping[str, Verdict],
) -> None:
    """Add what became of statements to the receipt.

    Args:
        receipt: takes the counts, and a reject for each statement that is refused.
        said: the statements.
        known: the records of those local IDs that there were before.
        verdicts: by local ID.
    """
    for one in said:
        match verdicts[one.local_id]:
            case Verdict.CREATED:
                receipt.created += 1
            case Verdict.UPDATED:
                receipt.updated += 1
            case Verdict.SEALED if one.local_id in known:
                receipt.updated += 1
            case Verdict.SEALED:
                receipt.created += 1
            case Verdict.UNCHANGED:
                receipt.unchanged += 1
            case Verdict.HELD:
                receipt.held += 1
            case Verdict.HISTORY:
                receipt.history += 1
            case Verdict.REFUSED:
                receipt.rejects.append(
                    Reject(
                        one.line, None, "sealed", "the record is sealed or expunged: a person must lift it"
                    )
                )
                receipt.rejected += 1


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
        if local_id not in sent.said and local_id not in sent.refused and record.state != RecordState.SEALED
    ]


def _lacking(
    existing: Mapping[str, StoredRecord], sent: Sent, as_of: str, state: RecordState
) -> list[StoredRecord]:
    return [
        record
        for local_id, record in existing.items()
        if local_id not in sent.said
        and local_id not in sent.refused
        and record.state == state
        and record.last_seen <= as_of
    ]


def effect_of(
    unit: ReadUnit, existing: Mapping[str, StoredRecord], said: Mapping[str, Statement], absent: int
) -> Effect:
    """What a load would do to its source, for the guards.

    Args:
        unit: the transaction.
        existing: every record of the source.
        said: the load's statements.
        absent: how many records it would withdraw.
    """
    active = sum(record.state == RecordState.ACTIVE for record in existing.values())
    return Effect(active, absent, _renamed(unit, existing, said))


def _renamed(unit: ReadUnit, existing: Mapping[str, StoredRecord], said: Mapping[str, Statement]) -> int:
    """How many active records would change name or birth date."""
    updated = {
        record.id: said[local_id].record
        for local_id, record in existing.items()
        if local_id in said
        and record.state == RecordState.ACTIVE
        and judge(record, said[local_id]) is Verdict.UPDATED
    }
    old = unit.records.payloads(updated)
    return sum(who(from_payload(old[number][1])) != who(record) for number, record in updated.items())

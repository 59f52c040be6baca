"""Rows of a file let in by the door, on all cores and out of memory.

The first are standardized and given their keys at once; the others while those are written (``meanwhile``).
"""

import pickle
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import IO, NamedTuple

from mpi.domain.errors import RecordError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import CanonicalRecord
from mpi.intake.rows import RejectedRow, SentRow
from mpi.matching.model.blocking_keys import BlockingSpec, keys
from mpi.service.core.comparable_record import Packed
from mpi.service.core.identity_key import who
from mpi.service.statements.statement import SEALS, Heading, Statement, statement
from mpi.standardize.fields.scalars import local_id_of
from mpi.standardize.payload import features_to_bytes
from mpi.standardize.process_pool import spread
from mpi.standardize.record import standardize
from mpi.standardize.record_validation import receive
from mpi.standardize.shared_values import SharedValues, without_shared

BLOCK_ROWS = 500
"""So few that no process is left alone with much of a night's delta when its last rows are dealt."""
EAGER_ROWS = 20_000
"""Rows that are made comparable as they are let in: for those that come first the writing would wait."""
IN_MEMORY_BYTES = 64_000_000
"""What is larger goes into a file without a name, which a kill leaves nothing of."""

HashLookup = Callable[[Sequence[str]], Mapping[str, str]]
"""The hash of what stands for each of a source's local IDs, where something does."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused row: where and why, never its text."""

    line: int
    offset: int | None
    reason: str
    detail: str
    field: str | None = None


class RowBlock(NamedTuple):
    """Some rows on their way to the door.

    Args:
        rows: each with the hash of what stands for its record now; what says the same is not made comparable.
        is_eager: whether the others are, or are left for later.
    """

    rows: Sequence[tuple[SentRow | RejectedRow, str | None]]
    is_eager: bool


class ValidatedBlock(NamedTuple):
    """What became of some rows.

    Args:
        row_count: how many there were.
        pickled: the statements of those that were let in, pickled.
        headings: local ID and heading of each of them, the place counted within the block.
        rejects: of those that were not.
        refused_ids: local IDs of those of them that have one.
        nameless_count: how many of them have none that can be read.
        issues: counts by field and code.
    """

    row_count: int
    pickled: bytes
    headings: list[tuple[str, Heading]]
    rejects: list[Reject]
    refused_ids: list[str]
    nameless_count: int
    issues: dict[str, int]


@dataclass(frozen=True)
class RowValidator:
    """Lets rows in; can be sent to another process.

    Args:
        seal: the index's secret.
        default_as_of: as-of of rows that state none.
        source: the code of their source.
        config_digest: digest of the configuration in force.
        lists_text: the shared values that it lists, as text.
        blocking: the model's, without the keys that the configuration stops.
    """

    seal: KeyedHash
    default_as_of: datetime
    source: str
    config_digest: str
    lists_text: str
    blocking: BlockingSpec

    @cached_property
    def shared(self) -> SharedValues:
        """The shared values."""
        return SharedValues.from_text(self.lists_text)

    def __call__(self, rows: RowBlock) -> ValidatedBlock:
        """Let rows in."""
        block = ValidatedBlock(len(rows.rows), b"", [], [], [], 0, {})
        made: list[Statement] = []
        nameless = 0
        for row, known in rows.rows:
            if isinstance(row, RejectedRow):
                block.rejects.append(Reject(row.line, row.offset, row.reason, row.detail))
                nameless += 1
                continue
            try:
                came = receive(row.fields, self.seal, self.default_as_of)
            except RecordError as error:
                block.rejects.append(Reject(row.line, row.offset, error.reason, error.detail, error.field))
                if error.field == "local_id":
                    nameless += 1
                else:
                    block.refused_ids.append(local_id_of(row.fields.get("local_id")))
                continue
            issues = came.issues + row.issues
            for issue in issues:
                name = f"{issue.field}: {issue.code}"
                block.issues[name] = block.issues.get(name, 0) + 1
            one = statement(came.record, issues, row.line)
            seen = None if known in (None, one.content_hash) else who(came.record)
            news = known != one.content_hash
            heading = Heading(
                one.as_of, one.content_hash, one.sealing, seen, len(made), news and not rows.is_eager
            )
            block.headings.append((one.local_id, heading))
            made.append(one._replace(made=self.pack_record(came.record)) if news and rows.is_eager else one)
        return block._replace(pickled=pickle.dumps(made, pickle.HIGHEST_PROTOCOL), nameless_count=nameless)

    def pack_record(self, record: CanonicalRecord) -> Packed:
        """A record made comparable."""
        features = without_shared(standardize(record, self.source, self.seal), self.shared, self.seal)
        own = array("q", keys(features, self.blocking, self.seal))
        return Packed(features_to_bytes(features), own.tobytes(), self.config_digest)


@dataclass
class ValidatedFile:
    """The rows of a file, let in by the door; closed, nothing of them is left.

    Args:
        validator: it let them in.
        spill: where the statements are.
        headings: of the statements that count, by local ID: of two the one that seals, then the later as-of,
            then the later row.
        latest_as_of: the latest as-of of those that were let in; empty where none was.
        received_count: how many rows there were.
        superseded_count: rows that another of the same local ID takes the place of.
        rejects: rows that were refused.
        refused_ids: their local IDs.
        nameless_count: rows that could not be read so far as to have a local ID.
        issues: counts by field and code.
    """

    validator: RowValidator
    spill: IO[bytes]
    headings: dict[str, Heading] = field(default_factory=dict)
    latest_as_of: str = ""
    received_count: int = 0
    superseded_count: int = 0
    rejects: list[Reject] = field(default_factory=list)
    refused_ids: set[str] = field(default_factory=set)
    nameless_count: int = 0
    issues: dict[str, int] = field(default_factory=dict)
    _blocks: list[tuple[int, int]] = field(default_factory=list)

    def add(self, block: ValidatedBlock) -> None:
        """Take in what became of the next rows."""
        self.received_count += block.row_count
        self.rejects += block.rejects
        self.refused_ids.update(block.refused_ids)
        self.nameless_count += block.nameless_count
        for name, count in block.issues.items():
            self.issues[name] = self.issues.get(name, 0) + count
        first = len(self._blocks) * BLOCK_ROWS
        self._blocks.append((self.spill.tell(), len(block.pickled)))
        self.spill.write(block.pickled)
        self.latest_as_of = max([self.latest_as_of, *(heading.as_of for _, heading in block.headings)])
        for local_id, heading in block.headings:
            old = self.headings.get(local_id)
            self.superseded_count += old is not None
            if old is None or _has_precedence(heading, old):
                self.headings[local_id] = heading._replace(place=first + heading.place)

    def read_statements(self) -> Iterator[Statement]:
        """The statements that count, in the order of their rows."""
        for number, (begin, length) in enumerate(self._blocks):
            self.spill.seek(begin)
            # Written by this process's own workers, and readable by nobody else.
            said: list[Statement] = pickle.loads(self.spill.read(length))  # noqa: S301
            for place, one in enumerate(said, number * BLOCK_ROWS):
                if self.headings[one.local_id].place == place:
                    yield one

    def close(self) -> None:
        """Let go of the statements."""
        self.spill.close()


def _has_precedence(heading: Heading, old: Heading) -> bool:
    """Whether a row counts in place of an earlier one of the same local ID.

    One that seals its record does, and no other in its place: a seal that came in a file of its own would
    hold as well, whatever came before it or after.
    """
    seals, sealed = ((None, *SEALS).index(one.sealing) for one in (heading, old))
    return seals > sealed or (seals == sealed and old.as_of <= heading.as_of)


def validate_rows(
    door: RowValidator, rows: Iterable[SentRow | RejectedRow], known: HashLookup, folder: str
) -> ValidatedFile:
    """Let rows in by the door; nothing is stored.

    Args:
        door: lets them in.
        rows: of a file.
        known: what stands for records now: what says the same again need not be standardized.
        folder: where statements go that are too many for memory; readable by this user only.
    """
    sent = ValidatedFile(door, tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=folder))  # noqa: SIM115 - it closes it
    try:
        for block in spread(door, _split_into_blocks(rows, known)):
            sent.add(block)
    except BaseException:  # whatever ended it, an interrupt too: what was let in goes
        sent.close()
        raise
    return sent


def _split_into_blocks(rows: Iterable[SentRow | RejectedRow], known: HashLookup) -> Iterator[RowBlock]:
    rest, taken = iter(rows), 0
    while some := list(islice(rest, BLOCK_ROWS)):
        yield RowBlock(_attach_hashes(some, known), is_eager=taken < EAGER_ROWS)
        taken += len(some)


def _attach_hashes(
    block: Sequence[SentRow | RejectedRow], known: HashLookup
) -> list[tuple[SentRow | RejectedRow, str | None]]:
    named = [_read_local_id(row) for row in block]
    hashes = known([name for name in named if name is not None])
    return [(row, hashes.get(name or "")) for row, name in zip(block, named, strict=True)]


def _read_local_id(row: SentRow | RejectedRow) -> str | None:
    """The local ID as the door will read it; None where it will not."""
    if isinstance(row, RejectedRow):
        return None
    try:
        return local_id_of(row.fields.get("local_id"))
    except RecordError:
        return None

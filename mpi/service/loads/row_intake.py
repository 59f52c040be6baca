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
from mpi.intake.rows import RejectedRow, CanonicalRow
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

    rows: Sequence[tuple[CanonicalRow | RejectedRow, str | None]]
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

    def __call__(self, row_block: RowBlock) -> ValidatedBlock:
        """Let rows in."""
        block = ValidatedBlock(len(row_block.rows), b"", [], [], [], 0, {})
        statements: list[Statement] = []
        nameless_count = 0
        for row, stored_hash in row_block.rows:
            if isinstance(row, RejectedRow):
                block.rejects.append(Reject(row.line, row.offset, row.reason, row.detail))
                nameless_count += 1
                continue
            try:
                received = receive(row.fields, self.seal, self.default_as_of)
            except RecordError as error:
                block.rejects.append(Reject(row.line, row.offset, error.reason, error.detail, error.field))
                if error.field == "local_id":
                    nameless_count += 1
                else:
                    block.refused_ids.append(local_id_of(row.fields.get("local_id")))
                continue
            issues = received.issues + row.issues
            for issue in issues:
                name = f"{issue.field}: {issue.code}"
                block.issues[name] = block.issues.get(name, 0) + 1
            prepared = statement(received.record, issues, row.line)
            identity = None if stored_hash in (None, prepared.content_hash) else who(received.record)
            is_new = stored_hash != prepared.content_hash
            heading = Heading(
                prepared.as_of,
                prepared.content_hash,
                prepared.sealing,
                identity,
                len(statements),
                is_new and not row_block.is_eager,
            )
            block.headings.append((prepared.local_id, heading))
            statements.append(
                prepared._replace(made=self.pack_record(received.record))
                if is_new and row_block.is_eager
                else prepared
            )
        return block._replace(
            pickled=pickle.dumps(statements, pickle.HIGHEST_PROTOCOL), nameless_count=nameless_count
        )

    def pack_record(self, record: CanonicalRecord) -> Packed:
        """A record made comparable."""
        features = without_shared(standardize(record, self.source, self.seal), self.shared, self.seal)
        blocking_keys = array("q", keys(features, self.blocking, self.seal))
        return Packed(features_to_bytes(features), blocking_keys.tobytes(), self.config_digest)


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
            earlier = self.headings.get(local_id)
            self.superseded_count += earlier is not None
            if earlier is None or _has_precedence(heading, earlier):
                self.headings[local_id] = heading._replace(place=first + heading.place)

    def read_statements(self) -> Iterator[Statement]:
        """The statements that count, in the order of their rows."""
        for block_number, (offset, length) in enumerate(self._blocks):
            self.spill.seek(offset)
            # Written by this process's own workers, and readable by nobody else.
            statements: list[Statement] = pickle.loads(self.spill.read(length))  # noqa: S301
            for position, statement in enumerate(statements, block_number * BLOCK_ROWS):
                if self.headings[statement.local_id].place == position:
                    yield statement

    def close(self) -> None:
        """Let go of the statements."""
        self.spill.close()


def _has_precedence(heading: Heading, earlier: Heading) -> bool:
    """Whether a row counts in place of an earlier one of the same local ID.

    One that seals its record does, and no other in its place: a seal that came in a file of its own would
    hold as well, whatever came before it or after.
    """
    severity, earlier_severity = ((None, *SEALS).index(one.sealing) for one in (heading, earlier))
    return severity > earlier_severity or (severity == earlier_severity and earlier.as_of <= heading.as_of)


def validate_rows(
    validator: RowValidator, rows: Iterable[CanonicalRow | RejectedRow], read_hashes: HashLookup, folder: str
) -> ValidatedFile:
    """Let rows in by the door; nothing is stored.

    Args:
        validator: lets them in.
        rows: of a file.
        read_hashes: what stands for records now: what says the same again need not be standardized.
        folder: where statements go that are too many for memory; readable by this user only.
    """
    file = ValidatedFile(validator, tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=folder))  # noqa: SIM115 - it closes it
    try:
        for block in spread(validator, _split_into_blocks(rows, read_hashes)):
            file.add(block)
    except BaseException:  # whatever ended it, an interrupt too: what was let in goes
        file.close()
        raise
    return file


def _split_into_blocks(rows: Iterable[CanonicalRow | RejectedRow], read_hashes: HashLookup) -> Iterator[RowBlock]:
    remaining, row_count = iter(rows), 0
    while block := list(islice(remaining, BLOCK_ROWS)):
        yield RowBlock(_attach_hashes(block, read_hashes), is_eager=row_count < EAGER_ROWS)
        row_count += len(block)


def _attach_hashes(
    block: Sequence[CanonicalRow | RejectedRow], read_hashes: HashLookup
) -> list[tuple[CanonicalRow | RejectedRow, str | None]]:
    local_ids = [_read_local_id(row) for row in block]
    hashes = read_hashes([local_id for local_id in local_ids if local_id is not None])
    return [(row, hashes.get(local_id or "")) for row, local_id in zip(block, local_ids, strict=True)]


def _read_local_id(row: CanonicalRow | RejectedRow) -> str | None:
    """The local ID as the door will read it; None where it will not."""
    if isinstance(row, RejectedRow):
        return None
    try:
        return local_id_of(row.fields.get("local_id"))
    except RecordError:
        return None

"""Validate and standardize a file's rows in parallel processes.

The statements are spilled to disk where they exceed memory. The first rows are standardized and get their
blocking keys at once; the others while the first are written (``standardize_pool``).
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
from mpi.domain.tuning import DEFAULT_TUNING, LoadTuning
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.totals_row import TOTALS_ROW
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.core.name_and_birth_key import identity_key
from mpi.service.statements.seal_rights import refuse_forbidden_seals
from mpi.service.statements.statement import SEAL_KINDS, Statement, StatementHeading, build_statement
from mpi.standardize.fields.scalars import parse_local_id
from mpi.standardize.process_pool import map_chunks
from mpi.standardize.quality.declared_rules import DeclaredRule, find_rule_issues
from mpi.standardize.record_validation import validate_record
from mpi.standardize.serialization import features_to_bytes
from mpi.standardize.shared_values import SharedValues, drop_shared_values
from mpi.standardize.standardizer import standardize

IN_MEMORY_BYTES = 64_000_000
"""Bytes of statements above which they are spilled to an unnamed file.

A killed process leaves nothing of an unnamed file.
"""

HashLookup = Callable[[Sequence[str]], Mapping[str, str]]
"""Function that returns the stored content hashes of local IDs."""


@dataclass(frozen=True, slots=True)
class Reject:
    """Refused row of a file: line and reason, never its text.

    ``local_id`` is the row's local ID where it could be read, and ``file`` the file's name where several are
    loaded as one. Both are for the rejects file of the one who loads; the log of loads keeps local IDs alone.
    """

    line: int
    offset: int | None
    reason: str
    detail: str
    field: str | None = None
    local_id: str | None = None
    file: str = ""


class RowBlock(NamedTuple):
    """Block of a file's rows, to be validated by one process.

    Args:
        rows: each row with the stored content hash of its record; an unchanged record is not standardized.
        is_eager: whether changed records are standardized at once.
    """

    rows: Sequence[tuple[CanonicalRow | RejectedRow, str | None]]
    is_eager: bool


class ValidatedBlock(NamedTuple):
    """Result of validating one block of a file's rows.

    Args:
        row_count: number of rows in the block.
        pickled: the pickled statements of accepted rows.
        headings: local ID, place and precedence data of each statement; the place is counted within the
            block.
        rejects: the refused rows.
        refused_ids: local IDs of the refused rows that have one.
        nameless_count: number of rows without a readable local ID.
        issues: counts of quality issues by field and code.
    """

    row_count: int
    pickled: bytes
    headings: list[tuple[str, StatementHeading]]
    rejects: list[Reject]
    refused_ids: list[str]
    nameless_count: int
    issues: dict[str, int]


@dataclass(frozen=True)
class RowValidator:
    """Validator of a source's rows; can be sent to another process.

    Args:
        keyed_hash: keyed hash under the index's secret.
        default_as_of: as-of of rows that state none.
        source: code of the source.
        config_digest: digest of the configuration in force.
        lists_text: the configuration's lists of shared values, as text.
        blocking: the model's blocking rules, without the keys that the configuration stops.
        forbidden_seals: kinds of seal that the caller may not set; a row with one is refused.
        declared_rules: rules about values; a broken one is a quality issue.
    """

    keyed_hash: KeyedHash
    default_as_of: datetime
    source: str
    config_digest: str
    lists_text: str
    blocking: BlockingSpec
    forbidden_seals: frozenset[str] = frozenset()
    declared_rules: tuple[DeclaredRule, ...] = ()

    @cached_property
    def shared(self) -> SharedValues:
        """The configuration's lists of shared values, which many people have in common."""
        return SharedValues.from_text(self.lists_text)

    def __call__(self, row_block: RowBlock) -> ValidatedBlock:
        """Validate a block of rows.

        Args:
            row_block: the rows with the stored hashes of their records.
        """
        block = ValidatedBlock(
            row_count=len(row_block.rows),
            pickled=b"",
            headings=[],
            rejects=[],
            refused_ids=[],
            nameless_count=0,
            issues={},
        )
        statements: list[Statement] = []
        nameless_count = 0
        for row, stored_hash in row_block.rows:
            if isinstance(row, RejectedRow):
                block.rejects.append(
                    Reject(row.line, row.offset, row.reason, row.detail, None, row.local_id, row.file)
                )
                if row.local_id is not None:
                    block.refused_ids.append(row.local_id)
                elif row.reason != TOTALS_ROW:
                    nameless_count += 1
                continue
            try:
                received = validate_record(row.fields, self.keyed_hash, self.default_as_of)
                refuse_forbidden_seals(received.record, self.forbidden_seals)
            except RecordError as error:
                local_id = None
                if error.field == "local_id":
                    nameless_count += 1
                else:
                    local_id = parse_local_id(row.fields.get("local_id"))
                    block.refused_ids.append(local_id)
                block.rejects.append(
                    Reject(row.line, row.offset, error.reason, error.detail, error.field, local_id, row.file)
                )
                continue
            broken = find_rule_issues(received.record, self.declared_rules)
            issues = (*received.issues, *row.issues, *broken)
            for issue in issues:
                name = f"{issue.field}: {issue.code}"
                block.issues[name] = block.issues.get(name, 0) + 1
            prepared = build_statement(received.record, issues, row.line)
            is_new = stored_hash != prepared.content_hash
            heading = StatementHeading(
                as_of=prepared.as_of,
                content_hash=prepared.content_hash,
                seal_kind=prepared.seal_kind,
                identity_key=identity_key(received.record) if is_new and stored_hash is not None else None,
                row_number=len(statements),
                needs_standardizing=is_new and not row_block.is_eager,
            )
            block.headings.append((prepared.local_id, heading))
            if is_new and row_block.is_eager:
                prepared = prepared._replace(comparable=self.pack_record(received.record))
            statements.append(prepared)
        return block._replace(
            pickled=pickle.dumps(statements, pickle.HIGHEST_PROTOCOL), nameless_count=nameless_count
        )

    def pack_record(self, record: CanonicalRecord) -> PackedRecord:
        """Standardize a record and compute its blocking keys.

        Args:
            record: a valid canonical record.
        """
        features = drop_shared_values(
            standardize(record, self.source, self.keyed_hash), self.shared, self.keyed_hash
        )
        blocking_keys = array("q", compute_keys(features, self.blocking, self.keyed_hash))
        return PackedRecord(features_to_bytes(features), blocking_keys.tobytes(), self.config_digest)


@dataclass
class ValidatedFile:
    """Validated rows of a file; closing deletes their temporary file.

    Args:
        validator: validated the rows.
        spill: temporary file that holds the pickled statements.
        tuning: number of rows that are validated, and that are standardized, at once.
        headings: heading of the statement that counts for each local ID. Of two, the one that seals counts,
            then the later as-of, then the later row.
        latest_as_of: latest as-of of accepted rows; empty if there is none.
        received_count: number of rows.
        superseded_count: number of rows replaced by another row with an equal local ID.
        rejects: the refused rows.
        refused_ids: local IDs of the refused rows.
        nameless_count: number of rows without a readable local ID.
        issues: counts of quality issues by field and code.
    """

    validator: RowValidator
    spill: IO[bytes]
    tuning: LoadTuning
    headings: dict[str, StatementHeading] = field(default_factory=dict)
    latest_as_of: str = ""
    received_count: int = 0
    superseded_count: int = 0
    rejects: list[Reject] = field(default_factory=list)
    refused_ids: set[str] = field(default_factory=set)
    nameless_count: int = 0
    issues: dict[str, int] = field(default_factory=dict)
    _blocks: list[tuple[int, int]] = field(default_factory=list)

    def add(self, block: ValidatedBlock) -> None:
        """Add the next validated block to the file.

        Args:
            block: the result for the rows that follow those added before.
        """
        self.received_count += block.row_count
        self.rejects += block.rejects
        self.refused_ids.update(block.refused_ids)
        self.nameless_count += block.nameless_count
        for name, count in block.issues.items():
            self.issues[name] = self.issues.get(name, 0) + count
        first_place = len(self._blocks) * self.tuning.block_rows
        self._blocks.append((self.spill.tell(), len(block.pickled)))
        self.spill.write(block.pickled)
        self.latest_as_of = max([self.latest_as_of, *(heading.as_of for _, heading in block.headings)])
        for local_id, heading in block.headings:
            earlier = self.headings.get(local_id)
            self.superseded_count += earlier is not None
            if earlier is None or _has_precedence(heading, earlier):
                self.headings[local_id] = heading._replace(row_number=first_place + heading.row_number)

    def read_statements(self) -> Iterator[Statement]:
        """Yield the file's valid statements, one a local ID, in row order."""
        for block_number, (offset, length) in enumerate(self._blocks):
            self.spill.seek(offset)
            statements: list[Statement] = pickle.loads(self.spill.read(length))  # noqa: S301 - written by this process
            for position, statement in enumerate(statements, block_number * self.tuning.block_rows):
                heading = self.headings.get(statement.local_id)
                if heading is not None and heading.row_number == position:
                    yield statement

    def drop(self, local_ids: Iterable[str]) -> int:
        """Drop the statements of some local IDs.

        Returns:
            The number of statements that were dropped.
        """
        return sum(self.headings.pop(local_id, None) is not None for local_id in local_ids)

    def close(self) -> None:
        """Delete the temporary file of the validated statements."""
        self.spill.close()


def _has_precedence(heading: StatementHeading, earlier: StatementHeading) -> bool:
    """Return whether a row replaces an earlier row with its local ID.

    A row that seals its record is never replaced by one that does not: a seal in a file of its own would
    hold, whatever came before or after.
    """
    severity, earlier_severity = (
        (None, *SEAL_KINDS).index(row_heading.seal_kind) for row_heading in (heading, earlier)
    )
    return severity > earlier_severity or (severity == earlier_severity and earlier.as_of <= heading.as_of)


def validate_rows(
    validator: RowValidator,
    rows: Iterable[CanonicalRow | RejectedRow],
    read_hashes: HashLookup,
    folder: str,
    tuning: LoadTuning = DEFAULT_TUNING.load,
) -> ValidatedFile:
    """Validate a file's rows in parallel without storing them.

    Args:
        validator: validates blocks of rows in other processes.
        rows: the rows of a file.
        read_hashes: returns the stored content hash of each local ID; unchanged records are not standardized.
        folder: folder for statements that exceed memory, readable by this user only.
        tuning: rows of a block, and rows that are standardized at once.

    Returns:
        The validated file, which the caller closes.
    """
    spill = tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=folder)  # noqa: SIM115 - ``ValidatedFile.close`` closes the spill
    file = ValidatedFile(validator, spill, tuning)
    try:
        for block in map_chunks(validator, _split_into_blocks(rows, read_hashes, tuning)):
            file.add(block)
    except BaseException:  # including an interrupt: delete the spill
        file.close()
        raise
    return file


def _split_into_blocks(
    rows: Iterable[CanonicalRow | RejectedRow], read_hashes: HashLookup, tuning: LoadTuning
) -> Iterator[RowBlock]:
    """Yield a file's rows in blocks, with their records' stored hashes."""
    remaining, row_count = iter(rows), 0
    while block := list(islice(remaining, tuning.block_rows)):
        yield RowBlock(_attach_hashes(block, read_hashes), is_eager=row_count < tuning.eager_rows)
        row_count += len(block)


def _attach_hashes(
    block: Sequence[CanonicalRow | RejectedRow], read_hashes: HashLookup
) -> list[tuple[CanonicalRow | RejectedRow, str | None]]:
    """Pair each row with the stored content hash of its record."""
    local_ids = [_read_local_id(row) for row in block]
    hashes = read_hashes([local_id for local_id in local_ids if local_id is not None])
    return [(row, hashes.get(local_id or "")) for row, local_id in zip(block, local_ids, strict=True)]


def _read_local_id(row: CanonicalRow | RejectedRow) -> str | None:
    """Return a row's local ID as validated, or None if invalid."""
    if isinstance(row, RejectedRow):
        return None
    try:
        return parse_local_id(row.fields.get("local_id"))
    except RecordError:
        return None

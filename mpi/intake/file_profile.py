"""Counts and value shapes of a file's canonical fields, for dry runs.

A profile holds no value of anybody's record.
"""

import re
from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from heapq import heappush, heappushpop

import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain.errors import RecordError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import SENT_FIELDS, QualityIssue
from mpi.intake.column_use import ColumnUse, SetAsideCounter
from mpi.intake.reader import FileRows
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.standardize.fields.dates import PARTIAL_DATE
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.record_validation import validate_record

_SKETCH_SIZE = 1_024
_MAX_SHAPES = 200
_SHOWN_SHAPES = 3
_MAX_BIRTH_DATES = 100_000
_HASH_RANGE = 2**64

_DIGIT = re.compile(r"\d")
_LETTERS = re.compile(r"[^\W\d_]+")
_SHAPE_LENGTH = 32


@dataclass(frozen=True, slots=True)
class FieldProfile:
    """Counts and shapes of one canonical field's values over a file.

    Args:
        name: the field.
        filled: rows that have a value.
        distinct: different values; an estimate (3 % standard error) above 1,024.
        shapes: the commonest shapes with their rows: ``a`` for a run of letters, ``9`` for each digit,
            ``list of 2``.
        is_estimate: whether ``distinct`` is an estimate.
    """

    name: str
    filled: int
    distinct: int
    shapes: tuple[tuple[str, int], ...]
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class FileProfile:
    """Counts of rows that loading a file would accept and reject.

    Args:
        rows: rows of the file that the mapping selects.
        accepted: rows that pass validation.
        passed_over: rows that the mapping's ``where`` leaves out.
        rejects: reason (``local_id: missing``, ``wrong-field-count``) and rows; accepted and rejects
            add up to ``rows``.
        issues: field, quality code and rows.
        fields: every field that has a value in some row.
        columns: every field that has a value or an issue, with its values that are set aside: they are not
            compared, though their rows are accepted.
        repeated_local_ids: rows whose local ID another row has too, the first of each not counted.
        commonest_birth_date: rows with the commonest birth date.
        commonest_birth_date_line: first line with that date.
    """

    rows: int
    accepted: int
    passed_over: int
    rejects: tuple[tuple[str, int], ...]
    issues: tuple[tuple[str, str, int], ...]
    fields: tuple[FieldProfile, ...]
    columns: tuple[ColumnUse, ...]
    repeated_local_ids: int
    commonest_birth_date: int
    commonest_birth_date_line: int | None

    @property
    def rejected(self) -> int:
        """Number of rows that loading the file would reject."""
        return self.rows - self.accepted


def profile_file(rows: FileRows, keyed_hash: KeyedHash, received_at: datetime) -> FileProfile:
    """Read a whole file, as a load would, and return its profile.

    Arguments and errors as for ``profile_rows``.
    """
    profile = profile_rows(rows, keyed_hash, received_at)
    return replace(profile, passed_over=rows.skipped_rows)


def profile_rows(
    rows: Iterable[CanonicalRow | RejectedRow], keyed_hash: KeyedHash, received_at: datetime
) -> FileProfile:
    """Read all rows, as a load would, and return their profile.

    Memory is bounded but for eight bytes a row, by which repeated local IDs are counted exactly.

    Args:
        rows: the rows of a file.
        keyed_hash: the keyed hash of the index.
        received_at: the present time.

    Raises:
        FileError: the rest of the file cannot be read.
    """
    counter = _FileCounter(keyed_hash)
    for row in rows:
        if isinstance(row, RejectedRow):
            counter.count_reject(row.reason)
        else:
            counter.count_fields(row)
            _count_validation(row, counter, keyed_hash, received_at)
    return counter.build_profile()


def _count_validation(
    row: CanonicalRow, counter: "_FileCounter", keyed_hash: KeyedHash, received_at: datetime
) -> None:
    """Validate a row; count its acceptance or rejection, and its issues."""
    try:
        validated = validate_record(row.fields, keyed_hash, received_at)
    except RecordError as error:
        counter.count_reject(f"{error.field}: {error.reason}")
        return
    counter.accepted += 1
    # Both may complain of one date; a row counts once for each complaint.
    for issue in dict.fromkeys((*row.issues, *validated.issues)):
        counter.issues[issue.field, issue.code] += 1
    counter.count_set_aside(row, validated.issues)


@dataclass(slots=True)
class _FieldCounter:
    """Counter of one canonical field's rows, shapes and distinct values.

    The smallest hashes of the values estimate the number of distinct ones (K-minimum-values sketch).
    """

    filled: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    negated_hashes: list[int] = field(default_factory=list)
    smallest_hashes: set[int] = field(default_factory=set)

    def count_value(self, shape: str, hashed: int) -> None:
        """Count one value of the field by its shape and hash."""
        self.filled += 1
        if shape in self.shapes or len(self.shapes) < _MAX_SHAPES:
            self.shapes[shape] += 1
        if hashed in self.smallest_hashes:
            return
        if len(self.smallest_hashes) < _SKETCH_SIZE:
            heappush(self.negated_hashes, -hashed)
        elif hashed < -self.negated_hashes[0]:
            self.smallest_hashes.discard(-heappushpop(self.negated_hashes, -hashed))
        else:
            return
        self.smallest_hashes.add(hashed)

    @property
    def is_estimate(self) -> bool:
        """Whether there are more values than are counted exactly."""
        return len(self.smallest_hashes) >= _SKETCH_SIZE

    def estimate_distinct(self) -> int:
        """Estimate the number of distinct values of the field."""
        if len(self.smallest_hashes) < _SKETCH_SIZE:
            return len(self.smallest_hashes)
        estimate = round((_SKETCH_SIZE - 1) * _HASH_RANGE / (1 - self.negated_hashes[0]))
        return min(estimate, self.filled)


class _FileCounter:
    """Counters of a file's rows while it is read."""

    def __init__(self, seal: KeyedHash) -> None:
        self._seal = seal
        self.accepted = 0
        self.issues: Counter[tuple[str, str]] = Counter()
        self._rejects: Counter[str] = Counter()
        self._fields: dict[str, _FieldCounter] = {}
        self._local_ids = array("q")
        self._dates: Counter[int] = Counter()
        self._date_lines: dict[int, int] = {}
        self._set_aside: dict[str, SetAsideCounter] = {}
        self._unread: Counter[str] = Counter()

    def count_reject(self, reason: str) -> None:
        self._rejects[reason] += 1

    def count_fields(self, row: CanonicalRow) -> None:
        """Count the values of a row's fields."""
        for name, value in row.fields.items():
            hashed = self._seal.to_int64("profile", str(value))
            field_counter = self._fields.setdefault(name, _FieldCounter())
            field_counter.count_value(_describe_shape(value), hashed + _HASH_RANGE // 2)
            if name == "local_id":
                self._local_ids.append(hashed)
            elif name == "birth_date" and (hashed in self._dates or len(self._dates) < _MAX_BIRTH_DATES):
                self._dates[hashed] += 1
                self._date_lines.setdefault(hashed, row.line)

    def count_set_aside(self, row: CanonicalRow, issues: Iterable[QualityIssue]) -> None:
        """Count the values of an accepted row that are not compared.

        A value that the mapping could not read is not in the row: its shape is unknown, and it counts first.
        """
        reasons = {issue.field: issue.code for issue in reversed(tuple(issues)) if issue.code != PARTIAL_DATE}
        unread = {issue.field: issue.code for issue in reversed(row.issues)}
        self._unread.update(unread.keys())
        reasons |= unread
        for name, reason in reasons.items():
            self._set_aside.setdefault(name, SetAsideCounter()).add(reason, row.fields.get(name))

    def _list_columns(self) -> tuple[ColumnUse, ...]:
        """Return the use of each column's values."""
        columns = []
        for name in sorted({*self._fields, *self._set_aside}, key=_order_field):
            values = self._set_aside[name].list_values() if name in self._set_aside else ()
            columns.append(ColumnUse(name, self._count_filled(name) + self._unread[name], values))
        return tuple(columns)

    def _count_filled(self, name: str) -> int:
        """Count the rows that fill a field or its flat columns."""
        names = (name, *FLAT_COLUMNS.get(name, ()))
        return max(self._fields[field].filled if field in self._fields else 0 for field in names)

    def build_profile(self) -> FileProfile:
        """Return the profile of the file's rows counted so far."""
        commonest_dates = self._dates.most_common(1)
        ids = pa.array(self._local_ids, pa.int64())
        return FileProfile(
            rows=self.accepted + self._rejects.total(),
            accepted=self.accepted,
            passed_over=0,
            rejects=tuple(sorted(self._rejects.items())),
            issues=tuple((name, code, n) for (name, code), n in sorted(self.issues.items())),
            fields=tuple(
                FieldProfile(
                    name,
                    field_counter.filled,
                    field_counter.estimate_distinct(),
                    _list_common_shapes(field_counter.shapes),
                    field_counter.is_estimate,
                )
                for name in SENT_FIELDS
                if (field_counter := self._fields.get(name)) is not None
            ),
            columns=self._list_columns(),
            repeated_local_ids=len(ids) - pc.count_distinct(ids).as_py(),
            commonest_birth_date=commonest_dates[0][1] if commonest_dates else 0,
            commonest_birth_date_line=self._date_lines[commonest_dates[0][0]] if commonest_dates else None,
        )


def _order_field(name: str) -> tuple[int, str]:
    """Return the sort key of a field: canonical order, other names last."""
    return (SENT_FIELDS.index(name) if name in SENT_FIELDS else len(SENT_FIELDS)), name


def _describe_shape(value: object) -> str:
    """Return the shape of a value, such as ``a 9999``."""
    if isinstance(value, list):
        return f"list of {len(value)}"
    return _LETTERS.sub("a", _DIGIT.sub("9", str(value)[:_SHAPE_LENGTH]))


def _list_common_shapes(shapes: Counter[str]) -> tuple[tuple[str, int], ...]:
    """Return the commonest shapes of values with their numbers of rows."""
    ranked = sorted(shapes.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ranked[:_SHOWN_SHAPES])

"""Types of rows that file readers yield."""

from collections.abc import Sequence
from dataclasses import dataclass

from mpi.domain.record import QualityIssue


@dataclass(frozen=True, slots=True)
class CanonicalRow:
    """One row of a file under canonical field names, before validation.

    Args:
        line: line of the file on which the row begins, from 1 and counting the header; in Parquet,
            which has no lines, the row's number.
        offset: byte at which the row begins, where the format has one.
        fields: values as ``mpi.standardize.record_validation.validate_record`` takes them; a field that the
            row leaves empty is not there.
        issues: what the mapping could not read, such as ``unknown-code``.
        file: name of the row's file, where several are loaded as one; else empty.
    """

    line: int
    offset: int | None
    fields: dict[str, object]
    issues: tuple[QualityIssue, ...] = ()
    file: str = ""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """One row of a file that cannot be read, with the reason.

    Args:
        line: as in ``CanonicalRow``.
        offset: as in ``CanonicalRow``.
        reason: stable code: ``wrong-field-count``, ``field-too-large``, ``nul-byte``, ``invalid-utf8``,
            ``invalid-encoding``, ``unterminated-quote``, ``malformed-csv``, ``malformed-json``,
            ``unreadable-value``, ``not-an-object``, ``unknown-column``, ``empty-row``, ``totals-row``.
        detail: one sentence for a person, without any text of the row.
        local_id: the row's local ID, where it could be read.
        file: as in ``CanonicalRow``.
    """

    line: int
    offset: int | None
    reason: str
    detail: str
    local_id: str | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as its file holds it, before a mapping.

    Args:
        line: as in ``CanonicalRow``.
        offset: as in ``CanonicalRow``.
        number: the row's number among the file's rows, from 1, rejected ones counted, header not.
        values: one for each column of the file, in their order.
    """

    line: int
    offset: int | None
    number: int
    values: Sequence[object]

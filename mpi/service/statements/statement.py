"""A statement: what a source says about one record, prepared for judging and for the store."""

from typing import NamedTuple

from mpi.domain.record import CanonicalRecord, Flag, QualityIssue
from mpi.service.core.comparable_record import PackedRecord
from mpi.standardize.address.addresses import is_confidential
from mpi.standardize.fields.dates import is_future, parse_date, to_iso_day
from mpi.standardize.payload import record_from_bytes, to_payload_and_hash

SEAL_KINDS = ("sealed", "expunged")
"""Kinds of restriction that seal a record, the weaker first."""
_END_OF_TIME = "9999-12-31"


class Statement(NamedTuple):
    """One record as received; its ``as_of`` is set.

    Args:
        local_id: the record's key at its source.
        as_of: when it was true at its source.
        content_hash: of what it states, and of what its dates mean at its as-of.
        payload: the record, as ``to_payload`` writes it.
        issues: what its source should look at.
        flags: the record's flags.
        subject: the person of its source's own that it is about.
        merged_into: the record that its source merged it into.
        seal_kind: ``sealed`` or ``expunged`` where such a restriction is in force at the statement's own time.
        line_number: line of the file that it came from; 0 where it came alone.
        comparable: the record made comparable, where that was done already.
    """

    local_id: str
    as_of: str
    content_hash: str
    payload: bytes
    issues: tuple[QualityIssue, ...]
    flags: tuple[Flag, ...]
    subject: str | None
    merged_into: str | None
    seal_kind: str | None
    line_number: int = 0
    comparable: PackedRecord | None = None

    @property
    def record(self) -> CanonicalRecord:
        """What the source says."""
        return record_from_bytes(self.payload)


def build_statement(
    record: CanonicalRecord,
    issues: tuple[QualityIssue, ...],
    line_number: int = 0,
    comparable: PackedRecord | None = None,
) -> Statement:
    """Prepare a record that came through the door."""
    payload, digest = to_payload_and_hash(record)
    return Statement(
        record.local_id,
        record.as_of or "",
        digest + _date_marks(record),
        payload,
        issues,
        record.flags,
        record.subject,
        record.merged_into,
        find_seal_kind(record),
        line_number,
        comparable,
    )


def find_seal_kind(record: CanonicalRecord) -> str | None:
    """``sealed`` or ``expunged`` where such a restriction is in force at the statement's own time.

    A date that cannot be read bars nothing from holding: the restriction counts as begun, and as not ended.
    """
    if not record.restrictions:
        return None
    day = (record.as_of or "")[:10]
    kinds = {
        restriction.kind
        for restriction in record.restrictions
        if restriction.kind in SEAL_KINDS
        and (to_iso_day(restriction.begin) or day) <= day < (to_iso_day(restriction.end) or _END_OF_TIME)
    }
    return max(kinds, key=SEAL_KINDS.index) if kinds else None


def _date_marks(record: CanonicalRecord) -> str:
    """What standardizing reads into the record because of its as-of; mostly nothing.

    Restated when a birth date no longer lies ahead, or a bar on its addresses has ended, a record means
    something else though it says the same: it must count as another statement.
    """
    as_of = record.as_of or ""
    births = [text for text in (record.birth_date, *record.previous_birth_dates) if text]
    ahead = ["1" if as_of and is_future(parse_date(text), as_of) else "0" for text in births]
    marks = [f"+ahead{''.join(ahead)}"] if "1" in ahead else []
    if is_confidential(record):
        marks.append("+confidential")
    return "".join(marks)


class StatementHeading(NamedTuple):
    """What is kept at hand of each statement.

    Args:
        as_of: when it was true at its source.
        content_hash: of what it states.
        seal_kind: as ``Statement`` has it.
        identity_key: name and birth date, where something else stands for the record.
        row_number: of the statement among the rows.
        needs_standardizing: whether it is still to be made comparable.
    """

    as_of: str
    content_hash: str
    seal_kind: str | None
    identity_key: tuple[object, ...] | None
    row_number: int
    needs_standardizing: bool = False

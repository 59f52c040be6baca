"""A source's statement about one record, ready for storage."""

from hashlib import blake2b
from typing import NamedTuple

from mpi.domain.record import EXPUNGE_MARK, CanonicalRecord, Flag, QualityIssue, Restriction
from mpi.service.core.comparable_record import PackedRecord
from mpi.standardize.address.addresses import is_address_confidential
from mpi.standardize.fields.codes import RESTRICTION_KINDS
from mpi.standardize.fields.dates import is_future, parse_birth_date, to_iso_day
from mpi.standardize.quality.declared_rules import RULE_PREFIX
from mpi.standardize.serialization import record_from_bytes, to_payload_and_hash

SEALED, EXPUNGED = "sealed", "expunged"
SEAL_KINDS = (SEALED, EXPUNGED)
"""Kinds of restriction that seal a record, weaker first."""
CARRIED_KINDS = RESTRICTION_KINDS - frozenset(SEAL_KINDS)
"""Kinds of restriction that stay in force if a later version leaves them out.

A seal needs no such rule: once it is in force, no later version is accepted.
"""
_CONFIDENTIAL_MARK, _RESTRICTED_MARK = "+confidential", "+restricted"
_END_OF_TIME = "9999-12-31"


class Statement(NamedTuple):
    """A source's statement about one record: content and time, ready for storage.

    Args:
        local_id: the source's key of the record.
        as_of: when the statement was true at the source (ISO, UTC); always set.
        content_hash: hash of the content, with marks for what it means at the as-of time.
        payload: the record's content as bytes, as ``to_payload`` writes it.
        issues: quality issues for the source.
        flags: flags of the record.
        subject: the source's own key of the person.
        merged_into: local ID of the record that the source merged it into.
        seal_kind: ``sealed`` or ``expunged`` where such a restriction is in force at the as-of time; None
            otherwise.
        line_number: line of the file; 0 outside files.
        comparable: the standardized record, if it was made already.
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
        """The canonical record that the source's statement gives."""
        return record_from_bytes(self.payload)


def build_statement(
    record: CanonicalRecord,
    issues: tuple[QualityIssue, ...],
    line_number: int = 0,
    comparable: PackedRecord | None = None,
) -> Statement:
    """Build a source's statement from a validated record."""
    payload, digest = to_payload_and_hash(record)
    seal_kind = find_seal_kind(record)
    return Statement(
        local_id=record.local_id,
        as_of=record.as_of or "",
        content_hash=digest + _mark_broken_rules(issues) + _content_marks(record, seal_kind),
        payload=payload,
        issues=issues,
        flags=record.flags,
        subject=record.subject,
        merged_into=record.merged_into,
        seal_kind=seal_kind,
        line_number=line_number,
        comparable=comparable,
    )


def find_seal_kind(record: CanonicalRecord) -> str | None:
    """Return the seal in force on a record: sealed, expunged or None.

    The record's as-of time counts. A restriction whose begin date cannot be read counts as begun; one whose
    end date cannot be read counts as not ended.
    """
    if not record.restrictions:
        return None
    kinds = {restriction.kind for restriction in _list_seals(record)}
    return max(kinds, key=SEAL_KINDS.index) if kinds else None


def find_seal_reference(record: CanonicalRecord) -> str | None:
    """Return the reference of a record's seal in force, if any.

    That of an expunge comes before that of a seal.
    """
    seals = sorted(_list_seals(record), key=lambda seal: SEAL_KINDS.index(seal.kind), reverse=True)
    return next((seal.reference for seal in seals if seal.reference), None)


def _list_seals(record: CanonicalRecord) -> list[Restriction]:
    """Return the seals in force on a record at its as-of time."""
    day = (record.as_of or "")[:10]
    return [
        restriction
        for restriction in record.restrictions
        if restriction.kind in SEAL_KINDS
        and (to_iso_day(restriction.begin) or day) <= day < (to_iso_day(restriction.end) or _END_OF_TIME)
    ]


def list_seals_to_come(record: CanonicalRecord) -> frozenset[str]:
    """Return the seals that a record names and that have not ended.

    A seal that is yet to begin is among them: it takes effect without another word of its sender.
    """
    day = (record.as_of or "")[:10]
    return frozenset(
        restriction.kind
        for restriction in record.restrictions
        if restriction.kind in SEAL_KINDS and day < (to_iso_day(restriction.end) or _END_OF_TIME)
    )


def names_carried_restriction(content_hash: str | None) -> bool:
    """Return whether the content hash marks a restriction in force.

    It may have ended. Versions that an earlier release stored count only if their addresses are confidential.
    """
    return content_hash is not None and (
        _RESTRICTED_MARK in content_hash or _CONFIDENTIAL_MARK in content_hash
    )


def _content_marks(record: CanonicalRecord, seal_kind: str | None) -> str:
    """Return text that marks future birth dates, restrictions and an expunge.

    It is part of the content hash and mostly empty. Once a birth date is no longer in the future, or a
    restriction on addresses has ended, equal content means something else, so the marks make it another
    statement. By the other marks the index finds restrictions, and records that wait to be expunged, without
    reading any content.
    """
    as_of = record.as_of or ""
    birth_dates = [text for text in (record.birth_date, *record.previous_birth_dates) if text]
    is_ahead = ["1" if as_of and is_future(parse_birth_date(text), as_of) else "0" for text in birth_dates]
    marks = [f"+ahead{''.join(is_ahead)}"] if "1" in is_ahead else []
    if is_address_confidential(record):
        marks.append(_CONFIDENTIAL_MARK)
    if any(restriction.kind in CARRIED_KINDS for restriction in record.restrictions):
        marks.append(_RESTRICTED_MARK)
    if seal_kind == EXPUNGED:
        marks.append(EXPUNGE_MARK)
    return "".join(marks)


def _mark_broken_rules(issues: tuple[QualityIssue, ...]) -> str:
    """Return text that marks which declared rules a record breaks.

    It is part of the content hash and mostly empty. Where the rules have changed, equal content has other
    issues, so the mark makes it another statement.
    """
    broken = sorted({issue.code for issue in issues if issue.code.startswith(RULE_PREFIX)})
    if not broken:
        return ""
    return f"+rules{blake2b(','.join(broken).encode(), digest_size=6).hexdigest()}"


class StatementHeading(NamedTuple):
    """Summary of a source's statement that stays in memory during a load.

    Args:
        as_of: when the statement was true at the source (ISO, UTC).
        content_hash: hash of the content.
        seal_kind: ``sealed``, ``expunged`` or None.
        identity_key: name and birth date, where another version is current.
        row_number: position of the statement among the rows of the file.
        needs_standardizing: whether the record has yet to be standardized.
    """

    as_of: str
    content_hash: str
    seal_kind: str | None
    identity_key: tuple[object, ...] | None
    row_number: int
    needs_standardizing: bool = False

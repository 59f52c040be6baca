"""Validation of a sent record into a canonical record.

A bad record is refused with its field and reason. No validated record holds an SSN's digits, an unknown
field, or text that a database cannot store.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from mpi.domain.clock import format_timestamp
from mpi.domain.errors import RecordError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import (
    SENT_FIELDS,
    Address,
    CanonicalRecord,
    Enrollment,
    Guardian,
    Placement,
    QualityIssue,
)
from mpi.standardize.data_quality import find_quality_issues
from mpi.standardize.fields import list_items
from mpi.standardize.fields.codes import is_yes_no_code, parse_yes_no
from mpi.standardize.fields.invisible_characters import holds_invisible_characters
from mpi.standardize.fields.lists import make_unknown_field_error, parse_scalars
from mpi.standardize.fields.scalars import parse_local_id, parse_text, parse_texts, require_visible
from mpi.standardize.missing_values import (
    PLACEHOLDER_VALUE,
    has_lost_digits,
    is_missing_marker,
    name_fault,
)
from mpi.standardize.ssn import has_ssn_form, tokenize_ssn
from mpi.standardize.tokens.sent_tokens import build_linkage_tokens

_FIELD_NAMES = frozenset(SENT_FIELDS)

_TEXT_FIELDS = (
    "first_name", "middle_name", "last_name", "suffix", "preferred_name", "birth_date",
    "birth_date_quality", "sex", "phone", "email", "birth_city", "birth_state", "birth_country",
    "birth_order", "ethnicity", "subject", "death_date", "merged_into",
)  # fmt: skip
"""Fields whose text enters the record as it is."""

_EARLIEST_YEAR = 1900
_CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ValidatedRecord:
    """A canonical record that passed validation, with its quality issues.

    Args:
        record: canonical form.
        issues: what the source should correct; each field and code once.
    """

    record: CanonicalRecord
    issues: tuple[QualityIssue, ...]


def validate_record(
    raw_record: Mapping[str, object], keyed_hash: KeyedHash, received_at: datetime
) -> ValidatedRecord:
    """Validate a record as sent, and convert it to canonical form.

    Args:
        raw_record: canonical field names to values, as JSON or a row of text has them.
        keyed_hash: the keyed hash of the index, for the SSN.
        received_at: the present time, with time zone; the record's ``as_of`` where it states none.

    Raises:
        RecordError: the record as a whole cannot be used; names the field, the reason, and no value.
    """
    if not raw_record.keys() <= _FIELD_NAMES:
        raise make_unknown_field_error(
            "record", next(name for name in raw_record if name not in _FIELD_NAMES), _FIELD_NAMES
        )
    local_id = _read_local_id(raw_record)
    as_of = parse_as_of(raw_record.get("as_of"), received_at)
    identifiers, ssns = list_items.build_identifiers(raw_record.get("identifiers"))
    ssn_tokens = tokenize_ssn(
        parse_text("ssn", raw_record.get("ssn")),
        parse_text("ssn_last4", raw_record.get("ssn_last4")),
        ssns,
        keyed_hash,
    )
    linkage_tokens, token_issues = build_linkage_tokens(
        raw_record.get("linkage_tokens"), keyed_hash.exchanges
    )
    multiple_birth, multiple_birth_issues = parse_multiple_birth(raw_record.get("multiple_birth"))
    flags, flag_issues = list_items.build_flags(raw_record.get("flags"))
    record = CanonicalRecord(
        local_id=local_id,
        **parse_texts(raw_record, _TEXT_FIELDS),
        other_names=list_items.build_other_names(raw_record.get("other_names")),
        previous_birth_dates=parse_scalars("previous_birth_dates", raw_record.get("previous_birth_dates")),
        ssn_token=ssn_tokens.full_token,
        ssn_last4_token=ssn_tokens.last4_token,
        identifiers=identifiers,
        linkage_tokens=linkage_tokens,
        addresses=list_items.build_dated_items("addresses", Address, raw_record),
        guardians=list_items.build_dated_items("guardians", Guardian, raw_record),
        household_ids=parse_scalars("household_ids", raw_record.get("household_ids")),
        multiple_birth=multiple_birth,
        enrollments=list_items.build_dated_items("enrollments", Enrollment, raw_record),
        placements=list_items.build_dated_items("placements", Placement, raw_record),
        race=parse_scalars("race", raw_record.get("race")),
        flags=flags,
        restrictions=list_items.build_restrictions(raw_record.get("restrictions")),
        as_of=as_of,
    )
    _refuse_misplaced_ssns(record)
    issues = (
        *ssn_tokens.issues,
        *token_issues,
        *multiple_birth_issues,
        *flag_issues,
        *_find_invisible_characters(raw_record),
        *find_quality_issues(record),
    )
    return ValidatedRecord(record, tuple(dict.fromkeys(issues)))


def _read_local_id(raw_record: Mapping[str, object]) -> str:
    """Return the local ID, and refuse one that names no record."""
    local_id = parse_local_id(raw_record.get("local_id"))
    require_visible(local_id)
    if has_lost_digits(local_id):
        raise RecordError(
            "local_id",
            "inexact-number",
            "a number in scientific notation, without its last digits; export it as text",
        )
    if is_missing_marker(local_id):
        raise RecordError(
            "local_id", PLACEHOLDER_VALUE, "a text for no value; every record needs its source's local ID"
        )
    refuse_ssn("local_id", local_id)
    return local_id


def _refuse_misplaced_ssns(record: CanonicalRecord) -> None:
    """Refuse an SSN that the index would store readable."""
    refuse_ssn("subject", record.subject)
    refuse_ssn("middle_name", record.middle_name)
    refuse_ssn("merged_into", record.merged_into)
    for household_id in record.household_ids:
        refuse_ssn("household_ids", household_id)


def refuse_ssn(field: str, text: str | None) -> None:
    """Refuse a text that is written as an SSN.

    Raises:
        RecordError: it is; the message does not show it.
    """
    if text is not None and has_ssn_form(text):
        raise RecordError(
            field,
            "misplaced-ssn",
            "has the form of a Social Security number; send that as ssn, and leave it out",
        )


def _find_invisible_characters(raw_record: Mapping[str, object]) -> Iterator[QualityIssue]:
    """Yield an issue for each field from which characters were removed."""
    for field, value in raw_record.items():
        if any(holds_invisible_characters(text) for text in _iterate_texts(value)):
            yield QualityIssue(field, "invisible-character")


def _iterate_texts(value: object) -> Iterator[str]:
    """Yield the texts of a value and of a list's entries."""
    for entry in value if isinstance(value, list | tuple) else (value,):
        texts = entry.values() if isinstance(entry, dict) else (entry,)
        yield from (text for text in texts if isinstance(text, str))


def parse_multiple_birth(value: object) -> tuple[bool | None, tuple[QualityIssue, ...]]:
    """Parse whether a source says twin or other multiple.

    Returns:
        The value, and a quality issue where the code is unknown.
    """
    if isinstance(value, bool):
        return value, ()
    text = parse_text("multiple_birth", value)
    if text is None:
        return None, ()
    if is_yes_no_code(text) and not is_missing_marker(text):
        return parse_yes_no(text), ()
    return None, (QualityIssue("multiple_birth", name_fault(text, "unknown-code")),)


def parse_as_of(value: object, received_at: datetime) -> str:
    """Parse the time at which a record was true at its source.

    Raises:
        RecordError: it is no time, or lies more than a day ahead of the time of receipt.
    """
    if isinstance(value, datetime):
        return _format_as_of(value, received_at)
    text = parse_text("as_of", value)
    return format_timestamp(received_at) if text is None else _parse_as_of_text(text, received_at)


@lru_cache(1024)  # most rows of a file were true at few moments, and were received at one
def _parse_as_of_text(text: str, received_at: datetime) -> str:
    """Parse the text of a record's time of truth."""
    return _format_as_of(_parse_iso_time(text), received_at)


def _format_as_of(moment: datetime | None, received_at: datetime) -> str:
    """Check a record's time of truth, and format it for storage."""
    if moment is None or not _EARLIEST_YEAR <= moment.year < date.max.year:
        raise RecordError("as_of", "malformed-time", "must be an ISO 8601 date or time, such as 2026-11-24")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment > received_at + _CLOCK_SKEW:
        raise RecordError("as_of", "future-date", "lies more than a day ahead of our clock")
    return format_timestamp(moment)


def _parse_iso_time(text: str) -> datetime | None:
    """Parse an ISO time; None where the text is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None

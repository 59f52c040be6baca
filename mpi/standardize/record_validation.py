"""The door: a record as sent becomes a canonical record, or is refused with its field and reason.

Nothing past the door has seen an SSN's digits, an unknown field, or text that a database cannot hold.
"""

from collections.abc import Mapping
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
from mpi.standardize.fields.lists import parse_scalars, make_unknown_field_error
from mpi.standardize.fields.scalars import parse_local_id, parse_text, parse_texts
from mpi.standardize.ssn import tokenize_ssn

_FIELD_NAMES = frozenset(SENT_FIELDS)

_TEXT_FIELDS = (
    "first_name", "middle_name", "last_name", "suffix", "preferred_name", "birth_date",
    "birth_date_quality", "sex", "phone", "email", "birth_city", "birth_state", "birth_country",
    "ethnicity", "subject", "death_date", "merged_into",
)  # fmt: skip
"""Fields whose text enters the record as it is."""

_EARLIEST_YEAR = 1900
_CLOCK_SKEW = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ValidatedRecord:
    """A record that was let in.

    Args:
        record: its canonical form.
        issues: what its source should look at; each field and code once.
    """

    record: CanonicalRecord
    issues: tuple[QualityIssue, ...]


def validate_record(sent: Mapping[str, object], seal: KeyedHash, received: datetime) -> ValidatedRecord:
    """Let a record in.

    Args:
        sent: canonical field names to values, as JSON or a row of text has them.
        seal: the index's secret, for the SSN.
        received: the present moment, aware; the record's ``as_of`` where it states none.

    Raises:
        RecordError: the record as a whole cannot be used; names the field, the reason, and no value.
    """
    if not sent.keys() <= _FIELD_NAMES:
        raise make_unknown_field_error("record", next(name for name in sent if name not in _FIELD_NAMES), _FIELD_NAMES)
    local_id = parse_local_id(sent.get("local_id"))
    as_of = parse_as_of(sent.get("as_of"), received)
    identifiers, ssns = list_items.build_identifiers(sent.get("identifiers"))
    ssn = tokenize_ssn(parse_text("ssn", sent.get("ssn")), parse_text("ssn_last4", sent.get("ssn_last4")), ssns, seal)
    multiple_birth, multiple_birth_issues = parse_multiple_birth(sent.get("multiple_birth"))
    record = CanonicalRecord(
        local_id=local_id,
        **parse_texts(sent, _TEXT_FIELDS),
        other_names=list_items.build_other_names(sent.get("other_names")),
        previous_birth_dates=parse_scalars("previous_birth_dates", sent.get("previous_birth_dates")),
        ssn_token=ssn.full_token,
        ssn_last4_token=ssn.last4_token,
        identifiers=identifiers,
        addresses=list_items.build_dated_items("addresses", Address, sent),
        guardians=list_items.build_dated_items("guardians", Guardian, sent),
        household_ids=parse_scalars("household_ids", sent.get("household_ids")),
        multiple_birth=multiple_birth,
        enrollments=list_items.build_dated_items("enrollments", Enrollment, sent),
        placements=list_items.build_dated_items("placements", Placement, sent),
        race=parse_scalars("race", sent.get("race")),
        flags=list_items.build_flags(sent.get("flags")),
        restrictions=list_items.build_restrictions(sent.get("restrictions")),
        as_of=as_of,
    )
    issues = (*ssn.issues, *multiple_birth_issues, *find_quality_issues(record))
    return ValidatedRecord(record, tuple(dict.fromkeys(issues)))


def parse_multiple_birth(value: object) -> tuple[bool | None, tuple[QualityIssue, ...]]:
    """Whether the source says twin or other multiple, and what it should look at."""
    if isinstance(value, bool):
        return value, ()
    text = parse_text("multiple_birth", value)
    if text is None:
        return None, ()
    known = is_yes_no_code(text)
    return parse_yes_no(text), () if known else (QualityIssue("multiple_birth", "unknown-code"),)


def parse_as_of(value: object, received: datetime) -> str:
    """The moment of a statement, as the index writes moments.

    Raises:
        RecordError: it is no time, or lies more than a day ahead of the moment of receipt.
    """
    if isinstance(value, datetime):
        return _format_as_of(value, received)
    text = parse_text("as_of", value)
    return format_timestamp(received) if text is None else _parse_as_of_text(text, received)


@lru_cache(1024)  # most rows of a file were true at few moments, and were received at one
def _parse_as_of_text(text: str, received: datetime) -> str:
    return _format_as_of(_parse_iso_time(text), received)


def _format_as_of(moment: datetime | None, received: datetime) -> str:
    if moment is None or not _EARLIEST_YEAR <= moment.year < date.max.year:
        raise RecordError("as_of", "malformed-time", "must be an ISO 8601 date or time, such as 2026-11-24")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment > received + _CLOCK_SKEW:
        raise RecordError("as_of", "future-date", "lies more than a day ahead of our clock")
    return format_timestamp(moment)


def _parse_iso_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None

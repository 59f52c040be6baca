"""Detection of quality issues in a record's values.

Each issue names a field and a code, for the source to correct.
"""

from collections.abc import Iterator

from mpi.domain.record import CanonicalRecord, QualityIssue
from mpi.standardize.address.postal_codes import parse_postal_code
from mpi.standardize.fields.codes import BIRTH_DATE_QUALITIES, is_sex_code, parse_birth_order
from mpi.standardize.fields.dates import is_future, parse_birth_date, parse_date
from mpi.standardize.identifiers import find_number_fault
from mpi.standardize.missing_values import PLACEHOLDER_VALUE, is_missing_marker, name_fault
from mpi.standardize.name.placeholders import is_placeholder_given, is_placeholder_surname
from mpi.standardize.phones import parse_email, parse_phones
from mpi.standardize.text_folding import squeeze

_FREE_TEXT_FIELDS = (
    "middle_name", "preferred_name", "suffix", "birth_city", "birth_state", "birth_country", "ethnicity",
)  # fmt: skip
_FREE_TEXT_COLUMNS = {
    "other_names": ("first_name", "middle_name", "last_name"),
    "addresses": ("address_line1", "address_line2", "city", "state"),
    "guardians": ("guardian_first_name", "guardian_last_name"),
}
"""Columns of list entries that need not be of any form."""
_LIFE_DATES = frozenset(("birth_date", "previous_birth_dates", "death_date"))
"""Dates of a life, which may lie long before the agency's records."""


def find_quality_issues(record: CanonicalRecord) -> Iterator[QualityIssue]:
    """Yield a valid record's data-quality issues, in field order."""
    yield from _find_name_issues(record)
    yield from _find_number_issues(record)
    yield from _find_marker_issues(record)
    yield from _find_date_issues(record)
    yield from _find_code_issues(record)
    yield from _find_contact_issues(record)


def _find_name_issues(record: CanonicalRecord) -> Iterator[QualityIssue]:
    """Yield data-quality issues of placeholder names."""
    if record.first_name and is_placeholder_given(record.first_name):
        yield QualityIssue("first_name", "placeholder-name")
    if record.last_name and is_placeholder_surname(record.last_name):
        yield QualityIssue("last_name", "placeholder-name")


def _find_number_issues(record: CanonicalRecord) -> Iterator[QualityIssue]:
    """Yield data-quality issues of identifiers that are no evidence."""
    numbers = [("identifiers", identifier.value) for identifier in record.identifiers]
    numbers += [("household_ids", household_id) for household_id in record.household_ids]
    for field, number in numbers:
        fault = find_number_fault(number)
        if fault is not None:
            yield QualityIssue(field, fault)


def _find_marker_issues(record: CanonicalRecord) -> Iterator[QualityIssue]:
    """Yield data-quality issues of texts that a program wrote for no value."""
    for field, text in _iter_free_texts(record):
        if text is not None and is_missing_marker(text):
            yield QualityIssue(field, PLACEHOLDER_VALUE)


def _find_date_issues(record: CanonicalRecord) -> Iterator[QualityIssue]:
    """Yield data-quality issues of unreadable, impossible and future dates."""
    for field, text, may_be_later in _iter_dates(record):
        if text is None:
            continue
        parsed = parse_birth_date(text) if field in _LIFE_DATES else parse_date(text)
        if not may_be_later and record.as_of and is_future(parsed, record.as_of):
            yield QualityIssue(field, "future-date")
        elif parsed.issue is not None:
            yield QualityIssue(field, name_fault(text, parsed.issue))


def _iter_dates(record: CanonicalRecord) -> Iterator[tuple[str, str | None, bool]]:
    """Yield each date's field, text, and whether it may be in future."""
    yield "birth_date", record.birth_date, False
    for previous in record.previous_birth_dates:
        yield "previous_birth_dates", previous, False
    yield "death_date", record.death_date, False
    for enrollment in record.enrollments:
        yield "enrollments", enrollment.entry_date, True
        yield "enrollments", enrollment.exit_date, True
    for field in ("identifiers", "other_names", "addresses", "guardians", "placements", "flags"):
        for item in getattr(record, field):
            yield field, item.begin, True
            yield field, item.end, True
    for restriction in record.restrictions:
        yield "restrictions", restriction.begin, True
        yield "restrictions", restriction.end, True


def _find_code_issues(record: CanonicalRecord) -> Iterator[QualityIssue]:
    """Yield data-quality issues of unknown codes."""
    if record.sex and (is_missing_marker(record.sex) or not is_sex_code(record.sex)):
        yield QualityIssue("sex", name_fault(record.sex, "unknown-code"))
    quality = record.birth_date_quality
    if quality and squeeze(quality) not in BIRTH_DATE_QUALITIES:
        yield QualityIssue("birth_date_quality", name_fault(quality, "unknown-code"))
    if record.birth_order and parse_birth_order(record.birth_order) is None:
        yield QualityIssue("birth_order", name_fault(record.birth_order, "unknown-code"))


def _find_contact_issues(record: CanonicalRecord) -> Iterator[QualityIssue]:
    """Yield data-quality issues of postal codes, phones and email addresses."""
    for address in record.addresses:
        if address.postal_code and parse_postal_code(address.postal_code) is None:
            yield QualityIssue("postal_code", name_fault(address.postal_code, "invalid-postal-code"))
    if record.phone and not parse_phones(record.phone):
        yield QualityIssue("phone", name_fault(record.phone, "invalid-phone"))
    if record.email and parse_email(record.email) is None:
        yield QualityIssue("email", name_fault(record.email, "invalid-email"))


def _iter_free_texts(record: CanonicalRecord) -> Iterator[tuple[str, str | None]]:
    """Yield texts that need not be of any form, with their fields."""
    for field in _FREE_TEXT_FIELDS:
        yield field, getattr(record, field)
    for race in record.race:
        yield "race", race
    for field, columns in _FREE_TEXT_COLUMNS.items():
        for item in getattr(record, field):
            for column in columns:
                yield field, getattr(item, column)

"""Report of what a fit uses and sets aside of each column.

It compares the values of each canonical field with the features that they became. The values that became
nothing are told by reason and shape, never as they are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.intake.column_use import ColumnUse, SetAsideCounter, SetAsideValues
from mpi.standardize.fields.dates import PARTIAL_DATE
from mpi.standardize.record_validation import validate_record
from mpi.standardize.shared_values import MIN_BIRTH_DATES
from training.records import KEYED_HASH

SHARED_REASON = f"shared by people of {MIN_BIRTH_DATES} or more birth dates"
NOTHING_UNREAD: Mapping[tuple[str, str], int] = {}
_UNUSABLE = "no usable value"
_MAX_EXAMINED_VALUES = 2_000
"""Most distinct values of a column whose reason is looked up."""


@dataclass(frozen=True, slots=True)
class _ReportedField:
    """A canonical field with the feature and comparisons that need it."""

    feature: str
    comparisons: tuple[str, ...]


_HOME = ("residence",)
REPORTED_FIELDS: Mapping[str, _ReportedField] = {
    "first_name": _ReportedField("given", ("given",)),
    "middle_name": _ReportedField("middle", ("middle",)),
    "last_name": _ReportedField("surname", ("surname",)),
    "birth_date": _ReportedField("birth_year", ("birth_date",)),
    "sex": _ReportedField("sex", ("sex",)),
    "ssn": _ReportedField("ssn_last4", ("ssn",)),
    "ssn_last4": _ReportedField("ssn_last4", ("ssn",)),
    "identifiers": _ReportedField("identifiers", ("identifiers",)),
    "address_line1": _ReportedField("street", _HOME),
    "city": _ReportedField("city", (*_HOME, "postal_code")),
    "postal_code": _ReportedField("postal_code", (*_HOME, "postal_code")),
    "household_ids": _ReportedField("household_ids", _HOME),
    "guardian_last_name": _ReportedField("guardians", _HOME),
    "phone": _ReportedField("phones", (*_HOME, "phone")),
    "email": _ReportedField("email", (*_HOME, "email")),
    "birth_city": _ReportedField("birth_place", ("birth_place",)),
}
"""Canonical fields that are reported, in the order of the canonical record."""


def report_columns(
    features: pa.Table,
    remaining: pa.Table,
    fields: Mapping[str, pa.Array],
    unread: Mapping[tuple[str, str], int] = NOTHING_UNREAD,
) -> tuple[ColumnUse, ...]:
    """Report the use of each column that has a value.

    Args:
        features: ``unique_id`` (the position of the row) and all feature columns, nothing removed.
        remaining: the same after the removal of values that many people share.
        fields: canonical field to its texts, of all rows that were read.
        unread: field and quality code to the number of values that a mapping could not read; they are not
            among the texts.
    """
    uses = []
    for name, reported in REPORTED_FIELDS.items():
        if name not in fields:
            continue
        values = fields[name].take(features["unique_id"].combine_chunks())
        read = len(values) - values.null_count
        lost = tuple(
            SetAsideValues(code, rows) for (field, code), rows in sorted(unread.items()) if field == name
        )
        if read or lost:
            unusable = values.filter(pc.invert(_is_filled(features[reported.feature])))
            set_aside = (*lost, *_explain_values(name, unusable.drop_null()))
            use = ColumnUse(name, read + sum(part.rows for part in lost), set_aside)
            uses.append(_add_shared(use, reported.feature, features, remaining))
    return tuple(uses)


def collect_fields(rows: Iterable[Mapping[str, object]]) -> dict[str, pa.Array]:
    """Collect the texts of the reported fields from rows of records."""
    texts: dict[str, list[str | None]] = {name: [] for name in REPORTED_FIELDS}
    for row in rows:
        for name, values in texts.items():
            value = row.get(name)
            values.append(None if value is None else str(value))
    return {name: pa.array(values, pa.string()) for name, values in texts.items()}


def explain_dropped_comparison(comparison: str, uses: Sequence[ColumnUse]) -> str:
    """Explain why a comparison is left out of a model.

    Args:
        comparison: its name.
        uses: report of the columns that have a value.
    """
    lost = [use for use in uses if comparison in REPORTED_FIELDS[use.name].comparisons]
    if not lost:
        return "no record has a value for it"
    return "; ".join(
        f"{use.read - use.used:,} of {use.read:,} values of {use.name} are set aside" for use in lost
    )


def _is_filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return which rows have a value in a column."""
    if pa.types.is_list(column.type):
        return pc.fill_null(pc.greater(pc.list_value_length(column), 0), fill_value=False)
    return pc.is_valid(column)


def _explain_values(name: str, values: pa.Array) -> tuple[SetAsideValues, ...]:
    """Count unusable values of a field by reason and shape."""
    counter = SetAsideCounter()
    find_reason = partial(_find_reason, name)
    counted = values.value_counts().to_pylist()
    counted.sort(key=lambda entry: (-entry["counts"], entry["values"]))
    for number, entry in enumerate(counted):
        is_examined = number < _MAX_EXAMINED_VALUES
        counter.add(
            find_reason(entry["values"]) if is_examined else _UNUSABLE, entry["values"], entry["counts"]
        )
    return counter.list_values()


def _find_reason(name: str, text: str) -> str:
    """Return the quality code of an unusable value."""
    try:
        issues = validate_record({"local_id": "0", name: text}, KEYED_HASH, clock.now()).issues
    except RecordError as error:
        return error.reason
    return next((issue.code for issue in issues if issue.code != PARTIAL_DATE), _UNUSABLE)


def _add_shared(use: ColumnUse, feature: str, features: pa.Table, remaining: pa.Table) -> ColumnUse:
    """Add the values that were removed because many people share them."""
    removed = pc.sum(_is_filled(features[feature])).as_py() - pc.sum(_is_filled(remaining[feature])).as_py()
    if removed <= 0:
        return use
    return replace(use, set_aside=(*use.set_aside, SetAsideValues(SHARED_REASON, removed)))

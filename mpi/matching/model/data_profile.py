"""Profile of a model's own data, and comparison with other data.

A model weighs agreement by how often fields are known and how common names are. Where other data is unlike
its own, its weights are not those of that data. The profile holds shares only, and no value of a record.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import floor

from mpi.domain.features import Features
from mpi.matching.model.frequencies import Frequencies

PROFILED_COLUMNS = (
    "given", "middle", "surname", "birth_date", "birth_year", "sex", "ssn", "identifiers", "addresses",
    "postal_code", "city", "phones", "email", "guardians", "birth_place",
)  # fmt: skip
"""Feature columns whose share of known values is profiled."""
FAR_OFF = 0.3
"""Least difference of two shares that is reported."""
LEAST_RECORDS = 50
"""Records below which data is not compared with a model."""


@dataclass(frozen=True, slots=True)
class DataProfile:
    """Shares that describe a set of records.

    Args:
        filled: share of the records that have a value, by feature column; empty if not known.
        listed: share of the known values that the model's frequencies list, by column.
    """

    filled: Mapping[str, float] = field(default_factory=dict)
    listed: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProfileDifference:
    """Share that is far from that of the model's own data.

    Args:
        column: feature column; for a comparison level, ``comparison: level``.
        what: ``filled`` (records with a value), ``listed`` (values that the model's frequencies list),
            ``matches`` (pairs of one person at the level) or ``strangers`` (pairs of two people).
        fitted: share in the data that the model was fitted on.
        observed: share in the compared data.
    """

    column: str
    what: str
    fitted: float
    observed: float


def measure_profile(records: Iterable[Features], frequencies: Frequencies) -> DataProfile:
    """Measure the profile of records under a model's term frequencies."""
    count = 0
    known = dict.fromkeys(PROFILED_COLUMNS, 0)
    listed = dict.fromkeys(frequencies.tables, 0)
    for features in records:
        count += 1
        for column in PROFILED_COLUMNS:
            known[column] += bool(getattr(features, column))
        for column, table in frequencies.tables.items():
            listed[column] += getattr(features, column) in table
    return DataProfile(
        {column: known[column] / max(count, 1) for column in PROFILED_COLUMNS},
        {column: listed[column] / max(known[column], 1) for column in frequencies.tables},
    )


def read_profile(metrics: Mapping[str, object], frequencies: Frequencies) -> DataProfile:
    """Read the profile of a model's own data.

    Args:
        metrics: content of the model's ``metrics.json``. Older models lack both kinds of shares.
        frequencies: term frequencies; in older models, their shares add up to that of the values that they
            list.
    """
    listed = {column: min(sum(table.values()), 1.0) for column, table in frequencies.tables.items()}
    return DataProfile(_read_shares(metrics.get("filled")), listed | _read_shares(metrics.get("listed")))


def _read_shares(shares: object) -> dict[str, float]:
    """Read shares by column; return none where a model states none."""
    if not isinstance(shares, dict):
        return {}
    return {str(column): float(share) for column, share in shares.items()}


def find_differences(fitted: DataProfile, observed: DataProfile) -> list[ProfileDifference]:
    """List the shares far from those of the model's data.

    Names that the model lists more of than it was fitted on are no reason for doubt.
    """
    filled = [
        ProfileDifference(column, "filled", share, observed.filled.get(column, 0.0))
        for column, share in fitted.filled.items()
        if abs(share - observed.filled.get(column, 0.0)) >= FAR_OFF
    ]
    listed = [
        ProfileDifference(column, "listed", share, observed.listed[column])
        for column, share in fitted.listed.items()
        if observed.filled.get(column) and share - observed.listed[column] >= FAR_OFF
    ]
    return filled + listed


def measure_distance(fitted: DataProfile, observed: DataProfile, records: int) -> int:
    """Return by how many records the farthest share passes the limit.

    One record more or less changes the number by at most one, so that it can be published with noise. It is
    negative where no share is far off.

    Args:
        fitted: profile of the model's data.
        observed: profile of the compared records.
        records: number of compared records.
    """
    filled = [
        (abs(share - observed.filled.get(column, 0.0)) - FAR_OFF) * records
        for column, share in fitted.filled.items()
    ]
    listed = [
        (share - observed.listed[column] - FAR_OFF) * observed.filled[column] * records
        for column, share in fitted.listed.items()
    ]
    # A record without a value of a column that all records have moves its excess by 1 + FAR_OFF.
    return floor(max(filled + listed, default=-FAR_OFF * records) / (1 + FAR_OFF))

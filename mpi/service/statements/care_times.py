"""Times in care and in school, stored with the versions of records."""

from collections.abc import Iterator, Mapping
from typing import Any

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.source import CARE_KINDS, SourceKind
from mpi.standardize.care_periods import read_care_times, read_enrollment_periods
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit


def write_periods(
    unit: WriteUnit, keyed_hash: KeyedHash, source: Source, contents: Mapping[int, bytes]
) -> None:
    """Store the times in care and in school that versions state.

    Args:
        unit: the transaction that stores the versions.
        keyed_hash: makes the tokens of household IDs.
        source: source of the versions; only child welfare and schools state such times.
        contents: content of each version, by its number.
    """
    if source.kind in CARE_KINDS:
        unit.record_versions.insert_periods(list(list_care_rows(keyed_hash, source, contents)), [])
    elif source.kind == SourceKind.SIS:
        unit.record_versions.insert_periods([], list(list_enrollment_rows(contents)))


def list_care_rows(
    keyed_hash: KeyedHash, source: Source, contents: Mapping[int, bytes]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of days in care that versions state."""
    for version_id, payload in contents.items():
        times = read_care_times(payload)
        household = (
            None if times.household is None else make_household_token(keyed_hash, source, times.household)
        )
        for period in times.periods:
            yield {"version_id": version_id, **period._asdict(), "household": household}


def list_enrollment_rows(contents: Mapping[int, bytes]) -> Iterator[dict[str, Any]]:
    """Yield the rows of days in school that versions state."""
    for version_id, payload in contents.items():
        for period in read_enrollment_periods(payload):
            yield {"version_id": version_id, "begin": period.begin, "end": period.end}


def make_household_token(keyed_hash: KeyedHash, source: Source, household: str) -> str:
    """Return the token by which children of one household are found."""
    return keyed_hash.to_token("household", f"{source.code}|{household}")

"""Dataset of records with known truth and the facts for error analysis."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from mpi.domain.features import Features
from training.fit.errors import TrainingError
from training.record_table import Records, features_by_id
from training.records import RecordRow, remove_shared_values, standardize_in_parallel

Person = Hashable


@dataclass(frozen=True, slots=True)
class CareRecords:
    """Records of children in care, and the school records to find.

    Args:
        records: record IDs of child welfare about children in care.
        schools: record IDs of schools about any child.
    """

    records: frozenset[int]
    schools: frozenset[int]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Records with their truth; only the records reach a model.

    Args:
        name: name of the set.
        records: record ID and features.
        truth: record ID to true person.
        sources: record ID to source; empty for one source.
        households: true person to household; empty if the set does not tell.
        tags: record ID to facts about it (``twin``, ``name_changed``, …); empty if not told.
        groups: dimension to true person to group, for the bias table.
        care: records of children in care; None if the set has none.
        raw: ``unique_id`` and the columns that the notebook compares, as sent; None to compare features.
    """

    name: str
    records: Records = field(repr=False)
    truth: Mapping[int, Person] = field(repr=False)
    sources: Mapping[int, str] = field(default_factory=dict, repr=False, kw_only=True)
    households: Mapping[Person, Hashable] = field(default_factory=dict, repr=False)
    tags: Mapping[int, frozenset[str]] = field(default_factory=dict, repr=False)
    groups: Mapping[str, Mapping[Person, str]] = field(default_factory=dict, repr=False)
    care: CareRecords | None = field(default=None, repr=False)
    raw: pa.Table | None = field(default=None, repr=False)

    @property
    def features(self) -> Mapping[int, Features]:
        """Mapping of record ID to features."""
        return features_by_id(self.records)

    @property
    def source_by_record(self) -> dict[int, str]:
        """Mapping of record ID to source, for the compared records."""
        return {number: self.sources.get(number, self.name) for number, _ in self.records}


def standardize_records(
    rows: Sequence[RecordRow], inactive: Collection[int] = ()
) -> list[tuple[int, Features]]:
    """Standardize rows as records of an index with fresh shared-value lists.

    Args:
        rows: rows of record files; one that record validation refuses is left out.
        inactive: positions of rows that an index holds and never compares.

    Returns:
        Record ID (the position of the row) and features.

    Raises:
        TrainingError: no row can be used.
    """
    standardized = enumerate(standardize_in_parallel(rows))
    records = [(n, features) for n, features in standardized if features is not None and n not in inactive]
    if not records:
        raise TrainingError("the files hold no record that can be used")
    return remove_shared_values(records)

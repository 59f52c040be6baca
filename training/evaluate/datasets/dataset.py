"""A set of records whose truth is known, with what is needed to say where a model errs."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from mpi.domain.features import Features
from training.fit.errors import TrainingError
from training.record_table import Records, features_by_id
from training.records import RawRow, standardize_in_parallel, remove_shared_values

Person = Hashable


@dataclass(frozen=True, slots=True)
class CareRecords:
    """Whose school is to be found.

    Args:
        records: records of child welfare about children in care.
        schools: records of schools about any child.
    """

    records: frozenset[int]
    schools: frozenset[int]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Records and, apart from them, what is true; only the records reach a model.

    Args:
        name: of the set.
        records: record id and features.
        truth: record id to true person.
        sources: record id to the source that sent it; empty for one source.
        households: true person to household; empty where the set does not tell.
        tags: record id to what is true of it (``twin``, ``name_changed``, …); empty where not told.
        groups: dimension to true person to group, for the bias table.
        care: who is in care; None where the set has no such records.
        raw: the columns as published, for a way of linking that does not standardize; None for the same.
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
        """Record id to features."""
        return features_by_id(self.records)

    @property
    def source_by_record(self) -> dict[int, str]:
        """Record id to source, of the records that are compared."""
        return {number: self.sources.get(number, self.name) for number, _ in self.records}


def standardize_records(rows: Sequence[RawRow], inactive: Collection[int] = ()) -> list[tuple[int, Features]]:
    """The rows as records of an index with fresh lists, numbered by their place.

    Args:
        rows: as they stand in the files; one that the door refuses is left out.
        inactive: places of rows that an index holds and never compares.

    Raises:
        TrainingError: there is none that can be used.
    """
    made = enumerate(standardize_in_parallel(rows))
    found = [(n, features) for n, features in made if features is not None and n not in inactive]
    if not found:
        raise TrainingError("the files hold no record that can be used")
    return remove_shared_values(found)

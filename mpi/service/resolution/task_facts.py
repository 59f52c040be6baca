"""Facts about the records of review tasks, loaded in bulk on demand."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

from mpi.clustering.partition import Partition
from mpi.domain.features import Features
from mpi.domain.record import CanonicalRecord
from mpi.domain.weight import Thresholds
from mpi.matching.compiler.online_scorer import OnlineScorer
from mpi.service.resolution.closure import Closure
from mpi.service.resolution.expected_harm import Stake
from mpi.standardize.fields.dates import to_birth_day, to_iso_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.record_versions import ActiveVersion
from mpi.storage.unit_of_work.units import ReadUnit

FeatureLoader = Callable[[Collection[int]], Mapping[int, Features]]
"""Function that loads features of active records, by record number."""


@dataclass(frozen=True, slots=True)
class PairScoring:
    """Features, scorer and thresholds with which record pairs are scored.

    Args:
        load_features: loads the features of active records by number.
        scorer: the model's scorer.
        thresholds: link and review thresholds.
    """

    load_features: FeatureLoader
    scorer: OnlineScorer
    thresholds: Thresholds


class TaskFacts:
    """Versions, persons and sources of the records of review tasks.

    Args:
        unit: the transaction.
        closure: the records that were partitioned.
        partitions: the partitions of the closure.
        records: the records of the tasks; inactive ones are left out.
    """

    def __init__(
        self, unit: ReadUnit, closure: Closure, partitions: Sequence[Partition], records: Iterable[int]
    ) -> None:
        self._unit = unit
        self._scope = closure
        self._settled = partitions
        self._records = frozenset(records)

    @cached_property
    def active_versions(self) -> dict[int, ActiveVersion]:
        """Active version of each review task's records, by record number."""
        return self._unit.record_versions.active_versions(self._records)

    @cached_property
    def person_members(self) -> dict[int, tuple[int, ...]]:
        """All records of the persons in review tasks, by record number.

        As partitioned now, or as published for records outside the closure.
        """
        numbers_by_key = {key: number for number, key in self._scope.keys.items()}
        clusters = (
            tuple(numbers_by_key[key] for key in cluster)
            for partition in self._settled
            for cluster in partition.clusters
        )
        settled_members = {
            record: cluster for cluster in clusters for record in cluster if record in self._records
        }
        outside_persons = self._unit.persons.current_persons(
            self._records - settled_members.keys() - self._scope.record_ids
        )
        members = self._unit.persons.members(set(outside_persons.values()))
        return settled_members | {
            record: tuple(members[person]) for record, person in outside_persons.items()
        }

    @cached_property
    def sources_by_record(self) -> dict[int, int]:
        """Source number of each record in review tasks, or of their persons."""
        all_records = {
            member for person_records in self.person_members.values() for member in person_records
        } | self._records
        return self._unit.records.source_ids_of(all_records)

    def find_sources(self, records: Iterable[int]) -> set[int]:
        """Return the sources that hold the persons of some records."""
        return {
            self.sources_by_record[member]
            for record in records
            for member in self.person_members.get(record, (record,))
        }

    def combine_stakes(self, records: Collection[int]) -> Stake:
        """Return the combined stake (harm of an error) of some records' children."""
        stakes = [
            _read_stake(self.active_versions[record]) for record in records if record in self.active_versions
        ]
        return reduce(Stake.combine, stakes) if stakes else Stake()

    def find_newest_record(self, records: Collection[int], keys: Mapping[int, int]) -> int:
        """Return the most recently stated record; lowest canonical key on ties."""
        return max(records, key=lambda record: (self.active_versions[record].as_of, -keys[record]))

    def find_latest_load(self, records: Collection[int]) -> int | None:
        """Return the load that brought the latest received record, if any."""
        latest = max(
            (self.active_versions[record] for record in records), key=lambda version: version.received_commit
        )
        return latest.batch_id


def _read_stake(version: ActiveVersion) -> Stake:
    """Read from a record version what raises the harm of an error.

    Today's date plays no part, so derived data does not change by itself.
    """
    stated = record_from_bytes(version.payload)
    day = version.as_of[:10]
    return Stake(
        in_care=is_in_care(stated, day),
        homeless=_has_flag(stated, "homeless", day),
        age=_compute_age(to_birth_day(stated.birth_date), day),
    )


def is_in_care(stated: CanonicalRecord, day: str) -> bool:
    """Return whether a record states care on a day.

    A placement is open, or a foster-care flag is in force.
    """
    return any(
        _is_in_interval(placement.begin, placement.end, day) for placement in stated.placements
    ) or _has_flag(stated, "foster_care", day)


def _has_flag(stated: CanonicalRecord, population: str, day: str) -> bool:
    """Return whether a special population's flag is in force on a day."""
    return any(
        flag.population == population and flag.value == "Y" and _is_in_interval(flag.begin, flag.end, day)
        for flag in stated.flags
    )


def _is_in_interval(begin: str | None, end: str | None, day: str) -> bool:
    """Return whether a day is within ``[begin, end)``; unreadable ends are open."""
    return (to_iso_day(begin) or day) <= day < (to_iso_day(end) or "9999")


def _compute_age(birth_date: str | None, day: str) -> int | None:
    """Return a child's age in years on a day, None if unknown."""
    if birth_date is None or birth_date > day:
        return None
    return int(day[:4]) - int(birth_date[:4]) - (day[5:] < birth_date[5:])

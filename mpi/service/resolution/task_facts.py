"""What is known of records that a question is about: read by set, and only where there is a question."""

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
from mpi.standardize.fields.dates import to_iso_day
from mpi.standardize.payload import record_from_bytes
from mpi.storage.repositories.sources.records import ActiveVersion
from mpi.storage.unit_of_work.unit import ReadUnit

FeatureLoader = Callable[[Collection[int]], Mapping[int, Features]]
"""Features of active records, by record number."""


@dataclass(frozen=True, slots=True)
class PairScoring:
    """How pairs are weighed.

    Args:
        load_features: where features of records come from.
        scorer: the model.
        thresholds: the bands.
    """

    load_features: FeatureLoader
    scorer: OnlineScorer
    thresholds: Thresholds


class TaskFacts:
    """Statements and persons of the records that questions of settled components are about.

    Args:
        unit: the transaction.
        scope: what was settled.
        settled: its partitions.
        records: the records; those that are not active are left out.
    """

    def __init__(
        self, unit: ReadUnit, scope: Closure, settled: Sequence[Partition], records: Iterable[int]
    ) -> None:
        self._unit = unit
        self._scope = scope
        self._settled = settled
        self._records = frozenset(records)

    @cached_property
    def active_versions(self) -> dict[int, ActiveVersion]:
        """What stands for each record."""
        return self._unit.records.active_versions(self._records)

    @cached_property
    def person_members(self) -> dict[int, tuple[int, ...]]:
        """By record: all records of its person, as settled, or as published where that is not settled now."""
        number_of = {key: number for number, key in self._scope.keys.items()}
        clusters = (
            tuple(number_of[key] for key in cluster) for found in self._settled for cluster in found.clusters
        )
        settled = {record: cluster for cluster in clusters for record in cluster if record in self._records}
        elsewhere = self._unit.persons.current_persons(self._records - settled.keys() - self._scope.record_ids)
        members = self._unit.persons.members(set(elsewhere.values()))
        return settled | {record: tuple(members[person]) for record, person in elsewhere.items()}

    @cached_property
    def sources_by_record(self) -> dict[int, int]:
        """The source of each record, and of each that is the same person as one of them."""
        everyone = {other for person in self.person_members.values() for other in person} | self._records
        return self._unit.records.source_ids_of(everyone)

    def find_sources(self, records: Iterable[int]) -> set[int]:
        """Sources that hold the persons of records."""
        return {self.sources_by_record[each] for record in records for each in self.person_members.get(record, (record,))}

    def combine_stakes(self, records: Collection[int]) -> Stake:
        """What is at stake for the children that the records are about."""
        stakes = [_read_stake(self.active_versions[record]) for record in records if record in self.active_versions]
        return reduce(Stake.combine, stakes) if stakes else Stake()

    def find_newest_record(self, records: Collection[int], keys: Mapping[int, int]) -> int:
        """Of records the one whose source stated it last; of several the one of the lowest canonical key."""
        return max(records, key=lambda record: (self.active_versions[record].as_of, -keys[record]))

    def find_latest_load(self, records: Collection[int]) -> int | None:
        """The load that brought the latest received of the records; None where it came alone."""
        last = max((self.active_versions[record] for record in records), key=lambda each: each.received_commit)
        return last.batch_id


def _read_stake(version: ActiveVersion) -> Stake:
    """Read as of the statement itself, not of today: so that what is derived does not change by itself."""
    said = record_from_bytes(version.payload)
    day = version.as_of[:10]
    return Stake(
        in_care=any(_is_in_interval(placed.begin, placed.end, day) for placed in said.placements)
        or _has_flag(said, "foster_care", day),
        homeless=_has_flag(said, "homeless", day),
        age=_compute_age(to_iso_day(said.birth_date), day),
    )


def _has_flag(said: CanonicalRecord, population: str, day: str) -> bool:
    return any(
        flag.population == population and flag.value == "Y" and _is_in_interval(flag.begin, flag.end, day)
        for flag in said.flags
    )


def _is_in_interval(begin: str | None, end: str | None, day: str) -> bool:
    """Whether a day is in ``[begin, end)``; an end that cannot be read has not come."""
    return (to_iso_day(begin) or day) <= day < (to_iso_day(end) or "9999")


def _compute_age(born: str | None, day: str) -> int | None:
    if born is None or born > day:
        return None
    return int(day[:4]) - int(born[:4]) - (day[5:] < born[5:])

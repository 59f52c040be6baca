"""Preferences about which person keeps its enterprise ID."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from mpi.clustering.assignment import Holder, HolderStatus, SurvivorKey
from mpi.storage.unit_of_work.units import ReadUnit

_MAX_HOLDERS = 10**9


@dataclass(frozen=True, slots=True)
class IdChoice:
    """Preferences about which person keeps its enterprise ID where rules allow several.

    Args:
        survivors: persons that keep their ID wherever others contest it.
        kept_records: records that a person's ID must stay with, by person.
        as_of: the commit before the step being undone; None where nothing is undone. Each person's ID stays
            with those of its records that it held then. Persons that held none of them yield.
        yielding_persons: persons whose ID yields to every other.
    """

    survivors: frozenset[int] = frozenset()
    kept_records: Mapping[int, frozenset[int]] = field(default_factory=dict)
    as_of: int | None = None
    yielding_persons: frozenset[int] = frozenset()

    def rank_survivors(self, survivor_keys: Mapping[int, SurvivorKey]) -> dict[int, SurvivorKey]:
        """Return persons' rank keys with the chosen survivors ranked highest."""
        yielding = {
            person: replace(survivor_keys.get(person, SurvivorKey()), is_newer=True)
            for person in self.yielding_persons
        }
        chosen = {
            person: SurvivorKey(open_enrollment=True, holders=_MAX_HOLDERS) for person in self.survivors
        }
        return {**survivor_keys, **yielding, **chosen}

    def restrict_holder(self, holder: Holder, keys: Mapping[int, int]) -> Holder:
        """Return a person reduced to the records its enterprise ID must keep.

        All its records stay where none of those is active.
        """
        kept_numbers = self.kept_records.get(holder.person, frozenset())
        claimed = holder.records & {keys[record] for record in kept_numbers if record in keys}
        return replace(holder, records=claimed) if claimed else holder


NO_ID_CHOICE = IdChoice()


def prefer_earlier_ids(
    unit: ReadUnit, id_choice: IdChoice, holders: Collection[Holder], numbers_by_key: Mapping[int, int]
) -> IdChoice:
    """Prefer the enterprise IDs that were in force before the undone step."""
    if id_choice.as_of is None:
        return id_choice
    earlier_records = unit.persons.members_by_person_at(
        [holder.person for holder in holders], id_choice.as_of
    )
    retained = {
        holder.person: frozenset(numbers_by_key[key] for key in holder.records)
        & earlier_records.get(holder.person, set())
        for holder in holders
    }
    active_persons = {holder.person for holder in holders if holder.status is HolderStatus.ACTIVE}
    kept_records = {
        person: records for person, records in retained.items() if records and person in active_persons
    }
    yielding_persons = frozenset(person for person, records in retained.items() if not records)
    return replace(
        id_choice, kept_records={**id_choice.kept_records, **kept_records}, yielding_persons=yielding_persons
    )

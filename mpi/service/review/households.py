"""Household members of a record within its source, found by blocking.

Two records of one source share a household if they share a household number, or an address together with a
surname or guardian. A value that many unrelated children share makes no household (ADR 0017), nor does an
address that is withheld from the viewer or that the agreement does not permit.
"""

from collections.abc import Collection, Iterable, Mapping

from mpi.domain.features import Features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.core.visible_features import load_visible_features
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit

MAX_CANDIDATES = 200
"""Most candidate records that are compared for the household of one record."""


def find_household_members(
    unit: ReadUnit, index: Index, record_ids: Collection[int]
) -> dict[int, tuple[int, ...]]:
    """Find records of the same source that share each record's household.

    Args:
        unit: the transaction.
        index: the open index, for its configuration.
        record_ids: numbers of the records.

    Returns:
        Numbers of household members by record number, ascending. A record that is not active has no entry.
    """
    config_id = index.config_id(unit)
    stored = unit.records.get(record_ids)
    keys = unit.keys.forward.keys_of(config_id, record_ids)
    groups = {record.group_id for record in stored.values()}
    records_by_key: dict[int, list[int]] = {}
    every_key = {key for record_keys in keys.values() for key in record_keys}
    for key, candidate in unit.keys.find_records(config_id, groups, every_key) if every_key else ():
        records_by_key.setdefault(key, []).append(candidate)
    candidates = {
        record: _select_candidates(record, record_keys, records_by_key)
        for record, record_keys in keys.items()
    }
    candidate_records = unit.records.get(
        {candidate for candidate_ids in candidates.values() for candidate in candidate_ids}
    )
    features = load_features(unit, config_id, {*keys, *candidate_records})
    members = {
        record: tuple(
            candidate
            for candidate in candidate_ids
            if _share_source(stored[record], candidate_records[candidate])
            and _share_household(features, record, candidate)
        )
        for record, candidate_ids in candidates.items()
    }
    return _drop_concealed_members(unit, index, members)


def _drop_concealed_members(
    unit: ReadUnit, index: Index, members: Mapping[int, tuple[int, ...]]
) -> dict[int, tuple[int, ...]]:
    """Return members who share something that the viewer may know."""
    records = {record for record, member_ids in members.items() for record in (record, *member_ids)}
    shown_features = load_visible_features(unit, index, records).by_record
    return {
        record: tuple(member for member in member_ids if _share_household(shown_features, record, member))
        for record, member_ids in members.items()
    }


def _select_candidates(
    record_id: int, keys: Iterable[int], records_by_key: Mapping[int, Collection[int]]
) -> list[int]:
    """Select the first records that share a blocking key with a record."""
    candidates = {
        candidate for key in keys for candidate in records_by_key.get(key, ()) if candidate != record_id
    }
    return sorted(candidates)[:MAX_CANDIDATES]


def _share_source(left: StoredRecord, right: StoredRecord) -> bool:
    """Return whether two records come from one source."""
    return left.source_id == right.source_id


def _share_household(features: Mapping[int, Features], left_id: int, right_id: int) -> bool:
    """Return whether the features of two records show one household."""
    if left_id not in features or right_id not in features:
        return False
    left, right = features[left_id], features[right_id]
    if set(left.household_ids) & set(right.household_ids):
        return True
    if not set(left.addresses) & set(right.addresses):
        return False
    return bool(
        set(left.surname_forms) & set(right.surname_forms) or set(left.guardians) & set(right.guardians)
    )

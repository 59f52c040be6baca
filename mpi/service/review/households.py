"""Households: who lives with a child by its own source's word, as far as blocking finds them.

Two records of one source are of one household where they share a household number, or an address and a
surname or guardian. What many unrelated children share is no household (ADR 0017), and a confidential address
is none.
"""

from collections.abc import Collection, Iterable, Mapping

from mpi.domain.features import Features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.unit_of_work.unit import ReadUnit

MAX_CANDIDATES = 200
"""Records of one child's blocks, the first by number."""


def find_household_members(unit: ReadUnit, index: Index, record_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """By record: others of its source that live with it, by number; none where the record is not active.

    Args:
        unit: the transaction.
        index: for the configuration.
        record_ids: the records.
    """
    config_id = index.config_id(unit)
    stored = unit.records.get(record_ids)
    keys = unit.keys.of(config_id, record_ids)
    groups = {record.group_id for record in stored.values()}
    sharing: dict[int, list[int]] = {}
    every_key = {key for own in keys.values() for key in own}
    for key, other in unit.keys.sharing(config_id, groups, every_key) if every_key else ():
        sharing.setdefault(key, []).append(other)
    near = {record: _select_candidates(record, own, sharing) for record, own in keys.items()}
    others = unit.records.get({other for found in near.values() for other in found})
    features = load_features(unit, config_id, {*keys, *others})
    return {
        record: tuple(
            other
            for other in found
            if _share_source(stored[record], others[other]) and _share_household(features, record, other)
        )
        for record, found in near.items()
    }


def _select_candidates(record: int, keys: Iterable[int], sharing: Mapping[int, Collection[int]]) -> list[int]:
    found = {other for key in keys for other in sharing.get(key, ()) if other != record}
    return sorted(found)[:MAX_CANDIDATES]


def _share_source(one: StoredRecord, other: StoredRecord) -> bool:
    return one.source_id == other.source_id


def _share_household(features: Mapping[int, Features], one: int, other: int) -> bool:
    if one not in features or other not in features:
        return False
    left, right = features[one], features[other]
    if set(left.household_ids) & set(right.household_ids):
        return True
    if not set(left.addresses) & set(right.addresses):
        return False
    return bool(
        set(left.surname_forms) & set(right.surname_forms) or set(left.guardians) & set(right.guardians)
    )

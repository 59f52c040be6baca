"""Doubted versions: those by which a record would become another child. They wait for a person.

The version before stays active meanwhile. What a version is compared with is the one that stood when it came;
where that is taken back, or another takes its place, the doubted ones are judged again.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from mpi.domain.features import Features
from mpi.matching.diagnostics.overlay import is_another_child
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.standardize.payload import features_from_bytes, have_same_given_name, record_from_bytes
from mpi.storage.repositories.sources.record_assertions import RecordAssertion
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.unit import ReadUnit, WriteUnit

OVERLAY, REFUSED, HELD = "overlay", "refused", "held"
"""States of a version that waits for a person, of one to which a person said no, and of one that waits for
its source to be resumed."""

_COMPARED_STATES = frozenset({RecordState.ACTIVE, RecordState.WITHDRAWN, RecordState.HELD})


def find_overlays(
    unit: ReadUnit,
    index: Index,
    records: Collection[StoredRecord],
    comparables: Mapping[int, ComparableRecord],
) -> set[int]:
    """Those of the records of which a source now says that they are another child.

    Args:
        unit: the transaction.
        index: for the model.
        records: records as they stand; a withdrawn one by the version that it had.
        comparables: what would stand for them, by record number.
    """
    had = {
        r.id: r
        for r in records
        if r.id in comparables and r.version_id is not None and r.state in _COMPARED_STATES
    }
    if not had:
        return set()
    stored = unit.derived_data.features(index.config_id(unit), had)
    before = {
        number: features_from_bytes(payload)
        for number, payload in stored.items()
        if not _has_same_given_name(comparables[number], payload)
    }
    before |= _last_features(
        unit, index, {number: one for number, one in had.items() if number not in stored}
    )
    scorer = index.matcher.scorer
    return {
        number
        for number in before
        if is_another_child(scorer, before[number], unpack_features(comparables[number]))
    }


def _has_same_given_name(said: ComparableRecord, payload: bytes) -> bool:
    """Whether the given name is the one that is stored: of most records that is all that need be read."""
    return isinstance(said, PackedRecord) and have_same_given_name(said.features, payload)


def recheck_overlays(
    unit: WriteUnit, index: Index, assertions: Mapping[int, list[RecordAssertion]]
) -> dict[int, list[RecordAssertion]]:
    """What was said about records, without the doubt where its reason is gone.

    Statements are gone through in the order in which the latest stands. A doubted one counts where nothing
    was said before it, or what counts before it is of the same child.

    Args:
        unit: the transaction.
        index: for the model.
        assertions: every statement that may count, by record.
    """
    waiting = {number: said for number, said in assertions.items() if any(one.is_doubted for one in said)}
    if not waiting:
        return dict(assertions)
    records = unit.records.get(waiting)
    said_by = {one.version_id: n for n, said in waiting.items() for one in said if _is_considered(one)}
    payloads = unit.records.payloads_of_versions([version for version in said_by if version is not None])
    codes = {source.id: source.code for source in unit.sources.all()}
    shared = index.shared_values(unit)
    features = {
        version: index.features_of(
            record_from_bytes(body), codes[records[said_by[version]].source_id], shared
        )
        for version, body in payloads.items()
    }
    cleared = {version for said in waiting.values() for version in _cleared_versions(index, said, features)}
    unit.records.set_version_state(cleared, "history")
    return {
        number: [
            replace(one, is_held=False, is_doubted=False)
            if one.is_doubted and one.version_id in cleared
            else one
            for one in said
        ]
        for number, said in assertions.items()
    }


def find_pending_overlays(unit: ReadUnit, record_ids: Collection[int] | None) -> dict[int, set[int]]:
    """By record: its doubted versions that are newer than what stands; of older ones nobody asks.

    The latest of them is the highest number. None asks of every record.
    """
    doubted = unit.records.open_overlays(record_ids)
    if not doubted:
        return {}
    found: dict[int, set[int]] = {}
    for number, said in unit.record_assertions.assertions_about(doubted).items():
        stands = max((one.sort_key for one in said if not one.is_held), default=("", 0))
        newer = {
            one.version_id
            for one in said
            if one.is_doubted and one.version_id is not None and one.sort_key > stands
        }
        if newer:
            found[number] = newer
    return found


def _cleared_versions(
    index: Index, said: Collection[RecordAssertion], features: Mapping[int, Features]
) -> Iterator[int]:
    before: Features | None = None
    for one in sorted(said, key=lambda one: one.sort_key):
        if one.version_id is None or not _is_considered(one):
            continue
        mine = features[one.version_id]
        if one.is_doubted:
            if before is not None and is_another_child(index.matcher.scorer, before, mine):
                continue
            yield one.version_id
        before = mine


def _is_considered(one: RecordAssertion) -> bool:
    return one.is_doubted or not one.is_held


def _last_features(unit: ReadUnit, index: Index, records: Mapping[int, StoredRecord]) -> dict[int, Features]:
    """Of records that take no part, and so have no features stored: by the last that counted."""
    if not records:
        return {}
    last: dict[int, int] = {}
    for number, said in unit.record_assertions.assertions_about(records).items():
        counted = [one for one in said if not one.is_held and one.version_id is not None]
        version = max(counted, key=lambda one: one.sort_key).version_id if counted else None
        if version is not None:
            last[number] = version
    codes = {source.id: source.code for source in unit.sources.all()}
    payloads = unit.records.payloads_of_versions(last.values())
    shared = index.shared_values(unit)
    return {
        number: index.features_of(
            record_from_bytes(payloads[version]), codes[records[number].source_id], shared
        )
        for number, version in last.items()
    }

"""Detection of overlays: versions that turn a record into another child.

A suspected overlay waits for a person, and the earlier version stays current. It is compared with the version
that was current when it arrived. If that version is undone or replaced, the overlay is checked again.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from mpi.domain.features import Features
from mpi.matching.diagnostics.overlay import is_another_child
from mpi.service.core.comparable_record import ComparableRecord, PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.standardize.serialization import features_from_bytes, have_same_given_name, record_from_bytes
from mpi.storage.repositories.sources.record_assertions import RecordAssertion
from mpi.storage.repositories.sources.records import RecordState, StoredRecord
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

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
    """Return records whose new version describes another child than before.

    Args:
        unit: the transaction.
        index: the open index.
        records: stored records; a withdrawn one is compared by its last version.
        comparables: the new standardized versions, by record number.
    """
    earlier_records = {
        record.id: record
        for record in records
        if record.id in comparables and record.version_id is not None and record.state in _COMPARED_STATES
    }
    if not earlier_records:
        return set()
    stored = unit.derived_data.features(index.config_id(unit), earlier_records)
    earlier_features = {
        record_id: features_from_bytes(payload)
        for record_id, payload in stored.items()
        if not _has_same_given_name(comparables[record_id], payload)
    }
    earlier_features |= _last_features(
        unit,
        index,
        {record_id: record for record_id, record in earlier_records.items() if record_id not in stored},
    )
    scorer = index.matcher.scorer
    return {
        record_id
        for record_id in earlier_features
        if is_another_child(scorer, earlier_features[record_id], unpack_features(comparables[record_id]))
    }


def _has_same_given_name(comparable: ComparableRecord, payload: bytes) -> bool:
    """Return whether a record's new and stored versions share a given name."""
    return isinstance(comparable, PackedRecord) and have_same_given_name(comparable.features, payload)


def recheck_overlays(
    unit: WriteUnit, index: Index, assertions: Mapping[int, list[RecordAssertion]]
) -> dict[int, list[RecordAssertion]]:
    """Return assertions of versions, without overlay suspicions whose reason is gone.

    An overlay is a version that describes another child. Assertions (receipts of a version) are checked in
    order of precedence. A suspected overlay is cleared where no valid version precedes it, or where the
    version before it describes the same child.

    Args:
        unit: the transaction.
        index: the open index.
        assertions: every assertion that may count, by record number.
    """
    overlaid = {
        record_id: record_assertions
        for record_id, record_assertions in assertions.items()
        if any(assertion.is_doubted for assertion in record_assertions)
    }
    if not overlaid:
        return dict(assertions)
    records = unit.records.get(overlaid)
    record_by_version = {
        assertion.version_id: record_id
        for record_id, record_assertions in overlaid.items()
        for assertion in record_assertions
        if _is_considered(assertion)
    }
    payloads = unit.record_versions.payloads_of_versions(
        [version for version in record_by_version if version is not None]
    )
    codes = {source.id: source.code for source in unit.sources.all()}
    shared = index.shared_values(unit)
    features = {
        version: index.features_of(
            record_from_bytes(payload), codes[records[record_by_version[version]].source_id], shared
        )
        for version, payload in payloads.items()
    }
    cleared_versions = {
        version
        for record_assertions in overlaid.values()
        for version in _cleared_versions(index, record_assertions, features)
    }
    unit.record_versions.set_version_state(cleared_versions, "history")
    return {
        record_id: [
            replace(assertion, is_held=False, is_doubted=False)
            if assertion.is_doubted and assertion.version_id in cleared_versions
            else assertion
            for assertion in record_assertions
        ]
        for record_id, record_assertions in assertions.items()
    }


def find_pending_overlays(unit: ReadUnit, record_ids: Collection[int] | None) -> dict[int, set[int]]:
    """Return suspected overlays (versions about another child) newer than current versions.

    Older ones need no answer. The latest overlay of a record has the highest number.

    Args:
        unit: the transaction.
        record_ids: record numbers; None for every record.

    Returns:
        Version numbers, by record number.
    """
    overlays = unit.record_versions.open_overlays(record_ids)
    if not overlays:
        return {}
    pending: dict[int, set[int]] = {}
    for record_id, record_assertions in unit.record_assertions.assertions_about(overlays).items():
        current_precedence = max(
            (assertion.sort_key for assertion in record_assertions if not assertion.is_held), default=("", 0)
        )
        newer_versions = {
            assertion.version_id
            for assertion in record_assertions
            if assertion.is_doubted
            and assertion.version_id is not None
            and assertion.sort_key > current_precedence
        }
        if newer_versions:
            pending[record_id] = newer_versions
    return pending


def _cleared_versions(
    index: Index, assertions: Collection[RecordAssertion], features: Mapping[int, Features]
) -> Iterator[int]:
    earlier_features: Features | None = None
    for assertion in sorted(assertions, key=lambda assertion: assertion.sort_key):
        if assertion.version_id is None or not _is_considered(assertion):
            continue
        own_features = features[assertion.version_id]
        if assertion.is_doubted:
            if earlier_features is not None and is_another_child(
                index.matcher.scorer, earlier_features, own_features
            ):
                continue
            yield assertion.version_id
        earlier_features = own_features


def _is_considered(assertion: RecordAssertion) -> bool:
    return assertion.is_doubted or not assertion.is_held


def _last_features(unit: ReadUnit, index: Index, records: Mapping[int, StoredRecord]) -> dict[int, Features]:
    """Return comparison features of inactive records, from their last valid version."""
    if not records:
        return {}
    last_versions: dict[int, int] = {}
    for record_id, record_assertions in unit.record_assertions.assertions_about(records).items():
        valid_assertions = [
            assertion
            for assertion in record_assertions
            if not assertion.is_held and assertion.version_id is not None
        ]
        version = (
            max(valid_assertions, key=lambda assertion: assertion.sort_key).version_id
            if valid_assertions
            else None
        )
        if version is not None:
            last_versions[record_id] = version
    codes = {source.id: source.code for source in unit.sources.all()}
    payloads = unit.record_versions.payloads_of_versions(last_versions.values())
    shared = index.shared_values(unit)
    return {
        record_id: index.features_of(
            record_from_bytes(payloads[version]), codes[records[record_id].source_id], shared
        )
        for record_id, version in last_versions.items()
    }

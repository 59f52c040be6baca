"""Synchronize stored derived data with a configuration, online.

Data derived from a snapshot is compared with the stored data and written where different, a few records in
each transaction. A record that changed since the snapshot is on the run's list of changes. Under the
configuration in force, its writer has derived it. Under another configuration it is derived here, until so
few are left that the rest fits into the transaction that activates the configuration.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from mpi.service.core.configuration import activate_config
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.reindex import write_derived_data
from mpi.service.recluster.derivation import DerivedData
from mpi.service.recluster.key_verification import repair_keys
from mpi.service.recluster.run_state import RunContext
from mpi.standardize.serialization import record_from_bytes
from mpi.standardize.shared_values import SharedValues
from mpi.storage.key_index.forward_index import PackedKeys
from mpi.storage.repositories.derived.features_and_edges import MICROBITS
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

WRITING, CATCHING_UP, CLEARING = "writing what was derived", "catching up", "dropping what was before"
PAGE_RECORDS = 2_000
"""Records compared at a time."""
ACTIVATION_RECORDS = 10
"""Changed records derived in the transaction that activates the configuration, at most."""
CATCH_UP_ROUNDS = 50
"""Largest number of catch-up rounds before the activation.

After these, the activation derives any number of changed records.
"""


@dataclass(frozen=True, slots=True)
class _RecordData:
    """Features, blocking keys and scored pairs of one record.

    A pair belongs to its record of lower number.
    """

    features: bytes | None
    keys: bytes
    edges: Mapping[tuple[int, int], int]


class DerivedByRecord:
    """Features, keys and scored pairs of a snapshot, by record number.

    Args:
        derived: the derived data of the snapshot.
    """

    def __init__(self, derived: DerivedData) -> None:
        self._derived = derived
        self._edges: dict[int, dict[tuple[int, int], int]] = {}
        for edge, bits in derived.edges.items():
            self._edges.setdefault(edge[0], {})[edge] = round(bits * MICROBITS)

    @property
    def purged_keys(self) -> list[int]:
        """Blocking keys that bring no pairs, ascending."""
        return [int(key) for key in self._derived.purged_keys]

    @property
    def records(self) -> list[int]:
        """Number of every record, ascending."""
        return sorted(self._derived.features)

    def get_record_data(self, record: int) -> _RecordData:
        """Return a record's features, keys and pairs to store; empty if inactive.

        Args:
            record: a record number.
        """
        features = self._derived.features.get(record)
        return _RecordData(features, self._derived.read_keys(record), self._edges.get(record, {}))

    def get_group(self, record: int) -> int:
        """Return the visibility group of an active record.

        Args:
            record: a record number.
        """
        return self._derived.groups[record]


def sync_derived(context: RunContext, config_id: int, snapshot: DerivedByRecord) -> None:
    """Update the stored features, keys and pairs where a snapshot differs.

    Records that changed since the snapshot are left alone.

    Args:
        context: the re-cluster run.
        config_id: the configuration of the derived data.
        snapshot: the derived data.
    """
    with context.index.database.read(context.viewer) as unit:
        stored = unit.derived_data.record_ids(config_id)
    if stored:
        repair_keys(context, config_id)
    records = sorted(stored | set(snapshot.records))
    for start in range(0, len(records), PAGE_RECORDS):
        page = records[start : start + PAGE_RECORDS]
        differing = page
        if stored:
            with context.index.database.read(context.viewer) as unit:
                differing = _find_differing(unit, config_id, page, snapshot)
        for batch in context.pace.batches(differing):
            with batch.transaction() as unit:
                _write_differences(unit, context.run.id, config_id, batch.items, snapshot)
        context.keep_alive()
        context.progress(WRITING, min(start + PAGE_RECORDS, len(records)), len(records))
    _sync_purged_blocks(context, config_id, snapshot.purged_keys)


def _sync_purged_blocks(context: RunContext, config_id: int, purged_keys: Collection[int]) -> None:
    """Store a snapshot's purged blocks, and count the others again.

    The worker checks each, since records may have changed meanwhile.
    """
    with context.index.database.read(context.viewer) as unit:
        stored = set(unit.keys.purged_blocks.all(config_id).tolist())
    if stored != set(purged_keys):
        with context.pace.transaction() as unit:
            unit.keys.purged_blocks.add(config_id, purged_keys, unit.commit_no)
            unit.keys.purged_blocks.request_check(config_id, stored.difference(purged_keys))


def _read_stored(unit: ReadUnit, config_id: int, records: Collection[int]) -> dict[int, _RecordData]:
    """Read the stored features, blocking keys and pairs of records."""
    features = unit.derived_data.features(config_id, records)
    keys = unit.keys.forward.packed_keys(config_id, records)
    edges: dict[int, dict[tuple[int, int], int]] = {}
    for edge, weight in unit.derived_data.edges_by_lower_record(config_id, records).items():
        edges.setdefault(edge[0], {})[edge] = weight
    return {
        record: _RecordData(
            features.get(record), keys[record].keys if record in keys else b"", edges.get(record, {})
        )
        for record in records
    }


def _find_differing(
    unit: ReadUnit, config_id: int, page: Sequence[int], snapshot: DerivedByRecord
) -> list[int]:
    """Return records whose stored features, keys or pairs differ from the snapshot's."""
    stored = _read_stored(unit, config_id, page)
    return [record for record in page if stored[record] != snapshot.get_record_data(record)]


def _write_differences(
    unit: WriteUnit, run: int, config_id: int, records: Collection[int], snapshot: DerivedByRecord
) -> None:
    """Store a snapshot's features, keys and pairs of records.

    Records that changed since the snapshot are left alone.
    """
    derived = {record: snapshot.get_record_data(record) for record in records}
    stored = _read_stored(unit, config_id, records)
    edge_ends = {end for data in (*derived.values(), *stored.values()) for edge in data.edges for end in edge}
    changed = unit.runs.select_changed(run, edge_ends | set(records))
    rewritten = [
        r
        for r in records
        if r not in changed and _features_and_keys(derived[r]) != _features_and_keys(stored[r])
    ]
    unit.derived_data.delete_features_and_keys(
        config_id, [r for r in rewritten if _features_and_keys(stored[r]) != _NO_FEATURES_OR_KEYS]
    )
    unit.derived_data.add_features(
        config_id, ((r, f) for r in rewritten if (f := derived[r].features) is not None)
    )
    own_keys = {r: PackedKeys(snapshot.get_group(r), derived[r].keys) for r in rewritten if derived[r].keys}
    if own_keys:
        unit.keys.write(config_id, own_keys, unit.commit_no)
    edges_before = {edge: weight for data in stored.values() for edge, weight in data.edges.items()}
    edges_after = {edge: weight for data in derived.values() for edge, weight in data.edges.items()}
    changed_edges = {
        edge for edge, _ in edges_before.items() ^ edges_after.items() if not changed & set(edge)
    }
    unit.derived_data.delete_edges(config_id, changed_edges & edges_before.keys())
    unit.derived_data.add_edges(
        config_id, {edge: edges_after[edge] / MICROBITS for edge in changed_edges & edges_after.keys()}
    )


def _features_and_keys(data: _RecordData) -> tuple[bytes | None, bytes]:
    """Return the features and blocking keys of one record, without its pairs."""
    return data.features, data.keys


_NO_FEATURES_OR_KEYS: tuple[bytes | None, bytes] = (None, b"")


def catch_up(context: RunContext, config_id: int, shared_values: SharedValues) -> None:
    """Recompute records that changed during a re-cluster run, until few remain.

    Args:
        context: the re-cluster run.
        config_id: a configuration that is not in force.
        shared_values: its lists of shared values.
    """
    for _ in range(CATCH_UP_ROUNDS):
        with context.index.database.read(context.viewer) as unit:
            changed = unit.runs.changed_records(context.run.id, PAGE_RECORDS)
        if len(changed) <= ACTIVATION_RECORDS:
            return
        for batch in context.pace.batches(changed):
            with batch.transaction() as unit:
                _derive_again(unit, context, config_id, shared_values, batch.items)
            context.progress(CATCHING_UP, len(batch.items), len(changed))


def activate_configuration(context: RunContext, config_id: int, shared_values: SharedValues) -> int:
    """Recompute the last changed records and put a run's configuration in force.

    Both happen in one transaction.

    Args:
        context: the re-cluster run.
        config_id: the configuration.
        shared_values: its lists of shared values.

    Returns:
        The number of its commit.
    """
    context.pace.is_interruptible = False
    with context.pace.transaction() as unit:
        active = unit.configs.active_config()
        if active is not None and active.id != config_id:
            while changed := unit.runs.changed_records(context.run.id, PAGE_RECORDS):
                _derive_again(unit, context, config_id, shared_values, changed)
        previous_model = context.run.model if active is None else active.model
        activate_config(unit, config_id)
        unit.runs.update(context.run.id, stage="releasing", flipped_commit=unit.commit_no)
        if context.run.proposal_id is not None and context.run.kind == "proposal":
            unit.proposals.set_applied(context.run.proposal_id, unit.commit_no, previous_model)
        return unit.commit_no


def _derive_again(
    unit: WriteUnit,
    context: RunContext,
    config_id: int,
    shared_values: SharedValues,
    records: Collection[int],
) -> None:
    """Recompute features, keys and pairs of changed records under a run's configuration."""
    index = context.index
    # ``_write_differences`` may have written an edge from its other end before the record changed.
    unit.derived_data.delete_edges_of_records(config_id, records)
    codes = {source.id: source.code for source in unit.sources.all()}
    groups = {number: record_row.group_id for number, record_row in unit.records.get(records).items()}
    changed = {
        record: ChangedRecord(
            groups[record], index.features_of(record_from_bytes(payload), codes[source], shared_values)
        )
        for record, (source, payload) in unit.record_versions.payloads(records).items()
    }
    write_derived_data(unit, index, config_id, changed, records)
    unit.runs.delete_changed_records(context.run.id, records)


def drop_inactive(context: RunContext) -> None:
    """Delete stored features, keys and pairs of configurations not in force.

    Args:
        context: the re-cluster run.
    """
    with context.index.database.read(context.viewer) as unit:
        active = unit.configs.active_config()
        inactive = unit.derived_data.config_ids() - {0 if active is None else active.id}
        spans = {config: unit.derived_data.record_id_range(config) for config in sorted(inactive)}
    for config_id, span in spans.items():
        if span is None:
            continue
        for batch in context.pace.batches(range(span[0], span[1] + 1)):
            with batch.transaction() as unit:
                unit.derived_data.delete_range(config_id, batch.items[0], batch.items[-1])
            context.progress(CLEARING, batch.items[-1] - span[0] + 1, span[1] - span[0] + 1)
        with context.index.database.read(context.viewer) as unit:
            has_purged_blocks = unit.keys.purged_blocks.all(config_id).size > 0
        if has_purged_blocks:
            with context.pace.transaction() as unit:
                unit.keys.purged_blocks.delete_all(config_id)

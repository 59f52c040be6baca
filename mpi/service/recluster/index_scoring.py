"""Score all candidate pairs of the index under a configuration.

Features and keys depend on the source records and the configuration alone. Under the configuration in force
the stored ones are used; under another they are derived. ``mpi rebuild`` derives them in either case and
writes the differences.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from mpi.domain.features import Features
from mpi.matching.scoring.block_purging import drop_purged_keys
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.matching.scoring.feature_batches import BATCH_ROWS, batch_stored_features
from mpi.matching.scoring.shared_value_counts import open_shared_value_table
from mpi.service.core.index import Index, Matcher
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.reindex import Progress, edges_from_table
from mpi.service.recluster.derivation import derive
from mpi.service.resolution.task_facts import FeatureLoader
from mpi.standardize.shared_values import SharedValues, make_shared_values
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit

READING = "reading features"
_KEYS = pa.schema([("key", pa.int64()), ("record_id", pa.int64())])


@dataclass(frozen=True, slots=True)
class IndexScores:
    """Scored candidate pairs of the whole index, with data for clustering them.

    Args:
        edges: candidate pairs whose weight reaches the floor.
        read_features: returns features of records, without shared values.
        shared_values: the lists of shared values that were left out.
        fresh_shared_values: the lists made from the active records now.
        is_fresh_complete: whether ``fresh_shared_values`` was made from all payloads. Otherwise it was made
            from stored features, which lack the listed values, so that it has only values that are not
            listed.
    """

    edges: Edges
    read_features: FeatureLoader
    shared_values: SharedValues
    fresh_shared_values: SharedValues
    is_fresh_complete: bool


def score_index(
    unit: ReadUnit,
    index: Index,
    matcher: Matcher,
    floor: float,
    progress: Progress,
    shared_values: SharedValues | None = None,
    engine: BatchEngine = DUCKDB_ENGINE,
) -> IndexScores:
    """Score every candidate pair of the active records.

    Args:
        unit: the transaction to read in.
        index: supplies the secret and a folder for data that exceeds memory.
        matcher: the model.
        floor: lowest weight of a pair that is kept, in bits.
        progress: receives the progress of long steps.
        shared_values: the lists of shared values; None for those that the active records make now.
        engine: finds and scores the pairs.

    Raises:
        ModelError: the model was fitted on another version of the standardizer.
        EngineError: the engine is not installed, or failed.
    """
    active = unit.configs.active_config()
    token_keys = index.keyed_hash.token_keys
    if (
        shared_values is not None
        and active is not None
        and active.digest == matcher.digest(shared_values, token_keys)
    ):
        stored = _StoredData(unit, active.id)
        if stored.is_complete:
            with open_shared_value_table(index.home) as watch:
                features = watch.count_batches(batch_stored_features(stored.read_all_features(progress)))
                keys = drop_purged_keys(stored.read_all_keys(), index.settings.block_limits.paired)
                pairs = engine.weigh_pairs(matcher.model, features, keys, floor, index.home, progress)
                fresh_lists = replace(
                    make_shared_values(watch.find_shared(), index.keyed_hash), stopped=shared_values.stopped
                )
            return IndexScores(
                edges=edges_from_table(pairs),
                read_features=stored.read_features,
                shared_values=shared_values,
                fresh_shared_values=fresh_lists,
                is_fresh_complete=not shared_values.hashes,
            )
    derived = derive(unit, index, matcher, floor, progress, shared_values, engine)
    return IndexScores(
        edges=derived.edges,
        read_features=derived.read_features,
        shared_values=derived.shared_values,
        fresh_shared_values=derived.fresh_shared_values,
        is_fresh_complete=True,
    )


class _StoredData:
    """Stored features and blocking keys of the configuration in force.

    Args:
        unit: the transaction.
        config_id: the configuration.
    """

    def __init__(self, unit: ReadUnit, config_id: int) -> None:
        self._unit = unit
        self._config_id = config_id
        self._records = unit.derived_data.records_with_features(config_id)

    @property
    def is_complete(self) -> bool:
        """Whether every active record has its stored features and keys.

        A record whose candidate search was deferred has none yet.
        """
        return (
            not self._unit.large_blocks.oldest_pending(1)
            and self._records == self._unit.records.active_canonical_keys().keys()
        )

    def read_all_features(self, progress: Progress) -> Iterator[tuple[int, bytes]]:
        """Yield every record number with its stored comparison features."""
        total = len(self._records)
        for count, record_features in enumerate(self._unit.derived_data.iterate_features(self._config_id), 1):
            if count % BATCH_ROWS == 0 or count == total:
                progress(READING, count, total)
            yield record_features

    def read_all_keys(self) -> pa.Table:
        """Return a table of every blocking key and its record."""
        pages = self._unit.keys.forward.iterate_rows(self._config_id)
        tables = [pa.table([page_keys, records], schema=_KEYS) for _, page_keys, records in pages]
        return pa.concat_tables([_KEYS.empty_table(), *tables])

    def read_features(self, records: Collection[int]) -> Mapping[int, Features]:
        """Return the stored comparison features of records."""
        return load_features(self._unit, self._config_id, records)

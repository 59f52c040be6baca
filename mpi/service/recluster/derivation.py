"""Derive features, blocking keys and edges of every active record.

Records are standardized on all cores and held as the bytes that are stored: a million records as objects
take four times as much memory.
"""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.model.blocking_keys import BlockingSpec, compute_finer_keys, compute_keys
from mpi.matching.model.match_model import require_standardizer
from mpi.matching.scoring.block_purging import are_among, drop_keys, find_purged_keys
from mpi.matching.scoring.engines import DUCKDB_ENGINE, BatchEngine
from mpi.matching.scoring.feature_batches import batch_stored_features
from mpi.service.core.index import Index, Matcher
from mpi.service.indexing.reindex import Progress, edges_from_table
from mpi.standardize.process_pool import map_chunks
from mpi.standardize.serialization import features_from_bytes, features_to_bytes, record_from_bytes
from mpi.standardize.shared_value_detection import SharedValueCounter
from mpi.standardize.shared_values import SharedValues, drop_shared_values
from mpi.standardize.standardizer import standardize
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import ReadUnit

BLOCK_RECORDS = 2_000
"""Records that one process derives at a time."""

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DerivedData:
    """Features, blocking keys and scored pairs of all active records.

    They hold under one configuration (model and lists of shared values).

    Args:
        features: by record, without shared values, as they are stored.
        groups: the visibility group of each record.
        keys: rows of record and key, ordered by record; shape (keys, 2), int64.
        purged_keys: blocking keys that bring no pairs, since too many records hold them; ascending.
        edges: candidate pairs whose weight reaches the floor.
        shared_values: the lists of shared values that were left out.
        fresh_shared_values: the lists made from the active records now.
    """

    features: dict[int, bytes]
    groups: dict[int, int]
    keys: Numbers
    purged_keys: Numbers
    edges: Edges
    shared_values: SharedValues
    fresh_shared_values: SharedValues

    def read_features(self, records: Collection[int]) -> Mapping[int, Features]:
        """Return the comparison features of records.

        Args:
            records: record numbers.
        """
        return {record: features_from_bytes(self.features[record]) for record in records}

    def read_keys(self, record: int) -> bytes:
        """Return the blocking keys of a record as they are stored.

        Args:
            record: a record number.
        """
        start, stop = np.searchsorted(self.keys[:, 0], [record, record + 1])
        return self.keys[start:stop, 1].astype(STORED_DTYPE).tobytes()


class RecordPayload(NamedTuple):
    """Content of an active record, as stored.

    Args:
        record: its number.
        source: the code of its source.
        body: the record's content; in the second pass, its features as bytes, shared values included.
    """

    record: int
    source: str
    body: bytes


class DerivedBlock(NamedTuple):
    """Features and blocking keys of a block of records, in record order.

    Args:
        features: as they are stored.
        key_counts: number of blocking keys of each record.
        keys: the keys of all records, one record after the other.
        value_counts: counts of values, to find those that are shared.
    """

    features: list[bytes]
    key_counts: "array[int]"
    keys: "array[int]"
    value_counts: SharedValueCounter


@dataclass(frozen=True)
class BlockDeriver:
    """Computes features and blocking keys of records; can run in another process.

    Args:
        keyed_hash: keyed hash under the index's secret.
        blocking: the model's blocking rules.
        lists_text: the shared values to leave out, as text; None to leave out none and make no keys.
        is_second_pass: whether the records arrive as features whose values have been counted.
    """

    keyed_hash: KeyedHash
    blocking: BlockingSpec
    lists_text: str | None
    is_second_pass: bool = False

    @cached_property
    def shared(self) -> SharedValues | None:
        """The lists of values to leave out because many people share them."""
        return None if self.lists_text is None else SharedValues.from_text(self.lists_text)

    def __call__(self, payloads: Sequence[RecordPayload]) -> DerivedBlock:
        """Compute features and blocking keys of a block of records.

        Args:
            payloads: the stored contents of the active records.
        """
        block = DerivedBlock([], array("q"), array("q"), SharedValueCounter())
        for payload in payloads:
            if self.is_second_pass:
                features = features_from_bytes(payload.body)
            else:
                features = standardize(record_from_bytes(payload.body), payload.source, self.keyed_hash)
                block.value_counts.add(features, self.keyed_hash)
            if self.shared is not None:
                features = drop_shared_values(features, self.shared, self.keyed_hash)
                record_keys = compute_keys(features, self.blocking, self.keyed_hash)
                block.key_counts.append(len(record_keys))
                block.keys.extend(record_keys)
            block.features.append(features_to_bytes(features))
        return block


def derive(
    unit: ReadUnit,
    index: Index,
    matcher: Matcher,
    floor: float,
    progress: Progress,
    shared_values: SharedValues | None = None,
    engine: BatchEngine = DUCKDB_ENGINE,
) -> DerivedData:
    """Compute features, blocking keys and scored pairs of all active records.

    Args:
        unit: the transaction to read records in.
        index: supplies the secret and a folder for data that exceeds memory.
        matcher: the model.
        floor: lowest weight of a pair that is kept, in bits.
        progress: receives the progress of long steps.
        shared_values: the lists of shared values; None for those that the active records make now.
        engine: finds and scores the pairs.

    Raises:
        ModelError: the model was fitted on another version of the standardizer.
    """
    require_standardizer(matcher.model)
    groups = unit.records.active_visibility_groups()
    records = sorted(groups)
    stopped_keys = (
        _find_stopped_keys(unit, index, matcher) if shared_values is None else shared_values.stopped
    )
    blocking = matcher.model.blocking.with_stopped_keys(stopped_keys)
    deriver = BlockDeriver(
        index.keyed_hash, blocking, None if shared_values is None else shared_values.to_text()
    )
    columns = _DerivedColumns()
    columns.derive_blocks(deriver, _read_payload_blocks(unit, records), records, progress)
    fresh_lists = replace(columns.value_counts.find_shared(), stopped=stopped_keys)
    used_lists = fresh_lists if shared_values is None else shared_values
    if shared_values is None:
        # Shared values are known only after every record is read.
        second_deriver = BlockDeriver(index.keyed_hash, blocking, used_lists.to_text(), is_second_pass=True)
        first_columns, columns = columns, _DerivedColumns()
        columns.derive_blocks(
            second_deriver,
            _split_into_blocks([RecordPayload(r, "", first_columns.features[r]) for r in records]),
            records,
            progress,
        )
    rows = columns.build_keys(records)
    rows = _add_finer_keys(index, blocking, columns.features, rows)
    blocks = pa.table({"key": rows[:, 1], "record_id": rows[:, 0]})
    purged_keys = find_purged_keys(rows[:, 1], index.settings.block_limits.paired)
    features = batch_stored_features(columns.features.items())
    paired = drop_keys(blocks, purged_keys)
    scored = engine.weigh_pairs(matcher.model, features, paired, floor, index.home, progress)
    return DerivedData(
        features=columns.features,
        groups=groups,
        keys=rows,
        purged_keys=purged_keys,
        edges=edges_from_table(scored),
        shared_values=used_lists,
        fresh_shared_values=fresh_lists,
    )


def _add_finer_keys(
    index: Index, blocking: BlockingSpec, features: Mapping[int, bytes], rows: Numbers
) -> Numbers:
    """Return rows of record and key, with finer keys added."""
    purged_keys = find_purged_keys(rows[:, 1], index.settings.block_limits.paired)
    if not (blocking.has_refinements and purged_keys.size):
        return rows
    refined = set(purged_keys.tolist())
    finer_rows = [
        (record, key)
        for record in np.unique(rows[are_among(rows[:, 1], purged_keys), 0]).tolist()
        for key in compute_finer_keys(
            features_from_bytes(features[record]), blocking, index.keyed_hash, refined
        )
    ]
    merged = np.concatenate([rows, np.array(finer_rows, np.int64).reshape(-1, 2)])
    return merged[np.lexsort((merged[:, 1], merged[:, 0]))]


def _find_stopped_keys(unit: ReadUnit, index: Index, matcher: Matcher) -> frozenset[int]:
    """Return blocking keys excluded as too common; none for another model.

    Fresh lists of shared values do not change the stopped keys.
    """
    active = unit.configs.active_config()
    is_same_model = active is not None and matcher.runs(active)
    return (
        index.shared_values_of(unit, active.id).stopped
        if is_same_model and active is not None
        else frozenset()
    )


class _DerivedColumns:
    """Features and blocking keys of all records, concatenated from blocks."""

    def __init__(self) -> None:
        self.features: dict[int, bytes] = {}
        self.value_counts = SharedValueCounter()
        self._key_counts = array("q")
        self._keys = array("q")

    def derive_blocks(
        self,
        deriver: BlockDeriver,
        payload_blocks: Iterator[list[RecordPayload]],
        records: Sequence[int],
        progress: Progress,
    ) -> None:
        """Compute features and keys of record blocks in other processes, in order."""
        for block in map_chunks(deriver, payload_blocks):
            derived_count = len(self.features)
            self.features.update(zip(records[derived_count:], block.features, strict=False))
            self._key_counts.extend(block.key_counts)
            self._keys.extend(block.keys)
            self.value_counts.extend(block.value_counts)
            progress("standardizing", len(self.features), len(records))

    def build_keys(self, records: Sequence[int]) -> Numbers:
        """Return rows of record number and blocking key, ordered by record."""
        rows = np.empty((len(self._keys), 2), dtype=np.int64)
        rows[:, 0] = np.repeat(
            np.asarray(records, dtype=np.int64), np.asarray(self._key_counts, dtype=np.int64)
        )
        rows[:, 1] = np.asarray(self._keys, dtype=np.int64)
        return rows


def _read_payload_blocks(unit: ReadUnit, records: Sequence[int]) -> Iterator[list[RecordPayload]]:
    """Yield the stored contents of active records, one block at a time."""
    codes = {source.id: source.code for source in unit.sources.all()}
    for start in range(0, len(records), BLOCK_RECORDS):
        block = records[start : start + BLOCK_RECORDS]
        payloads = unit.record_versions.payloads(block)
        yield [RecordPayload(record, codes[payloads[record][0]], payloads[record][1]) for record in block]


def _split_into_blocks(payloads: Sequence[RecordPayload]) -> Iterator[list[RecordPayload]]:
    """Split stored record contents into blocks for parallel work."""
    for start in range(0, len(payloads), BLOCK_RECORDS):
        yield list(payloads[start : start + BLOCK_RECORDS])

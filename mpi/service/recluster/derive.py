"""Derive features, keys and edges of every active record, anew from what the sources said.

Records are standardized on all cores and kept as the bytes that are stored: a million as objects take four
times as much.
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
from mpi.matching.model.blocking_keys import BlockingSpec, keys
from mpi.matching.model.model import require_standardizer
from mpi.matching.scoring.engines import DUCKDB, BatchEngine
from mpi.matching.scoring.feature_batches import packed
from mpi.service.core.index import Index, Matcher
from mpi.service.indexing.reindex import Progress, edges_of
from mpi.standardize.payload import features_from_bytes, features_to_bytes, from_payload
from mpi.standardize.process_pool import spread
from mpi.standardize.record import standardize
from mpi.standardize.shared_value_detection import Borne
from mpi.standardize.shared_values import SharedValues, without_shared
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.unit_of_work.unit import ReadUnit

BLOCK_RECORDS = 2_000

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DerivedData:
    """What follows from the active records under one configuration.

    Args:
        features: by record, without shared values, as they are stored.
        groups: the visibility group of each record.
        keys: two columns, record and key, by record.
        edges: candidate pairs from the floor up.
        shared: the lists of shared values that were taken out.
        fresh_shared: the lists as they would be if they were made from the active records now.
    """

    features: dict[int, bytes]
    groups: dict[int, int]
    keys: Numbers
    edges: Edges
    shared: SharedValues
    fresh_shared: SharedValues

    def read_features(self, records: Collection[int]) -> Mapping[int, Features]:
        """Features of some records."""
        return {record: features_from_bytes(self.features[record]) for record in records}

    def read_keys(self, record: int) -> bytes:
        """Blocking keys of a record, as they are stored."""
        start, stop = np.searchsorted(self.keys[:, 0], [record, record + 1])
        return self.keys[start:stop, 1].astype(STORED_DTYPE).tobytes()


class RecordPayload(NamedTuple):
    """What stands for a record.

    Args:
        record: its number.
        source: the code of its source.
        body: the payload; of the second time, its features as bytes with nothing taken out.
    """

    record: int
    source: str
    body: bytes


class DerivedBlock(NamedTuple):
    """What was made of some records, in their order.

    Args:
        features: as they are stored.
        key_counts: how many keys each has.
        keys: all of them, one record after the other.
        value_counts: which values they bear, to find those that are shared.
    """

    features: list[bytes]
    key_counts: "array[int]"
    keys: "array[int]"
    value_counts: Borne


@dataclass(frozen=True)
class BlockDeriver:
    """Derives what follows from one record alone; can be sent to another process.

    Args:
        seal: the index's secret.
        blocking: the model's.
        lists_text: the shared values that are taken out, as text; None to take out none, and make no keys.
        is_second_pass: whether the records come as features, and were counted before.
    """

    seal: KeyedHash
    blocking: BlockingSpec
    lists_text: str | None
    is_second_pass: bool = False

    @cached_property
    def shared(self) -> SharedValues | None:
        """The shared values."""
        return None if self.lists_text is None else SharedValues.from_text(self.lists_text)

    def __call__(self, payloads: Sequence[RecordPayload]) -> DerivedBlock:
        """What follows from some records."""
        block = DerivedBlock([], array("q"), array("q"), Borne())
        for payload in payloads:
            if self.is_second_pass:
                features = features_from_bytes(payload.body)
            else:
                features = standardize(from_payload(payload.body), payload.source, self.seal)
                block.value_counts.add(features, self.seal)
            if self.shared is not None:
                features = without_shared(features, self.shared, self.seal)
                record_keys = keys(features, self.blocking, self.seal)
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
    shared: SharedValues | None = None,
    engine: BatchEngine = DUCKDB,
) -> DerivedData:
    """Derive everything under a model.

    Args:
        unit: the transaction to read records in.
        index: for the secret and a place to spill.
        matcher: the model.
        floor: lowest weight of an edge, in bits.
        progress: told of long steps.
        shared: the lists of shared values; None for those that the active records make now.
        engine: what finds and scores the pairs.

    Raises:
        ModelError: the model was fitted on another version of the standardizer.
    """
    require_standardizer(matcher.model)
    groups = unit.records.active_visibility_groups()
    records = sorted(groups)
    stopped_keys = _find_stopped_keys(unit, index, matcher) if shared is None else shared.stopped
    blocking = matcher.model.blocking.stopping(stopped_keys)
    deriver = BlockDeriver(index.keyed_hash, blocking, None if shared is None else shared.to_text())
    columns = _DerivedColumns()
    columns.derive_blocks(deriver, _read_payload_blocks(unit, records), records, progress)
    fresh_lists = replace(columns.value_counts.shared(), stopped=stopped_keys)
    used_lists = fresh_lists if shared is None else shared
    if shared is None:
        # Which values are shared is known only when every record was read.
        second_deriver = BlockDeriver(index.keyed_hash, blocking, used_lists.to_text(), is_second_pass=True)
        first_columns, columns = columns, _DerivedColumns()
        columns.derive_blocks(
            second_deriver,
            _split_into_blocks([RecordPayload(r, "", first_columns.features[r]) for r in records]),
            records,
            progress,
        )
    rows = columns.build_keys(records)
    blocks = pa.table({"key": rows[:, 1], "record_id": rows[:, 0]})
    features = packed(columns.features.items())
    scored = engine.weights(matcher.model, features, blocks, floor, index.home, progress)
    return DerivedData(columns.features, groups, rows, edges_of(scored), used_lists, fresh_lists)


def _find_stopped_keys(unit: ReadUnit, index: Index, matcher: Matcher) -> frozenset[int]:
    """The keys that are stopped, which fresh lists of shared values do not change; none for another model."""
    active = unit.configs.active_config()
    is_same_model = active is not None and matcher.runs(active)
    return (
        index.shared_values_of(unit, active.id).stopped
        if is_same_model and active is not None
        else frozenset()
    )


class _DerivedColumns:
    """Blocks put together."""

    def __init__(self) -> None:
        self.features: dict[int, bytes] = {}
        self.value_counts = Borne()
        self._key_counts = array("q")
        self._keys = array("q")

    def derive_blocks(
        self,
        deriver: BlockDeriver,
        payload_blocks: Iterator[list[RecordPayload]],
        records: Sequence[int],
        progress: Progress,
    ) -> None:
        """Derive from records, in the order of their numbers."""
        for block in spread(deriver, payload_blocks):
            derived_count = len(self.features)
            self.features.update(zip(records[derived_count:], block.features, strict=False))
            self._key_counts.extend(block.key_counts)
            self._keys.extend(block.keys)
            self.value_counts.extend(block.value_counts)
            progress("standardizing", len(self.features), len(records))

    def build_keys(self, records: Sequence[int]) -> Numbers:
        """Record and key of every key, by record."""
        rows = np.empty((len(self._keys), 2), dtype=np.int64)
        rows[:, 0] = np.repeat(
            np.asarray(records, dtype=np.int64), np.asarray(self._key_counts, dtype=np.int64)
        )
        rows[:, 1] = np.asarray(self._keys, dtype=np.int64)
        return rows


def _read_payload_blocks(unit: ReadUnit, records: Sequence[int]) -> Iterator[list[RecordPayload]]:
    """What stands for the records, in their order, a block at a time."""
    codes = {source.id: source.code for source in unit.sources.all()}
    for start in range(0, len(records), BLOCK_RECORDS):
        block = records[start : start + BLOCK_RECORDS]
        payloads = unit.records.payloads(block)
        yield [RecordPayload(record, codes[payloads[record][0]], payloads[record][1]) for record in block]


def _split_into_blocks(payloads: Sequence[RecordPayload]) -> Iterator[list[RecordPayload]]:
    for start in range(0, len(payloads), BLOCK_RECORDS):
        yield list(payloads[start : start + BLOCK_RECORDS])

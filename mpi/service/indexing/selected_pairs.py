"""Candidate pairs of records with selected stored records, and their match weights."""

from array import array
from collections.abc import Callable, Mapping

import numpy as np

from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.indexing.pair_scorer import (
    PairScorer,
    RecordSelector,
    SelectedPairOptions,
    score_pairs_with_selected,
)
from mpi.service.indexing.pairing_limits import DUCKDB_MEMORY
from mpi.service.indexing.reindex import (
    candidates_by_record,
    check_block_sizes,
    purge_large_blocks,
    read_blocks,
)
from mpi.service.indexing.scalar_scoring import score_pairs
from mpi.service.indexing.scored_pairs import BlockSizeLimit
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.unit_of_work.units import WriteUnit


def score_selected_pairs(
    unit: WriteUnit,
    index: Index,
    records: Mapping[int, PackedRecord],
    select_stored: RecordSelector,
    open_scorer: Callable[[], PairScorer] | None = None,
) -> Edges:
    """Score the candidate pairs of records with selected stored records.

    Pairs of two given records are left out.

    Args:
        unit: the transaction.
        index: the open index.
        records: the given records, by number.
        select_stored: selects the stored records with which the given ones are compared.
        open_scorer: returns a scorer for many pairs that the caller keeps; None to open one each time.
    """
    config_id = index.config_id(unit)
    if len(records) < index.tuning.scoring.duckdb_records:
        return _score_few(unit, index, config_id, records, select_stored)
    resources = ScoringResources(index.home, DUCKDB_MEMORY, None, index.tuning.scoring)
    options = SelectedPairOptions(resources, BlockSizeLimit(index.settings.block_limits.paired), open_scorer)
    scored = score_pairs_with_selected(unit, index.matcher, config_id, records, select_stored, options)
    unit.keys.purged_blocks.add(config_id, scored.block_sizes.purged_keys.tolist(), unit.commit_no)
    return scored.to_edges()


def _score_few(
    unit: WriteUnit,
    index: Index,
    config_id: int,
    records: Mapping[int, PackedRecord],
    select_stored: RecordSelector,
) -> Edges:
    own_keys = {number: array("q", record.keys).tolist() for number, record in records.items()}
    blocks = read_blocks(unit, config_id, own_keys, None)
    check_block_sizes(unit, index, config_id, blocks, None)
    purge_large_blocks(unit, index, config_id, blocks, own_keys)
    candidates = candidates_by_record(own_keys, blocks)
    stored = np.fromiter(
        {other for found in candidates.values() for other in found} - records.keys(), np.int64
    )
    selected = set(select_stored(np.sort(stored)).tolist())
    features = load_features(unit, config_id, selected)
    pairs = [(number, other) for number, found in candidates.items() for other in found & features.keys()]
    given = {number: unpack_features(record) for number, record in records.items()}
    return score_pairs(index.matcher, {**features, **given}, pairs)

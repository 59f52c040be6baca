"""Derive features, keys and edges of every active record, anew from what the sources said."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from mpi.domain.features import Features
from mpi.matching.engines import DUCKDB, BatchEngine
from mpi.matching.keys import keys
from mpi.service.context import Index, Matcher
from mpi.service.reindex import Progress, edges_of, key_table
from mpi.standardize.payload import from_payload
from mpi.standardize.record import standardize
from mpi.standardize.shared_values import SharedValues, find_shared, without_shared
from mpi.storage.repositories.derived import Edges
from mpi.storage.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from the active records under one configuration.

    Args:
        features: by record, without shared values.
        keys: (visibility group, key, record).
        edges: candidate pairs from the floor up.
        shared: the lists of shared values that were taken out.
        found: the lists as they would be if they were made from the active records now.
    """

    features: dict[int, Features]
    keys: list[tuple[int, int, int]]
    edges: Edges
    shared: SharedValues
    found: SharedValues

    def features_of(self, wanted: Collection[int]) -> Mapping[int, Features]:
        """Features of some records."""
        return {record: self.features[record] for record in wanted}


def derive(
    unit: ReadUnit,
    index: Index,
    matcher: Matcher,
    floor: float,
    progress: Progress,
    shared: SharedValues | None = None,
    engine: BatchEngine = DUCKDB,
) -> Derived:
    """Derive everything under a model.

    Args:
        unit: the transaction to read records in.
        index: for the secret and a place to spill.
        matcher: the model.
        floor: lowest weight of an edge, in bits.
        progress: told of long steps.
        shared: the lists of shared values; None for those that the active records make now.
        engine: what finds and scores the pairs.
    """
    codes = {source.id: source.code for source in unit.sources.all()}
    active = unit.records.active()
    groups = {number: record.group_id for number, record in unit.records.get(active).items()}
    features: dict[int, Features] = {}
    payloads = unit.records.payloads(active)
    for done, (record, (source_id, payload)) in enumerate(sorted(payloads.items()), 1):
        features[record] = standardize(from_payload(payload), codes[source_id], index.seal)
        if done % 1000 == 0 or done == len(payloads):
            progress("standardizing", done, len(payloads))
    found = find_shared(features.values(), index.seal)
    stopped = _stopped(unit, index, matcher) if shared is None else shared.stopped
    found = replace(found, stopped=stopped)
    listed = found if shared is None else shared
    blocking = matcher.model.blocking.stopping(stopped)
    own_keys: list[tuple[int, int, int]] = []
    for record, sent in features.items():
        features[record] = mine = without_shared(sent, listed, index.seal)
        own_keys += [(groups[record], key, record) for key in keys(mine, blocking, index.seal)]
    blocks = key_table([(key, record) for _, key, record in own_keys])
    scored = engine.weights(matcher.model, features.items(), blocks, floor, index.home, progress)
    return Derived(features, own_keys, edges_of(scored), listed, found)


def _stopped(unit: ReadUnit, index: Index, matcher: Matcher) -> frozenset[int]:
    """The keys that are stopped, which fresh lists of shared values do not change; none for another model."""
    active = unit.configs.active()
    same = active is not None and matcher.runs(active)
    return index.lists_of(unit, active.id).stopped if same and active is not None else frozenset()

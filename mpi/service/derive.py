"""Derive features, keys and edges of every active record, anew from what the sources said."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mpi.domain.features import Features
from mpi.matching.batch import candidate_pairs
from mpi.matching.keys import keys
from mpi.service.context import Index, Matcher
from mpi.service.reindex import Progress, key_table, score_pairs
from mpi.standardize.payload import from_payload
from mpi.standardize.record import standardize
from mpi.storage.repositories.derived import Edges
from mpi.storage.unit import ReadUnit


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from the active records under one model.

    Args:
        features: by record.
        keys: (visibility group, key, record).
        edges: candidate pairs from the floor up.
    """

    features: dict[int, Features]
    keys: list[tuple[int, int, int]]
    edges: Edges

    def features_of(self, wanted: Collection[int]) -> Mapping[int, Features]:
        """Features of some records."""
        return {record: self.features[record] for record in wanted}


def derive(unit: ReadUnit, index: Index, matcher: Matcher, floor: float, progress: Progress) -> Derived:
    """Derive everything under a model.

    Args:
        unit: the transaction to read records in.
        index: for the secret and a place to spill.
        matcher: the model.
        floor: lowest weight of an edge, in bits.
        progress: told of long steps.
    """
    codes = {source.id: source.code for source in unit.sources.all()}
    active = unit.records.active()
    groups = {number: record.group_id for number, record in unit.records.get(active).items()}
    features: dict[int, Features] = {}
    own_keys: list[tuple[int, int, int]] = []
    payloads = unit.records.payloads(active)
    for done, (record, (source_id, payload)) in enumerate(sorted(payloads.items()), 1):
        features[record] = standardize(from_payload(payload), codes[source_id], index.seal)
        own_keys += [
            (groups[record], key, record)
            for key in keys(features[record], matcher.model.blocking, index.seal)
        ]
        if done % 1000 == 0 or done == len(payloads):
            progress("standardizing", done, len(payloads))
    pairs = candidate_pairs(key_table([(key, record) for _, key, record in own_keys]))
    edges = score_pairs(matcher, features.items(), pairs, floor, index, progress)
    return Derived(features, own_keys, edges)

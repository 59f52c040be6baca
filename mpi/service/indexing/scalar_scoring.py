"""Pairs weighed one by one, by the online scorer: few are weighed before an engine is made ready."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mpi.domain.features import Features
from mpi.domain.weight import round_weight
from mpi.service.core.index import Matcher
from mpi.service.core.stored_features import load_features, split_into_batches
from mpi.storage.repositories.derived.derived import Edges
from mpi.storage.unit_of_work.unit import ReadUnit


class ScoredBatch(NamedTuple):
    """Some of the pairs.

    Args:
        edges: those from the stored floor up.
        known: features of the records of all of them, at least.
        pairs: how many there are.
    """

    edges: Edges
    known: Mapping[int, Features]
    pairs: int


def score_pairs(matcher: Matcher, known: Mapping[int, Features], pairs: Iterable[tuple[int, int]]) -> Edges:
    """Pairs of records from the stored floor up, each once.

    Args:
        matcher: the model.
        known: features of both ends.
        pairs: either end first.
    """
    floor = matcher.model.thresholds.stored_from
    edges: Edges = {}
    for record, other in pairs:
        edge = (record, other) if record < other else (other, record)
        if edge not in edges:
            bits = round_weight(matcher.scorer.weight(known[record], known[other]))
            if bits >= floor:
                edges[edge] = bits
    return edges


def score_in_batches(
    unit: ReadUnit,
    matcher: Matcher,
    config_id: int,
    mine: Mapping[int, Features],
    near_to: Mapping[int, Sequence[int]],
) -> Iterator[ScoredBatch]:
    """Weigh records against others that are near to them; the features of those are read a part at a time.

    Args:
        unit: the transaction.
        matcher: the model.
        config_id: its configuration.
        mine: the records.
        near_to: by other, one of these or stored: those of these that it is compared with.
    """
    for some in split_into_batches(sorted(near_to)):
        known = {**load_features(unit, config_id, [other for other in some if other not in mine]), **mine}
        # A second transaction that looked for keys may have found what has come since this one began.
        pairs = [(record, other) for other in some if other in known for record in near_to[other]]
        yield ScoredBatch(score_pairs(matcher, known, pairs), known, sum(len(near_to[other]) for other in some))

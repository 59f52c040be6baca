"""One evaluation: the shipped model beside exact match and plain Splink, on the same records."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from mpi.matching.batch import candidate_pairs
from mpi.matching.model import MatchModel
from training.blocking import Records, blocking_keys
from training.evaluate.baseline import (
    NOTEBOOK_PROBABILITY,
    connected,
    exact_match,
    plain_splink_pairs,
)
from training.evaluate.clusters import persons, weigh
from training.evaluate.scores import Scores, pairwise

SPLINK_THRESHOLDS = (0.5, 0.9, NOTEBOOK_PROBABILITY, 0.99, 0.999, 0.9999, 0.99999)


@dataclass(frozen=True, slots=True)
class Line:
    """What one way of linking made of the records.

    Args:
        way: its name.
        scores: pairwise.
        review: pairs left for clerical review.
    """

    way: str
    scores: Scores
    review: int = 0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All ways, and what blocking lost.

    Args:
        records: how many.
        candidates: pairs that the model's blocking compares.
        blocking_recall: share of the matches among them; the rest no model can find.
        lines: one a way.
    """

    records: int
    candidates: int
    blocking_recall: float
    lines: tuple[Line, ...]


def evaluate(model: MatchModel, records: Records, truth: Mapping[int, Hashable]) -> Evaluation:
    """Score the model, exact match and plain Splink.

    Args:
        model: its thresholds and blocking apply as they are.
        records: standardized; the truth is not among them.
        truth: record id to true person.
    """
    pairs = candidate_pairs(blocking_keys(records, model.blocking))
    edges = weigh(model, records, pairs, model.thresholds.stored_from)
    clusters, doubts = persons(model, records, edges)
    ours = Line(f"model {model.ref}", pairwise(clusters, truth), doubts)
    return Evaluation(
        records=len(records),
        candidates=pairs.num_rows,
        blocking_recall=_found(pairs, truth, ours.scores.matches),
        lines=(
            Line("exact name and birth date", pairwise(exact_match(records), truth)),
            *_splink(records, truth),
            ours,
        ),
    )


def _splink(records: Records, truth: Mapping[int, Hashable]) -> tuple[Line, Line]:
    pairs = plain_splink_pairs(records)
    scores = {
        threshold: pairwise(connected(records, pairs, threshold), truth) for threshold in SPLINK_THRESHOLDS
    }
    best = max(scores, key=lambda threshold: (scores[threshold].f1, threshold))
    return (
        Line(f"plain Splink at {NOTEBOOK_PROBABILITY}", scores[NOTEBOOK_PROBABILITY]),
        Line(f"plain Splink at its best, {best}", scores[best]),
    )


def _found(pairs: pa.Table, truth: Mapping[int, Hashable], matches: int) -> float:
    sides = zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True)
    found = sum(truth[lo] is not None and truth[lo] == truth[hi] for lo, hi in sides)
    return found / matches if matches else 1.0

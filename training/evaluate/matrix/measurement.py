"""Measurement of one cell: the fitted model beside the notebook."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mpi.clustering.source_pair_priors import estimate_priors
from training.column_standardizer import standardize_table
from training.evaluate.datasets.canonical_set import CanonicalSet
from training.evaluate.fitted_model import fit_and_load_model
from training.evaluate.matrix.cells import Cell
from training.evaluate.matrix.notebook import NotebookResult, OperatingPoint, run_notebook
from training.evaluate.measures.calibration import compare_false_links
from training.evaluate.measures.intervals import Bootstrap, IntervalEstimate, Totals
from training.evaluate.measures.scores import PairCounts, count_pairs
from training.evaluate.model_clusters import Clusters, ScoredRecords, partition_records, score_records
from training.fit.errors import DegenerateDataError
from training.record_table import ArrowRecords
from training.records import SOURCE_COLUMN
from training.shared_value_removal import remove_shared_values_from_table

Measurement = dict[str, Any]
"""Figures of one cell, ready for JSON."""
FIGURE_DIGITS = 5
"""Digits of a measured share."""


@dataclass(frozen=True, slots=True)
class _ModelResult:
    """Partitions of a fitted model on one cell, with its figures."""

    research: Clusters
    figures: Measurement


def measure_cell(cell: Cell, data: CanonicalSet, cache: Path | None) -> Measurement:
    """Measure the notebook and a model fitted without labels on a cell.

    Args:
        cell: the cell.
        data: its records and their truth.
        cache: folder of the notebook's scored pairs; None to keep none.

    Returns:
        Figures of both. Where no model can be fitted, ``error`` says why, and every record is its own person.
    """
    truth = dict(enumerate(data.truth.tolist()))
    notebook = run_notebook(cell, data.build_notebook_table(), truth, cache)
    started = time.perf_counter()
    model = _measure_model(cell, data, truth)
    return {
        "cell": str(cell),
        "set": cell.set_name,
        "subset": cell.subset,
        "columns": list(data.columns),
        "records": len(truth),
        "matches": notebook.best.counts.matches,
        "indistinguishable_pairs": count_indistinguishable_pairs(data),
        "notebook": _notebook_figures(notebook),
        **model.figures,
        "f1_difference": asdict(compare_f1(model.research, notebook.best_clusters, truth)),
        "seconds": round(time.perf_counter() - started, 1),
    }


def count_indistinguishable_pairs(data: CanonicalSet) -> int:
    """Count pairs of different people whose compared fields are all equal."""
    rows = zip(*(data.table[name].to_pylist() for name in data.columns), strict=True)
    values = [tuple(value and value.casefold() for value in row) for row in rows]
    equal = Counter(values)
    same = Counter(zip(values, data.truth.tolist(), strict=True))
    return sum(map(_count_pairs, equal.values())) - sum(map(_count_pairs, same.values()))


def compare_f1(first: Clusters, second: Clusters, truth: Mapping[int, int]) -> IntervalEstimate:
    """Estimate how far the first clusters' F1 exceeds the second's.

    The bootstrap draws persons. A false link counts half for each of its two persons.
    """
    rows = zip(*(_count_by_person(clusters, truth).values() for clusters in (first, second)), strict=True)
    return Bootstrap((*left, *right) for left, right in rows).estimate(_subtract_f1)


def _measure_model(cell: Cell, data: CanonicalSet, truth: Mapping[int, int]) -> _ModelResult:
    """Fit a model to a cell's records and measure its partitions."""
    records = ArrowRecords(remove_shared_values_from_table(standardize_table(data.table)))
    sources = dict(enumerate(data.table[SOURCE_COLUMN].to_pylist()))
    source_by_record = {number: sources[number] for number in records.features}
    alone = {number: number for number in truth}
    try:
        fitted, model = fit_and_load_model(cell.set_name, records, source_by_record)
    except DegenerateDataError as error:
        figures = {"error": str(error), "review_tasks": 0, "false_links": None, "blocking": None}
        counts = _point_figures(OperatingPoint(0.0, count_pairs(alone, truth)))
        return _ModelResult(alone, {"research": counts, "operational": counts, **figures})
    scored = score_records(model, records)
    priors = estimate_priors(scored.edges, source_by_record, scored.scorer.parameters.prior)
    operational = partition_records(scored, model.thresholds)
    research = alone | partition_records(scored, model.statistical, priors).clusters
    return _ModelResult(
        research,
        {
            "error": None,
            "refused_records": len(truth) - len(records),
            "research": _point_figures(OperatingPoint(model.statistical.link, count_pairs(research, truth))),
            "operational": _point_figures(
                OperatingPoint(model.thresholds.link, count_pairs(alone | operational.clusters, truth))
            ),
            "review_tasks": len(operational.tasks),
            "false_links": asdict(compare_false_links(scored, operational.clusters, truth)),
            "blocking": {
                "candidates": scored.candidates.num_rows,
                "recall": _measure_blocking_recall(scored, data.truth),
                "estimated_recall": fitted.blocking_recall,
            },
        },
    )


def _measure_blocking_recall(scored: ScoredRecords, truth: np.ndarray[tuple[int, ...], Any]) -> float:
    """Return the share of the matches that blocking compares."""
    lo, hi = (scored.candidates[name].to_numpy() for name in ("lo", "hi"))
    matches = sum(map(_count_pairs, Counter(truth.tolist()).values()))
    return int(np.count_nonzero(truth[lo] == truth[hi])) / matches if matches else 1.0


def _notebook_figures(notebook: NotebookResult) -> Measurement:
    """Return the notebook's figures for JSON."""
    return {
        "at_95": _point_figures(notebook.at_95),
        "best": _point_figures(notebook.best),
        "at_precision_998": notebook.at_precision and _point_figures(notebook.at_precision),
        "highest_precision": _point_figures(notebook.highest_precision),
        "points": [_point_figures(point) for point in notebook.points],
    }


def _point_figures(point: OperatingPoint) -> Measurement:
    """Return the figures of one partition for JSON."""
    counts = point.counts
    return {
        "threshold": point.threshold,
        "precision": round(counts.precision, FIGURE_DIGITS),
        "recall": round(counts.recall, FIGURE_DIGITS),
        "f1": round(counts.f1, FIGURE_DIGITS),
        "false_pairs": counts.links - counts.true_links,
        "missed_pairs": counts.matches - counts.true_links,
    }


def _count_by_person(clusters: Clusters, truth: Mapping[int, int]) -> dict[int, tuple[float, float, float]]:
    """Count true links, links and matches of each person."""
    cells = Counter((clusters[number], person) for number, person in truth.items())
    sizes = Counter(clusters[number] for number in truth)
    people = Counter(truth.values())
    true_links, links = dict.fromkeys(people, 0), dict.fromkeys(people, 0.0)
    for (cluster, person), count in cells.items():
        true_links[person] += _count_pairs(count)
        links[person] += _count_pairs(count) + count * (sizes[cluster] - count) / 2
    return {person: (true_links[person], links[person], _count_pairs(people[person])) for person in people}


def _subtract_f1(totals: Totals) -> float:
    """Return the first method's F1 less the second's, from summed counts."""
    return _to_f1(*totals[:3]) - _to_f1(*totals[3:])


def _to_f1(true_links: float, links: float, matches: float) -> float:
    """Return F1 from counts of pairs."""
    return PairCounts(true_links, links, matches).f1  # type: ignore[arg-type]  # half a pair may count


def _count_pairs(size: int) -> int:
    """Return the number of pairs in a group."""
    return size * (size - 1) // 2

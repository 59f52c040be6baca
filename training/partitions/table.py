"""The table of partition rules: one row a rule, on the same weights and thresholds."""

import tempfile
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from mpi.clustering.component import Component, pieces
from mpi.domain.weight import rounded
from mpi.matching.batch import candidate_pairs, predict
from mpi.matching.model import MatchModel
from mpi.matching.scorer import compile_scorer
from training.blocking import blocking_keys
from training.evaluate.scores import Scores, pairwise
from training.kept import Records
from training.partitions.rules import RULES


@dataclass(frozen=True, slots=True)
class Row:
    """What one rule made of the records.

    Args:
        rule: its name.
        purpose: whose thresholds applied, ``operational`` or ``statistical``.
        scores: pairwise.
    """

    rule: str
    purpose: str
    scores: Scores


def compare(model: MatchModel, records: Records, truth: Mapping[int, Hashable]) -> list[Row]:
    """Partition the records by every rule, for both purposes.

    Args:
        model: its weights and thresholds apply.
        records: standardized; the truth is not among them.
        truth: record id to true person.
    """
    rows = []
    for purpose, thresholds in (("operational", model.thresholds), ("statistical", model.statistical)):
        found = list(components(replace(model, thresholds=thresholds), records))
        for name, rule in RULES.items():
            clusters: dict[int, int] = {number: number for number, _ in records}
            for component in found:
                for members in rule(component, thresholds):
                    ordered = sorted(members)
                    clusters.update(dict.fromkeys(ordered, ordered[0]))
            rows.append(Row(name, purpose, pairwise(clusters, truth)))
    return rows


def components(model: MatchModel, records: Records) -> Iterator[Component]:
    """The components of more than one record, with the weights of all their pairs."""
    pairs = candidate_pairs(blocking_keys(records, model.blocking))
    with tempfile.TemporaryDirectory() as folder:
        edges = predict(model, records, pairs, model.thresholds.influence_floor, Path(folder))
    ends = zip(edges["lo"].to_pylist(), edges["hi"].to_pylist(), strict=True)
    known = dict(zip(ends, edges["bits"].to_pylist(), strict=True))
    features, scorer = dict(records), compile_scorer(model)
    for piece in pieces(features, known, (), model.thresholds):
        if len(piece.records) > 1:
            weights = {
                (left, right): rounded(scorer.weight(features[left], features[right]))
                for left, right in combinations(piece.records, 2)
            }
            marks = scorer.marks(weights, features)
            yield Component(piece.records, weights, (), piece.raised, marks.uncorroborated, marks.opposed)


def markdown(rows: list[Row]) -> str:
    """The table in Markdown."""
    lines = ["| purpose | rule | precision | recall | F1 |", "|---|---|---:|---:|---:|"]
    lines += [
        f"| {row.purpose} | {row.rule} | {row.scores.precision:.4f} | {row.scores.recall:.4f} | "
        f"{row.scores.f1:.4f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"

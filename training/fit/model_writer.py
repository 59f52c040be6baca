"""Writes a fitted model as a folder that ``mpi.matching.model.model`` reads."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpi.domain.weight import Thresholds
from mpi.matching.compiler.online_scorer import level_bits
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import HEADER, Frequencies
from mpi.matching.model.levels import read_levels
from mpi.matching.model.model import FILES
from mpi.standardize.record import STANDARDIZER_VERSION
from training.fit.birth_date_precision import are_rule
from training.fit.blocking import REFINEMENTS
from training.fit.card import write_card
from training.fit.cautions import cautions_for
from training.fit.comparisons import SLIP_APART
from training.fit.fit import Fitted
from training.fit.thresholds import Purposes, gaps


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model is called."""

    name: str
    version: str


def write_model(folder: Path, identity: Identity, fitted: Fitted, thresholds: Purposes) -> None:
    """Write every file of the model; an existing folder's files are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = figures(fitted, thresholds)
    contents = {
        "settings.json": json.dumps(fitted.settings, indent=1) + "\n",
        "frequencies.csv": frequencies_csv(fitted.frequencies),
        "metrics.json": json.dumps(metrics, indent=1) + "\n",
        "card.md": write_card(identity.name, identity.version, fitted, thresholds),
    }
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    head = head_toml(identity, fitted, thresholds)
    (folder / "model.toml").write_text(head + checksums_toml(folder), encoding="utf-8")


def figures(fitted: Fitted, thresholds: Purposes) -> dict[str, Any]:
    """The figures of a fit, as ``metrics.json`` keeps them."""
    learned = fitted.learned
    same, different = fitted.labelled
    return {
        "records": fitted.records,
        "candidate_pairs": fitted.candidates,
        "estimated_blocking_recall": round(fitted.blocking.recall, 4),
        "relief_of_guards": round(fitted.kin.relief, 2),
        "whole_birth_dates": round(fitted.whole_dates, 4),
        "expected_matches": round(fitted.matches, 1),
        "prior": learned.prior,
        "em_iterations": learned.iterations,
        "dropped_comparisons": list(fitted.dropped),
        **({"labelled_same": same, "labelled_different": different} if same + different else {}),
        "threshold_gaps": gaps(learned.bits, thresholds),
    }


def frequencies_csv(frequencies: Frequencies) -> str:
    """``frequencies.csv``, commonest value first."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for column, table in frequencies.tables.items():
        for value, share in sorted(table.items(), key=lambda item: (-item[1], item[0])):
            writer.writerow((column, value, f"{share:.9g}"))
    return file.getvalue()


def head_toml(identity: Identity, fitted: Fitted, thresholds: Purposes) -> str:
    """``model.toml`` without the checksums."""
    rules = fitted.blocking.rules
    lines = [
        f"name = {_quoted(identity.name)}",
        f"version = {_quoted(identity.version)}",
        f"standardizer = {_quoted(STANDARDIZER_VERSION)}",
        f"index_size = {fitted.index_size}",
        "",
        "[thresholds]  # bits, for enterprise IDs",
        *_thresholds_toml(thresholds.operational),
        "",
        "[statistical]  # bits, for research",
        *_thresholds_toml(thresholds.statistical),
        "",
        "[cautions]  # a pair of which one holds weighs no more than this: it is for a person",
        *_cautions_toml(_cautions(fitted, thresholds)),
        "",
        "[blocking]  # a pair that agrees on every part of a rule is compared",
        *_rules_toml(rules),
        "",
        "[refinements]  # what must agree besides where a key of the rule is stopped",
        *_rules_toml({name: parts for name, parts in REFINEMENTS.items() if name in rules}),
        "",
        "[tail_frequency]  # share given to every value that frequencies.csv does not list",
        *(f"{column} = {share!r}" for column, share in fitted.frequencies.tails.items()),
        "",
    ]
    return "\n".join(lines) + "\n"


def _rules_toml(rules: Mapping[str, Sequence[str]]) -> list[str]:
    return [f"{name} = [{', '.join(map(_quoted, parts))}]" for name, parts in rules.items()]


def _cautions(fitted: Fitted, thresholds: Purposes) -> Cautions:
    return cautions_for(
        thresholds.operational,
        fitted.kin.relief,
        _slip_bits(fitted),
        whole_dates=are_rule(fitted.whole_dates),
    )


def _slip_bits(fitted: Fitted) -> float:
    """What a number a slip of the pen apart was learned to weigh; 0 where it was not."""
    levels = (level for each in read_levels(fitted.settings).comparisons for level in each.levels)
    return next((level_bits(level) for level in levels if level.label == SLIP_APART), 0.0)


def _thresholds_toml(thresholds: Thresholds) -> list[str]:
    return [f"{name} = {value!r}" for name, value in asdict(thresholds).items()]


def _cautions_toml(cautions: Cautions) -> list[str]:
    return [
        f"bits = {cautions.bits!r}",
        f"uncorroborated = {_quoted(cautions.uncorroborated)}",
        f"opposed = {_quoted(cautions.opposed)}",
        "[cautions.when]",
        *(f"{_quoted(label)} = {_quoted(condition)}" for label, condition in cautions.when.items()),
    ]


def checksums_toml(folder: Path) -> str:
    """The ``[sha256]`` table over the folder's other files."""
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}
    lines = ["[sha256]", *(f"{_quoted(name)} = {_quoted(digest)}" for name, digest in sums.items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text)  # a JSON string is a TOML basic string

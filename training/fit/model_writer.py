"""Writer of model folders that ``mpi.matching.model.match_model`` reads."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpi.domain.weight import Thresholds
from mpi.matching.model.cautions import Cautions
from mpi.matching.model.frequencies import HEADER, Frequencies
from mpi.matching.model.match_model import MODEL_FILES
from mpi.standardize.version import STANDARDIZER_VERSION
from training.fit.birth_date_precision import are_complete_dates_usual
from training.fit.blocking import REFINEMENTS
from training.fit.card import write_card
from training.fit.fit import FittedModel
from training.fit.limits.cautions import build_cautions
from training.fit.limits.thresholds import PurposeThresholds, measure_gaps
from training.fit.settings import find_near_number_bits


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Name and version of a model."""

    name: str
    version: str


def write_model(
    folder: Path, identity: ModelIdentity, fitted: FittedModel, thresholds: PurposeThresholds
) -> None:
    """Write all files of a model; replace those of an existing folder."""
    folder.mkdir(parents=True, exist_ok=True)
    metrics = collect_metrics(fitted, thresholds)
    contents = {
        "settings.json": json.dumps(fitted.settings, indent=1) + "\n",
        "frequencies.csv": format_frequencies_csv(fitted.frequencies),
        "metrics.json": json.dumps(metrics, indent=1) + "\n",
        "card.md": write_card(identity.name, identity.version, fitted, thresholds),
    }
    for name, text in contents.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    head = format_model_toml(identity, fitted, thresholds)
    (folder / "model.toml").write_text(head + format_checksums_toml(folder), encoding="utf-8")


def collect_metrics(fitted: FittedModel, thresholds: PurposeThresholds) -> dict[str, Any]:
    """Collect the figures of a model's fit for ``metrics.json``."""
    learned = fitted.learned
    same, different = fitted.label_counts
    return {
        "records": fitted.records,
        "candidate_pairs": fitted.candidates,
        "estimated_blocking_recall": round(fitted.blocking_recall, 4),
        "relief_of_guards": round(fitted.relatives.relief_bits, 2),
        "corroborated_matches": round(fitted.caution_odds.corroborated_share, 4),
        "cautions_until": dict(fitted.caution_odds.until),
        "single_lists": list(fitted.caution_odds.single_lists),
        "link_budget": asdict(fitted.link_budget),
        "whole_birth_dates": round(fitted.complete_date_share, 4),
        "expected_matches": round(fitted.matches, 1),
        "prior": learned.prior,
        "em_iterations": learned.iterations,
        "dropped_comparisons": list(fitted.dropped),
        "filled": dict(fitted.filled),
        "listed": dict(fitted.listed),
        **({"labelled_same": same, "labelled_different": different} if same + different else {}),
        "threshold_gaps": measure_gaps(learned.weights, thresholds),
    }


def format_frequencies_csv(frequencies: Frequencies) -> str:
    """Return a model's term frequencies as the text of ``frequencies.csv``."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for column, table in frequencies.tables.items():
        for value, share in sorted(table.items(), key=lambda item: (-item[1], item[0])):
            writer.writerow((column, value, f"{share:.9g}"))
    return file.getvalue()


def format_model_toml(identity: ModelIdentity, fitted: FittedModel, thresholds: PurposeThresholds) -> str:
    """Return the text of a model's ``model.toml``, without the checksums."""
    rules = fitted.blocking.rules
    lines = [
        f"name = {_quote(identity.name)}",
        f"version = {_quote(identity.version)}",
        f"standardizer = {_quote(STANDARDIZER_VERSION)}",
        f"index_size = {fitted.index_size}",
        "",
        "[thresholds]  # bits, for enterprise IDs",
        *_format_thresholds(thresholds.operational),
        "",
        "[statistical]  # bits, for research",
        *_format_thresholds(thresholds.statistical),
        "",
        "[cautions]  # a pair of which one holds weighs no more than this: it is for a person",
        *format_cautions(_build_model_cautions(fitted, thresholds)),
        "",
        "[blocking]  # a pair that agrees on every part of a rule is compared",
        *_format_rules(rules),
        "",
        "[refinements]  # what must agree besides where a key of the rule is stopped, or purged",
        *_format_rules({name: parts for name, parts in REFINEMENTS.items() if name in rules}),
        "",
        "[tail_frequency]  # share given to every value that frequencies.csv does not list",
        *(f"{column} = {share!r}" for column, share in fitted.frequencies.tails.items()),
        "",
    ]
    return "\n".join(lines) + "\n"


def _format_rules(rules: Mapping[str, Sequence[str]]) -> list[str]:
    """Format blocking rules as lines of TOML."""
    return [f"{name} = [{', '.join(map(_quote, parts))}]" for name, parts in rules.items()]


def _build_model_cautions(fitted: FittedModel, thresholds: PurposeThresholds) -> Cautions:
    """Build a fitted model's cautions, which cap doubtful pairs' weights."""
    return build_cautions(
        thresholds.operational,
        fitted.relatives.relief_bits,
        find_near_number_bits(fitted.settings),
        complete_dates_usual=are_complete_dates_usual(fitted.complete_date_share),
        odds=fitted.caution_odds,
    )


def _format_thresholds(thresholds: Thresholds) -> list[str]:
    """Format weight thresholds as lines of TOML."""
    return [f"{name} = {value!r}" for name, value in asdict(thresholds).items()]


def format_cautions(cautions: Cautions) -> list[str]:
    """Format a model's cautions, which cap doubtful pairs' weights, as TOML."""
    return [
        f"bits = {cautions.bits!r}",
        f"uncorroborated = {_quote(cautions.uncorroborated)}",
        f"opposed = {_quote(cautions.opposed)}",
        "[cautions.when]",
        *(f"{_quote(label)} = {_quote(condition)}" for label, condition in cautions.when.items()),
        "[cautions.until]  # bits from which a caution gives way",
        *(f"{_quote(label)} = {bits!r}" for label, bits in cautions.until.items()),
    ]


def format_checksums_toml(folder: Path) -> str:
    """Return the ``[sha256]`` table of a model folder's other files."""
    sums = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in MODEL_FILES}
    lines = ["[sha256]", *(f"{_quote(name)} = {_quote(digest)}" for name, digest in sums.items())]
    return "\n".join(lines) + "\n"


def _quote(text: str) -> str:
    """Quote a text as a TOML string."""
    return json.dumps(text)  # a JSON string is a TOML basic string

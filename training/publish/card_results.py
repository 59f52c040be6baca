"""Evaluation results as a section of the model card."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mpi.matching.model.match_model import MatchModel
from training.fit.errors import TrainingError

HEADING = "## Measured"

Json = Mapping[str, Any]


def read_evaluation(path: Path, model: MatchModel) -> dict[str, Any]:
    """Read the JSON that ``training evaluate --json`` printed for a model.

    Raises:
        TrainingError: the file cannot be read, or belongs to another model.
    """
    try:
        evaluation = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read as what evaluate --json prints: {error}") from None
    if not isinstance(evaluation, dict) or evaluation.get("digest") != model.digest:
        raise TrainingError(f"{path}: it belongs to another model than {model.ref} in this folder")
    return evaluation


def format_results(evaluation: Json) -> str:
    """Return the model card's section of evaluation results, in Markdown.

    Args:
        evaluation: content that ``training evaluate --json`` printed.
    """
    parts = [HEADING, "", "By `training evaluate`; brackets hold 95 % intervals.", ""]
    parts += _markdown_table(
        ("promise", "plain Splink", "measured", "bar", "kept"), _acceptance_rows(evaluation["must_show"])
    )
    for name, result in evaluation["sets"].items():
        if result["groups"]:
            parts += ["", f"### Groups of children, `{name}`", ""]
            parts += _markdown_table(
                ("", "group", "children", "missed links", "records falsely linked", "in review"),
                _group_rows(result["groups"]),
            )
    for line in evaluation["bias_past_gap"]:
        parts += ["", f"Past the gap: {line}"]
    for name, result in evaluation["sets"].items():
        false_links = result["false_links"]
        parts += ["", f"### Calibration, `{name}`", ""]
        parts += _markdown_table(
            ("bits from", "pairs", "expected to match", "observed"), _bucket_rows(result["buckets"])
        )
        observed = _format_estimate(false_links["observed"], ".1f")
        parts += ["", f"False links in 10,000: expected {false_links['expected']:.1f}, observed {observed}."]
    return "\n".join(parts) + "\n"


def _markdown_table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _acceptance_rows(rows: Sequence[Json]) -> Iterator[Sequence[str]]:
    """Yield the cells of the model card's table of acceptance criteria."""
    for row in rows:
        splink = "–" if row["splink"] is None else f"{row['splink']:.4f}"
        yield row["what"], splink, f"{row['measured']:.4f}", row["reach"], "yes" if row["kept"] else "**no**"


def _group_rows(rows: Sequence[Json]) -> Iterator[Sequence[str]]:
    """Yield the cells of the model card's bias table."""
    for row in rows:
        rates = (_format_estimate(row[rate], ".4f") for rate in ("missed", "false", "reviewed"))
        yield row["dimension"], row["group"], f"{row['children']:,}", *rates


def _bucket_rows(rows: Sequence[Json]) -> Iterator[Sequence[str]]:
    """Yield the cells of the model card's calibration table."""
    for row in rows:
        yield (
            f"{row['low']:+}",
            f"{row['pairs']:,}",
            f"{row['expected']:.4f}",
            _format_estimate(row["observed"], ".4f"),
        )


def _format_estimate(figure: Json, form: str) -> str:
    """Format an estimated value with its 95 % interval."""
    return f"{figure['value']:{form}} ({figure['low']:{form}}–{figure['high']:{form}})"

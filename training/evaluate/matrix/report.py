"""Printed table of the matrix, and the same as Markdown."""

from collections.abc import Iterable
from typing import Any

from training.evaluate.matrix.judgement import (
    BARS,
    RATIO_BAR,
    compute_overall_ratio,
    judge_cell,
    select_strict_point,
)
from training.evaluate.matrix.measurement import Measurement

HEADER = (
    f"{'cell':44} {'records':>7} {'matches':>7} | {'nb .95':>6} {'best':>6} {'false':>6} {'missed':>6} | "
    f"{'resP':>6} {'resR':>6} {'resF1':>6} {'false':>6} {'missed':>6} {'ratio':>5} | {'opP':>6} {'opR':>6} "
    f"{'false':>6} {'missed':>6} {'nb.998':>6} | {'review':>6} {'equal':>6} | {'block':>6} {'est.':>6} | "
    f"{'FL exp':>6} {'FL obs':>6} | {'s':>4} behind"
)
"""Header of the printed table; ``FL`` are false links per 10,000."""

_MARKDOWN_HEADER = (
    "| cell | records | notebook F1: at 0.95, best | research F1 | false, missed (notebook) | ratio "
    "| operational precision, recall | missed (notebook's) | review | pairs that look equal "
    "| false links per 10,000: expected, observed | behind |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
)


def format_line(cell: Measurement) -> str:
    """Format one measured cell as a line of the printed table."""
    notebook, research, operational = cell["notebook"], cell["research"], cell["operational"]
    verdict = judge_cell(cell)
    strict = f"{select_strict_point(notebook)['missed_pairs']:5}{'' if notebook['at_precision_998'] else '^'}"
    blocking, false_links = cell["blocking"] or {}, _read_false_links(cell)
    parts = (
        f"{cell['cell']:44} {cell['records']:7} {cell['matches']:7}",
        f"{notebook['at_95']['f1']:6.4f} {notebook['best']['f1']:6.4f} {_format_errors(notebook['best'])}",
        f"{_format_rates(research)} {research['f1']:6.4f} {_format_errors(research)} {verdict.ratio:5.2f}",
        f"{_format_rates(operational)} {_format_errors(operational)} {strict}",
        f"{_measure_review(cell):6.4f} {cell['indistinguishable_pairs']:6}",
        f"{_format_number(blocking.get('recall'))} {_format_number(blocking.get('estimated_recall'))}",
        f"{_format_number(false_links[0], 1)} {_format_number(false_links[1], 1)}",
        f"{cell['seconds']:4.0f} {' '.join(verdict.failures)}",
    )
    return " | ".join(parts) + (f"  ERROR {cell['error']}" if cell["error"] else "")


def format_summary(cells: Iterable[Measurement]) -> str:
    """Format the judgement of all cells as a line."""
    verdicts = [judge_cell(cell) for cell in cells]
    counts = ", ".join(f"{name} {sum(getattr(verdict, name) for verdict in verdicts)}" for name in BARS)
    return (
        f"ratio of errors {compute_overall_ratio(verdicts):.3f} (bar {RATIO_BAR}); "
        f"of {len(verdicts)} cells reach the bar of {counts}"
    )


def format_markdown(cells: Iterable[Measurement]) -> str:
    """Format measured cells as the Markdown table of the documentation."""
    return "\n".join([_MARKDOWN_HEADER, *map(_format_markdown_row, cells)]) + "\n"


def _format_markdown_row(cell: Measurement) -> str:
    """Format one measured cell as a row of the Markdown table."""
    notebook, research, operational = cell["notebook"], cell["research"], cell["operational"]
    verdict, best = judge_cell(cell), notebook["best"]
    expected, observed = _read_false_links(cell)
    values = (
        cell["cell"],
        f"{cell['records']:,}",
        f"{notebook['at_95']['f1']:.3f}, {best['f1']:.3f}",
        f"{research['f1']:.3f}",
        f"{_list_errors(research)} ({_list_errors(best)})",
        f"{verdict.ratio:.2f}",
        f"{operational['precision']:.4f}, {operational['recall']:.3f}",
        f"{operational['missed_pairs']:,} ({select_strict_point(notebook)['missed_pairs']:,})",
        f"{_measure_review(cell):.1%}",
        f"{cell['indistinguishable_pairs']:,}",
        "–" if expected is None or observed is None else f"{expected:.0f}, {observed:.0f}",
        ", ".join(verdict.failures) or "–",
    )
    return f"| {' | '.join(values)} |"


def _measure_review(cell: Measurement) -> float:
    """Return the review tasks per record."""
    return float(cell["review_tasks"] / cell["records"])


def _read_false_links(cell: Measurement) -> tuple[float | None, float | None]:
    """Return the expected and observed false links per 10,000, if measured."""
    false_links = cell["false_links"]
    return (
        (None, None) if false_links is None else (false_links["expected"], false_links["observed"]["value"])
    )


def _format_errors(point: dict[str, Any]) -> str:
    """Format the false and missed pairs of a partition."""
    return f"{point['false_pairs']:6} {point['missed_pairs']:6}"


def _list_errors(point: dict[str, Any]) -> str:
    """List the false and missed pairs of a partition for Markdown."""
    return f"{point['false_pairs']:,}, {point['missed_pairs']:,}"


def _format_rates(point: dict[str, Any]) -> str:
    """Format the precision and recall of a partition."""
    return f"{point['precision']:6.4f} {point['recall']:6.4f}"


def _format_number(value: float | None, digits: int = 4) -> str:
    """Format a figure that may be missing."""
    return f"{'-':>6}" if value is None else f"{value:6.{digits}f}"

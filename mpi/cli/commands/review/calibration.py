"""Command ``mpi calibration``: false and missed links by population group."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from mpi.cli.command_session import open_session
from mpi.cli.model_fit_view import show_budget
from mpi.cli.output import JsonFlag, print_facts, print_json, print_table

if TYPE_CHECKING:
    from mpi.service.quality.calibration import Calibration


def run(as_json: JsonFlag = False) -> None:
    """Show false and missed links, as model, numbers and stewards tell them."""
    from mpi.service.quality.calibration import measure_calibration

    with open_session() as session:
        calibration = measure_calibration(session.index, session.viewer)
        model = session.index.matcher.model
    if as_json:
        budget = model.link_budget and asdict(model.link_budget)
        print_json({**asdict(calibration), "link_bits": model.thresholds.link, "link_budget": budget})
        return
    _show_calibration(calibration)
    show_budget(model)


def _show_calibration(calibration: Calibration) -> None:
    """Print the error rates as a table, and the bound on recall."""
    from mpi.matching.diagnostics.error_rates import format_rate

    print_table(
        ("evidence", "group", "linked pairs", "false links", "missed links"),
        [
            (
                each.evidence.value,
                each.group,
                each.pairs,
                format_rate(each.false_links),
                format_rate(each.missed_links),
            )
            for each in calibration.rates
        ],
        "False links per 10,000 links, and missed links per 10,000 matches, with 95 % intervals",
    )
    recall = calibration.recall
    print_facts(
        {
            "linked pairs that were never compared": calibration.chained,
            "recall among compared pairs, lower limit": (
                "draw a blind sample first" if recall.recall is None else f"{recall.recall.low:.4f}"
            ),
            "blind answers behind it": recall.verdicts,
            "further answers for a limit within one point": (
                "" if recall.more_labels is None else recall.more_labels
            ),
        }
    )

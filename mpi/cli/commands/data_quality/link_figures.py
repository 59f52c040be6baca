"""Reports on links for who holds the database: churn, stewards and reliability."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

from mpi.cli.command_session import open_session
from mpi.cli.output import print_facts, print_json, print_table

if TYPE_CHECKING:
    from mpi.domain.statistics.sampling import Estimate

CHURN, STEWARDS, RELIABILITY = "churn", "stewards", "reliability"
LINK_REPORTS = (CHURN, STEWARDS, RELIABILITY)
"""Names of these reports."""
_DAYS_BY_DEFAULT = 28


def show_link_figures(name: str, since: str | None, *, as_json: bool) -> None:
    """Print one of the reports on links, exact and as of now.

    Args:
        name: one of ``LINK_REPORTS``.
        since: first day of what is counted; four weeks ago by default.
        as_json: whether to print JSON.
    """
    from mpi.domain import clock

    if name == RELIABILITY:
        _show_reliability(as_json=as_json)
        return
    day = since or (date.fromisoformat(clock.today()) - timedelta(days=_DAYS_BY_DEFAULT)).isoformat()
    show = _show_churn if name == CHURN else _show_stewards
    show(day, as_json=as_json)


def _show_churn(since: str, *, as_json: bool) -> None:
    from mpi.service.quality.id_churn import report_churn

    with open_session() as session:
        churn = report_churn(session.index, session.viewer, since)
    if as_json:
        print_json(asdict(churn))
        return
    stable = churn.stable
    print_facts(
        {
            f"enterprise IDs at the end of {churn.since}": f"{stable.ids:,}",
            "unchanged since": "–" if churn.unchanged is None else f"{100 * churn.unchanged:.2f} %",
            "retired since": f"{stable.retired:,}",
            "records with another ID since": f"{stable.moved:,} of {stable.records:,}",
        }
    )
    columns = ("day", "cause", "created", "merged", "divided", "emptied", "split", "records moved")
    print_table(columns, [tuple(asdict(each).values()) for each in churn.days], "Changes of IDs")


def _show_stewards(since: str, *, as_json: bool) -> None:
    from mpi.service.quality.steward_report import report_stewards

    with open_session() as session:
        report = report_stewards(session.index, session.viewer, since)
    if as_json:
        print_json(asdict(report))
        return
    agreement = report.agreement
    print_facts(
        {
            "decisions undone or replaced": _format_share(report.reversed_share),
            "second reviews": f"{agreement.pairs:,}, {agreement.agreed:,} with the same answer",
            "Fleiss' kappa": _format_kappa(agreement.kappa),
        }
    )
    columns = ("steward", "day", "answers", "decisions", "undone", "replaced")
    print_table(columns, [tuple(asdict(each).values()) for each in report.days], "By steward and day")
    rows = [
        (each.first, each.second, each.pairs, each.agreed, _format_kappa(each.kappa)) for each in report.pairs
    ]
    print_table(("first", "second", "pairs", "same answer", "kappa"), rows, "Second reviews")


def _show_reliability(*, as_json: bool) -> None:
    from mpi.service.quality.link_reliability import measure_reliability

    with open_session() as session:
        ranges = measure_reliability(session.index, session.viewer)
    if as_json:
        print_json([asdict(each) | {"is_as_predicted": each.is_as_predicted} for each in ranges])
        return
    rows = [
        (
            each.evidence,
            "–" if each.least is None else f"{each.least:g}",
            "–" if each.below is None else f"{each.below:g}",
            each.pairs,
            f"{100 * each.predicted:.1f} %",
            _format_share(each.observed),
            "yes" if each.is_as_predicted else "no",
        )
        for each in ranges
    ]
    columns = ("evidence", "from bits", "below", "pairs", "predicted", "observed", "as predicted")
    print_table(columns, rows, "Predicted and observed matches")


def _format_share(share: Estimate | None) -> str:
    if share is None:
        return "–"
    return f"{100 * share.value:.1f} % ({100 * share.low:.1f}–{100 * share.high:.1f})"


def _format_kappa(kappa: Estimate | None) -> str:
    return "–" if kappa is None else f"{kappa.value:.2f} ({kappa.low:.2f}–{kappa.high:.2f})"

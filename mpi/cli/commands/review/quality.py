"""Commands ``mpi quality`` and ``mpi sample``: match quality and blind samples."""

from __future__ import annotations

from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import open_session
from mpi.cli.commands.review.publication import CurrentFlag, print_publication
from mpi.cli.model_fit_view import show_verdict
from mpi.cli.output import JsonFlag, print_facts, print_json, print_note, print_table
from mpi.cli.progress import show_progress
from mpi.domain.statistics.sampling import MONTHLY_PAIRS, Estimate

if TYPE_CHECKING:
    from mpi.service.quality.dashboard import QualityFigures
    from mpi.service.quality.forecast import Forecast
    from mpi.service.quality.live_accuracy import StratumResult

Threshold = Annotated[
    float | None, typer.Option(metavar="BITS", help="Threshold to forecast with; computes all persons again.")
]


def run(
    link: Threshold = None,
    review: Threshold = None,
    margin: Threshold = None,
    cohesion: Threshold = None,
    current: CurrentFlag = False,
    as_json: JsonFlag = False,
) -> None:
    """Show match quality, stewards' workload and a forecast."""
    from mpi.service.quality import dashboard, forecast
    from mpi.service.recluster import threshold_simulation

    bits = threshold_simulation.TrialThresholds(link, review, margin, cohesion)
    with open_session() as session, show_progress() as report:
        read_figures = dashboard.measure_quality if current else dashboard.read_quality
        figures = read_figures(session.index, session.viewer)
        workload_forecast = forecast.forecast_workload(
            session.index,
            session.viewer,
            None if bits == threshold_simulation.TrialThresholds() else bits,
            report,
        )
    if as_json:
        print_json({"quality": asdict(figures), "forecast": asdict(workload_forecast)})
        return
    if not current:
        print_publication(figures.publication, figures.next_publication, "figures of children in care")
    _show_quality(figures, workload_forecast)
    show_verdict(figures.model_fit)


def sample(
    month: Annotated[
        str | None, typer.Option(metavar="YYYY-MM", help="Show the sample of an earlier month.")
    ] = None,
    size: Annotated[int, typer.Option(help="Maximum number of pairs.")] = MONTHLY_PAIRS,
    as_json: JsonFlag = False,
) -> None:
    """Draw this month's pairs for blind review."""
    from mpi.service.sampling import blind_sample

    with open_session() as session:
        monthly_sample = blind_sample.draw_blind_sample(session.index, session.viewer, month, size)
    if as_json:
        print_json(asdict(monthly_sample))
        return
    rows = [
        (stratum.stratum.value, stratum.pairs, stratum.seen < stratum.pairs, stratum.drawn)
        for stratum in monthly_sample.strata
    ]
    print_table(("stratum", "pairs", "estimated", "drawn"), rows, f"Blind sample of {monthly_sample.month}")
    if not monthly_sample.new:
        print_note(f"the sample of {monthly_sample.month} was drawn before: nothing was drawn now")


def _show_quality(figures: QualityFigures, workload_forecast: Forecast) -> None:
    """Print match-quality figures and the workload forecast as tables."""
    _show_workload(figures)
    _show_accuracy(figures)
    _show_stewards(figures)
    _show_new_records(figures)
    _show_forecast(workload_forecast)


def _show_workload(figures: QualityFigures) -> None:
    """Print the counts of open questions, matched children and linked pairs."""
    work, rate = figures.workload, figures.match_rate
    print_facts(
        {
            "questions that wait": work.open,
            "first asked in 7 days": work.new,
            "claimed": work.claimed,
            "asleep": work.asleep,
            "waiting for an owner": work.waiting,
            "answered in 7 days": work.answered,
            "closed by themselves": work.went,
            "children in care": rate.in_care,
            "with their school found": rate.found,
            "match rate": _format_interval(rate.rate),
            "pairs linked automatically": figures.links.automatic,
            "decisions that join": figures.links.joined,
            "decisions that part": figures.links.parted,
            "second reviews that wait": figures.seconds_waiting,
        }
    )
    print_table(("kind", "open", "new"), [(one.kind, one.open, one.new) for one in work.kinds], "Questions")


def _show_accuracy(figures: QualityFigures) -> None:
    """Print what blind samples say of each month."""
    print_table(
        ("month", "precision", "recall", "judged", "waiting", "dropped"),
        [
            (
                month.month,
                _format_interval(month.precision),
                _format_interval(month.recall),
                sum(_count_judged(one) for one in month.strata),
                sum(one.waiting for one in month.strata),
                sum(one.dropped for one in month.strata),
            )
            for month in figures.live
        ],
        "Blind samples, with 95 % intervals; recall is of what candidate search brings together",
    )


def _show_stewards(figures: QualityFigures) -> None:
    """Print how stewards agree, and how many questions they answer."""
    print_table(
        ("stewards", "pairs", "agreed", "kappa"),
        [
            (f"{one.first}, {one.second}", one.pairs, one.agreed, _format_interval(one.kappa))
            for one in figures.agreement
        ],
        "Agreement of stewards",
    )
    print_table(
        ("steward", "answers", "hours", "an hour"),
        [(one.actor, one.answers, one.hours, one.an_hour) for one in figures.throughput],
        "Answers of the last 28 days",
    )


def _show_new_records(figures: QualityFigures) -> None:
    """Print how many records clients sent as new, and after a search."""
    print_table(
        (
            "month",
            "client",
            "new records",
            "after a search",
            "duplicates after a search",
            "duplicates without a search",
        ),
        [astuple(row) for row in figures.new_records],
        "New records of clients",
    )


def _show_forecast(workload_forecast: Forecast) -> None:
    """Print the workload forecast, and that with the tried thresholds."""
    typer.echo(workload_forecast.says)
    if workload_forecast.other is not None:
        trial = workload_forecast.other
        print_facts(
            {
                "link tried": trial.link,
                "review tried": trial.review,
                "pairs to ask about": trial.questions,
                "hours for these": trial.hours,
                "hours a week": trial.hours_a_week,
            }
        )


def _count_judged(stratum: StratumResult) -> int:
    """Return how many blind-review pairs of a sampling stratum were judged."""
    return stratum.same + stratum.different + stratum.unsure


def _format_interval(estimate: Estimate | None) -> str:
    """Format an estimate with its 95 % interval."""
    return "" if estimate is None else f"{estimate.value:.4f} ({estimate.low:.4f} to {estimate.high:.4f})"

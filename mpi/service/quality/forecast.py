"""Forecast: what questions will take, and when the backlog is gone, as far as a history tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.small_cells import SMALLEST_SHOWN_COUNT, shown, suppress_cells
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.quality.throughput import (
    ANSWER_ACTION,
    Throughput,
    compute_minutes_per_answer,
    measure_throughput,
    suppress_throughputs,
)
from mpi.service.recluster.proposals import MINUTES_A_TASK
from mpi.service.recluster.threshold_simulation import TrialThresholds, simulate_thresholds
from mpi.service.review.waiting_count import count_waiting_questions
from mpi.storage.unit_of_work.unit import ReadUnit

HISTORY_PERIOD = timedelta(days=28)
MIN_HISTORY_DAYS = 14
"""Days of work without which nothing is said of the days to come."""
_DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class DailyCounts:
    """Questions that arrived on a day, and that were answered; None where too few to be shown."""

    day: str
    arrived: int | None
    answered: int | None


@dataclass(frozen=True, slots=True)
class ThresholdTrial:
    """What other thresholds would ask for.

    Args:
        link: the link threshold tried, in bits.
        review: the review threshold tried.
        questions: pairs to be asked about, at once; None where too few to be shown.
        hours: what these take; None likewise.
        hours_a_week: what those that arrive take, if they arrive in the measure in which there are more or
            fewer; None where nothing is said of the days to come, or it would tell a small count.
    """

    link: float
    review: float
    questions: int | None
    hours: float | None
    hours_a_week: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the desk has before it; for whoever may not see records, without what would tell a small count.

    Args:
        backlog: questions that wait; None where too few to be shown.
        minutes: that an answer takes.
        minutes_measured: whether that was measured, or is the ``MINUTES_A_TASK`` that is assumed.
        hours: what the backlog takes; None likewise.
        days: day by day, what arrived and was answered; the day that filled the index is left out.
        arrive_a_week: questions a week; None where there is too little history.
        answered_a_week: as is answered now; None likewise.
        hours_a_week: to answer what arrives; None likewise.
        gone_on: the day on which the backlog is gone at this pace; None where it is not, or nothing is said.
        says: the forecast in a sentence, with what it lacks.
        people: who answered how much in those days.
        other: what other thresholds would ask for, where some were given.
    """

    backlog: int | None
    minutes: float
    minutes_measured: bool
    hours: float | None
    days: tuple[DailyCounts, ...]
    arrive_a_week: float | None
    answered_a_week: float | None
    hours_a_week: float | None
    gone_on: str | None
    says: str
    people: tuple[Throughput, ...]
    other: ThresholdTrial | None = None


def forecast_workload(
    index: Index, viewer: Viewer, thresholds: TrialThresholds | None = None, progress: Progress = silent
) -> Forecast:
    """What the desk has before it, from what the last four weeks were.

    Args:
        index: the open index.
        viewer: who asks.
        thresholds: other thresholds to try, which thinks the whole index through; None for those in force.
        progress: told of long steps.

    Raises:
        InputError: the thresholds do not fit each other, or the model.
        AccessDenied: the viewer may not read figures, or not of all sources; or, with ``thresholds``, not
            re-cluster.
    """
    permit_figures(viewer)
    suppress = not is_allowed(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        result = forecast_in_transaction(unit, suppress=suppress)
        tasks = unit.tasks.count()
    if thresholds is None:
        return result
    simulation = simulate_thresholds(index, viewer, thresholds, progress)
    task_ratio = simulation.tasks / tasks if tasks else None
    hours_a_week = (
        None if result.hours_a_week is None or task_ratio is None else result.hours_a_week * task_ratio
    )
    hours = round(simulation.tasks * result.minutes / 60, 1)
    trial = ThresholdTrial(
        link=simulation.link,
        review=simulation.review,
        questions=simulation.tasks,
        hours=hours,
        hours_a_week=hours_a_week,
    )
    if suppress and None in (shown(simulation.tasks), shown(tasks)):
        trial = replace(trial, questions=shown(simulation.tasks), hours=None, hours_a_week=None)
    return replace(result, other=trial)


def permit_figures(viewer: Viewer) -> None:
    """Pass whoever may read figures, and sees every source: figures tell of all.

    Raises:
        AccessDenied: the viewer may not.
    """
    require_permission(viewer, Action.QUALITY_READ)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it concerns every source")


def forecast_in_transaction(unit: ReadUnit, *, suppress: bool) -> Forecast:
    """The forecast from one snapshot, of the thresholds in force; without small counts, if that is asked."""
    now = clock.now()
    today = now.date()
    first = unit.figures.first_commit()
    first_day = today if first is None else datetime.fromisoformat(first).date()
    # The day that filled the index says nothing of the days to come.
    start = max(first_day + timedelta(days=1), today - HISTORY_PERIOD)
    since = f"{start.isoformat()}T00:00:00.000000Z"
    people = measure_throughput(unit, since)
    arrived = unit.figures.opened_by_day(today.isoformat(), unit.commit_at(since))
    for day, count in unit.figures.closed_by_day_opened(since).items():
        arrived[day] = arrived.get(day, 0) + count
    answered = unit.figures.answered_by_day(since, ANSWER_ACTION)
    day_names = [
        (start + timedelta(days=offset)).isoformat() for offset in range(max((today - start).days, 0) + 1)
    ]
    days = tuple(
        DailyCounts(day, arrived.get(day, 0), answered.get(day, 0)) for day in day_names if day <= str(today)
    )
    backlog = sum(row.questions for row in count_waiting_questions(unit, now, ()))
    return _build_forecast(backlog, days, people, today, suppress=suppress)


def _build_forecast(
    backlog: int,
    days: tuple[DailyCounts, ...],
    people: tuple[Throughput, ...],
    today: date,
    *,
    suppress: bool,
) -> Forecast:
    show_count = shown if suppress else _keep_count
    measured = compute_minutes_per_answer(people)
    minutes = float(MINUTES_A_TASK) if measured is None else measured
    full_days = [day for day in days if day.day < today.isoformat()]
    backlog_shown = show_count(backlog)
    result = Forecast(
        backlog=backlog_shown,
        minutes=minutes,
        minutes_measured=measured is not None,
        hours=None if backlog_shown is None else round(backlog_shown * minutes / 60, 1),
        days=_suppress_days(days, len(full_days)) if suppress else days,
        arrive_a_week=None,
        answered_a_week=None,
        hours_a_week=None,
        gone_on=None,
        says="",
        people=suppress_throughputs(people) if suppress else people,
    )
    if len(full_days) < MIN_HISTORY_DAYS:
        return replace(result, says=f"{_describe_backlog(result)}. {_describe_short_history(len(full_days))}")
    arriving = _scale_to_week(show_count(sum(day.arrived or 0 for day in full_days)), len(full_days))
    answering = _scale_to_week(show_count(sum(day.answered or 0 for day in full_days)), len(full_days))
    gone_on = None
    if backlog_shown and arriving is not None and answering is not None and answering > arriving:
        gone_on = (
            today + timedelta(days=round(_DAYS_PER_WEEK * backlog_shown / (answering - arriving)))
        ).isoformat()
    result = replace(
        result,
        arrive_a_week=arriving,
        answered_a_week=answering,
        hours_a_week=None if arriving is None else round(arriving * minutes / 60, 1),
        gone_on=gone_on,
    )
    return replace(
        result,
        says=f"{_describe_backlog(result)}; {_describe_arrivals(result, len(full_days))}. {_describe_outlook(result, len(full_days))}",
    )


def _keep_count(count: int) -> int | None:
    return count


def _scale_to_week(count: int | None, days: int) -> float | None:
    return None if count is None else _DAYS_PER_WEEK * count / days


def _suppress_days(days: Sequence[DailyCounts], full_days: int) -> tuple[DailyCounts, ...]:
    """Days without small counts, and what they would follow from.

    Args:
        days: the days.
        full_days: how many of them, from the first, add up to what is told of a week.
    """

    def column(counts: Sequence[int]) -> list[int | None]:
        cells = suppress_cells({str(number): count for number, count in enumerate(counts[:full_days])})
        return [*cells.values(), *map(shown, counts[full_days:])]

    arrived = column([day.arrived or 0 for day in days])
    answered = column([day.answered or 0 for day in days])
    return tuple(
        replace(day, arrived=arrivals, answered=answers)
        for day, arrivals, answers in zip(days, arrived, answered, strict=True)
    )


def _describe_backlog(result: Forecast) -> str:
    if result.backlog is None or result.hours is None:
        return f"Fewer than {SMALLEST_SHOWN_COUNT} questions wait"
    assumed = "" if result.minutes_measured else f" at the {MINUTES_A_TASK} minutes each that are assumed"
    return f"{result.backlog:,} questions wait, {result.hours:,.1f} hours' work{assumed}"


def _describe_short_history(days: int) -> str:
    return (
        f"Of what is to come nothing can be said yet: there are {days} whole days of history, and "
        f"{MIN_HISTORY_DAYS} are needed."
    )


def _describe_arrivals(result: Forecast, days: int) -> str:
    if result.arrive_a_week is None or result.hours_a_week is None:
        return f"fewer than {SMALLEST_SHOWN_COUNT} arrived in the last {days} days"
    return f"{result.arrive_a_week:,.0f} a week arrive, {result.hours_a_week:,.1f} hours"


def _describe_outlook(result: Forecast, days: int) -> str:
    """How the backlog goes on, as far as the counts that are shown tell it."""
    arriving, answering = result.arrive_a_week, result.answered_a_week
    if result.backlog == 0:
        return "Nothing waits."
    if result.gone_on is not None:
        return f"At the pace of the last {days} days the backlog is gone by {result.gone_on}."
    if answering == 0:
        return f"Nobody has answered a question in the last {days} days."
    if arriving is None or answering is None or answering > arriving:
        return "How it goes on would tell of too few to be shown."
    return f"At the pace of the last {days} days it grows by {arriving - answering:,.0f} a week."

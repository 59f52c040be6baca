"""Forecast of review work: weekly hours and the end of the backlog."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.small_cells import SMALLEST_SHOWN_COUNT, suppress_cells, suppress_count
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
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
from mpi.storage.unit_of_work.units import ReadUnit

HISTORY_PERIOD = timedelta(days=28)
"""Period of history that the forecast is based on."""
MIN_HISTORY_DAYS = 14
"""Full days of history that a forecast needs."""
_DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class DailyCounts:
    """Numbers of review questions that arrived and were answered on one day.

    A count is None if it is too small to be shown.
    """

    day: str
    arrived: int | None
    answered: int | None


@dataclass(frozen=True, slots=True)
class ThresholdTrial:
    """Review work that other link and review thresholds would cause.

    Args:
        link: the link threshold tried, in bits.
        review: the review threshold tried, in bits.
        questions: pairs that would be in review at once; None if too small to be shown.
        hours: hours to answer them; None if ``questions`` is.
        hours_a_week: hours a week to answer arriving questions, scaled by the change in open questions; None
            without a forecast, or if it would disclose a small count.
    """

    link: float
    review: float
    questions: int | None
    hours: float | None
    hours_a_week: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast of the stewards' review work.

    For a viewer who may not read records, values that would disclose a small count are None.

    Args:
        backlog: open questions.
        minutes: minutes for one answer.
        minutes_measured: whether the minutes were measured; otherwise ``MINUTES_A_TASK`` is assumed.
        hours: hours to answer the backlog.
        days: arrivals and answers by day, without the day of the first load.
        arrive_a_week: questions that arrive a week; None with too little history.
        answered_a_week: questions that are answered a week; None with too little history.
        hours_a_week: hours a week to answer arriving questions; None with too little history.
        gone_on: day on which no open question is left at this pace, ``YYYY-MM-DD``; None if it does not end
            or is unknown.
        says: sentences that give the forecast in words, with what is unknown.
        people: answers by person in those days.
        other: work under other thresholds, if some were given.
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
    index: Index,
    viewer: Viewer,
    thresholds: TrialThresholds | None = None,
    progress: Progress = ignore_progress,
) -> Forecast:
    """Forecast the stewards' review work from the last four weeks.

    Args:
        index: the open index.
        viewer: who asks.
        thresholds: other thresholds to try, which simulates a re-cluster of the whole index; None for the
            thresholds in force.
        progress: called with the progress of long steps.

    Raises:
        InputError: the thresholds contradict each other or do not fit the model.
        AccessDenied: the viewer may not read figures, does not see every source or, with ``thresholds``, may
            not re-cluster.
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
    if suppress and None in (suppress_count(simulation.tasks), suppress_count(tasks)):
        trial = replace(trial, questions=suppress_count(simulation.tasks), hours=None, hours_a_week=None)
    return replace(result, other=trial)


def permit_figures(viewer: Viewer) -> None:
    """Refuse a viewer who may not read figures of the whole index.

    Raises:
        AccessDenied: the viewer may not read figures, or does not see every source.
    """
    require_permission(viewer, Action.QUALITY_READ)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it concerns every source")


def forecast_in_transaction(unit: ReadUnit, *, suppress: bool) -> Forecast:
    """Forecast review work under the thresholds in force, from one snapshot.

    Args:
        unit: the transaction.
        suppress: whether to suppress small counts.
    """
    now = clock.now()
    today = now.date()
    first = unit.figures.first_commit_at()
    first_day = today if first is None else datetime.fromisoformat(first).date()
    # The day of the first load does not predict later arrivals.
    start = max(first_day + timedelta(days=1), today - HISTORY_PERIOD)
    since = f"{start.isoformat()}T00:00:00.000000Z"
    people = measure_throughput(unit, since)
    arrived = unit.figures.count_opened_by_day(today.isoformat(), unit.commit_at(since))
    for day, count in unit.figures.count_closed_by_opening_day(since).items():
        arrived[day] = arrived.get(day, 0) + count
    answered = unit.figures.count_answers_by_day(since, ANSWER_ACTION)
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
    """Build the forecast of review work from backlog, daily counts and throughput."""
    show_count = suppress_count if suppress else _keep_count
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
    backlog_text, arrivals_text = _describe_backlog(result), _describe_arrivals(result, len(full_days))
    return replace(
        result, says=f"{backlog_text}; {arrivals_text}. {_describe_outlook(result, len(full_days))}"
    )


def _keep_count(count: int) -> int | None:
    """Return a count unchanged, for viewers who may see small counts."""
    return count


def _scale_to_week(count: int | None, days: int) -> float | None:
    """Scale a count of questions over some days to a week."""
    return None if count is None else _DAYS_PER_WEEK * count / days


def _suppress_days(days: Sequence[DailyCounts], full_days: int) -> tuple[DailyCounts, ...]:
    """Suppress small daily counts of questions, and counts that would disclose them.

    Args:
        days: counts by day.
        full_days: how many of the first days add up to the weekly figures that are shown.
    """

    def suppress_column(counts: Sequence[int]) -> list[int | None]:
        cells = suppress_cells({str(number): count for number, count in enumerate(counts[:full_days])})
        return [*cells.values(), *map(suppress_count, counts[full_days:])]

    arrived = suppress_column([day.arrived or 0 for day in days])
    answered = suppress_column([day.answered or 0 for day in days])
    return tuple(
        replace(day, arrived=arrivals, answered=answers)
        for day, arrivals, answers in zip(days, arrived, answered, strict=True)
    )


def _describe_backlog(result: Forecast) -> str:
    """Describe the number of open review questions in words."""
    if result.backlog is None or result.hours is None:
        return f"Fewer than {SMALLEST_SHOWN_COUNT} questions wait"
    assumed = "" if result.minutes_measured else f" at the {MINUTES_A_TASK} minutes each that are assumed"
    return f"{result.backlog:,} questions wait, {result.hours:,.1f} hours' work{assumed}"


def _describe_short_history(days: int) -> str:
    """Explain in words that the history is too short for a forecast."""
    return (
        f"Of what is to come nothing can be said yet: there are {days} whole days of history, and "
        f"{MIN_HISTORY_DAYS} are needed."
    )


def _describe_arrivals(result: Forecast, days: int) -> str:
    """Describe in words how many review questions arrive a week."""
    if result.arrive_a_week is None or result.hours_a_week is None:
        return f"fewer than {SMALLEST_SHOWN_COUNT} arrived in the last {days} days"
    return f"{result.arrive_a_week:,.0f} a week arrive, {result.hours_a_week:,.1f} hours"


def _describe_outlook(result: Forecast, days: int) -> str:
    """Describe in words how the review backlog grows or ends.

    Only counts that are shown are used.
    """
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

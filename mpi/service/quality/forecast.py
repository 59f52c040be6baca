"""Forecast of review work: weekly hours and the end of the backlog.

A viewer who may read every question gets it exact and current. All others get the published backlog.
"""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mpi.domain import clock
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, ignore_progress
from mpi.service.quality.figure_access import permit_figures, sees_every_question
from mpi.service.quality.publication import (
    QUALITY,
    Publication,
    find_next_day,
    find_smallest_count,
    read_publication,
)
from mpi.service.quality.throughput import (
    ANSWER_ACTION,
    Throughput,
    compute_minutes_per_answer,
    measure_throughput,
)
from mpi.service.recluster.proposal_view import MINUTES_A_TASK
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
    """Numbers of review questions that arrived and were answered on one day."""

    day: str
    arrived: int
    answered: int


@dataclass(frozen=True, slots=True)
class ThresholdTrial:
    """Review work that other link and review thresholds would cause.

    Args:
        link: the link threshold tried, in bits.
        review: the review threshold tried, in bits.
        questions: pairs that would be in review at once; None for a viewer who may not read every question.
        hours: hours to answer them; None if ``questions`` is.
        hours_a_week: hours a week to answer arriving questions, scaled by the change in open questions; None
            without a forecast, or if ``questions`` is.
    """

    link: float
    review: float
    questions: int | None
    hours: float | None
    hours_a_week: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """Forecast of the stewards' review work.

    Args:
        backlog: open questions; None if too small to be shown, or before the first published figures.
        minutes: minutes for one answer.
        minutes_measured: whether the minutes were measured; otherwise ``MINUTES_A_TASK`` is assumed.
        hours: hours to answer the backlog; None if the backlog is.
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
    is_named = sees_every_question(viewer)
    with index.database.read(viewer) as unit:
        result = (
            forecast_in_transaction(unit)
            if is_named
            else _build_published_forecast(
                read_publication(unit, index, QUALITY),
                find_next_day(unit, index),
                find_smallest_count(viewer, index.settings.publication_rules),
            )
        )
        tasks = unit.tasks.count()
    if thresholds is None:
        return result
    simulation = simulate_thresholds(index, viewer, thresholds, progress)
    trial = ThresholdTrial(simulation.link, simulation.review, None, None, None)
    if is_named:
        task_ratio = simulation.tasks / tasks if tasks else None
        trial = replace(
            trial,
            questions=simulation.tasks,
            hours=round(simulation.tasks * result.minutes / 60, 1),
            hours_a_week=None
            if result.hours_a_week is None or task_ratio is None
            else result.hours_a_week * task_ratio,
        )
    return replace(result, other=trial)


def forecast_in_transaction(unit: ReadUnit) -> Forecast:
    """Forecast review work under the thresholds in force, from one snapshot."""
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
    return _build_forecast(backlog, days, people, today)


def _build_forecast(
    backlog: int, days: tuple[DailyCounts, ...], people: tuple[Throughput, ...], today: date
) -> Forecast:
    """Build the forecast of review work from backlog, daily counts and throughput."""
    measured = compute_minutes_per_answer(people)
    minutes = float(MINUTES_A_TASK) if measured is None else measured
    full_days = [day for day in days if day.day < today.isoformat()]
    result = Forecast(
        backlog=backlog,
        minutes=minutes,
        minutes_measured=measured is not None,
        hours=round(backlog * minutes / 60, 1),
        days=days,
        arrive_a_week=None,
        answered_a_week=None,
        hours_a_week=None,
        gone_on=None,
        says="",
        people=people,
    )
    if len(full_days) < MIN_HISTORY_DAYS:
        return replace(result, says=f"{_describe_backlog(result)}. {_describe_short_history(len(full_days))}")
    arriving = _scale_to_week(sum(day.arrived for day in full_days), len(full_days))
    answering = _scale_to_week(sum(day.answered for day in full_days), len(full_days))
    gone_on = None
    if backlog and answering > arriving:
        gone_on = (
            today + timedelta(days=round(_DAYS_PER_WEEK * backlog / (answering - arriving)))
        ).isoformat()
    result = replace(
        result,
        arrive_a_week=arriving,
        answered_a_week=answering,
        hours_a_week=round(arriving * minutes / 60, 1),
        gone_on=gone_on,
    )
    arrivals_text = f"{arriving:,.0f} a week arrive, {result.hours_a_week:,.1f} hours"
    outlook = _describe_outlook(result, arriving, answering, len(full_days))
    return replace(result, says=f"{_describe_backlog(result)}; {arrivals_text}. {outlook}")


def _build_published_forecast(publication: Publication | None, next_day: str, smallest: int) -> Forecast:
    """Build the forecast of a reader who may not read every question."""
    backlog = None if publication is None else publication.count("questions")
    measured = None if publication is None else publication.minutes_per_answer
    minutes = float(MINUTES_A_TASK) if measured is None else measured
    result = Forecast(
        backlog=backlog,
        minutes=minutes,
        minutes_measured=measured is not None,
        hours=None if backlog is None else round(backlog * minutes / 60, 1),
        days=(),
        arrive_a_week=None,
        answered_a_week=None,
        hours_a_week=None,
        gone_on=None,
        says="",
        people=(),
    )
    if publication is None:
        return replace(result, says=f"The first figures are published on {next_day}.")
    backlog_text = f"Fewer than {smallest} questions wait" if backlog is None else _describe_backlog(result)
    return replace(result, says=f"{backlog_text}. Who may read every question sees what is to come.")


def _scale_to_week(count: int, days: int) -> float:
    """Scale a count of questions over some days to a week."""
    return _DAYS_PER_WEEK * count / days


def _describe_backlog(result: Forecast) -> str:
    """Describe the number of open review questions in words."""
    assumed = "" if result.minutes_measured else f" at the {MINUTES_A_TASK} minutes each that are assumed"
    return f"{result.backlog:,} questions wait, {result.hours:,.1f} hours' work{assumed}"


def _describe_short_history(days: int) -> str:
    """Explain in words that the history is too short for a forecast."""
    return (
        f"Of what is to come nothing can be said yet: there are {days} whole days of history, and "
        f"{MIN_HISTORY_DAYS} are needed."
    )


def _describe_outlook(result: Forecast, arriving: float, answering: float, days: int) -> str:
    """Describe in words how the review backlog grows or ends."""
    if result.backlog == 0:
        return "Nothing waits."
    if result.gone_on is not None:
        return f"At the pace of the last {days} days the backlog is gone by {result.gone_on}."
    if answering == 0:
        return f"Nobody has answered a question in the last {days} days."
    return f"At the pace of the last {days} days it grows by {arriving - answering:,.0f} a week."

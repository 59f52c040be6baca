"""Forecast: what questions will take, and when the backlog is gone, as far as a history tells it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.small_cells import LEAST, shown, suppressed
from mpi.domain.viewer import Action, Viewer, permit, permits
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress, silent
from mpi.service.quality.throughput import ANSWER_ACTION, Throughput, suppress_throughputs, compute_minutes_per_answer, measure_throughput
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


def forecast_workload(index: Index, viewer: Viewer, bits: TrialThresholds | None = None, progress: Progress = silent) -> Forecast:
    """What the desk has before it, from what the last four weeks were.

    Args:
        index: the open index.
        viewer: who asks.
        bits: other thresholds to try, which thinks the whole index through; None for those in force.
        progress: told of long steps.

    Raises:
        InputError: the thresholds do not fit each other, or the model.
        AccessDenied: the viewer may not read figures, or not of all sources; or, with ``bits``, not
            re-cluster.
    """
    permit_figures(viewer)
    small = not permits(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        found = forecast_in_transaction(unit, small=small)
        tasks = unit.tasks.count()
    if bits is None:
        return found
    tried = simulate_thresholds(index, viewer, bits, progress)
    more = tried.tasks / tasks if tasks else None
    a_week = None if found.hours_a_week is None or more is None else found.hours_a_week * more
    hours = round(tried.tasks * found.minutes / 60, 1)
    other = ThresholdTrial(tried.link, tried.review, tried.tasks, hours, a_week)
    if small and None in (shown(tried.tasks), shown(tasks)):
        other = replace(other, questions=shown(tried.tasks), hours=None, hours_a_week=None)
    return replace(found, other=other)


def permit_figures(viewer: Viewer) -> None:
    """Pass whoever may read figures, and sees every source: figures tell of all.

    Raises:
        AccessDenied: the viewer may not.
    """
    permit(viewer, Action.QUALITY_READ)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it concerns every source")


def forecast_in_transaction(unit: ReadUnit, *, small: bool) -> Forecast:
    """The forecast from one snapshot, of the thresholds in force; without small counts, if that is asked."""
    now = clock.now()
    today = now.date()
    first = unit.figures.first_commit()
    began = today if first is None else datetime.fromisoformat(first).date()
    # The day that filled the index says nothing of the days to come.
    start = max(began + timedelta(days=1), today - HISTORY_PERIOD)
    since = f"{start.isoformat()}T00:00:00.000000Z"
    people = measure_throughput(unit, since)
    arrived = unit.figures.opened_by_day(today.isoformat(), unit.commit_at(since))
    for day, count in unit.figures.closed_by_day_opened(since).items():
        arrived[day] = arrived.get(day, 0) + count
    answered = unit.figures.answered_by_day(since, ANSWER_ACTION)
    names = [(start + timedelta(days=n)).isoformat() for n in range(max((today - start).days, 0) + 1)]
    days = tuple(DailyCounts(day, arrived.get(day, 0), answered.get(day, 0)) for day in names if day <= str(today))
    backlog = sum(one.questions for one in count_waiting_questions(unit, now, ()))
    return _build_forecast(backlog, days, people, today, small=small)


def _build_forecast(
    backlog: int, days: tuple[DailyCounts, ...], people: tuple[Throughput, ...], today: date, *, small: bool
) -> Forecast:
    one = shown if small else _keep_count
    measured = compute_minutes_per_answer(people)
    minutes = float(MINUTES_A_TASK) if measured is None else measured
    whole = [day for day in days if day.day < today.isoformat()]
    waits = one(backlog)
    found = Forecast(
        waits,
        minutes,
        measured is not None,
        None if waits is None else round(waits * minutes / 60, 1),
        _suppress_days(days, len(whole)) if small else days,
        None,
        None,
        None,
        None,
        "",
        suppress_throughputs(people) if small else people,
    )
    if len(whole) < MIN_HISTORY_DAYS:
        return replace(found, says=f"{_describe_backlog(found)}. {_describe_short_history(len(whole))}")
    arriving = _scale_to_week(one(sum(day.arrived or 0 for day in whole)), len(whole))
    answering = _scale_to_week(one(sum(day.answered or 0 for day in whole)), len(whole))
    gone_on = None
    if waits and arriving is not None and answering is not None and answering > arriving:
        gone_on = (today + timedelta(days=round(_DAYS_PER_WEEK * waits / (answering - arriving)))).isoformat()
    found = replace(
        found,
        arrive_a_week=arriving,
        answered_a_week=answering,
        hours_a_week=None if arriving is None else round(arriving * minutes / 60, 1),
        gone_on=gone_on,
    )
    return replace(
        found, says=f"{_describe_backlog(found)}; {_describe_arrivals(found, len(whole))}. {_describe_outlook(found, len(whole))}"
    )


def _keep_count(count: int) -> int | None:
    return count


def _scale_to_week(count: int | None, days: int) -> float | None:
    return None if count is None else _DAYS_PER_WEEK * count / days


def _suppress_days(days: Sequence[DailyCounts], whole: int) -> tuple[DailyCounts, ...]:
    """Days without small counts, and what they would follow from.

    Args:
        days: the days.
        whole: how many of them, from the first, add up to what is told of a week.
    """

    def column(counts: Sequence[int]) -> list[int | None]:
        cells = suppressed({str(n): count for n, count in enumerate(counts[:whole])})
        return [*cells.values(), *map(shown, counts[whole:])]

    arrived = column([day.arrived or 0 for day in days])
    answered = column([day.answered or 0 for day in days])
    return tuple(
        replace(day, arrived=came, answered=went)
        for day, came, went in zip(days, arrived, answered, strict=True)
    )


def _describe_backlog(found: Forecast) -> str:
    if found.backlog is None or found.hours is None:
        return f"Fewer than {LEAST} questions wait"
    assumed = "" if found.minutes_measured else f" at the {MINUTES_A_TASK} minutes each that are assumed"
    return f"{found.backlog:,} questions wait, {found.hours:,.1f} hours' work{assumed}"


def _describe_short_history(days: int) -> str:
    return (
        f"Of what is to come nothing can be said yet: there are {days} whole days of history, and "
        f"{MIN_HISTORY_DAYS} are needed."
    )


def _describe_arrivals(found: Forecast, days: int) -> str:
    if found.arrive_a_week is None or found.hours_a_week is None:
        return f"fewer than {LEAST} arrived in the last {days} days"
    return f"{found.arrive_a_week:,.0f} a week arrive, {found.hours_a_week:,.1f} hours"


def _describe_outlook(found: Forecast, days: int) -> str:
    """How the backlog goes on, as far as the counts that are shown tell it."""
    arriving, answering = found.arrive_a_week, found.answered_a_week
    if found.backlog == 0:
        return "Nothing waits."
    if found.gone_on is not None:
        return f"At the pace of the last {days} days the backlog is gone by {found.gone_on}."
    if answering == 0:
        return f"Nobody has answered a question in the last {days} days."
    if arriving is None or answering is None or answering > arriving:
        return "How it goes on would tell of too few to be shown."
    return f"At the pace of the last {days} days it grows by {arriving - answering:,.0f} a week."

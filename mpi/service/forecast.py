"""Forecast: what questions will take, and when the backlog is gone, as far as a history tells it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.context import Index
from mpi.service.proposals import MINUTES_A_TASK
from mpi.service.reindex import Progress, silent
from mpi.service.simulate import Bits, simulate
from mpi.service.throughput import ANSWERED, Throughput, minutes_an_answer, throughputs
from mpi.service.waiting import waiting
from mpi.storage.unit import ReadUnit

LOOKS_BACK = timedelta(days=28)
LEAST_HISTORY = 14
"""Days of work without which nothing is said of the days to come."""
_A_WEEK = 7


@dataclass(frozen=True, slots=True)
class Day:
    """Questions that arrived on a day, and that were answered."""

    day: str
    arrived: int
    answered: int


@dataclass(frozen=True, slots=True)
class OtherThresholds:
    """What other thresholds would ask for.

    Args:
        link: the link threshold tried, in bits.
        review: the review threshold tried.
        questions: pairs to be asked about, at once.
        hours: what these take.
        hours_a_week: what those that arrive take, if they arrive in the measure in which there are more or
            fewer; None where nothing is said of the days to come.
    """

    link: float
    review: float
    questions: int
    hours: float
    hours_a_week: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the desk has before it.

    Args:
        backlog: questions that wait.
        minutes: that an answer takes.
        minutes_measured: whether that was measured, or is the ``MINUTES_A_TASK`` that is assumed.
        hours: what the backlog takes.
        days: day by day, what arrived and was answered; the day that filled the index is left out.
        arrive_a_week: questions a week; None where there is too little history.
        answered_a_week: as is answered now; None likewise.
        hours_a_week: to answer what arrives; None likewise.
        gone_on: the day on which the backlog is gone at this pace; None where it is not, or nothing is said.
        says: the forecast in a sentence, with what it lacks.
        people: who answered how much in those days.
        other: what other thresholds would ask for, where some were given.
    """

    backlog: int
    minutes: float
    minutes_measured: bool
    hours: float
    days: tuple[Day, ...]
    arrive_a_week: float | None
    answered_a_week: float | None
    hours_a_week: float | None
    gone_on: str | None
    says: str
    people: tuple[Throughput, ...]
    other: OtherThresholds | None = None


def forecast(index: Index, viewer: Viewer, bits: Bits | None = None, progress: Progress = silent) -> Forecast:
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
    require_figures(viewer)
    with index.database.read(viewer) as unit:
        found = forecast_in(unit)
        tasks = unit.tasks.count()
    if bits is None:
        return found
    tried = simulate(index, viewer, bits, progress)
    more = tried.tasks / tasks if tasks else None
    a_week = None if found.hours_a_week is None or more is None else found.hours_a_week * more
    other = OtherThresholds(
        tried.link, tried.review, tried.tasks, round(tried.tasks * found.minutes / 60, 1), a_week
    )
    return _with_other(found, other)


def require_figures(viewer: Viewer) -> None:
    """Pass whoever may read figures, and sees every source: figures tell of all.

    Raises:
        AccessDenied: the viewer may not.
    """
    permit(viewer, Action.QUALITY_READ)
    if viewer.sources is not None:
        raise AccessDenied(f"client {viewer.client!r} may not do this: it concerns every source")


def forecast_in(unit: ReadUnit) -> Forecast:
    """The forecast from one snapshot, of the thresholds in force."""
    now = clock.now()
    today = now.date()
    first = unit.figures.first_commit()
    began = today if first is None else datetime.fromisoformat(first).date()
    # The day that filled the index says nothing of the days to come.
    start = max(began + timedelta(days=1), today - LOOKS_BACK)
    since = f"{start.isoformat()}T00:00:00.000000Z"
    people = throughputs(unit, since)
    arrived = unit.figures.opened_by_day(today.isoformat(), unit.commit_at(since))
    for day, count in unit.figures.closed_by_day_opened(since).items():
        arrived[day] = arrived.get(day, 0) + count
    answered = unit.figures.answered_by_day(since, ANSWERED)
    names = [(start + timedelta(days=n)).isoformat() for n in range(max((today - start).days, 0) + 1)]
    days = tuple(Day(day, arrived.get(day, 0), answered.get(day, 0)) for day in names if day <= str(today))
    backlog = sum(one.questions for one in waiting(unit, now, ()))
    return _said(backlog, days, people, today)


def _said(backlog: int, days: tuple[Day, ...], people: tuple[Throughput, ...], today: date) -> Forecast:
    measured = minutes_an_answer(people)
    minutes = float(MINUTES_A_TASK) if measured is None else measured
    hours = round(backlog * minutes / 60, 1)
    waits = f"{backlog:,} questions wait, {hours:,.1f} hours' work{_assumed(measured)}"
    whole = [day for day in days if day.day < today.isoformat()]
    if len(whole) < LEAST_HISTORY:
        says = (
            f"{waits}. Of what is to come nothing can be said yet: there are {len(whole)} whole days of "
            f"history, and {LEAST_HISTORY} are needed."
        )
        return Forecast(
            backlog, minutes, measured is not None, hours, days, None, None, None, None, says, people
        )
    arriving = _A_WEEK * sum(day.arrived for day in whole) / len(whole)
    answering = _A_WEEK * sum(day.answered for day in whole) / len(whole)
    gone_on = None
    if not backlog:
        then = "Nothing waits."
    elif answering > arriving:
        gone_on = (today + timedelta(days=round(_A_WEEK * backlog / (answering - arriving)))).isoformat()
        then = f"At the pace of the last {len(whole)} days the backlog is gone by {gone_on}."
    elif answering:
        then = f"At the pace of the last {len(whole)} days it grows by {arriving - answering:,.0f} a week."
    else:
        then = f"Nobody has answered a question in the last {len(whole)} days."
    a_week = round(arriving * minutes / 60, 1)
    says = f"{waits}; {arriving:,.0f} a week arrive, {a_week:,.1f} hours. {then}"
    return Forecast(
        backlog,
        minutes,
        measured is not None,
        hours,
        days,
        arriving,
        answering,
        a_week,
        gone_on,
        says,
        people,
    )


def _assumed(measured: float | None) -> str:
    return f" at the {MINUTES_A_TASK} minutes each that are assumed" if measured is None else ""


def _with_other(found: Forecast, other: OtherThresholds) -> Forecast:
    values = {name: getattr(found, name) for name in Forecast.__slots__}
    return Forecast(**{**values, "other": other})

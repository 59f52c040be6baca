"""The forecast: what the last weeks were, carried on; and nothing where there is too little to carry on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer
from mpi.service.quality.forecast import forecast_workload
from mpi.service.recluster.threshold_simulation import TrialThresholds
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from tests.index import OPERATOR, a_child, an_index, load_rows
from tests.unit.service.sampling.test_blind_review import a_state

OUTSIDER = Viewer("ops", "system_admin", frozenset({Action.QUALITY_READ}), None)
TODAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def at(set_clock):
    """Set the clock."""
    return lambda days_ago: set_clock(lambda: TODAY - timedelta(days=days_ago))


@pytest.fixture
def index(tmp_path, at):
    at(29)
    with an_index(tmp_path / "home", "sis", "ccwis") as made:
        a_state(made)
        at(0)
        yield made


def doubt(index, name):
    """One more question."""
    # Born in a year of their own, or all would be one question.
    alike = {"birth_date": f"20{ord(name) % 17:02}-02-03", "postal_code": None}
    load_rows(
        index, "sis", a_child(name, first_name=f"Marietta{name}", last_name=f"Vandermeer{name}", **alike)
    )
    load_rows(
        index, "ccwis", a_child(name, first_name=f"Mariettr{name}", last_name=f"Vandermeel{name}", **alike)
    )


def answered(index, days_ago, count, minutes=2.0, actor="ana"):
    """Questions of one sitting, answered and closed; opened on that day too."""
    with index.database.write(OPERATOR, "test") as unit:
        start = TODAY - timedelta(days=days_ago)
        for n in range(count + 1):
            moment = clock.format_timestamp(start + timedelta(minutes=minutes * n))
            action = "answer" if n else "claim"
            key = f"done:{actor}:{days_ago}:{n}"
            unit.task_work.add_action(
                QuestionAction(unit.counters.take("task_action"), key, moment, actor, action)
            )
            if n:
                work = QuestionWork(key, "closed", moment, closed_at=moment, closed_because="answered")
                unit.task_work.save(work)


def test_the_backlog_takes_the_minutes_that_answers_were_seen_to_take(index):
    found = forecast_workload(index, OPERATOR)
    assert (found.backlog, found.minutes, found.minutes_measured) == (6, 3.0, False)
    assert "assumed" in found.says
    for days_ago in (3, 2):
        answered(index, days_ago, 12, minutes=5.0)
    found = forecast_workload(index, OPERATOR)
    assert (found.minutes_measured, found.hours) == (True, 0.5)
    assert found.minutes == pytest.approx(5.0)
    assert found.people[0].answers == 24


def test_what_arrives_is_carried_on_and_the_day_that_filled_the_index_is_left_out(index, at):
    for days_ago in (20, 10, 5, 1):
        at(days_ago)
        doubt(index, "abcdefghijklmnopqrstuvw"[days_ago])
    at(0)
    answered(index, 7, 24, minutes=1.0)
    found = forecast_workload(index, OPERATOR)
    assert found.backlog == 10
    by_day = {day.day: (day.arrived, day.answered) for day in found.days}
    assert (TODAY - timedelta(days=29)).date().isoformat() not in by_day
    assert by_day[(TODAY - timedelta(days=10)).date().isoformat()] == (1, 0)
    assert by_day[(TODAY - timedelta(days=7)).date().isoformat()] == (24, 24)
    assert len(found.days) == 29
    assert found.arrive_a_week == pytest.approx(7 * 28 / 28)
    assert found.answered_a_week == pytest.approx(7 * 24 / 28)
    assert found.hours_a_week == pytest.approx(0.1)
    assert (found.gone_on, "grows by 1 a week" in found.says) == (None, True)


def test_a_backlog_that_shrinks_has_a_day_on_which_it_is_gone(index):
    with index.database.write(OPERATOR, "test") as unit:
        for n in range(28):
            moment = clock.format_timestamp(TODAY - timedelta(days=1, minutes=n))
            unit.task_work.add_action(
                QuestionAction(unit.counters.take("task_action"), "old", moment, "ana", "answer")
            )
    found = forecast_workload(index, OPERATOR)
    assert found.answered_a_week == pytest.approx(7.0)
    assert found.gone_on == (date(2026, 11, 24) + timedelta(days=6)).isoformat()
    assert found.gone_on in found.says


def test_nothing_is_said_of_what_is_to_come_before_there_is_a_history(index, at):
    at(29 - 13)
    young = forecast_workload(index, OPERATOR)
    assert (young.arrive_a_week, young.hours_a_week, young.gone_on) == (None, None, None)
    assert "nothing can be said yet" in young.says
    assert "12 whole days" in young.says
    at(0)
    assert "Nobody has answered" in forecast_workload(index, OPERATOR).says


def test_on_the_first_day_there_is_no_day_to_tell_of(tmp_path):
    with an_index(tmp_path / "new", "sis") as fresh:
        found = forecast_workload(fresh, OPERATOR)
        assert (found.backlog, found.days, found.gone_on) == (0, (), None)


def test_other_thresholds_ask_for_more_or_less_in_the_measure_of_the_whole_index(index):
    found = forecast_workload(index, OPERATOR, TrialThresholds(review=6.5)).other
    assert (found.review, found.questions, found.hours, found.hours_a_week) == (6.5, 0, 0.0, 0.0)
    same = forecast_workload(index, OPERATOR, TrialThresholds()).other
    assert (same.questions, same.hours) == (6, 0.3)


def test_whoever_may_not_see_records_is_told_of_no_day_from_which_a_small_count_follows(index, at):
    at(10)
    for name in "defghijklmno":
        doubt(index, name)
    at(0)
    answered(index, 7, 40, minutes=1.0)
    answered(index, 3, 8, minutes=1.0, actor="ben")
    found = forecast_workload(index, OUTSIDER)
    told = {day.day: (day.arrived, day.answered) for day in found.days}

    def day(days_ago):
        return (TODAY - timedelta(days=days_ago)).date().isoformat()

    assert [told[day(days_ago)] for days_ago in (10, 7, 3)] == [
        (None, 0),
        (40, None),
        (None, None),
    ]
    assert [(one.actor, one.answers) for one in found.people] == [("ana", None), ("ben", None)]
    full = forecast_workload(index, OPERATOR)
    assert (found.backlog, found.hours, found.arrive_a_week, found.gone_on, found.says) == (
        full.backlog,
        full.hours,
        full.arrive_a_week,
        full.gone_on,
        full.says,
    )


def test_what_other_thresholds_ask_for_is_not_told_where_it_is_little(index):
    reclusters = replace(OUTSIDER, actions=OUTSIDER.actions | {Action.RECLUSTER})
    other = forecast_workload(index, reclusters, TrialThresholds()).other
    assert (other.questions, other.hours, other.hours_a_week) == (None, None, None)


def test_a_forecast_is_of_every_source(index):
    with pytest.raises(AccessDenied):
        forecast_workload(index, replace(OPERATOR, sources=frozenset({"sis"})))

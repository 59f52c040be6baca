"""Test the forecast: it extends the last weeks, and is empty without enough history."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer
from mpi.service.quality.forecast import forecast_workload
from mpi.service.recluster.threshold_simulation import TrialThresholds
from mpi.storage.repositories.review.published_reports import StoredReport
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from tests.index import OPERATOR, load_rows, make_child, open_test_index
from tests.unit.service.sampling.test_blind_review import load_linked_and_doubtful_pairs

OUTSIDER = Viewer("ops", "system_admin", frozenset({Action.QUALITY_READ}), None)
TODAY = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def set_days_ago(set_clock):
    """Set the clock to a number of days before today."""
    return lambda days_ago: set_clock(lambda: TODAY - timedelta(days=days_ago))


@pytest.fixture
def backlog_index(tmp_path, set_days_ago):
    """An index loaded 29 days ago, with six open questions."""
    set_days_ago(29)
    with open_test_index(tmp_path / "home", "sis", "ccwis") as opened:
        load_linked_and_doubtful_pairs(opened)
        set_days_ago(0)
        yield opened


def add_question(index, name):
    """Add one question."""
    # Each pair has its own birth year, or all would be one question.
    alike = {"birth_date": f"20{ord(name) % 17:02}-02-03", "postal_code": None}
    load_rows(
        index, "sis", make_child(name, first_name=f"Marietta{name}", last_name=f"Vandermeer{name}", **alike)
    )
    load_rows(
        index, "ccwis", make_child(name, first_name=f"Mariettr{name}", last_name=f"Vandermeel{name}", **alike)
    )


def answer_questions(index, days_ago, count, minutes=2.0, actor="ana"):
    """Answer and close questions of one session, opened on the same day."""
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


def test_backlog_hours_use_the_measured_minutes_per_answer(backlog_index):
    forecast = forecast_workload(backlog_index, OPERATOR)
    assert (forecast.backlog, forecast.minutes, forecast.minutes_measured) == (6, 3.0, False)
    assert "assumed" in forecast.says
    for days_ago in (3, 2):
        answer_questions(backlog_index, days_ago, 12, minutes=5.0)
    forecast = forecast_workload(backlog_index, OPERATOR)
    assert (forecast.minutes_measured, forecast.hours) == (True, 0.5)
    assert forecast.minutes == pytest.approx(5.0)
    assert forecast.people[0].answers == 24


def test_arrivals_are_extended_without_the_day_of_the_first_load(backlog_index, set_days_ago):
    for days_ago in (20, 10, 5, 1):
        set_days_ago(days_ago)
        add_question(backlog_index, "abcdefghijklmnopqrstuvw"[days_ago])
    set_days_ago(0)
    answer_questions(backlog_index, 7, 24, minutes=1.0)
    forecast = forecast_workload(backlog_index, OPERATOR)
    assert forecast.backlog == 10
    by_day = {day.day: (day.arrived, day.answered) for day in forecast.days}
    assert (TODAY - timedelta(days=29)).date().isoformat() not in by_day
    assert by_day[(TODAY - timedelta(days=10)).date().isoformat()] == (1, 0)
    assert by_day[(TODAY - timedelta(days=7)).date().isoformat()] == (24, 24)
    assert len(forecast.days) == 29
    assert forecast.arrive_a_week == pytest.approx(7 * 28 / 28)
    assert forecast.answered_a_week == pytest.approx(7 * 24 / 28)
    assert forecast.hours_a_week == pytest.approx(0.1)
    assert (forecast.gone_on, "grows by 1 a week" in forecast.says) == (None, True)


def test_shrinking_backlog_has_an_end_date(backlog_index):
    with backlog_index.database.write(OPERATOR, "test") as unit:
        for n in range(28):
            moment = clock.format_timestamp(TODAY - timedelta(days=1, minutes=n))
            unit.task_work.add_action(
                QuestionAction(unit.counters.take("task_action"), "old", moment, "ana", "answer")
            )
    forecast = forecast_workload(backlog_index, OPERATOR)
    assert forecast.answered_a_week == pytest.approx(7.0)
    assert forecast.gone_on == (date(2026, 11, 24) + timedelta(days=6)).isoformat()
    assert forecast.gone_on in forecast.says


def test_forecast_is_empty_without_enough_history(backlog_index, set_days_ago):
    set_days_ago(29 - 13)
    forecast = forecast_workload(backlog_index, OPERATOR)
    assert (forecast.arrive_a_week, forecast.hours_a_week, forecast.gone_on) == (None, None, None)
    assert "nothing can be said yet" in forecast.says
    assert "12 whole days" in forecast.says
    set_days_ago(0)
    assert "Nobody has answered" in forecast_workload(backlog_index, OPERATOR).says


def test_forecast_is_empty_on_the_first_day(tmp_path):
    with open_test_index(tmp_path / "new", "sis") as fresh:
        forecast = forecast_workload(fresh, OPERATOR)
        assert (forecast.backlog, forecast.days, forecast.gone_on) == (0, (), None)


def test_trial_thresholds_forecast_questions_and_hours_of_the_whole_index(backlog_index):
    trial = forecast_workload(backlog_index, OPERATOR, TrialThresholds(review=6.5)).other
    assert (trial.review, trial.questions, trial.hours, trial.hours_a_week) == (6.5, 0, 0.0, 0.0)
    unchanged = forecast_workload(backlog_index, OPERATOR, TrialThresholds()).other
    assert (unchanged.questions, unchanged.hours) == (6, 0.3)


def test_reader_without_questions_gets_the_published_backlog_alone(backlog_index, set_days_ago):
    content = {
        "counts": {"questions": 310},
        "details": {"minutes": 5.5, "months": [], "sample_month": None},
    }
    with backlog_index.database.write(OPERATOR, "test") as unit:
        unit.published_reports.add([StoredReport("2026-11-23", "quality", json.dumps(content), "")])
    forecast = forecast_workload(backlog_index, OUTSIDER)
    assert (forecast.backlog, forecast.minutes, forecast.minutes_measured) == (310, 5.5, True)
    assert forecast.hours == round(310 * 5.5 / 60, 1)
    assert forecast.says.startswith("310 questions wait, 28.4 hours' work.")
    assert (forecast.days, forecast.people, forecast.arrive_a_week) == ((), (), None)
    assert forecast_workload(backlog_index, OPERATOR).backlog == 6


def test_forecast_of_trial_thresholds_is_for_who_reads_every_question(backlog_index):
    viewer = replace(OUTSIDER, actions=OUTSIDER.actions | {Action.RECLUSTER})
    trial = forecast_workload(backlog_index, viewer, TrialThresholds()).other
    assert (trial.questions, trial.hours, trial.hours_a_week) == (None, None, None)


def test_forecast_needs_every_source(backlog_index):
    with pytest.raises(AccessDenied):
        forecast_workload(backlog_index, replace(OPERATOR, sources=frozenset({"sis"})))

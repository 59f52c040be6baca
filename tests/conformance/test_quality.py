"""Blind pairs, practice answers and quality figures work on either store."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.persons.search import search_persons
from mpi.service.quality.dashboard import measure_quality, read_quality
from mpi.service.quality.forecast import forecast_workload
from mpi.service.quality.publication import publish_figures
from mpi.service.records.upsert import upsert
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair
from mpi.service.sampling.blind_sample import draw_blind_sample
from mpi.service.sampling.practice import answer_practice_pair, get_next_practice_pair
from mpi.service.sampling.training_labels import export_labels
from mpi.service.statements.sources import NewSource, add_source
from mpi.storage.repositories.review.blind_pairs import BlindAnswer, BlindPair
from mpi.storage.repositories.review.desk_counts import StewardAnswers
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from tests.index import OPERATOR, load_rows, many_children, open_test_index, reopen_database
from tests.unit.api.live import add_key

ANA = Viewer("ana", "data_quality", frozenset({Action.TASK_WORK, Action.LINK_REPORT}), None)


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path / "home", database_url=database_url) as index:
        add_source(index, OPERATOR, NewSource("school", kind=SourceKind.SIS))
        add_source(index, OPERATOR, NewSource("care", kind=SourceKind.CCWIS))
        flag = {"population": "foster_care", "value": "Y", "definition": "ESSA"}
        load_rows(index, "care", *({**child, "flags": [flag]} for child in many_children(4)))
        load_rows(index, "school", *many_children(3))
        yield index


def test_a_blind_pair_is_stored_with_its_answer(index):
    pair = BlindPair(
        1, "near", 2**40, 7, "2026-11", "2026-11-24T00:00:00.000000Z", 1, 1, 2, 3, 4, -1.25, linked=True
    )
    second = BlindPair(
        2, "second", 0, 0, "2026-12", "2026-12-01T00:00:00.000000Z", 1, 1, 2, 3, 4, 5.5, False, "ana", "same"
    )
    with index.database.write(OPERATOR, "test") as unit:
        unit.blind_pairs.add([pair, second])
        assert unit.blind_pairs.get(1) == pair
        assert unit.blind_pairs.samples("2026-10", "2026-12") == [pair]
        assert unit.blind_pairs.unanswered_for("ana") == [pair]
        assert unit.blind_pairs.unanswered_for("ben") == [pair, second]
        answer = BlindAnswer(2, "ben", "unsure", "2026-12-02T00:00:00.000000Z")
        unit.blind_pairs.add_answer(answer)
        assert unit.blind_pairs.unanswered_for("ben") == [pair]
        assert unit.blind_pairs.all_with_answers() == [(second, answer)]
        assert unit.blind_pairs.count_second_reviews() == [("ana", "ben", "same", "unsure", 1)]
        assert (unit.blind_pairs.get(3), unit.blind_pairs.count_unanswered_second_reviews()) == (None, 0)


def test_edges_are_read_by_their_lower_record(index):
    with index.database.write(OPERATOR, "test") as unit:
        unit.derived_data.add_edges(9, {(1, 2): 4.5, (2, 3): -0.5, (1, 5): 7.0})
        assert unit.blind_pairs.edges_by_lower_record(9, [1, 3]) == {(1, 2): 4.5, (1, 5): 7.0}
        assert unit.blind_pairs.max_record_id() == 7


def test_a_blind_sample_leads_from_draw_to_labels(index):
    draw_blind_sample(index, OPERATOR)
    while (shown_pair := get_next_blind_pair(index, ANA)) is not None:
        answer_blind_pair(index, ANA, shown_pair.id, "same")
    assert (
        answer_practice_pair(index, ANA, get_next_practice_pair(index, ANA).id, "same").standing.answered == 1
    )
    figures = measure_quality(index, OPERATOR)
    assert (figures.match_rate.in_care, figures.match_rate.found) == (4, 3)
    assert figures.live[0].precision.value == 1.0
    assert figures.links.automatic == len(export_labels(index, OPERATOR, with_blind=True)) == 3
    assert forecast_workload(index, OPERATOR).backlog == 0


def test_work_figures_are_the_same_on_both_stores(index):
    now = datetime.now(UTC)
    moment, hour_later = clock.format_timestamp(now), clock.format_timestamp(now + timedelta(hours=1))
    with index.database.write(OPERATOR, "test") as unit:
        for n, (state, lease_end) in enumerate(
            [("open", hour_later), ("open", moment), ("asleep", None), ("waiting", None)]
        ):
            unit.task_work.save(
                QuestionWork(f"q{n}", state, moment, claimed_by=lease_end and "ana", lease_until=lease_end)
            )
        unit.task_work.save(QuestionWork("q9", "closed", moment, closed_at=moment, closed_because="went"))
        for n, action in enumerate(("claim", "answer"), 1):
            at = clock.format_timestamp(now + timedelta(hours=1, seconds=30 * n))
            unit.task_work.add_action(QuestionAction(n, "q0", at, "ana", action))
        assert unit.figures.count_by_state(moment) == {"claimed": 1, "open": 1, "asleep": 1, "waiting": 1}
        assert unit.figures.count_closed(moment) == {"went": 1}
        assert unit.figures.count_closed_by_opening_day(moment[:10]) == {moment[:10]: 1}
        assert unit.figures.count_answers_by_actor("2026", "answer", 60.0) == [
            StewardAnswers("ana", 1, 1, pytest.approx(30.0, abs=0.001))
        ]
        assert unit.figures.count_answers_by_day("2026", "answer") == {at[:10]: 1}
        assert unit.figures.oldest_opened_at(moment[:10]) is None


def test_published_figures_are_the_same_on_both_stores(index, manual_clock):
    draw_blind_sample(index, OPERATOR)
    day = manual_clock.now.date()
    assert publish_figures(index, OPERATOR)
    assert not publish_figures(index, OPERATOR)
    with index.database.read(OPERATOR) as unit:
        reports = unit.published_reports
        assert (reports.has(str(day)), reports.has("2000-01-01")) == (True, False)
        stored = {
            name: reports.latest(name, str(day)) for name in ("quality", "summary", "sources", "overlap")
        }
        assert {report.day for report in stored.values()} == {str(day)}
        assert reports.latest("quality", str(day - timedelta(days=1))) is None
        assert reports.first_day_after("quality", "2000-01-01") == str(day)
        assert reports.first_day_after("quality", str(day)) is None
        assert unit.figures.list_open_tasks(str(day)) == []
    counts = {name: json.loads(report.content)["counts"] for name, report in stored.items()}
    assert set(counts["overlap"]) == {"care", "care + school"}
    assert set(counts["sources"]) == {
        f"{code}.{state}" for code in ("care", "school") for state in ("active", "withdrawn")
    }
    manual_clock.now += timedelta(days=1)
    assert read_quality(index, OPERATOR).publication.as_of == str(day)


def test_of_several_processes_one_publishes(index):
    with reopen_database(index) as other, ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda each: publish_figures(each, OPERATOR), [index, other] * 2))
    assert sorted(outcomes) == [False, False, False, True]


KILLED_PUBLICATION = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from mpi.bootstrap import open_index
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.viewer import make_operator
from mpi.service.quality.publication import publish_figures
from mpi.storage.repositories.review.published_reports import PublishedReports

class KilledAfterOneReport(PublishedReports):
    def add(self, reports):
        super().add(list(reports)[:1])
        os.kill(os.getpid(), signal.SIGKILL)

from mpi.storage.unit_of_work import units
vars(units.ReadUnit)["published_reports"]._factory = KilledAfterOneReport
index = open_index(Settings(home=Path(sys.argv[1]), database_url=sys.argv[2] or None, secret_file=None))
publish_figures(index, make_operator())
"""


def test_a_kill_in_between_publishes_nothing_and_the_next_process_everything(index, tmp_path, database_url):
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_PUBLICATION, str(tmp_path / "home"), database_url or ""],
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    today = clock.today()
    with index.database.read(OPERATOR) as unit:
        assert not unit.published_reports.has(today)
    assert publish_figures(index, OPERATOR)
    with index.database.read(OPERATOR) as unit:
        names = ("quality", "summary", "sources", "overlap")
        assert all(unit.published_reports.latest(name, today) for name in names)


def test_persons_are_counted_by_their_sources(index):
    with index.database.read(OPERATOR) as unit:
        counts = unit.figures.count_persons_by_sources()
    assert counts == {frozenset({"care", "school"}): 3, frozenset({"care"}): 1}


def test_new_records_are_counted_with_their_searches_and_duplicates(index):
    clerk = Viewer("sis-north", "data_quality", frozenset(Action), None)
    add_key(index, clerk.client)
    [known, new] = [
        {**child, "local_id": f"N{n}"} for n, child in enumerate((*many_children(1), *many_children(1, 9)))
    ]
    assert search_persons(index, clerk, known)
    upsert(index, clerk, "school", known)
    upsert(index, clerk, "school", new)
    [row] = measure_quality(index, OPERATOR).new_records
    assert (row.sent, row.searched, row.duplicates_searched, row.duplicates_unsearched) == (2, 1, 1, None)

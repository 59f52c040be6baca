"""Figures are measured once a day, shown later, and equal for every reader."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from mpi.service.holdings.settings import set_holdings
from mpi.service.quality import publication
from mpi.service.quality.dashboard import measure_quality, read_quality
from mpi.service.quality.exact_counts import count_separate_questions
from mpi.service.quality.forecast import forecast_workload
from mpi.service.quality.publication import FigurePublisher, publish_figures
from mpi.service.quality.reports import make_current_report, make_report
from mpi.service.statements.sources import NewSource, add_source
from tests.desk import load_doubtful_pairs
from tests.index import (
    OPERATOR,
    load_rows,
    many_children,
    open_test_index,
    reopen_database,
    with_settings,
    with_tuning,
)

READER = Viewer("ops", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], None)
START = datetime(2026, 11, 2, 9, tzinfo=UTC)
FLAG = {"population": "foster_care", "value": "Y", "definition": "ESSA"}


@pytest.fixture
def index(tmp_path, manual_clock):
    manual_clock.now = START
    with open_test_index(tmp_path / "home", secret="5" * 64) as opened:
        add_source(opened, OPERATOR, NewSource("ccwis", kind=SourceKind.CCWIS))
        add_source(opened, OPERATOR, NewSource("sis", kind=SourceKind.SIS))
        children = many_children(160)
        load_rows(opened, "ccwis", *({**child, "flags": [FLAG]} for child in children))
        load_rows(opened, "sis", *children[:120])
        yield with_settings(opened, publication_rules=PublicationRules(base=5))


@pytest.fixture
def pass_days(manual_clock):
    """Move the clock on by a number of days."""

    def move(days):
        manual_clock.now += timedelta(days=days)

    return move


def stored_content(index):
    with index.database.read(OPERATOR) as unit:
        return {
            name: (report.day, report.content)
            for name in ("quality", "summary", "sources", "overlap")
            if (report := unit.published_reports.latest(name, "9999-12-31")) is not None
        }


def test_before_the_first_publication_readers_are_told_when_it_is(index, pass_days):
    for _ in range(2):
        figures = read_quality(index, READER)
        assert (figures.publication, figures.next_publication) == (None, "2026-11-03")
        assert (figures.match_rate.in_care, figures.workload.open, figures.links.joined) == (None, None, None)
        assert forecast_workload(index, READER).says == "The first figures are published on 2026-11-03."
        report = make_report(index, READER, "summary")
        assert (report.rows, report.publication, report.next_publication) == ((), None, "2026-11-03")
        publish_figures(index, OPERATOR)


def test_figures_of_one_day_are_published_on_the_next(index, pass_days):
    publish_figures(index, OPERATOR)
    pass_days(1)
    figures = read_quality(index, READER)
    assert figures.publication.as_of == "2026-11-02"
    assert figures.publication.day == "2026-11-03"
    assert figures.match_rate.in_care == pytest.approx(160, abs=80)
    assert figures.match_rate.found % 5 == 0
    assert figures.match_rate.rate.value == round(figures.match_rate.rate.value, 2)
    assert figures.suppressed
    assert (figures.live, figures.throughput, figures.agreement) == ((), (), ())


def test_figures_stay_the_same_for_a_day_whatever_is_written(index, pass_days):
    publish_figures(index, OPERATOR)
    pass_days(1)

    def read():
        reports = [make_report(index, READER, name) for name in ("summary", "sources", "overlap")]
        return asdict(read_quality(index, READER)), forecast_workload(index, READER), reports

    before = read()
    load_rows(index, "sis", *many_children(30, 300))
    load_doubtful_pairs(index, 12, start=900)
    publish_figures(index, OPERATOR)
    after = read()
    # Only the day of the next publication is known now.
    assert after[0] | {"next_publication": ""} == before[0] | {"next_publication": ""}
    assert after[1:] == before[1:]
    pass_days(1)
    assert read_quality(index, READER).publication.as_of == "2026-11-03"


def test_second_measurement_of_a_day_stores_nothing(index, pass_days):
    assert publish_figures(index, OPERATOR)
    first = stored_content(index)
    load_rows(index, "sis", *many_children(30, 300))
    assert not publish_figures(index, OPERATOR)
    assert stored_content(index) == first
    with index.database.read(OPERATOR) as unit:
        last_commit = unit.last_commit()
    pass_days(1)
    assert publish_figures(index, OPERATOR)
    with index.database.read(OPERATOR) as unit:
        assert unit.last_commit() == last_commit, "a publication takes no commit number"


def test_no_exact_count_is_stored(index):
    publish_figures(index, OPERATOR)
    for _, content in stored_content(index).values():
        assert all(count % 5 == 0 for count in json.loads(content)["counts"].values())


def test_missed_days_are_counted(index, pass_days):
    publish_figures(index, OPERATOR)
    pass_days(4)
    figures = read_quality(index, READER)
    assert (figures.publication.as_of, figures.publication.missed_days) == ("2026-11-02", 3)
    assert figures.next_publication == "2026-11-07"
    publish_figures(index, OPERATOR)
    pass_days(1)
    assert read_quality(index, READER).publication.missed_days == 0


def test_lag_and_base_are_settings(index, pass_days):
    rules = PublicationRules(base=10, lag_days=3)
    late = with_settings(index, publication_rules=rules)
    publish_figures(late, OPERATOR)
    pass_days(2)
    assert read_quality(late, READER).publication is None
    assert read_quality(late, READER).next_publication == "2026-11-05"
    pass_days(1)
    figures = read_quality(late, READER)
    assert (figures.publication.base, figures.publication.smallest_shown) == (10, 100)
    assert figures.match_rate.in_care % 10 == 0


def reader_under(small_cell):
    """Return an operator of the index under terms with a smallest count."""
    terms = replace(build_house_agreement(), is_approved=True, small_cell=small_cell)
    caller = Caller("ops", frozenset(), None, terms.code, 1, Role.OPERATOR)
    return build_viewer(caller, "system_admin", terms, START.date())


def test_small_counts_of_an_agreement_are_not_shown(index, pass_days):
    publish_figures(index, OPERATOR)
    pass_days(1)
    figures = read_quality(index, reader_under(10))
    assert figures == read_quality(index, READER)
    assert figures.publication.smallest_shown == 50
    assert figures.match_rate.in_care < 1_000
    strict = read_quality(index, reader_under(1_000))
    assert strict.publication.smallest_shown == 1_000
    assert strict.match_rate.in_care is None
    assert forecast_workload(index, reader_under(1_000)).backlog is None
    assert list_counts(index, reader_under(10)) == list_counts(index, READER) != []
    assert list_counts(index, reader_under(1_000)) == []


def list_counts(index, viewer):
    """Return the counts of the published reports that a viewer is shown, in order."""
    rows = [
        row for name in ("summary", "sources", "overlap") for row in make_report(index, viewer, name).rows
    ]
    return [value for row in rows for value in row if isinstance(value, int)]


def test_measurement_that_passes_midnight_is_dropped(index):
    looks = iter([datetime(2026, 11, 2, 23, 59, 59, tzinfo=UTC)])
    with clock.set_clock(lambda: next(looks, datetime(2026, 11, 3, tzinfo=UTC))):
        assert not publish_figures(index, OPERATOR)
    assert stored_content(index) == {}


def test_failure_before_the_commit_stores_nothing_and_the_next_try_all(index):
    class FailureError(Exception):
        pass

    with pytest.raises(FailureError), index.database.write(OPERATOR, "publish") as unit:
        reports = publication._measure_reports(unit, index, START)
        unit.published_reports.add(reports[:2])
        raise FailureError
    assert stored_content(index) == {}
    assert publish_figures(index, OPERATOR)
    assert set(stored_content(index)) == {"quality", "summary", "sources", "overlap"}


def test_figures_of_questions_are_current_for_whoever_may_read_each(index, pass_days):
    load_doubtful_pairs(index, 3, start=900)
    figures = read_quality(index, OPERATOR)
    assert (figures.suppressed, figures.workload.open) == (False, 3)
    assert figures.match_rate.in_care is None
    assert measure_quality(index, OPERATOR).match_rate.in_care == 160
    assert measure_quality(index, OPERATOR).match_rate.found == 120
    steward = Viewer("ana", "data_quality", ACTIONS_BY_ROLE[Role.STEWARD], None)
    assert read_quality(index, steward).workload.open == 3
    no_tasks = replace(steward, actions=steward.actions - {Action.TASK_READ})
    assert read_quality(index, no_tasks).workload.open is None


def test_many_records_about_one_child_open_one_published_question(index):
    load_doubtful_pairs(index, 4, start=900)
    with index.database.read(OPERATOR) as unit:
        assert count_separate_questions(unit, "2026-11-02") == 4
    with index.database.write(OPERATOR, "test") as unit:
        [task, *_] = unit.tasks.all()
        copies = [replace(task, key=f"{task.key}:{n}", question=f"q{n}") for n in range(50)]
        unit.tasks.replace([], copies, unit.commit_no)
        assert count_separate_questions(unit, "2026-11-02") == 4


def test_reports_show_published_counts_and_current_ones_on_request(index, pass_days):
    load_rows(index, "sis", *many_children(20, 700))
    publish_figures(index, OPERATOR)
    pass_days(1)
    current = dict(make_current_report(index, OPERATOR, "overlap").rows)
    assert current == {"ccwis + sis": 120, "ccwis": 40, "sis": 20}
    published = dict(make_report(index, OPERATOR, "overlap").rows)
    assert published["ccwis + sis"] == pytest.approx(120, abs=80)
    assert set(published) == {"ccwis + sis"}, "the sets of few persons are not listed"
    assert dict(make_current_report(index, OPERATOR, "summary").rows)["records, active"] == 300
    assert dict(make_report(index, OPERATOR, "summary").rows)["records, active"] % 5 == 0
    by_source = {row[0]: row[3:] for row in make_report(index, OPERATOR, "sources").rows}
    assert by_source["ccwis"][1] is None
    assert by_source["ccwis"][0] == pytest.approx(160, abs=80)


def test_report_of_loads_is_of_the_viewers_sources_and_current(index):
    assert [row[2] for row in make_report(index, OPERATOR, "loads").rows] == ["ccwis", "sis"]
    school = replace(READER, sources=frozenset({"sis"}))
    assert [row[2] for row in make_report(index, school, "loads").rows] == ["sis"]


def test_each_row_of_the_report_of_loads_adds_up(index):
    again, new = many_children(121)[119:]
    load_rows(index, "sis", again, new, new, {**new, "local_id": "", "last_name": "Nameless"})
    load_rows(index, "sis", again, snapshot=Snapshot.FULL)
    report = make_report(index, OPERATOR, "loads")
    counts = [dict(zip(report.columns, row, strict=True)) for row in report.rows]
    assert [each["status"] for each in counts] == ["loaded", "loaded", "loaded", "held"]
    outcomes = report.columns[report.columns.index("received") + 1 :]
    assert all(each["received"] == sum(each[name] for name in outcomes) for each in counts)
    assert (counts[2]["superseded"], counts[2]["rejected"]) == (1, 1)


def test_the_report_of_loads_tells_nobody_who_is_in_care(index):
    set_holdings(index, OPERATOR, "sis", Holdings.LINKED)
    load_rows(index, "sis", *many_children(20, 700))
    report = make_report(index, OPERATOR, "loads")
    [counts] = [dict(zip(report.columns, row, strict=True)) for row in report.rows[-1:]]
    assert (counts["received"], counts["dropped"]) == (20, 20)
    [*_, hidden] = make_report(index, READER, "loads").rows
    shown = {name: value for name, value in zip(report.columns, hidden, strict=True) if value is not None}
    assert shown.keys() - {"batch", "at", "source", "status"} == {"received", "rejected"}


def test_publishing_needs_the_right_to_reports(index):
    with pytest.raises(AccessDenied):
        publish_figures(index, replace(READER, actions=frozenset({Action.QUALITY_READ})))


def test_worker_measures_soon_after_its_start_and_stops(index):
    quick = with_tuning(index, request={"publication_poll_s": 0.01})
    worker = FigurePublisher(lambda: quick)
    worker.start()
    for _ in range(500):
        if stored_content(index):
            break
        worker._thread.join(0.01)
    worker.stop()
    assert len(stored_content(index)) == 4


def test_of_two_processes_one_stores_its_figures(index):
    with reopen_database(index) as other, ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(lambda each: publish_figures(each, OPERATOR), (index, other)))
    assert sorted(outcomes) == [False, True]

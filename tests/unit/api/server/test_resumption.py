"""A serving process looks for interrupted and unfinished work."""

from itertools import islice

import pytest

from mpi.api.app import create_app
from mpi.api.server import resumption
from mpi.domain.tuning import RequestTuning
from tests.index import load_rows, make_tuning, open_test_index
from tests.loads import SMALL_CHUNKS, check_index, children, count_uncompacted_records


@pytest.fixture
def app(tmp_path, database_url):
    """The application around an index in which a load left key segments."""
    limits = {"forced_records": 100_000, "worthwhile_records": 100_000}
    tuning = make_tuning(SMALL_CHUNKS, compaction=limits)
    with open_test_index(tmp_path / "home", "sis", database_url=database_url, tuning=tuning) as index:
        load_rows(index, "sis", *children())
        yield create_app(index)


def run_checks(app, count):
    """Run the check thread's loop the given number of times."""
    no_waits = RequestTuning(first_check_s=0.0, check_interval_s=0.0)
    resumption.compact_segments(app, islice(resumption.wait_for_checks(no_waits), count))


def test_a_server_compacts_segments_once_it_sees_that_nobody_does(app):
    index = app.state.index
    count_before = count_uncompacted_records(index)
    assert count_before > 0
    run_checks(app, 1)
    assert count_uncompacted_records(index) == count_before
    run_checks(app, 2)
    assert count_uncompacted_records(index) == 0
    check_index(index)


def test_a_failed_compaction_is_logged_and_retried(app, caplog):
    index, url = app.state.index, app.state.index.database.url
    index.database.url = "sqlite:////nowhere/mpi.db"
    run_checks(app, 2)
    assert "key segments were not compacted: the database cannot be opened" in caplog.text
    assert count_uncompacted_records(index) > 0
    index.database.url = url
    run_checks(app, 2)
    assert count_uncompacted_records(index) == 0

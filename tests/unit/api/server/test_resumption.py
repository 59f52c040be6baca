"""What was interrupted or left is looked for by whoever serves."""

from itertools import islice

import pytest

from mpi.api.app import create_app
from mpi.api.server import resumption
from mpi.service.indexing import compaction
from tests.index import load_rows, open_test_index
from tests.loads import check_index, children, count_uncompacted_records, in_small_chunks


@pytest.fixture
def served(tmp_path, monkeypatch, database_url):
    """The application around an index in which a load left runs of keys."""
    in_small_chunks(monkeypatch)
    monkeypatch.setattr(compaction, "MAX_UNMERGED_RECORDS", 100_000)
    monkeypatch.setattr(compaction, "MIN_MERGE_RECORDS", 100_000)
    with open_test_index(tmp_path / "home", "sis", database_url=database_url) as index:
        load_rows(index, "sis", *children())
        yield create_app(index)


def look(app, monkeypatch, times):
    """As the thread of a process that serves does, so many times."""
    monkeypatch.setattr(resumption, "FIRST_CHECK_WITHIN_S", 0.0)
    monkeypatch.setattr(resumption, "CHECK_INTERVAL_S", 0.0)
    looks = resumption._wait_for_checks
    monkeypatch.setattr(resumption, "_wait_for_checks", lambda: islice(looks(), times))
    resumption._compact_segments(app)
    monkeypatch.setattr(resumption, "_wait_for_checks", looks)


def test_whoever_serves_merges_what_a_load_left_once_it_sees_that_nobody_does(served, monkeypatch):
    index = served.state.index
    left = count_uncompacted_records(index)
    assert left > 0
    look(served, monkeypatch, 1)
    assert count_uncompacted_records(index) == left
    look(served, monkeypatch, 2)
    assert count_uncompacted_records(index) == 0
    check_index(index)


def test_a_merge_that_fails_is_logged_and_tried_again(served, monkeypatch, caplog):
    index, url = served.state.index, served.state.index.database.url
    monkeypatch.setattr(index.database, "url", "sqlite:////nowhere/mpi.db")
    look(served, monkeypatch, 2)
    assert "key segments were not compacted: the database cannot be opened" in caplog.text
    assert count_uncompacted_records(index) > 0
    monkeypatch.setattr(index.database, "url", url)
    look(served, monkeypatch, 2)
    assert count_uncompacted_records(index) == 0

"""Test that pages and cursors of the change feed reveal only what the reader may see."""

from contextlib import contextmanager

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Action, Viewer
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.storage.repositories.persons.identity_events import IdentityEvents
from tests.index import OPERATOR, load_rows, make_tuning, many_children, open_test_index

SECRET = "5e" * 32
SIS_CLIENT = Viewer("sis-client", None, frozenset(Action), frozenset({"sis"}))
CHILDREN = many_children(12)
STRANGERS = many_children(3, start=500)


@contextmanager
def two_indexes(folder, database_url):
    """Open an index with other records and one that never had them."""
    with (
        open_test_index(
            folder / "with", "sis", "ccwis", secret=SECRET, database_url=database_url
        ) as full_index,
        open_test_index(folder / "without", "sis", "ccwis", secret=SECRET) as limited_index,
    ):
        yield full_index, limited_index


class FeedReader:
    """Follows the feed page by page, with its own names for IDs."""

    def __init__(self, index, viewer, limit: int) -> None:
        self.index, self.viewer, self.limit = index, viewer, limit
        self.cursor = 0
        self._names: dict[str, int] = {}

    def read_on(self) -> list[list[tuple[object, ...]]]:
        """Return all pages up to the end, including the empty last one."""
        pages = []
        while True:
            page = read_change_feed(self.index, self.viewer, self.cursor, self.limit)
            pages.append([self._to_row(event) for event in page.events])
            assert page.cursor == (page.events[-1].commit if page.events else self.cursor)
            self.cursor = page.cursor
            if not page.events:
                return pages

    def _to_row(self, event) -> tuple[object, ...]:
        before, after = (
            None if eid is None else self._names.setdefault(eid, len(self._names))
            for eid in (event.before, event.after)
        )
        return event.seq, event.cause, event.source, event.local_id, before, after


def add_hidden_twin(index) -> None:
    """Add a record of the other agency that moves together with a visible one."""
    upsert(index, OPERATOR, "ccwis", {**CHILDREN[1], "local_id": "twin"})


def merge_two_children(index) -> None:
    eids = [upsert(index, OPERATOR, "sis", CHILDREN[n]).enterprise_id for n in (0, 1)]
    merge(index, OPERATOR, eids, StepOptions("one child"), survivor=eids[0])


def load_and_seal(index, restriction: str) -> None:
    """Load three records, and seal or expunge one of them."""
    child = {**STRANGERS[1], "local_id": "secret"}
    load_rows(index, "sis", STRANGERS[0], child, STRANGERS[2])
    upsert(index, OPERATOR, "sis", {**child, "restrictions": [{"kind": restriction, "begin": "2020-01-01"}]})


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_follower_of_the_feed_learns_nothing_of_another_agency(tmp_path, database_url, limit):
    with two_indexes(tmp_path, database_url) as (full_index, limited_index):
        full_reader, limited_reader = (
            FeedReader(full_index, SIS_CLIENT, limit),
            FeedReader(limited_index, SIS_CLIENT, limit),
        )
        for n in range(2, 6):
            upsert(full_index, OPERATOR, "ccwis", {**STRANGERS[0], "city": f"Town {n}", "local_id": f"s{n}"})
            assert full_reader.read_on() == limited_reader.read_on() == [[]]
            for index in (full_index, limited_index):
                upsert(index, OPERATOR, "sis", CHILDREN[n])
            load_rows(full_index, "ccwis", *many_children(5, start=20 * n))
            assert full_reader.read_on() == limited_reader.read_on()
        add_hidden_twin(full_index)
        for index in (full_index, limited_index):
            merge_two_children(index)
        assert full_reader.read_on() == limited_reader.read_on()


@pytest.mark.parametrize("viewer", [OPERATOR, SIS_CLIENT], ids=["all sources", "one source"])
@pytest.mark.parametrize("restriction", ["sealed", "expunged"])
def test_feed_is_as_if_a_sealed_record_had_never_existed(tmp_path, database_url, viewer, restriction):
    with two_indexes(tmp_path, database_url) as (full_index, limited_index):
        load_and_seal(full_index, restriction)
        load_rows(limited_index, "sis", STRANGERS[0], STRANGERS[2])
        for index in (full_index, limited_index):
            load_rows(index, "sis", *CHILDREN[2:6])
        for limit in (1, 2, 100):
            assert (
                FeedReader(full_index, viewer, limit).read_on()
                == FeedReader(limited_index, viewer, limit).read_on()
            )


def test_hidden_events_are_read_once_and_not_at_every_poll(tmp_path, database_url, monkeypatch):
    with open_test_index(tmp_path, "sis", "ccwis", database_url=database_url) as index:
        start_commits, events_after = [], IdentityEvents.events_after

        def record_start(persons, commit, *rest):
            start_commits.append(commit)
            return events_after(persons, commit, *rest)

        monkeypatch.setattr(IdentityEvents, "events_after", record_start)
        upsert(index, OPERATOR, "sis", CHILDREN[0])
        reader = FeedReader(index, SIS_CLIENT, 10)
        assert len(reader.read_on()[0]) == 1
        cursor = reader.cursor
        for stranger in STRANGERS:
            upsert(index, OPERATOR, "ccwis", stranger)
        assert [reader.read_on() for _ in range(2)] == [[[]], [[]]]
        with index.database.read(OPERATOR) as unit:
            assert start_commits[-2:] == [cursor, unit.last_commit()]
        upsert(index, OPERATOR, "sis", CHILDREN[1])
        assert [len(page) for page in reader.read_on()] == [1, 0]
        upsert(index, OPERATOR, "sis", CHILDREN[2])
        assert [len(page) for page in reader.read_on()] == [1, 0]


def test_cursor_is_not_cached_before_its_commit_is_durable(tmp_path, monkeypatch):
    """The number of a visible commit that is not on disk may be reused after a crash."""

    def fail(*_):
        raise StoreError("the connection to the database server was lost")

    with open_test_index(tmp_path, "sis", "ccwis") as index:
        upsert(index, OPERATOR, "ccwis", STRANGERS[0])
        with monkeypatch.context() as patched, pytest.raises(StoreError):
            patched.setattr("mpi.service.persons.change_feed.disclose", fail)
            read_change_feed(index, SIS_CLIENT)
        assert not index.caches.quiet_until
        read_change_feed(index, SIS_CLIENT)
        assert index.caches.quiet_until


def test_cached_cursors_are_limited(tmp_path):
    tuning = make_tuning(review={"feed_cursors": 3})
    with open_test_index(tmp_path, "sis", "ccwis", tuning=tuning) as index:
        for child in CHILDREN[:6]:
            upsert(index, OPERATOR, "ccwis", child)
        for cursor in range(6):
            read_change_feed(index, SIS_CLIENT, cursor)
        assert sorted(after for *_, after in index.caches.quiet_until) == [3, 4, 5]

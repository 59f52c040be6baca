"""The feed: its pages, cursor and places are of what the reader may see, and of nothing else."""

from contextlib import contextmanager

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.viewer import Action, Viewer
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from mpi.storage.repositories.persons.persons import Persons
from tests.index import OPERATOR, an_index, load_rows, many_children

SECRET = "5e" * 32
SIS_CLIENT = Viewer("sis-client", None, frozenset(Action), frozenset({"sis"}))
CHILDREN = many_children(12)
STRANGERS = many_children(3, start=500)


@contextmanager
def two_indexes(folder, database_url):
    """One in which other records are, and one that never had them."""
    with (
        an_index(folder / "with", "sis", "ccwis", secret=SECRET, database_url=database_url) as whole,
        an_index(folder / "without", "sis", "ccwis", secret=SECRET) as without,
    ):
        yield whole, without


class Reader:
    """Follows the feed page by page, and keeps what it is told under names of its own for IDs."""

    def __init__(self, index, viewer, limit: int) -> None:
        self.index, self.viewer, self.limit = index, viewer, limit
        self.cursor = 0
        self._names: dict[str, int] = {}

    def read_on(self) -> list[list[tuple[object, ...]]]:
        """The pages up to the end, the empty last one too, by commits numbered within the page."""
        pages = []
        while True:
            page = read_change_feed(self.index, self.viewer, self.cursor, self.limit)
            pages.append([self._told(event) for event in page.events])
            assert page.cursor == (page.events[-1].commit if page.events else self.cursor)
            self.cursor = page.cursor
            if not page.events:
                return pages

    def _told(self, event) -> tuple[object, ...]:
        before, after = (
            None if eid is None else self._names.setdefault(eid, len(self._names))
            for eid in (event.before, event.after)
        )
        return event.seq, event.cause, event.source, event.local_id, before, after


def with_a_twin_of_ccwis(index) -> None:
    """A record of the other agency that moves in one commit with one of the reader's."""
    upsert(index, OPERATOR, "ccwis", {**CHILDREN[1], "local_id": "twin"})


def moved(index) -> None:
    eids = [upsert(index, OPERATOR, "sis", CHILDREN[n]).enterprise_id for n in (0, 1)]
    merge(index, OPERATOR, eids, StepOptions("one child"), survivor=eids[0])


def sealed(index, restriction: str) -> None:
    """A load of which one record is sealed later, as if it had never been."""
    child = {**STRANGERS[1], "local_id": "secret"}
    load_rows(index, "sis", STRANGERS[0], child, STRANGERS[2])
    upsert(index, OPERATOR, "sis", {**child, "restrictions": [{"kind": restriction, "begin": "2020-01-01"}]})


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_whoever_follows_the_feed_is_told_nothing_by_what_another_agency_does(tmp_path, database_url, limit):
    with two_indexes(tmp_path, database_url) as (whole, without):
        one, other = Reader(whole, SIS_CLIENT, limit), Reader(without, SIS_CLIENT, limit)
        for n in range(2, 6):
            upsert(whole, OPERATOR, "ccwis", {**STRANGERS[0], "city": f"Town {n}", "local_id": f"s{n}"})
            assert one.read_on() == other.read_on() == [[]]
            for index in (whole, without):
                upsert(index, OPERATOR, "sis", CHILDREN[n])
            load_rows(whole, "ccwis", *many_children(5, start=20 * n))
            assert one.read_on() == other.read_on()
        with_a_twin_of_ccwis(whole)
        for index in (whole, without):
            moved(index)
        assert one.read_on() == other.read_on()


@pytest.mark.parametrize("viewer", [OPERATOR, SIS_CLIENT], ids=["all sources", "one source"])
@pytest.mark.parametrize("restriction", ["sealed", "expunged"])
def test_the_feed_is_as_if_a_sealed_record_had_never_been(tmp_path, database_url, viewer, restriction):
    with two_indexes(tmp_path, database_url) as (whole, without):
        sealed(whole, restriction)
        load_rows(without, "sis", STRANGERS[0], STRANGERS[2])
        for index in (whole, without):
            load_rows(index, "sis", *CHILDREN[2:6])
        for limit in (1, 2, 100):
            assert Reader(whole, viewer, limit).read_on() == Reader(without, viewer, limit).read_on()


def test_what_is_hidden_is_gone_through_once_and_not_at_each_poll(tmp_path, database_url, monkeypatch):
    with an_index(tmp_path, "sis", "ccwis", database_url=database_url) as index:
        begun, after = [], Persons.events_after

        def noted(persons, commit, *rest):
            begun.append(commit)
            return after(persons, commit, *rest)

        monkeypatch.setattr(Persons, "events_after", noted)
        upsert(index, OPERATOR, "sis", CHILDREN[0])
        reader = Reader(index, SIS_CLIENT, 10)
        assert len(reader.read_on()[0]) == 1
        cursor = reader.cursor
        for stranger in STRANGERS:
            upsert(index, OPERATOR, "ccwis", stranger)
        assert [reader.read_on() for _ in range(2)] == [[[]], [[]]]
        with index.database.read(OPERATOR) as unit:
            assert begun[-2:] == [cursor, unit.last_commit()]
        upsert(index, OPERATOR, "sis", CHILDREN[1])
        assert [len(page) for page in reader.read_on()] == [1, 0]
        upsert(index, OPERATOR, "sis", CHILDREN[2])
        assert [len(page) for page in reader.read_on()] == [1, 0]


def test_nothing_is_remembered_of_what_may_yet_be_lost(tmp_path, monkeypatch):
    """A commit that others see before it is on the disk: its number may be given again after a crash."""

    def crashed(*_):
        raise StoreError("the connection to the database server was lost")

    with an_index(tmp_path, "sis", "ccwis") as index:
        upsert(index, OPERATOR, "ccwis", STRANGERS[0])
        with monkeypatch.context() as patched, pytest.raises(StoreError):
            patched.setattr("mpi.service.persons.change_feed.disclose", crashed)
            read_change_feed(index, SIS_CLIENT)
        assert not index.caches.quiet_until
        read_change_feed(index, SIS_CLIENT)
        assert index.caches.quiet_until


def test_no_more_cursors_are_remembered_than_there_is_room_for(tmp_path, monkeypatch):
    monkeypatch.setattr("mpi.service.persons.change_feed.MAX_CACHED_CURSORS", 3)
    with an_index(tmp_path, "sis", "ccwis") as index:
        for child in CHILDREN[:6]:
            upsert(index, OPERATOR, "ccwis", child)
        for cursor in range(6):
            read_change_feed(index, SIS_CLIENT, cursor)
        assert sorted(after for *_, after in index.caches.quiet_until) == [3, 4, 5]

"""A restored backup holds no pupil, and no token, that was dropped or destroyed after it was made."""

from contextlib import contextmanager
from pathlib import Path
from shutil import copy2

import pytest

from mpi.bootstrap import note_restore, open_index
from mpi.config import Settings
from mpi.domain.source import Holdings
from mpi.service.holdings import runs
from mpi.service.holdings.settings import set_holdings
from mpi.service.holdings.tokens import count_rows_to_ask
from mpi.service.maintenance.verify import verify
from tests.index import OPERATOR, crosswalk, expunge, load_rows, make_child, many_children, open_test_index
from tests.unit.service.holdings.conftest import add_care_sources

PUPIL = make_child("s1")


class Site:
    """An index on SQLite that is backed up and restored by copies of its files."""

    def __init__(self, home: Path, backup: Path) -> None:
        self.home, self.backup = home, backup
        self.settings = Settings(home=home, model=str(home / "tiny"), database_url=None, secret_file=None)

    @contextmanager
    def open(self):
        index = open_index(self.settings)
        try:
            yield index
        finally:
            index.database.dispose()

    def back_up(self) -> None:
        self.backup.mkdir()
        for path in self.home.glob("mpi*.db*"):
            copy2(path, self.backup)

    def restore(self) -> None:
        for path in self.home.glob("mpi*.db*"):
            path.unlink()
        for path in self.backup.iterdir():
            copy2(path, self.home)
        note_restore(self.settings)


@pytest.fixture
def site(tmp_path):
    with open_test_index(tmp_path / "home") as index:
        add_care_sources(index, Holdings.TOKENS)
    return Site(tmp_path / "home", tmp_path / "backup")


def test_tokens_of_a_child_destroyed_since_the_backup_are_deleted(site):
    with site.open() as index:
        load_rows(index, "school", PUPIL)
    site.back_up()
    with site.open() as index:
        load_rows(index, "welfare", {**PUPIL, "local_id": "w1"})
        load_rows(index, "school", PUPIL)
        expunge(index, "school", PUPIL)
    site.restore()
    with site.open() as index:
        assert [count.tokens for count in count_rows_to_ask(index, OPERATOR)] == [0]
        assert verify(index, OPERATOR) == []


def test_pupils_dropped_since_the_backup_are_dropped_before_the_index_serves(site):
    with site.open() as index:
        set_holdings(index, OPERATOR, "school", Holdings.ALL)
        load_rows(index, "welfare", {**PUPIL, "local_id": "w1"})
        load_rows(index, "school", PUPIL, *many_children(3))
        set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    site.back_up()
    with site.open() as index:
        assert runs.apply_run(index, OPERATOR, "school").records == 3
    site.restore()
    with site.open() as index:
        assert crosswalk(index).keys() == {("welfare", "w1"), ("school", "s1")}
        assert verify(index, OPERATOR) == []
        run = runs.list_certificates(index, OPERATOR)[-1]
        assert (run.status, run.surplus, run.records, run.is_intact) == ("done", 3, 3, True)


def test_after_a_restore_many_records_are_dropped_although_their_run_waits(whole_index):
    index = whole_index
    load_rows(index, "welfare", {**PUPIL, "local_id": "w1"})
    load_rows(index, "school", PUPIL, *many_children(30))
    set_holdings(index, OPERATOR, "school", Holdings.LINKED)
    assert runs.apply_run(index, OPERATOR, "school").status == "waiting"
    assert runs.drop_restored(index, OPERATOR) == 30
    assert crosswalk(index).keys() == {("welfare", "w1"), ("school", "s1")}
    assert runs.drop_restored(index, OPERATOR) == 0
    [run] = runs.list_certificates(index, OPERATOR)
    assert (run.status, run.approved_by, run.records) == ("done", None, 30)
    assert verify(index, OPERATOR) == []

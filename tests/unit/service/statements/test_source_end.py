"""A renamed source keeps its code; a retired one keeps its records and sends no more."""

import pytest

from mpi.api.middleware.index_metrics import render_index_metrics
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Viewer
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.statements.source_end import preview_retirement, rename_source, retire_source
from mpi.service.statements.sources import list_sources
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, open_test_index, rows
from tests.loads import SMALL_CHUNKS, interrupted_load


def find_source(index, code):
    return next(source for source in list_sources(index, OPERATOR) if source.code == code)


def test_a_renamed_source_keeps_its_code_its_records_and_their_ids(index):
    load_rows(index, "sis", make_child("1"))
    before = crosswalk(index)
    assert rename_source(index, OPERATOR, "sis", "  Lake\tCounty  Schools ").name == "Lake County Schools"
    assert find_source(index, "sis").name == "Lake County Schools"
    load_rows(index, "sis", make_child("1"), make_child("2", first_name="Zoe", last_name="Quist"))
    assert crosswalk(index)["sis", "1"] == before["sis", "1"]
    assert verify(index, OPERATOR) == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\x00b", "a\u202eb"])
def test_a_name_that_cannot_be_shown_is_refused(sqlite_index, name):
    with pytest.raises(InputError, match="printed"):
        rename_source(sqlite_index, OPERATOR, "sis", name)


def test_a_retired_source_keeps_its_records_and_is_refused_until_it_returns(index):
    load_rows(index, "sis", make_child("1"), make_child("2", first_name="Zoe", last_name="Quist"))
    before = crosswalk(index)
    assert 'mpi_last_load_timestamp_seconds{source="sis"}' in render_index_metrics(index, OPERATOR)
    assert retire_source(index, OPERATOR, "sis").is_retired
    assert find_source(index, "sis").is_retired
    for send in (
        lambda: upsert(index, OPERATOR, "sis", make_child("3")),
        lambda: load_rows(index, "sis", make_child("3")),
        lambda: load_rows(index, "sis", snapshot=Snapshot.FULL),
    ):
        with pytest.raises(ConflictError, match="mpi source retire --no"):
            send()
    assert crosswalk(index) == before, "its records stay"
    assert 'source="sis"' not in render_index_metrics(index, OPERATOR), "no alert waits for its feed"
    withdraw(index, OPERATOR, "sis", "2")
    assert ("sis", "2") not in crosswalk(index)
    assert upsert(index, OPERATOR, "ccwis", make_child("9")).enterprise_id == before["sis", "1"]
    retire_source(index, OPERATOR, "sis", is_retired=False)
    upsert(index, OPERATOR, "sis", make_child("3", first_name="Ian", last_name="Moss"))
    assert ("sis", "3") in crosswalk(index)
    assert verify(index, OPERATOR) == []


def test_what_a_paused_source_sent_before_its_end_can_still_take_effect(sqlite_index):
    pause(sqlite_index, OPERATOR, "sis")
    upsert(sqlite_index, OPERATOR, "sis", make_child("1"))
    retire_source(sqlite_index, OPERATOR, "sis")
    assert resume(sqlite_index, OPERATOR, "sis").resolved == 1
    assert ("sis", "1") in crosswalk(sqlite_index)


@pytest.fixture
def chunked_index(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "ccwis", tuning=SMALL_CHUNKS) as opened:
        yield opened


def test_a_source_is_not_retired_while_a_load_of_it_is_interrupted(chunked_index, monkeypatch):
    with interrupted_load(monkeypatch, 1):
        load_rows(chunked_index, "sis", *many_children(250), digest="file")
    with chunked_index.database.read(OPERATOR) as unit:
        [number] = unit.batches.unfinished_ids(unit.sources.get_by_code("sis").id)
    assert preview_retirement(chunked_index, OPERATOR, "sis").unfinished_loads == (number,)
    with pytest.raises(ConflictError, match=rf"load {number} of source 'sis'.*mpi load undo"):
        retire_source(chunked_index, OPERATOR, "sis")
    undo_load(chunked_index, OPERATOR, number)
    assert retire_source(chunked_index, OPERATOR, "sis").is_retired


def test_a_load_that_has_not_begun_to_write_when_its_source_ends_writes_nothing(index):
    def read_file():
        yield from rows(make_child("1"))
        retire_source(index, OPERATOR, "sis")

    with pytest.raises(ConflictError, match="mpi source retire --no"):
        load(index, OPERATOR, "sis", read_file(), LoadOptions())
    assert crosswalk(index) == {}
    assert verify(index, OPERATOR) == []


def test_only_who_administers_sources_may_end_one_that_exists(sqlite_index):
    with pytest.raises(AccessDenied):
        retire_source(sqlite_index, Viewer("portal"), "sis")
    with pytest.raises(AccessDenied):
        rename_source(sqlite_index, Viewer("portal"), "sis", "A")
    with pytest.raises(AccessDenied):
        preview_retirement(sqlite_index, Viewer("portal"), "sis")
    with pytest.raises(NotFoundError):
        retire_source(sqlite_index, OPERATOR, "other")

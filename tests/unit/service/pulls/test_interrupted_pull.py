"""A pull whose load is interrupted between two chunks, and pulled again."""

import pytest

from mpi.service.pulls.pull import PullOptions, pull
from tests.index import OPERATOR, crosswalk, many_children, open_test_index
from tests.loads import SMALL_CHUNKS, check_index, interrupted_load
from tests.pulls import StandInSystem, make_connection


@pytest.fixture
def chunked_index(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "ccwis", tuning=SMALL_CHUNKS) as index:
        yield index


def list_loads(index):
    with index.database.read(OPERATOR) as unit:
        return [batch.status for batch in unit.batches.all()]


@pytest.mark.parametrize("has_changed", [False, True])
def test_interrupted_pull_ends_in_the_same_state_when_repeated(chunked_index, monkeypatch, has_changed):
    system = StandInSystem(*many_children(450))
    options = PullOptions()
    with interrupted_load(monkeypatch, chunks=1):
        pull(chunked_index, OPERATOR, make_connection(), system, options)
    assert 0 < len(crosswalk(chunked_index)) < 450
    if has_changed:
        system.put(system.records["c7"] | {"postal_code": "43999"})
    receipt = pull(chunked_index, OPERATOR, make_connection(), system, options)
    assert system.cursors == [None, None]
    assert receipt.has_advanced
    assert len(crosswalk(chunked_index)) == 450
    # An equal pull resumes the load; another one begins a load of its own.
    assert list_loads(chunked_index) == (["loading", "loaded"] if has_changed else ["loaded"])
    assert receipt.load.unfinished == ((1,) if has_changed else ())
    check_index(chunked_index)

import threading

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.viewer import make_operator
from mpi.storage.unit_of_work import database
from tests.index import OPERATOR, an_index


def test_writers_of_one_process_wait_for_each_other_in_turn(tmp_path):
    order = []
    with an_index(tmp_path) as index:

        def second() -> None:
            with index.database.write(make_operator("second"), "test"):
                order.append("second")

        waiting = threading.Thread(target=second)
        with index.database.write(OPERATOR, "test"):
            waiting.start()
            waiting.join(0.05)
            assert waiting.is_alive()
            order.append("first")
        waiting.join(5)
    assert order == ["first", "second"]


def test_a_writer_that_waits_too_long_is_told_so_and_the_next_is_served(tmp_path, monkeypatch):
    with an_index(tmp_path) as index:
        told = []

        def second() -> None:
            try:
                with index.database.write(OPERATOR, "test"):
                    pass
            except StoreError as error:
                told.append(str(error))

        monkeypatch.setattr(database, "BUSY_TIMEOUT_MS", 50)
        with index.database.write(OPERATOR, "test"):
            waiting = threading.Thread(target=second)
            waiting.start()
            waiting.join(5)
        assert told == ["the database is busy with another writer: try again"]
        with index.database.write(OPERATOR, "test") as unit:
            assert unit.commit_no


def test_a_writer_that_fails_gives_up_its_turn(tmp_path):
    with an_index(tmp_path) as index:
        with pytest.raises(ZeroDivisionError), index.database.write(OPERATOR, "test"):
            raise ZeroDivisionError
        with index.database.write(OPERATOR, "test") as unit:
            assert unit.commit_no

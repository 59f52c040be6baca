import threading

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.viewer import make_operator
from tests.index import OPERATOR, make_tuning, open_test_index


def test_writers_of_one_process_wait_for_each_other_in_order(tmp_path):
    order = []
    with open_test_index(tmp_path) as index:

        def write_second() -> None:
            with index.database.write(make_operator("second"), "test"):
                order.append("second")

        thread = threading.Thread(target=write_second)
        with index.database.write(OPERATOR, "test"):
            thread.start()
            thread.join(0.05)
            assert thread.is_alive()
            order.append("first")
        thread.join(60)
    assert order == ["first", "second"]


def test_a_writer_that_waits_too_long_fails_and_the_next_one_succeeds(tmp_path):
    tuning = make_tuning(storage={"busy_timeout_ms": 50})
    with open_test_index(tmp_path, tuning=tuning) as index:
        errors = []

        def write_second() -> None:
            try:
                with index.database.write(OPERATOR, "test"):
                    pass
            except StoreError as error:
                errors.append(str(error))

        with index.database.write(OPERATOR, "test"):
            thread = threading.Thread(target=write_second)
            thread.start()
            thread.join(60)
        assert errors == ["the database is busy with another writer: try again"]
        with index.database.write(OPERATOR, "test") as unit:
            assert unit.commit_no


def test_a_failed_writer_releases_its_turn(tmp_path):
    with open_test_index(tmp_path) as index:
        with pytest.raises(ZeroDivisionError), index.database.write(OPERATOR, "test"):
            raise ZeroDivisionError
        with index.database.write(OPERATOR, "test") as unit:
            assert unit.commit_no

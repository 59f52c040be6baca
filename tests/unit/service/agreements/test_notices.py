"""Warnings of agreements whose end is near, in the log of the server."""

import logging
from datetime import UTC, datetime

import pytest

from mpi.domain import clock
from mpi.service.agreements.notices import log_due_notices
from mpi.service.agreements.register import approve_version, propose_version, suspend_agreement
from tests.agreements import DSA
from tests.index import OPERATOR, SECOND_PERSON, open_test_index


@pytest.fixture
def index(tmp_path):
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        propose_version(index, OPERATOR, DSA)
        approve_version(index, SECOND_PERSON, "dsa-1", alone=True)
        yield index


def log_on(index, caplog, *day):
    caplog.clear()
    with clock.fixed_clock(datetime(*day, tzinfo=UTC)), caplog.at_level(logging.WARNING, "mpi.agreements"):
        log_due_notices(index)
    return [record.getMessage() for record in caplog.records]


def test_each_due_warning_is_one_line(index, caplog):
    assert log_on(index, caplog, 2026, 10, 1) == []
    [line] = log_on(index, caplog, 2026, 10, 2)
    assert line.startswith("agreement dsa-1 ends after 2026-12-31: 90 days left")
    assert "1 day left" in log_on(index, caplog, 2026, 12, 30)[0]
    assert "today is its last day" in log_on(index, caplog, 2026, 12, 31)[0]
    assert log_on(index, caplog, 2027, 1, 1) == []


def test_a_suspended_agreement_is_warned_of_too(index, caplog):
    suspend_agreement(index, OPERATOR, "dsa-1", "breach")
    assert len(log_on(index, caplog, 2026, 12, 30)) == 1


def test_a_database_that_fails_ends_no_worker(tmp_path, caplog):
    with open_test_index(tmp_path) as index:
        with index.database.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE agreement_version")
        log_due_notices(index)
    assert "the agreements could not be read" in caplog.records[-1].getMessage()

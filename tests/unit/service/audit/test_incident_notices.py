"""Warnings of incidents in the log of the server."""

from mpi.service.audit.incident_notices import log_incident_notices
from tests.index import open_test_index


def test_a_database_that_fails_ends_no_worker(tmp_path, caplog):
    with open_test_index(tmp_path) as index:
        with index.database.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE incident")
        log_incident_notices(index)
    assert "the incidents could not be read" in caplog.records[-1].getMessage()

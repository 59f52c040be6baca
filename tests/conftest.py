"""Stores, servers and databases of tests; a test that takes ``database_url`` runs on each store."""

from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from mpi.domain import clock
from tests.accounts import ManualClock
from tests.postgres import NoServerError, start_postgres

# The time to draw examples depends on how busy the machine is, and says nothing of the code.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

STORES = ("sqlite", "postgresql")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the second store of a test as slow, except for the conformance tests."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if params.get("database_url") == "postgresql" and "conformance" not in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for this test process; the test fails with the reason where none can start."""
    try:
        with start_postgres(in_memory=True) as server:
            yield server
    except NoServerError as why:
        pytest.fail(str(why), pytrace=False)


@pytest.fixture(scope="session")
def _shared_database(postgres):
    return postgres.new_schema()


@pytest.fixture
def postgres_url(postgres, _shared_database):
    """An empty PostgreSQL database at the current schema, shared by all tests in turn."""
    postgres.empty(_shared_database)
    return postgres.url(_shared_database)


@pytest.fixture(params=STORES)
def database_url(request):
    """The database URL of a new index, on each store; None is an SQLite file in its home."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture
def set_clock():
    """Set the clock to what a function returns, until the end of the test."""
    with ExitStack() as stack:
        yield lambda read_clock: stack.enter_context(clock.set_clock(read_clock))


@pytest.fixture
def manual_clock(set_clock):
    """The clock of the process, stopped and moved by hand."""
    stopped = ManualClock()
    set_clock(lambda: stopped.now)
    return stopped

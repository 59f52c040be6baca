"""The two stores. A test that takes ``database_url`` runs on each of them."""

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import NoServer, a_server

# How fast examples are drawn says how busy the machine is, and nothing of the code.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

STORES = ("sqlite", "postgresql")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Leave a test's second store to the whole suite, except for the contract that both stores keep."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if params.get("database_url") == "postgresql" and "conformance" not in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server of this test process; without one the test fails, and says why."""
    try:
        with a_server(in_memory=True) as server:
            yield server
    except NoServer as why:
        pytest.fail(str(why), pytrace=False)


@pytest.fixture(scope="session")
def _shared_database(postgres):
    return postgres.new_schema()


@pytest.fixture
def postgres_url(postgres, _shared_database):
    """A database on PostgreSQL at this version's schema, without a row; the same for all tests in turn."""
    postgres.empty(_shared_database)
    return postgres.url(_shared_database)


@pytest.fixture(params=STORES)
def database_url(request):
    """Where a new index is kept, on either store; None is an SQLite file in its home."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")

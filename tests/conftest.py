"""Stores, servers and databases of tests; a test that takes ``database_url`` runs on each store."""

import os
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from mpi.domain import clock
from tests.accounts import ManualClock, cheap_password_hashing
from tests.postgres import NoServerError, start_postgres

# The time that examples take depends on how busy the machine is, and says nothing of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Most tests are about other things than a second approver; those that are about it say so.
os.environ.setdefault("MPI_SECOND_APPROVER", "never")

STORES = ("sqlite", "postgresql")


SLOW_TESTS = Path(__file__).parent / "slow_tests.txt"
"""List of the tests that the fast suite leaves out, written by ``scripts/test --list-slow``."""
LONG_TESTS = Path(__file__).parent / "long_tests.txt"
"""List of the tests that continuous integration leaves out, written by ``scripts/test --list-long``."""
CORE_TESTS = Path(__file__).parent / "core_tests.txt"
"""List of the tests and folders that continuous integration runs however long they take."""
STORE_FOLDERS = {"conformance", "docs", "laws", "storage"}
"""Folders of tests about what stores promise, which continuous integration runs on PostgreSQL too."""


def pytest_addoption(parser):
    """Add the options that ``scripts/test --list-slow`` and ``--list-long`` use."""
    for name, path in (("slow", SLOW_TESTS), ("long", LONG_TESTS)):
        parser.addoption(
            f"--list-{name}-tests",
            type=float,
            help=f"write the tests with a case over these seconds to tests/{path.name}",
        )


def pytest_make_parametrize_id(config, val, argname):
    """Name binary content by its parameter: a compressed file differs from second to second."""
    return argname if isinstance(val, bytes) and not val.isascii() else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark as slow and as long the tests of the lists.

    On the second store, the tests of what stores promise are slow, except for the conformance tests, and all
    others are long.
    """
    is_timing = config.getoption("--list-slow-tests") is not None
    slow_tests = set() if is_timing else set(SLOW_TESTS.read_text().split())
    long_tests = set(LONG_TESTS.read_text().split())
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        is_second_store = params.get("database_url") == "postgresql"
        folders = STORE_FOLDERS.intersection(item.path.relative_to(config.rootpath).parts)
        test = strip_parameters(item.nodeid)
        if test in long_tests or (is_second_store and not folders):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.long)
        elif test in slow_tests or (is_second_store and "conformance" not in folders):
            item.add_marker(pytest.mark.slow)


def strip_parameters(node_id):
    """Return the ID of a test without its parameters."""
    return node_id.partition("[")[0]


class SlowTestList:
    """Plugin that writes a list of tests that take long.

    Args:
        path: file of the list.
        limit_s: most seconds that a case of any other test takes.
        exceptions: starts of the names of tests that are never listed.
    """

    def __init__(self, path, limit_s, exceptions=()):
        self.path = path
        self.limit_s = limit_s
        self.exceptions = tuple(exceptions)
        self.seconds = Counter()

    def pytest_runtest_logreport(self, report):
        """Add the seconds of one phase of a test."""
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self):
        """Write the tests that have a case over the limit, by name."""
        slow = {
            strip_parameters(node_id)
            for node_id, seconds in self.seconds.items()
            if seconds > self.limit_s and not node_id.startswith(self.exceptions)
        }
        self.path.write_text("".join(f"{test}\n" for test in sorted(slow)))


def pytest_configure(config):
    """Time the tests if asked to, in the process that hears of all of them."""
    for name, path in (("slow", SLOW_TESTS), ("long", LONG_TESTS)):
        limit_s = config.getoption(f"--list-{name}-tests")
        if limit_s is not None and not hasattr(config, "workerinput"):
            exceptions = CORE_TESTS.read_text().split() if name == "long" else ()
            config.pluginmanager.register(SlowTestList(path, limit_s, exceptions))


@pytest.fixture(scope="session", autouse=True)
def _cheap_hashing():
    """Hash passwords at the least cost in this process; tests of the cost ask for the real one."""
    with cheap_password_hashing():
        yield


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

"""Fixtures for page tests: a real Chromium, and a desk with questions and accounts.

All of these tests are marked ``slow``. Without a browser they fail, and say what to install.
"""

import pytest

from tests.pages.chromium import NoBrowserError, browsing
from tests.pages.desk import open_desk


# Module scope: while Playwright's event loop exists it counts as this thread's running loop, and other tests
# of the process could run none.
@pytest.fixture(scope="module")
def chromium():
    """Open a browser for this test process."""
    try:
        with browsing() as browser:
            yield browser
    except NoBrowserError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def desk(tmp_path):
    """Open a separate desk for each test that changes it."""
    with open_desk(tmp_path) as new_desk:
        yield new_desk


@pytest.fixture(scope="session")
def shown_desk(tmp_path_factory):
    """Open a desk for tests that only read."""
    with open_desk(tmp_path_factory.mktemp("desk"), full=True) as new_desk:
        yield new_desk

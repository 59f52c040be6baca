"""A real Chromium, and a desk to look at: a small index with questions of each shape, and people who sign in.

All of these tests are marked ``slow``. Without a browser they fail, and say what to install.
"""

import pytest

from tests.pages.chromium import NoBrowser, browsing
from tests.pages.desk import a_desk


# No longer than its module: while it lives, Playwright's event loop counts as this thread's running one, and
# whatever else the process tests could run none.
@pytest.fixture(scope="module")
def chromium():
    """A browser of this test process."""
    try:
        with browsing() as browser:
            yield browser
    except NoBrowser as why:
        pytest.fail(str(why), pytrace=False)


@pytest.fixture
def desk(tmp_path):
    """A desk of its own for each test that changes it."""
    with a_desk(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def shown(tmp_path_factory):
    """A desk for tests that only look."""
    with a_desk(tmp_path_factory.mktemp("desk"), full=True) as made:
        yield made

"""One site under attack: two agencies, children with planted values, every role and program."""

from functools import partial

import pytest

from tests.attacks.attempts import attempting
from tests.attacks.site import open_attacked_site


@pytest.fixture(scope="package")
def site(tmp_path_factory):
    """Serve the site; a test that changes it leaves the planted children as they are."""
    with open_attacked_site(tmp_path_factory.mktemp("attacked")) as opened:
        yield opened


@pytest.fixture
def own_site(tmp_path):
    """Serve a site of its own to a test that changes it."""
    with open_attacked_site(tmp_path) as opened:
        yield opened


@pytest.fixture
def attack(record_property):
    """Return a context manager that counts the attempts of a named attack."""
    return partial(attempting, record_property)

"""Live server of an index of two districts and a care agency; each test takes children of other names."""

import itertools

import pytest

from mpi.api.app import create_app
from mpi.service.core.index import SearchLimits
from tests.index import open_test_index, with_settings
from tests.unit.api.live import add_key, calling

PATH = "/identity/v2/identities"
_LETTERS = "bcdfghjklmnpqrstvwxz"
_counter = itertools.count(1)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index whose clients may search as often as they like."""
    with open_test_index(tmp_path_factory.mktemp("edfi"), "D01", "D02", "CCWIS") as new_index:
        yield with_settings(new_index, search_limits=SearchLimits(10_000, 10_000))


@pytest.fixture(scope="module")
def app(index):
    """The application; a test that needs other settings makes its own."""
    return create_app(index)


@pytest.fixture(scope="module")
def sis(index, app):
    """A client of district D01."""
    with calling(app, add_key(index, "sis", sources=["D01"])) as client:
        yield client


@pytest.fixture(scope="module")
def everywhere(index, app):
    """A client of all sources."""
    with calling(app, add_key(index, "everywhere")) as client:
        yield client


@pytest.fixture
def student():
    """Return students of a last name that no other test has, as Ed-Fi's properties."""
    number = next(_counter)
    surname = "".join(_LETTERS[number // 20**place % 20] + "ao"[place % 2] for place in range(5)).title()
    day = f"20{10 + number % 5}-0{1 + number % 9}-{10 + number % 17}T00:00:00"

    def make(first_name="Tindra", **more):
        return {
            "LastSurname": surname,
            "FirstName": first_name,
            "BirthDate": day,
            "SexType": "Female",
            **more,
        }

    return make

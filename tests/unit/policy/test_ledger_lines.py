"""Every route whose answer tells of a person writes a line of the disclosure ledger."""

import pytest

from mpi.api.app import create_app
from mpi.policy.lineless_routes import LINELESS_ROUTES
from mpi.policy.route_table import ROUTES
from tests.unit.policy.ledger_reach import LedgerReach
from tests.unit.policy.test_route_table import routes_of


@pytest.fixture(scope="module")
def reach():
    return LedgerReach()


@pytest.fixture(scope="module")
def endpoints():
    """Module and name of the function that answers each route."""
    return {
        f"{method} {route.path}": (route.endpoint.__module__, route.endpoint.__qualname__.split(".")[0])
        for route in routes_of(create_app(None))
        for method in route.methods - {"HEAD"}
    }


def test_every_route_writes_a_line_or_is_listed_with_a_reason(reach, endpoints):
    silent = {route for route, endpoint in endpoints.items() if not reach.reaches_ledger(endpoint)}
    unlisted = silent - LINELESS_ROUTES.keys()
    assert unlisted == set(), "let its answer write a line, or list it in mpi/policy/lineless_routes.py"


def test_no_listed_route_writes_a_line(reach, endpoints):
    writing = {
        route for route in LINELESS_ROUTES if route in endpoints and reach.reaches_ledger(endpoints[route])
    }
    assert writing == set(), "its answer has a line: take it off mpi/policy/lineless_routes.py"


def test_the_list_names_routes_that_there_are_and_gives_reasons():
    assert LINELESS_ROUTES.keys() <= ROUTES.keys()
    assert all(len(reason) > 20 for reason in LINELESS_ROUTES.values())


def test_the_check_tells_a_function_that_writes_a_line_from_one_that_does_not(reach):
    assert reach.reaches_ledger(("mpi.service.persons.persons", "look_up_crosswalk"))
    assert reach.reaches_ledger(("mpi.service.rights.subject_report", "release_report"))
    assert not reach.reaches_ledger(("mpi.service.quality.dashboard", "read_quality"))
    assert not reach.reaches_ledger(("mpi.service.access.client_authentication", "authenticate"))

"""Every route of the program has a row in the policy table, and is decided by it."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import PURPOSES, Action
from mpi.policy.agreement import AgreementState
from mpi.policy.route_table import ROUTES
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from tests.index import open_test_index
from tests.policy.route_matrix import is_api_route
from tests.unit.api.live import add_key, calling

API_ROUTES = list(filter(is_api_route, ROUTES))
PATH_VALUES = {
    "source": "D01", "local_id:path": "1", "eid": "T7K3-M92Q-X0HN", "number": "1", "question_key": "pair:1:2",
    "key": "pair:1:2", "step": "1", "name": "ana", "client": "ana",
    "code": "house", "id": "T7K3-M92Q-X0HN", "token": "no-such",
}  # fmt: skip
QUERIES = {
    "GET /v1/crosswalk": "?source=D01&local_id=1",
    "GET /fhir/Patient/$ihe-pix": "?sourceIdentifier=urn:mpi:source:D01|1",
}
BODIES = {
    "POST /v1/agreements/{code}:approve": {"version": 1},
    "POST /v1/agreements/{code}:suspend": {"reason": ""},
    "POST /v1/agreements/{code}:end": {"reason": ""},
    "POST /v1/recluster-runs/{number}:reject": {"reason": "x"},
    "POST /v1/loads/{number}:undo": {"reason": "x"},
}


def routes_of(router):
    for route in router.routes:
        nested = getattr(route, "original_router", None)
        yield from [route] if nested is None else routes_of(nested)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("policy"), "D01") as new_index:
        yield new_index


@pytest.fixture(scope="module")
def client(index):
    with calling(create_app(index), None) as http_client:
        yield http_client


def test_every_route_has_a_row_and_every_row_a_route(index):
    served = {
        f"{method} {route.path}"
        for open_pages in (False, True)
        for route in routes_of(create_app(index, open_pages=open_pages))
        for method in route.methods - {"HEAD"}
    }
    assert served - ROUTES.keys() == set(), "add a row to mpi/policy/route_table.py"
    assert ROUTES.keys() - served == set(), "these rows have no route"


def ask(client: httpx.Client, route: str, key: str, purpose: str) -> httpx.Response:
    method, template = route.split(" ")
    path = template
    for name, value in PATH_VALUES.items():
        path = path.replace("{" + name + "}", value)
    headers = {"Authorization": f"Bearer {key}", "Purpose-Of-Use": purpose}
    body = None if method == "GET" else BODIES.get(route, {})
    return client.request(method, path + QUERIES.get(route, ""), headers=headers, json=body)


@pytest.mark.parametrize("route", API_ROUTES)
def test_a_client_needs_each_action_of_the_row(client, index, route):
    rule = ROUTES[route]
    for missing in (*rule.actions, *([rule.choices] if rule.choices else [])):
        without = frozenset(Action) - ({missing} if isinstance(missing, Action) else set(missing))
        key = add_key(index, f"without-{API_ROUTES.index(route)}-{missing}", without)
        answer = ask(client, route, key, "data_quality")
        assert is_refused(answer), (route, missing, answer.status_code, answer.text)


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_table_decides_each_route_for_each_purpose(client, index, purpose):
    key = add_key(index, f"all-{purpose}", frozenset(Action))
    caller = Caller("all", frozenset(Action), None, "house", None)
    viewer = build_viewer(caller, purpose, approved_house(), clock.now().date())
    for route in API_ROUTES:
        rule = ROUTES[route]
        is_permitted = set(rule.actions) <= viewer.actions and (
            not rule.choices or bool(set(rule.choices) & viewer.actions)
        )
        answer = ask(client, route, key, purpose)
        assert is_refused(answer) is not is_permitted, (route, answer.status_code, answer.text)


def is_refused(answer: httpx.Response) -> bool:
    """Return whether the policy refused the call; a bulk call answers each line."""
    return answer.status_code == 403 or '"status":403' in answer.text


def approved_house():
    return replace(build_house_agreement(), is_approved=True)


@pytest.mark.parametrize("state", list(AgreementState))
@pytest.mark.parametrize("role", [None, *Role])
def test_only_an_active_agreement_permits_anything(role, state):
    today = clock.now().date()
    changes = {
        AgreementState.DRAFT: {"is_approved": False},
        AgreementState.SCHEDULED: {"begins": today + timedelta(days=1)},
        AgreementState.ACTIVE: {},
        AgreementState.SUSPENDED: {"is_suspended": True},
        AgreementState.EXPIRED: {"begins": today - timedelta(days=2), "ends": today - timedelta(days=1)},
        AgreementState.ENDED: {"ended_on": today},
    }
    agreement = replace(approved_house(), **changes[state])
    assert agreement.state(today) is state
    purposes = PURPOSES if role is None else PURPOSES_BY_ROLE[role]
    permitted = set()
    for purpose, action in product((None, *purposes), Action):
        caller = Caller("any", frozenset(Action) if role is None else frozenset(), None, "house", 1, role)
        viewer = build_viewer(caller, purpose, agreement, today)
        if state is not AgreementState.ACTIVE:
            assert action not in viewer.actions
            assert viewer.rights.find_refusal(action).code == f"agreement-{state}"
        permitted |= viewer.actions
    assert bool(permitted) is (state is AgreementState.ACTIVE)

import re

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import PURPOSES
from tests.index import make_child
from tests.unit.api.live import PLAIN, add_key, calling, problem, problem_of_route

OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/oauth/token", "/fhir/metadata"}
"""Routes without a key: they show nothing of a person, a record or a client."""

BODIES = {"PUT": make_child("1"), "POST": make_child("1")}


def every_call():
    """Yield every method of every guarded route, as the application declares them."""
    app = create_app(None)
    for path, operations in app.openapi()["paths"].items():
        for method in operations:
            yield method.upper(), path


def url_of(path: str) -> str:
    query = {"/v1/crosswalk": "?source=D01&local_id=1"}.get(path, "")
    parameters = {"source": "D01", "local_id": "1", "eid": "T7K3-M92Q-X0HN"}
    return re.sub(r"\{(\w+)(:path)?\}", lambda match: parameters.get(match[1], "1"), path) + query


@pytest.fixture(scope="module")
def client_without_permissions(index):
    with calling(create_app(index), add_key(index, "granted-nothing", set())) as client:
        yield client


def test_the_listed_calls_cover_every_route_but_the_open_ones():
    routes = [route for route in _routes(create_app(None)) if _is_api_route(route)]
    served = {route.path.replace(":path", "") for route in routes}
    listed = {path.replace(":path", "") for _, path in every_call()}
    assert listed == served - OPEN
    assert len(listed) > 50


@pytest.mark.parametrize(("method", "path"), list(every_call()))
def test_every_route_requires_authentication(call, method, path):
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"X-API-Key": "wrong"},
        {"Authorization": "Basic x"},
    ):
        answer = httpx.request(
            method, f"{call.base_url}{url_of(path)}", headers=headers, json=BODIES.get(method), verify=PLAIN
        )
        body = problem_of_route(answer, path, 401, "not-authenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "wrong" not in body["detail"].replace("The request is wrong", "")


@pytest.mark.parametrize(("method", "path"), list(every_call()))
def test_every_route_denies_what_was_not_granted(client_without_permissions, method, path):
    answer = client_without_permissions.request(method, url_of(path), json=BODIES.get(method))
    problem_of_route(answer, path, 403, "access-denied")


@pytest.mark.parametrize(
    ("method", "path"), [call for call in every_call() if call[0] in BODIES and call[1] != "/v1/records:bulk"]
)
@pytest.mark.parametrize("body", [b"{", b'{"unknown": 1}', b"x" * 1_000_001])
def test_permission_is_checked_before_the_body(client_without_permissions, method, path, body):
    answer = client_without_permissions.request(method, url_of(path), content=body)
    problem_of_route(answer, path, 403, "access-denied")


def test_authentication_is_checked_before_the_body_is_read(call):
    answer = httpx.put(f"{call.base_url}/v1/sources/D01/records/1", content=b"x" * 2_000_000, verify=PLAIN)
    assert answer.status_code == 401


def test_the_key_is_accepted_in_either_header(call, key):
    for headers in ({"X-API-Key": key}, {"Authorization": f"bearer {key}"}):
        assert httpx.get(f"{call.base_url}/v1/events", headers=headers, verify=PLAIN).status_code == 200


REFUSED_PURPOSES = {
    "reporting_federal": "action-outside-purpose",
    "program_evaluation": "action-outside-purpose",
    "system_admin": "action-outside-purpose",
    "emergency_breakglass": "break-glass-reason-missing",
}


@pytest.mark.parametrize("purpose", PURPOSES)
def test_review_is_permitted_only_for_purposes_that_need_it(call, purpose):
    answer = call.get("/v1/review-tasks", headers={"Purpose-Of-Use": purpose})
    if purpose in REFUSED_PURPOSES:
        assert problem(answer, 403, "access-denied")["reason"] == REFUSED_PURPOSES[purpose]
    else:
        assert answer.status_code == 200


@pytest.mark.parametrize("purpose", ["curiosity", "", "SCHOOL_STABILITY", "x" * 1000])
def test_an_unknown_purpose_is_refused_with_a_reason(call, purpose):
    answer = call.get("/v1/review-tasks", headers={"Purpose-Of-Use": purpose})
    assert problem(answer, 403, "access-denied")["reason"] == "unknown-purpose"


def test_a_write_records_client_and_purpose_with_its_commit(call, index):
    call.put(
        "/v1/sources/D01/records/purpose",
        json=make_child("purpose", first_name="Purp", last_name="Ose"),
        headers={"Purpose-Of-Use": "credit_transfer"},
    )
    from sqlalchemy import text

    with index.database.read(None) as unit:
        row = unit.connection.execute(
            text("SELECT client, purpose, kind FROM commit_log ORDER BY no DESC LIMIT 1")
        ).one()
    assert tuple(row) == ("district-01", "credit_transfer", "upsert")


def _is_api_route(route) -> bool:
    return route.path in OPEN or getattr(route, "include_in_schema", True)


def _routes(router):
    for route in router.routes:
        nested = getattr(route, "original_router", None)
        yield from [route] if nested is None else _routes(nested)

import logging

import pytest

from mpi.api.app import create_app
from mpi.api.request.problems import STATUS_BY_ERROR, problem_from_error
from mpi.domain import errors
from mpi.domain.errors import MpiError
from tests.unit.api.live import calling, problem

EXPECTED = {
    "MpiError": 500, "InputError": 400, "RecordError": 422, "FileError": 400, "MappingError": 400,
    "EidError": 400, "NotFoundError": 404, "ConflictError": 409, "DecisionConflict": 409,
    "ModelMovedError": 409,
    "StaleError": 412, "ReusedKeyError": 422, "ClaimedError": 409, "EngineError": 500,
    "AgreementLapsed": 409, "SurvivorshipError": 400, "SearchLimitError": 429,
    "NotAuthenticated": 401, "AccessDenied": 403, "UnmetConditionError": 404, "LoadHeld": 409,
    "ModelError": 500, "RemoteSystemError": 500, "StoreError": 503,
}  # fmt: skip
VALUE = "Xanthippe"


def make_error(name: str) -> MpiError:
    error_class = getattr(errors, name)
    arguments = {
        "RecordError": ("flags", "unknown-code", VALUE),
        "ClaimedError": (VALUE, "2026-11-24T09:30:00Z"),
        "SearchLimitError": (VALUE, 42),
        "UnmetConditionError": (
            VALUE,
            "not-enrolled",
            errors.RefusedCall("sis", "person.read", None, "house"),
        ),
    }
    return error_class(*arguments.get(name, (VALUE,)))


@pytest.fixture(scope="module")
def failing_server(index):
    """A server whose routes raise what their path names."""
    app = create_app(index)

    @app.get("/raise/{name}")
    def fail(name: str) -> None:
        if name in EXPECTED:
            raise make_error(name)
        raise ZeroDivisionError(VALUE)

    with calling(app, None) as client:
        yield client


def test_every_error_class_has_a_status():
    tree = {
        error_class.__name__
        for error_class in vars(errors).values()
        if isinstance(error_class, type) and issubclass(error_class, MpiError)
    }
    assert tree == set(EXPECTED)


@pytest.mark.parametrize(("name", "status"), EXPECTED.items())
def test_each_error_is_answered_with_its_own_problem(failing_server, name, status):
    body = problem(failing_server.get(f"/raise/{name}"), status, getattr(errors, name).code)
    assert (VALUE in str(body)) == (status != 500)


def test_a_busy_store_says_when_to_retry(failing_server):
    assert failing_server.get("/raise/StoreError").headers["retry-after"]


@pytest.mark.parametrize("name", ["MpiError", "ModelError", "anything"])
def test_an_internal_error_is_logged_by_location_and_never_by_value(failing_server, caplog, name):
    with caplog.at_level(logging.ERROR):
        body = problem(
            failing_server.get(f"/raise/{name}"),
            500,
            {"anything": "unexpected"}.get(name, getattr(errors, name, MpiError).code),
        )
    assert VALUE not in str(body)
    assert VALUE not in caplog.text
    assert body["instance"].removeprefix("urn:uuid:") in caplog.text
    assert "fail:" in caplog.text


def test_unknown_paths_and_methods_are_problems_too(call):
    problem(call.get("/nope"), 404, "not-found")
    problem(call.get("/v1/sources/D01/records"), 404, "not-found")
    answer = call.delete("/v1/events")
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET"


def test_an_invalid_parameter_is_named_without_its_value(call):
    answer = call.get("/v1/events", params={"after": VALUE, VALUE: "1"})
    assert "after" in problem(answer, 400, "invalid-parameter")["detail"]
    assert VALUE not in answer.text


def test_problem_types_are_stable_names():
    assert {problem_from_error(make_error(name))["type"] for name in EXPECTED if EXPECTED[name] != 500} >= {
        "urn:mpi:problem:invalid-record",
        "urn:mpi:problem:not-found",
        "urn:mpi:problem:decision-conflict",
    }
    assert all(title for _, title in STATUS_BY_ERROR.values())

"""The classes of errors, and what they are made from."""

import pytest

from mpi.api.request.problems import STATUS_BY_ERROR
from mpi.client import errors
from mpi.client.errors import Problem, ProblemError, error_from_problem
from mpi.client.problem_reader import error_from_members
from mpi.domain.errors import MpiError

OWN_CLASS = {
    "not-authenticated": "NotAuthenticatedError", "access-denied": "AccessDeniedError",
    "not-found": "NotFoundError", "conflict": "ConflictError", "agreement-lapsed": "AgreementLapsedError",
    "decision-conflict": "DecisionConflictError", "claimed": "ClaimedError", "stale": "StaleError",
    "invalid-record": "InvalidRecordError", "idempotency-key-reused": "ReusedKeyError",
    "too-many-calls": "TooManyCallsError", "too-many-searches": "TooManyCallsError",
    "too-many-guesses": "TooManyCallsError", "store-unusable": "UnavailableError",
    "invalid-input": "InvalidRequestError", "invalid-enterprise-id": "InvalidRequestError",
    "too-large": "InvalidRequestError", "wrong-host": "InvalidRequestError",
    "request-timeout": "UnavailableError",
}  # fmt: skip


def test_every_problem_of_the_index_has_a_class():
    classes = {
        error_class.code: type(error_from_problem(Problem(status.value, error_class.code, "", "")))
        for error_class, (status, _) in STATUS_BY_ERROR.items()
        if error_class is not MpiError
    }
    assert {code: classes[code].__name__ for code in OWN_CLASS} == OWN_CLASS
    assert ProblemError not in classes.values()


def test_members_of_a_problem_are_attributes():
    problem = {"type": "urn:mpi:problem:decision-conflict", "title": "T", "detail": "D", "chain": [3, 4]}
    error = error_from_members(problem, 409, None)
    assert (error.chain, error.status, error.code, error.request_id) == (
        (3, 4),
        409,
        "decision-conflict",
        None,
    )
    assert error_from_members(problem | {"chain": "34"}, 409, None).chain == ()
    denied = error_from_members({"type": "urn:mpi:problem:access-denied", "reason": ["x"]}, 403, "r")
    assert denied.reason is None
    assert denied.request_id == "r"


@pytest.mark.parametrize("status", [199, 302, 418, 599, 999])
def test_an_unknown_status_is_a_problem_too(status):
    assert f"HTTP {status}" in str(error_from_members({}, status, None))


def test_the_tree_of_errors_is_drawn_as_it_is():
    drawn = errors.__doc__
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.ClientError):
            assert name in drawn

"""Errors of the FHIR API as OperationOutcome resources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fhir.resources.R4B.operationoutcome import OperationOutcome
from starlette.responses import Response

from mpi.api.request.adapter_route import AdapterRoute
from mpi.api.request.problems import REQUEST_ID, find_status, headers_of_error, log_unexpected
from mpi.domain.errors import AccessDenied, InputError, MpiError

FHIR_JSON = "application/fhir+json"
"""Media type of FHIR resources in JSON."""
REASON_SYSTEM = "urn:mpi:refusal-reason"
"""System of the codes for which the policy refuses."""
_UNEXPECTED = "it was logged under the ID of this outcome, without any value of the request"
_CODES: Mapping[int, str] = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    409: "conflict",
    413: "too-long",
    429: "throttled",
    500: "exception",
    503: "transient",
}
"""Issue type of an error, by status."""
_HEADERS: Mapping[int, Mapping[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="mpi"'},
    503: {"Retry-After": "2"},
}


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of an OperationOutcome.

    Args:
        code: code of FHIR's issue types.
        text: what is wrong and what to do; holds no value of a person.
        expression: FHIRPath of the element; None where no element is meant.
        severity: how bad it is.
        reason: stable code of the reason for which the policy refused; None for other issues.
    """

    code: str
    text: str
    expression: str | None = None
    severity: Literal["error", "warning", "information"] = "error"
    reason: str | None = None

    def to_element(self) -> dict[str, Any]:
        """Return the issue as an element of an OperationOutcome."""
        coding = {"system": REASON_SYSTEM, "code": self.reason}
        return {
            "severity": self.severity,
            "code": self.code,
            **({} if self.reason is None else {"details": {"coding": [coding]}}),
            "diagnostics": self.text,
            **({} if self.expression is None else {"expression": [self.expression]}),
        }


class FhirError(InputError):
    """Error of a FHIR request, with the issues that its answer holds.

    Args:
        issues: what is wrong.
        status: status of the answer.
    """

    code = "fhir"

    def __init__(self, *issues: Issue, status: int = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__("; ".join(issue.text for issue in issues))
        self.issues = issues
        self.status = status


def build_outcome(issues: Sequence[Issue], outcome_id: str | None = None) -> OperationOutcome:
    """Build the OperationOutcome of issues.

    Args:
        issues: at least one.
        outcome_id: ID of the resource.
    """
    return OperationOutcome.model_validate(
        {
            "resourceType": "OperationOutcome",
            **({} if outcome_id is None else {"id": outcome_id}),
            "issue": [issue.to_element() for issue in issues],
        }
    )


class FhirRoute(AdapterRoute):
    """Route whose errors are answered as OperationOutcome."""

    def build_parameter_error(self, request: Request, error: RequestValidationError) -> Response:
        """Build an OperationOutcome with an issue for each wrong parameter."""
        return _respond(request, HTTPStatus.BAD_REQUEST, _list_parameter_issues(error))

    def build_error(self, request: Request, error: MpiError) -> Response:
        """Build an OperationOutcome of an error."""
        return _build_response(request, error)


def _list_parameter_issues(error: RequestValidationError) -> list[Issue]:
    """Return the issues of query parameters, without sent values or unknown names."""
    issues = []
    for each in error.errors():
        if each["type"] == "extra_forbidden":
            issues.append(Issue("not-supported", "the URL has a parameter that this operation does not have"))
        else:
            name = next((part for part in reversed(each["loc"]) if isinstance(part, str)), "query")
            code = "required" if each["type"] == "missing" else "invalid"
            text = (
                "give this parameter as its definition says" if code == "invalid" else "give this parameter"
            )
            issues.append(Issue(code, f"{name}: {text}"))
    return list(dict.fromkeys(issues))


def _build_response(request: Request, error: MpiError) -> Response:
    if isinstance(error, FhirError):
        return _respond(request, error.status, error.issues)
    status = find_status(error)[0]
    text = str(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # The message of an internal error may name files of this machine.
        log_unexpected(error, request.scope[REQUEST_ID])
        text = _UNEXPECTED
    reason = error.reason if isinstance(error, AccessDenied) else None
    issue = Issue(_CODES.get(status, "processing"), text, reason=reason)
    return _respond(request, status, [issue], headers_of_error(error))


def _respond(
    request: Request, status: int, issues: Sequence[Issue], headers: Mapping[str, str] | None = None
) -> Response:
    outcome = build_outcome(issues, request.scope[REQUEST_ID])
    all_headers = {**_HEADERS.get(status, {}), **(headers or {})}
    return Response(outcome.model_dump_json(), status, all_headers, FHIR_JSON)

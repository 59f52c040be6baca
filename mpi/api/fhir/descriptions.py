"""OpenAPI description of requests and answers of the FHIR API."""

from collections.abc import Mapping
from typing import Any

from mpi.api.fhir.outcomes import FHIR_JSON, Issue, build_outcome
from mpi.api.fhir.systems import ENTERPRISE_ID_SYSTEM
from mpi.api.request.problems import MEDIA_TYPE
from mpi.api.schemas.openapi_parts import EXAMPLE_EID, build_schema_ref

Answers = dict[int | str, dict[str, Any]]

_TEXTS: Mapping[int, tuple[str, str, str]] = {
    400: ("The request is not valid", "structure", "send a Parameters resource with a Patient, or a Patient"),
    401: ("The caller is unknown", "login", "the key is unknown"),
    403: ("The caller may not do this", "forbidden", "the client may not do this"),
    404: ("No such identifier", "not-found", "sourceIdentifier Patient Identifier not found"),
    406: ("Not JSON", "not-supported", "this server answers application/fhir+json only"),
    409: ("The present state does not allow it", "conflict", "the agreement is not in force"),
    413: ("The body is too large", "too-long", "a record has at most 1,000,000 bytes"),
    415: ("Not JSON", "not-supported", "this server reads application/fhir+json only"),
    422: ("A profile is not met", "invariant", "the Patient does not meet IDI-Patient-L1"),
    429: ("Too many searches", "throttled", "wait, then search again"),
    500: ("Something went wrong", "exception", "it was logged under the ID of this outcome"),
    503: ("The store cannot be used now", "transient", "the store cannot be used now"),
}
_COMMON = (400, 401, 403, 406, 409, 500, 503)
_PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"family": "Okonkwo", "given": ["Amara"]}],
    "gender": "female",
    "birthDate": "2014-03-09",
}
_FOUND: dict[str, Any] = {
    **_PATIENT,
    "id": EXAMPLE_EID,
    "identifier": [{"use": "official", "system": ENTERPRISE_ID_SYSTEM, "value": EXAMPLE_EID}],
    "active": True,
}
_ENTRY: dict[str, Any] = {
    "fullUrl": f"https://mpi.example.gov/fhir/Patient/{EXAMPLE_EID}",
    "resource": _FOUND,
    "search": {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/match-grade", "valueCode": "certain"}],
        "mode": "match",
        "score": 0.9999,
    },
}
_BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": 1, "entry": [_ENTRY]}


def _describe_resource(kind: str) -> dict[str, Any]:
    """Return a schema that names a resource; FHIR defines the rest."""
    return {
        "type": "object",
        "properties": {"resourceType": {"type": "string", "enum": [kind]}},
        "required": ["resourceType"],
        "externalDocs": {"url": f"http://hl7.org/fhir/R4/{kind.lower()}.html"},
    }


def _describe_answer(description: str, kind: str, example: dict[str, Any]) -> Answers:
    content = {FHIR_JSON: {"schema": _describe_resource(kind), "example": example}}
    return {200: {"description": description, "content": content}}


MATCHES = _describe_answer("The matches, most likely first", "Bundle", _BUNDLE)
IDI_MATCHES = _describe_answer(
    "The matches, best first, and the Organization that answers",
    "Parameters",
    {"resourceType": "Parameters", "parameter": [{"name": "IDIMatchBundle", "resource": _BUNDLE}]},
)
CROSS_REFERENCES = _describe_answer(
    "The person's other identifiers",
    "Parameters",
    {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "targetIdentifier",
                "valueIdentifier": {"system": "urn:mpi:source:CCWIS", "value": "C-17"},
            }
        ],
    },
)


def describe_answers(answers: Answers, *statuses: int) -> Answers:
    """Describe an operation's responses for OpenAPI.

    Args:
        answers: its responses that are no errors.
        statuses: statuses of its errors, besides those of every operation.
    """
    errors: Answers = {status: _describe_error(status) for status in sorted({*_COMMON, *statuses})}
    return {**answers, **errors, "default": _describe_default()}


def _describe_error(status: int) -> dict[str, Any]:
    title, code, text = _TEXTS[status]
    example = build_outcome([Issue(code, text)]).model_dump()
    schema = _describe_resource("OperationOutcome")
    return {"description": title, "content": {FHIR_JSON: {"schema": schema, "example": example}}}


def _describe_default() -> dict[str, Any]:
    """Describe errors before a route is chosen: they have ``/v1``'s form."""
    example = {
        "type": "urn:mpi:problem:too-many-guesses",
        "title": "Too much that does not exist",
        "status": 429,
        "detail": "try again in 60 seconds",
    }
    content = {"schema": build_schema_ref("ProblemOut"), "example": example}
    return {"description": "Any other problem", "content": {MEDIA_TYPE: content}}


def describe_request(patient_name: str) -> dict[str, Any]:
    """Describe the body of a match operation (``openapi_extra``).

    Args:
        patient_name: name of the parameter that holds the Patient.
    """
    schema = {"oneOf": [_describe_resource("Parameters"), _describe_resource("Patient")]}
    example = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": patient_name, "resource": _PATIENT},
            {"name": "onlyCertainMatches", "valueBoolean": False},
            {"name": "count", "valueInteger": 3},
        ],
    }
    return {"requestBody": {"required": True, "content": {FHIR_JSON: {"schema": schema, "example": example}}}}

"""Bodies of match operations, parsed and checked by the library's models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from fhir.resources.R4B.parameters import Parameters, ParametersParameter
from fhir.resources.R4B.patient import Patient
from pydantic import ValidationError

from mpi.api.fhir.outcomes import FhirError, Issue

MAX_DEPTH = 32
"""Deepest nesting of a body: a Patient needs 8, and the library would run out of stack."""
MAX_ISSUES = 20
"""Most issues of one answer."""
_REFUSED_MEMBERS = ("implicitRules", "modifierExtension")
"""Members that could change what a resource means; PDQm refuses them."""
_FLAGS = ("onlyCertainMatches", "onlySingleMatch")
_COUNT = "count"


@dataclass(frozen=True, slots=True)
class MatchRequest:
    """What a match operation is asked.

    Args:
        patient: what is known of the person.
        only_certain: whether only a certain match is answered.
        only_single: whether only the one most likely match is answered.
        count: most matches that are answered; None for as many as a search finds.
    """

    patient: Patient
    only_certain: bool = False
    only_single: bool = False
    count: int | None = None


def parse_match_request(data: bytes, patient_names: tuple[str, ...]) -> MatchRequest:
    """Parse a match operation's body: a Parameters resource, or a Patient alone.

    Args:
        data: the body.
        patient_names: names of the parameter that holds the Patient.

    Raises:
        FhirError: the body is not JSON, or no such resource.
    """
    body = _parse_json(data)
    _check_members(body)
    match body.get("resourceType"):
        case "Patient":
            return MatchRequest(_validate(Patient, body, "Patient"))
        case "Parameters":
            return _read_parameters(body, patient_names)
        case _:
            raise FhirError(Issue("structure", "send a Parameters resource with a Patient, or a Patient"))


def _parse_json(data: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        # Only the position: the message may quote personal data.
        place = f"not JSON in UTF-8 (line {error.lineno}, column {error.colno})"
        raise FhirError(Issue("structure", place if data.strip() else "send a resource in JSON")) from None
    if not isinstance(body, dict):
        raise FhirError(Issue("structure", "send a resource, which is a JSON object"))
    return body


def _check_members(body: Mapping[str, Any]) -> None:
    """Refuse deep nesting, and members that could change what the body means.

    Raises:
        FhirError: the body has such a member, or is nested too deeply.
    """
    waiting: list[tuple[object, int]] = [(body, 1)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise FhirError(Issue("too-long", f"nest at most {MAX_DEPTH} objects and lists"))
        if isinstance(value, dict):
            for name in _REFUSED_MEMBERS:
                if name in value:
                    raise FhirError(Issue("extension", f"leave out {name}: this server does not know it"))
            waiting += [(member, depth + 1) for member in value.values()]
        elif isinstance(value, list):
            waiting += [(member, depth + 1) for member in value]


def _read_parameters(body: Mapping[str, Any], patient_names: tuple[str, ...]) -> MatchRequest:
    """Return what the parameters ask.

    Raises:
        FhirError: a parameter is missing, unknown, given twice, or has a wrong value.
    """
    parameters = _collect_parameters(_validate(Parameters, body, "Parameters"))
    unknown = parameters.keys() - {*patient_names, *_FLAGS, _COUNT}
    if unknown:
        known = ", ".join((*patient_names, *_FLAGS, _COUNT))
        raise FhirError(Issue("not-supported", f"a parameter is unknown; known are: {known}"))
    resources = [parameters[name].resource for name in patient_names if name in parameters]
    if len(resources) != 1 or not isinstance(resources[0], Patient):
        text = f"give one parameter {patient_names[0]} with a Patient as its resource"
        raise FhirError(Issue("required", text, "Parameters.parameter"))
    only_certain, only_single = (_read_flag(parameters, name) for name in _FLAGS)
    return MatchRequest(resources[0], only_certain, only_single, _read_count(parameters))


def _collect_parameters(resource: Parameters) -> dict[str, ParametersParameter]:
    parameters: dict[str, ParametersParameter] = {}
    for parameter in resource.parameter or ():
        if parameter.name in parameters:
            raise FhirError(Issue("structure", "a parameter is given twice", "Parameters.parameter"))
        parameters[str(parameter.name)] = parameter
    return parameters


def _read_flag(parameters: Mapping[str, ParametersParameter], name: str) -> bool:
    if name not in parameters:
        return False
    value = parameters[name].valueBoolean
    if value is None:
        raise FhirError(Issue("value", f"{name}: give valueBoolean", "Parameters.parameter"))
    return bool(value)


def _read_count(parameters: Mapping[str, ParametersParameter]) -> int | None:
    if _COUNT not in parameters:
        return None
    value = parameters[_COUNT].valueInteger
    if value is None or value < 0:
        raise FhirError(Issue("value", "count: give valueInteger, 0 or more", "Parameters.parameter"))
    return int(value)


def _validate(model: type[Any], body: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - an instance of the model
    """Return a body as the library's resource.

    Raises:
        FhirError: it is not such a resource.
    """
    try:
        return model.model_validate(body)
    except ValidationError as invalid:
        raise FhirError(*_list_issues(invalid, path)) from None
    except (KeyError, TypeError, AttributeError):
        # The library looks a resource inside another up by the type that it names.
        text = "a resource inside has no type that FHIR R4 defines"
        raise FhirError(Issue("structure", text, path)) from None


def _list_issues(invalid: ValidationError, path: str) -> Iterator[Issue]:
    """Yield the issues of a resource, without any sent value or name."""
    seen: set[tuple[str, str]] = set()
    for error in invalid.errors(include_url=False, include_input=False, include_context=False):
        place = list(error["loc"])
        if error["type"] == "extra_forbidden":
            place.pop()
            text = "has a member that FHIR R4 does not define: leave it out"
        else:
            text = "is not as FHIR R4 defines it"
        expression = path + "".join(_format_step(step) for step in place)
        if (expression, text) not in seen and len(seen) < MAX_ISSUES:
            seen.add((expression, text))
            yield Issue("structure", f"{expression} {text}", expression)


def _format_step(step: int | str) -> str:
    return f"[{step}]" if isinstance(step, int) else f".{step}"

"""Routes of the FHIR R4 API."""

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from fhir.resources.R4B.resource import Resource
from pydantic import Field
from starlette.responses import Response

from mpi.api.fhir.bundles import build_idi_parameters, build_match_bundle
from mpi.api.fhir.capability import build_capability_statement
from mpi.api.fhir.cross_reference import CrossReference, parse_token
from mpi.api.fhir.descriptions import (
    CROSS_REFERENCES,
    IDI_MATCHES,
    MATCHES,
    describe_answers,
    describe_request,
)
from mpi.api.fhir.input_profiles import require_profiles
from mpi.api.fhir.match_request import parse_match_request
from mpi.api.fhir.matching import find_matches, require_names, score_by_quality, select_matches
from mpi.api.fhir.negotiation import (
    BASE_PATH,
    BaseUrlDep,
    FormatDep,
    FormatQuery,
    require_json_answer,
    require_json_body,
)
from mpi.api.fhir.outcomes import FHIR_JSON, FhirRoute
from mpi.api.fhir.systems import read_systems
from mpi.api.request.authentication import CallerDep, IndexDep, permit
from mpi.api.request.record_body import RawBodyDep
from mpi.domain.viewer import Action

router = APIRouter(prefix=BASE_PATH, tags=["fhir"], route_class=FhirRoute)

_JSON_ANSWER = Depends(require_json_answer)
_MATCHES = [
    permit(Action.PERSON_SEARCH, Action.PERSON_READ, Action.RECORD_READ),
    _JSON_ANSWER,
    Depends(require_json_body),
]
_MATCH_PARAMETER, _IDI_PARAMETER = "resource", "IDIPatient"


class PixQuery(FormatQuery):
    """Query of ``$ihe-pix``."""

    sourceIdentifier: list[str] = Field(  # noqa: N815 - PIXm's name
        min_length=1,
        max_length=1,
        description="The known identifier, `system|value`.",
        examples=[["urn:mpi:source:CCWIS|C-17"]],
    )
    targetSystem: list[str] = Field(  # noqa: N815 - PIXm's name
        default=[],
        description="Domains to answer for; all where none is given.",
        examples=[["urn:mpi:enterprise-id"]],
    )


@router.get("/metadata", response_class=Response, include_in_schema=False, dependencies=[_JSON_ANSWER])
def get_metadata(base_url: BaseUrlDep, _: FormatDep) -> Response:
    """Answer what this server offers."""
    return _respond(build_capability_statement(base_url))


@router.post(
    "/Patient/$match",
    operation_id="match_patient",
    response_class=Response,
    summary="Match a Patient (PDQm ITI-119)",
    responses=describe_answers(MATCHES, 413, 415, 429),
    dependencies=_MATCHES,
    openapi_extra=describe_request(_MATCH_PARAMETER),
)
def post_match(
    index: IndexDep, viewer: CallerDep, base_url: BaseUrlDep, _: FormatDep, data: RawBodyDep
) -> Response:
    """Answer the persons that a Patient might be, the most likely first.

    Each call counts as one person search. Nothing is stored. An answer without a match is an empty Bundle.
    """
    request = parse_match_request(data, (_MATCH_PARAMETER,))
    systems = read_systems(index, viewer, Action.RECORD_READ)
    answer = find_matches(index, viewer, systems, request.patient)
    return _respond(build_match_bundle(select_matches(answer, request), systems, base_url))


@router.post(
    "/Patient/$idi-match",
    operation_id="match_patient_by_idi",
    response_class=Response,
    summary="Match a Patient (Identity Matching)",
    responses=describe_answers(IDI_MATCHES, 413, 415, 422, 429),
    dependencies=_MATCHES,
    openapi_extra=describe_request(_IDI_PARAMETER),
)
def post_idi_match(
    index: IndexDep, viewer: CallerDep, base_url: BaseUrlDep, _: FormatDep, data: RawBodyDep
) -> Response:
    """Answer the persons that a Patient might be, with Identity Matching scores.

    The Patient has to meet the profiles that it claims. Each call counts as one person search.
    """
    request = parse_match_request(data, (_IDI_PARAMETER, _MATCH_PARAMETER))
    require_profiles(request.patient)
    systems = read_systems(index, viewer, Action.RECORD_READ)
    answer = require_names(score_by_quality(find_matches(index, viewer, systems, request.patient)))
    matches = select_matches(answer, request)
    return _respond(build_idi_parameters(matches, systems, base_url, index.settings.fhir))


@router.get(
    "/Patient/$ihe-pix",
    operation_id="get_patient_identifiers",
    response_class=Response,
    summary="Translate a patient identifier (PIXm ITI-83)",
    responses=describe_answers(CROSS_REFERENCES, 404),
    dependencies=[permit(Action.CROSSWALK_READ), _JSON_ANSWER],
)
def get_ihe_pix(
    index: IndexDep, viewer: CallerDep, base_url: BaseUrlDep, query: Annotated[PixQuery, Query()]
) -> Response:
    """Answer the other identifiers of the person that an identifier names."""
    systems = read_systems(index, viewer, Action.CROSSWALK_READ)
    reference = CrossReference(index, viewer, systems, base_url)
    return _respond(reference.answer(parse_token(query.sourceIdentifier[0]), query.targetSystem))


def _respond(resource: Resource | Mapping[str, Any]) -> Response:
    content = resource.model_dump_json() if isinstance(resource, Resource) else orjson.dumps(resource)
    return Response(content, media_type=FHIR_JSON)

"""The cases of the identities controller of the Ed-Fi ODS/API 7.3, restated for the answers of the index.

The controller is asked with an identity system that reports one status; so are the answers here.
"""

import anyio
import httpx
import pytest
from fastapi import APIRouter, FastAPI

from mpi.api.edfi.outcomes import (
    Fault,
    IdentityStatus,
    Outcome,
    respond_to_create,
    respond_to_get,
    respond_to_list,
    respond_to_results,
)
from mpi.api.edfi.problems import EdfiRoute
from mpi.api.request.problems import REQUEST_ID

INVALID = Outcome(IdentityStatus.INVALID_PROPERTIES, faults=(Fault("InvalidId", "Invalid Id specified"),))
INCOMPLETE = Outcome(
    IdentityStatus.INCOMPLETE,
    data={"Status": "Incomplete", "SearchResponses": []},
    location="/identity/v2/identities/results/t",
    faults=(Fault("Incomplete", "The search results are not ready yet"),),
)
NOT_FOUND = Outcome(IdentityStatus.NOT_FOUND)
TWO_FAULTS = (
    Fault("Unknown", "An unknown error occurred"),
    Fault("Other", "A second unknown error occurred"),
)
IDENTITY = {"UniqueId": "ignored", "Score": 100, "BirthLocation": {}}
COMPLETE = {"Status": "Complete", "SearchResponses": [{"Responses": [IDENTITY]}]}


async def answer(respond, outcome):
    """Return the answer of a server whose identity system reports an outcome."""
    router = APIRouter(route_class=EdfiRoute)
    router.add_api_route("/", lambda: respond(outcome), methods=["GET"], response_model=None)
    app = FastAPI()
    app.include_router(router)

    async def with_request_id(scope, receive, send):
        await app({**scope, REQUEST_ID: "call-1"}, receive, send)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(with_request_id), base_url="http://mpi"
    ) as client:
        return await client.get("/")


@pytest.fixture
def ask():
    return lambda respond, outcome: anyio.run(answer, respond, outcome)


@pytest.mark.parametrize("respond", [respond_to_get, respond_to_list, respond_to_results])
def test_invalid_properties_are_the_identity_systems_fault_but_for_create(ask, respond):
    said = ask(respond, INVALID)
    assert said.status_code == 502
    assert said.json() == {
        "Message": "Invalid response from identity service: Invalid Id specified.",
        "IdentitySystemStatusCode": "InvalidProperties",
        "IdentitySystemErrors": [{"Code": "InvalidId", "Description": "Invalid Id specified"}],
    }


def test_invalid_properties_of_a_create_are_a_bad_request(ask):
    said = ask(respond_to_create, INVALID)
    assert said.status_code == 400
    assert said.headers["content-type"] == "application/problem+json"
    assert said.json()["type"] == "urn:ed-fi:api:bad-request:data-validation-failed"
    assert said.json()["validationErrors"] == {"$.InvalidId": ["Invalid Id specified"]}


@pytest.mark.parametrize("respond", [respond_to_get, respond_to_create, respond_to_list])
def test_an_incomplete_outcome_is_a_fault_of_the_identity_system_but_for_results(ask, respond):
    said = ask(respond, INCOMPLETE)
    assert said.status_code == 502
    assert said.json() == {
        "Message": "Invalid response from identity service: The search results are not ready yet.",
        "IdentitySystemStatusCode": "Incomplete",
        "IdentitySystemErrors": [
            {"Code": "Incomplete", "Description": "The search results are not ready yet"}
        ],
    }


def test_incomplete_results_are_answered_with_their_own_address(ask):
    said = ask(respond_to_results, INCOMPLETE)
    assert said.status_code == 200
    assert said.headers["location"] == "/identity/v2/identities/results/t"
    assert said.json() == {"Status": "Incomplete", "SearchResponses": []}


@pytest.mark.parametrize("respond", [respond_to_get, respond_to_create, respond_to_list, respond_to_results])
def test_not_found_is_404(ask, respond):
    said = ask(respond, NOT_FOUND)
    assert (said.status_code, said.json()["type"]) == (404, "urn:ed-fi:api:not-found")
    assert said.json()["correlationId"] == "call-1"


def test_an_identity_is_found_by_its_id(ask):
    said = ask(respond_to_get, Outcome(IdentityStatus.SUCCESS, IDENTITY))
    assert (said.status_code, said.json()["UniqueId"]) == (200, "ignored")


def test_an_identity_that_is_only_like_the_id_is_not_found(ask):
    said = ask(respond_to_get, Outcome(IdentityStatus.SUCCESS, {**IDENTITY, "Score": 99.99}))
    assert said.status_code == 404


def test_a_created_identity_is_its_id_as_a_json_string_with_its_address(ask):
    outcome = Outcome(IdentityStatus.SUCCESS, "ignored", location="/identity/v2/identities/ignored")
    said = ask(respond_to_create, outcome)
    assert (said.status_code, said.json()) == (201, "ignored")
    assert said.headers["location"] == "/identity/v2/identities/ignored"


def test_a_list_is_accepted_with_the_address_of_its_results_and_no_body(ask):
    outcome = Outcome(IdentityStatus.SUCCESS, location="/identity/v2/identities/results/ignored")
    said = ask(respond_to_list, outcome)
    assert (said.status_code, said.content) == (202, b"")
    assert said.headers["location"] == "/identity/v2/identities/results/ignored"


@pytest.mark.parametrize("respond", [respond_to_list, respond_to_results])
def test_complete_answers_are_the_body(ask, respond):
    said = ask(respond, Outcome(IdentityStatus.SUCCESS, COMPLETE))
    assert said.status_code == 200
    assert said.json()["SearchResponses"][0]["Responses"][0]["UniqueId"] == "ignored"
    assert "location" not in said.headers


@pytest.mark.parametrize("respond", [respond_to_get, respond_to_create, respond_to_list, respond_to_results])
def test_a_status_that_is_none_of_the_four_is_unknown(ask, respond):
    said = ask(respond, Outcome("Anything", faults=TWO_FAULTS))
    assert (said.status_code, said.json()["IdentitySystemStatusCode"]) == (502, "Unknown")
    assert len(said.json()["IdentitySystemErrors"]) == 2
    assert said.json()["Message"] == (
        "Invalid response from identity service: An unknown error occurred, A second unknown error occurred."
    )


def test_a_missing_list_of_errors_is_null(ask):
    said = ask(respond_to_create, Outcome(IdentityStatus.INCOMPLETE, faults=None))
    assert said.status_code == 502
    assert said.json() == {
        "Message": "Invalid response from identity service: .",
        "IdentitySystemStatusCode": "Incomplete",
        "IdentitySystemErrors": None,
    }

import json
import re

import pytest

from mpi.api.app import create_app
from mpi.domain import eid
from mpi.policy.route_table import ROUTES
from tests.policy.route_matrix import EDFI_PREFIX, FHIR_PREFIX, is_api_route

METHODS = {"get", "put", "post", "delete"}


@pytest.fixture(scope="module")
def document():
    return create_app(None).openapi()


def operations(document):
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_document_holds_every_operation_of_the_policy_table(document):
    in_policy = {route.replace(":path}", "}") for route in filter(is_api_route, ROUTES)}
    assert in_policy
    assert {name for name, _ in operations(document)} == in_policy


def test_every_operation_is_documented_completely(document):
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert operation["security"], name
        answers = operation["responses"]
        done = next(status for status in ("201", "200", "202") if status in answers)
        assert _has_example(document, answers[done]), name
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (name, parameter["name"])
        is_edfi = EDFI_PREFIX in name
        for status in ("400", "401", "403", *(() if is_edfi else ("503",)), "default"):
            content = operation["responses"][status]["content"]
            if FHIR_PREFIX in name and status != "default":
                [outcome] = [content["application/fhir+json"]["example"]]
                assert outcome["resourceType"] == "OperationOutcome", (name, status)
                continue
            assert set(content) == {"application/problem+json"}, (name, status)
            kind = "urn:ed-fi:api:" if is_edfi and status != "default" else "urn:mpi:problem:"
            assert content["application/problem+json"]["example"]["type"].startswith(kind)
        if name.startswith(("PUT", "POST")):
            [body] = operation["requestBody"]["content"].values()
            assert body["example"] or _has_no_members(document, body["schema"]), name


def test_the_document_promises_no_error_of_another_shape(document):
    assert "HTTPValidationError" not in json.dumps(document)


def test_every_reference_has_a_target(document):
    for kind, name in re.findall(r'"#/components/(\w+)/([\w-]+)"', json.dumps(document)):
        assert name in document["components"][kind], name


def test_every_operation_has_a_short_name_of_its_own_for_generated_clients(document):
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", name), name
        assert len(name) <= 32, name


def test_no_schema_is_named_after_a_module(document):
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


def test_a_record_that_is_sent_has_a_named_schema(document):
    body = document["paths"]["/v1/persons:search"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/CanonicalRecord"}


def test_every_answer_names_its_headers(document):
    for name, operation in operations(document):
        for status, answer in operation["responses"].items():
            assert "X-Request-Id" in answer["headers"], (name, status)
            if status in {"429", "503", "default"}:
                assert "Retry-After" in answer["headers"], (name, status)


def test_answers_that_changes_refer_to_name_their_etag(document):
    with_etag = {
        operation["operationId"]
        for _, operation in operations(document)
        if "ETag" in operation["responses"].get("200", {}).get("headers", {})
    }
    assert with_etag == {"get_person", "get_golden_record", "get_question"}


def test_enterprise_ids_of_answers_have_a_pattern(document):
    schema = document["components"]["schemas"]["PersonOut"]["properties"]["enterprise_id"]
    assert re.fullmatch(schema["pattern"], "T7K3-M92Q-X0HN")
    assert not re.fullmatch(schema["pattern"], "t7k3m92qx0hn")


def test_the_document_names_its_server(document):
    assert document["servers"][0]["url"] == "/"


def test_every_enterprise_id_in_an_example_is_a_valid_test_id(document):
    ids = set(re.findall(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}\b", json.dumps(document)))
    ids.discard("7K3M-92QX-0HTV")
    assert ids
    for enterprise_id in ids:
        assert eid.is_test_eid(eid.parse_eid(enterprise_id))


def test_the_document_is_served_without_a_key_and_the_pages_of_the_framework_are_not(call):
    assert call.get("/openapi.json", headers={"Authorization": ""}).json()["openapi"].startswith("3.")
    assert call.get("/redoc").status_code == 404
    assert call.get("/docs/oauth2-redirect").status_code == 404


def _has_no_members(document, schema):
    name = schema["$ref"].rsplit("/", 1)[-1]
    return not document["components"]["schemas"][name].get("properties")


def _has_example(document, response):
    contents = response["content"].values()
    return bool(contents) and all(_shows_example(document, content) for content in contents)


def _shows_example(document, content):
    if "example" in content:
        return True
    schema = content["schema"]
    parts = [schema, schema.get("items", {}), *schema.get("anyOf", [])]
    names = [part["$ref"].rsplit("/", 1)[-1] for part in parts if "$ref" in part]
    return bool(names) and all("example" in document["components"]["schemas"][name] for name in names)

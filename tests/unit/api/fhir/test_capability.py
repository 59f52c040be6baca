"""The capability statement of the FHIR server."""

import re

from mpi.api.app import create_app
from mpi.policy.route_table import ROUTES
from mpi.service.core.index import FhirSettings
from tests.index import with_settings
from tests.unit.api.fhir.conftest import issues_of, match, matches_of
from tests.unit.api.live import add_key, calling


def test_the_statement_is_public_and_names_every_operation(app):
    with calling(app, None) as stranger:
        answer = stranger.get("/fhir/metadata", params={"_format": "json"})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/fhir+json"
        statement = answer.json()
        assert statement["resourceType"] == "CapabilityStatement"
        assert statement["fhirVersion"] == "4.0.1"
        assert statement["implementation"]["url"] == str(stranger.base_url.join("/fhir"))
        issues_of(stranger.get("/fhir/metadata", headers={"accept": "application/fhir+xml"}), 406)
    [patient] = statement["rest"][0]["resource"]
    served = {name for route in ROUTES for name in re.findall(r"/fhir/Patient/\$([\w-]+)", route)}
    assert {operation["name"] for operation in patient["operation"]} == served


def test_the_address_of_the_settings_stands_in_all_answers(index, child):
    eid = child.store()
    named = with_settings(index, fhir=FhirSettings(url="https://mpi.example.gov/fhir"))
    with calling(create_app(named), add_key(index, "named-address")) as client:
        statement = client.get("/fhir/metadata").json()
        assert statement["implementation"]["url"] == "https://mpi.example.gov/fhir"
        bundle = match(client, child.patient())
        assert [found for found, _, _ in matches_of(bundle)] == [eid]
        assert bundle["entry"][0]["fullUrl"] == f"https://mpi.example.gov/fhir/Patient/{eid}"
        assert bundle["link"][0]["url"] == "https://mpi.example.gov/fhir/Patient/$match"

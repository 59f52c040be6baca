"""Foreign FHIR software against the FHIR API: two clients, and a FHIRPath engine for the invariants."""

import random

import httpx
import pytest
from fhir.resources.R4B.patient import Patient

from mpi.api.app import create_app
from mpi.api.fhir.input_profiles import compute_input_weight, has_some_content, has_whole_names
from mpi.service.core.index import FhirSettings
from mpi.service.records.upsert import upsert
from tests.fhir_clients import install_npm_packages, install_pypi_packages, run_node, run_python
from tests.index import OPERATOR, make_child, open_test_index, with_settings
from tests.unit.api.fhir.conftest import matches_of, parameters
from tests.unit.api.live import add_key, serving

PATIENT = {
    "resourceType": "Patient",
    "name": [{"family": "Okonkwo", "given": ["Amara"]}],
    "gender": "female",
    "birthDate": "2014-03-09",
}
GRACE = {"middle_name": "Grace", "email": "amara@example.org", "birth_city": "Dayton", "birth_order": "1"}

KIT_SCRIPT = """
import { readFileSync } from 'node:fs'
import * as kit from 'fhir-kit-client'
const Client = kit.default ?? kit.Client
const { url, key, parameters, token } = JSON.parse(readFileSync(0))
const client = new Client({ baseUrl: url, customHeaders: { Authorization: `Bearer ${key}` } })
const statement = await client.capabilityStatement()
const found = await client.operation({ name: '$match', resourceType: 'Patient', input: parameters })
const query = { name: '$ihe-pix', resourceType: 'Patient', method: 'GET' }
const ids = await client.operation({ ...query, input: { sourceIdentifier: token } })
const refused = await client.operation({ name: '$match', resourceType: 'Patient', input: {} })
  .then(() => null, error => error.response)
const { status, data } = refused
console.log(JSON.stringify({ statement, found, ids, refused: { status, data } }))
"""

FHIRPY_SCRIPT = """
import json, sys
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome
request = json.load(sys.stdin)
client = SyncFHIRClient(request["url"], authorization="Bearer " + request["key"])
statement = client.execute("metadata", method="get")
found = client.execute("Patient/$match", method="post", data=request["parameters"])
ids = client.execute("Patient/$ihe-pix", method="get", params={"sourceIdentifier": request["token"]})
try:
    client.execute("Patient/$match", method="post", data={})
    refused = None
except OperationOutcome as error:
    refused = error.resource
print(json.dumps({"statement": statement, "found": found, "ids": ids, "refused": refused}, default=dict))
"""

FHIRPATH_SCRIPT = """
import { readFileSync } from 'node:fs'
import fhirpath from 'fhirpath'
import r4 from 'fhirpath/fhir-context/r4/index.js'
const { resources, expressions } = JSON.parse(readFileSync(0))
const compiled = expressions.map(one => fhirpath.compile(one, r4))
console.log(JSON.stringify(resources.map(one => compiled.map(evaluate => evaluate(one)[0] ?? null))))
"""

_DIGITAL = "http://hl7.org/fhir/us/identity-matching/ns/HL7Identifier"
_GOVERNMENT = "(code = 'PPN' or code = 'DL' or code = 'STID')"
_HAS_VALUE = "identifier.value.exists()"
_PLACE = "(address.postalCode.exists() or (address.state.exists() and address.city.exists()))"
_HOME = f"(address.where(use = 'home').exists() and address.line.exists() and {_PLACE})"
_OTHER = f"identifier.type.coding.where(code.exists() and {_GOVERNMENT}.not()).exists()"
_EMAIL = "(telecom.where(system = 'email').exists() and telecom.value.exists())"
_PHONE = "(telecom.where(system = 'phone').exists() and telecom.value.exists())"
_CONTACTS = (_HOME, f"({_OTHER} and {_HAS_VALUE})", _EMAIL, _PHONE, "photo.exists()")
_CONTACT_COUNT = f"({' + '.join(f'iif({condition}, 1, 0)' for condition in _CONTACTS)})"
_NAMES = "(name.family.exists() and name.given.exists())"
_OF_A_CODE = f"identifier.type.coding.where({_GOVERNMENT}).exists()"
_IDENTIFIED = f"({_OF_A_CODE} or identifier.where(system = '{_DIGITAL}').exists())"
WEIGHT = (
    f"iif({_IDENTIFIED} and {_HAS_VALUE}, 10, 0)"
    f" + iif({_CONTACT_COUNT} = 1, 4, iif({_CONTACT_COUNT} > 1, 5, 0))"
    f" + iif({_NAMES}, 3, 0) + iif(birthDate.exists(), 2, 0)"
)
IDI_1 = (
    f"identifier.exists() or telecom.exists() or {_NAMES}"
    " or (address.line.exists() and address.city.exists()) or birthDate.exists()"
)
IDI_2 = "name.all(given.exists() or family.exists())"
"""The weight of IDI 2.0.0, which profiles compare with 9 and 10, and the invariants of the base profile."""
_GRADE = "search.extension('http://hl7.org/fhir/StructureDefinition/match-grade')"
_MATCHES = "entry.where(resource is Patient)"
ANSWER_INVARIANTS = (
    f"type = 'searchset' and {_MATCHES}.count() = total",
    f"{_MATCHES}.all(search.score >= 0 and search.score <= 1 and search.mode = 'match')",
    f"{_MATCHES}.all({_GRADE}.value.count() = 1)",
    "entry.resource.ofType(Patient).all(identifier.all(system.exists() and value.exists()))",
    "entry.resource.ofType(Patient).name.all(family.exists() or given.exists() or text.exists())",
    "entry.resource.ofType(Patient).all(link.exists() implies active.exists())",
    "entry.resource.ofType(Patient).contact.all(name.exists() or telecom.exists())",
    "entry.where(fullUrl.exists()).fullUrl.isDistinct()",
)
IDI_ANSWER_INVARIANTS = (
    *ANSWER_INVARIANTS,
    "identifier.exists() and identifier.assigner.exists()",
    "entry.all(fullUrl.startsWith('http'))",
    "entry.where(resource is Organization).count() = 1",
    "entry.resource.ofType(Organization).all(active and name.exists() and contact.telecom.exists())",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Address of a live server, a key and the enterprise ID of a child who has two records."""
    with open_test_index(tmp_path_factory.mktemp("fhir-clients"), "D01", "CCWIS") as index:
        eid = upsert(index, OPERATOR, "D01", make_child("88", **GRACE)).enterprise_id
        assert upsert(index, OPERATOR, "CCWIS", make_child("C-17")).enterprise_id == eid
        key = add_key(index, "exchange")
        served = with_settings(index, fhir=FhirSettings(contact="matches@mpi.example.gov"))
        with serving(create_app(served)) as url:
            yield f"{url}/fhir", key, eid


@pytest.fixture(scope="module")
def node_folder(tmp_path_factory):
    return install_npm_packages(tmp_path_factory.mktemp("npm"))


def check_client_results(results, eid):
    assert results["statement"]["fhirVersion"] == "4.0.1"
    assert [found for found, _, _ in matches_of(results["found"])] == [eid]
    identifiers = [
        (one["valueIdentifier"]["system"], one["valueIdentifier"]["value"])
        for one in results["ids"]["parameter"]
        if one["name"] == "targetIdentifier"
    ]
    assert sorted(identifiers) == [("urn:mpi:enterprise-id", eid), ("urn:mpi:source:CCWIS", "C-17")]


def make_request(server):
    url, key, _ = server
    return {
        "url": url,
        "key": key,
        "parameters": parameters(PATIENT, count=3),
        "token": "urn:mpi:source:D01|88",
    }


def test_fhir_kit_client_matches_and_translates(server, node_folder):
    results = run_node(node_folder, KIT_SCRIPT, make_request(server))
    check_client_results(results, server[2])
    assert results["refused"]["status"] == 400
    assert results["refused"]["data"]["resourceType"] == "OperationOutcome"


def test_fhirpy_matches_and_translates(server, tmp_path):
    results = run_python(install_pypi_packages(tmp_path), FHIRPY_SCRIPT, make_request(server))
    check_client_results(results, server[2])
    assert results["refused"]["issue"][0]["code"] == "structure"


def test_the_weights_of_input_are_those_that_fhirpath_finds(node_folder):
    chance = random.Random(20261201)
    resources = [make_random_patient(chance) for _ in range(400)]
    request = {"resources": resources, "expressions": [WEIGHT, IDI_1, IDI_2]}
    expected = run_node(node_folder, FHIRPATH_SCRIPT, request)
    patients = [Patient.model_validate(resource) for resource in resources]
    found = [
        [compute_input_weight(patient), has_some_content(patient), has_whole_names(patient)]
        for patient in patients
    ]
    assert found == expected
    weights = {weight for weight, _, _ in expected}
    assert weights >= {0, 2, 3, 4, 5, 9, 10, 20}
    assert {some for _, some, _ in expected} == {whole for _, _, whole in expected} == {True, False}


def test_answers_meet_the_invariants_of_their_profiles(server, node_folder):
    url, key, _ = server
    headers = {"Authorization": f"Bearer {key}"}
    nobody = {**PATIENT, "birthDate": "1999-09-09"}
    for operation, name, invariants in (
        ("$match", "resource", ANSWER_INVARIANTS),
        ("$idi-match", "IDIPatient", IDI_ANSWER_INVARIANTS),
    ):
        bodies = [
            httpx.post(f"{url}/Patient/{operation}", json=parameters(patient, name), headers=headers).json()
            for patient in (PATIENT, nobody, {**PATIENT, "identifier": [{"value": "1"}]})
        ]
        bundles = [body if operation == "$match" else body["parameter"][0]["resource"] for body in bodies]
        request = {"resources": bundles, "expressions": invariants}
        for results in run_node(node_folder, FHIRPATH_SCRIPT, request):
            assert dict(zip(invariants, results, strict=True)) == dict.fromkeys(invariants, True)


def make_random_patient(chance):
    """Return a Patient of random elements, many of them in part."""
    codes = chance.choice([["PPN"], ["DL"], ["STID"], ["MR"], ["MR", "DL"], [None], []])
    systems = [None, "http://hl7.org/fhir/us/identity-matching/ns/HL7Identifier"]
    identifier = {
        "type": {"coding": [{"code": code} if code else {"display": "x"} for code in codes]}
        if codes
        else None,
        "system": chance.choice(systems),
        "value": chance.choice([None, "1", "1"]),
        "use": "usual",
    }
    address = {
        "use": chance.choice([None, "home", "home", "work"]),
        "line": chance.choice([None, ["12 Elm St"]]),
        "city": chance.choice([None, "Dayton"]),
        "state": chance.choice([None, "OH"]),
        "postalCode": chance.choice([None, "45402"]),
        "country": "US",
    }
    point = {
        "system": chance.choice(["phone", "email", "fax"]),
        "value": chance.choice([None, "x", "x"]),
        "rank": 1,
    }
    name = {
        "use": "usual",
        "family": chance.choice([None, "Okonkwo"]),
        "given": chance.choice([None, ["Amara"]]),
    }
    elements = {
        "identifier": [identifier],
        "address": [address],
        "telecom": [point, {"system": "email", "rank": 2}] if chance.random() < 0.3 else [point],
        "name": [name, {"use": "old", "family": "Quist"}] if chance.random() < 0.2 else [name],
        "birthDate": "2014-03-09",
        "photo": [{"contentType": "image/png", "title": "x"}],
    }
    chosen = {key: value for key, value in elements.items() if chance.random() < 0.45}
    return {"resourceType": "Patient", "active": True, **remove_missing(chosen)}


def remove_missing(value):
    """Return a value without the members that are None."""
    if isinstance(value, dict):
        return {key: remove_missing(member) for key, member in value.items() if member is not None}
    return [remove_missing(member) for member in value] if isinstance(value, list) else value

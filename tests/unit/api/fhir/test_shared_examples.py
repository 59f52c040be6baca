"""The published examples of IHE PIXm: its Patients are matched, and its query answers as it shows."""

import os
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest
from fhir.resources.R4B.patient import Patient

from mpi.api.app import create_app
from mpi.api.fhir.patient_input import read_patient
from mpi.api.fhir.systems import IdentifierSystems
from mpi.service.core.index import FhirSettings
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, open_test_index, with_settings
from tests.unit.api.fhir.conftest import match, matches_of
from tests.unit.api.live import add_key, calling

pytestmark = pytest.mark.data

DATA = Path(os.environ.get("MPI_EVAL_DATA", Path(__file__).parents[4].parent / "shared" / "data"))
EXAMPLES = DATA / "fhir" / "PIXm-examples"

if not EXAMPLES.is_dir():
    pytest.skip("the public evaluation sets are not here: set MPI_EVAL_DATA", allow_module_level=True)

PIXM = "urn:oid:1.3.6.1.4.1.21367.13.20."
SYSTEMS = {"RED": f"{PIXM}1000", "GREEN": f"{PIXM}2000", "BLUE": f"{PIXM}3000"}
RECORDS = ("MohrAlice-Red", "MohrAlice-Green", "MohrAlice-Blue")


def read_example(name):
    return orjson.loads((EXAMPLES / f"Patient-{name}.json").read_bytes())


def read_parameters(name):
    """Return name and values of each parameter of an example in XML."""
    space = {"f": "http://hl7.org/fhir"}
    root = ElementTree.parse(EXAMPLES / name).getroot()  # noqa: S314 - a published example
    return [
        (
            parameter.find("f:name", space).get("value"),
            *(each.get("value") for each in parameter.iter() if each.get("value")),
        )
        for parameter in root.findall("f:parameter", space)
    ]


@pytest.fixture(scope="module")
def alice(tmp_path_factory):
    """A client of an index with the three records of Alice, and her enterprise ID."""
    with open_test_index(tmp_path_factory.mktemp("pixm"), *SYSTEMS) as index:
        systems = IdentifierSystems(SYSTEMS, SYSTEMS)
        eids = set()
        for name in RECORDS:
            sent = read_patient(Patient.model_validate(read_example(name)), systems)
            [(source, local_id)] = sent.local_ids
            eids.add(upsert(index, OPERATOR, source, {**sent.fields, "local_id": local_id}).enterprise_id)
        [eid] = eids
        served = with_settings(index, fhir=FhirSettings(systems=SYSTEMS))
        with calling(create_app(served), add_key(index, "pixm")) as client:
            yield client, eid


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_of_a_patient_is_read(alice, path):
    client, eid = alice
    bundle = match(client, orjson.loads(path.read_bytes()))
    assert {found for found, _, _ in matches_of(bundle)} <= {eid}


def test_alice_is_matched_with_all_her_identifiers(alice):
    client, eid = alice
    bundle = match(client, read_example("MohrAlice"), onlyCertainMatches=True)
    assert [found for found, _, _ in matches_of(bundle)] == [eid]
    answered = bundle["entry"][0]["resource"]["identifier"]
    for identifier in read_example("MohrAlice")["identifier"]:
        assert identifier in answered


@pytest.mark.parametrize("query", ["red-all", "red-to-blue"])
def test_the_query_answers_what_the_example_shows(alice, query):
    client, _ = alice
    asked = [
        (name, value)
        for name, _, value in read_parameters(f"pixm-request-mohralice-{query}.xml")
        if name != "_format"
    ]
    answer = client.get("/fhir/Patient/$ihe-pix", params=asked)
    found = {
        (one["valueIdentifier"]["system"], one["valueIdentifier"]["value"])
        for one in answer.json()["parameter"]
        if one["name"] == "targetIdentifier"
    }
    shown = {
        tuple(values)
        for name, _, *values in read_parameters(f"pixm-response-mohralice-{query}.xml")
        if name == "targetIdentifier"
    }
    assert shown
    assert shown <= found

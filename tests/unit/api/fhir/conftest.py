"""Live FHIR server of two districts and a care agency; each test takes children of other names."""

import itertools

import pytest
from fhir.resources.R4B.patient import Patient

from mpi.api.app import create_app
from mpi.service.core.index import FhirSettings, SearchLimits
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index, with_settings
from tests.unit.api.live import add_key, calling

D02_SYSTEM = "urn:oid:1.3.6.1.4.1.21367.13.20.2000"
_LETTERS = "bcdfghjklmnpqrstvwxz"
_counter = itertools.count(1)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index whose clients may search as often as they like."""
    with open_test_index(tmp_path_factory.mktemp("fhir"), "D01", "D02", "CCWIS") as new_index:
        settings = FhirSettings(systems={"D02": D02_SYSTEM}, contact="matches@mpi.example.gov")
        yield with_settings(new_index, search_limits=SearchLimits(10_000, 10_000), fhir=settings)


@pytest.fixture(scope="module")
def app(index):
    """The application; a test that needs other settings makes its own."""
    return create_app(index)


@pytest.fixture(scope="module")
def sis(index, app):
    """A client of district D01."""
    with calling(app, add_key(index, "sis", sources=["D01"])) as client:
        yield client


@pytest.fixture(scope="module")
def everywhere(index, app):
    """A client of all sources."""
    with calling(app, add_key(index, "everywhere")) as client:
        yield client


class Child:
    """A child of a last name that no other test has.

    Args:
        index: the index that stores its records.
    """

    def __init__(self, index) -> None:
        number = next(_counter)
        letters = (_LETTERS[number // 20**place % 20] + "ao"[place % 2] for place in range(5))
        self.index = index
        self.last_name = "".join(letters).title()
        self.birth_date = f"20{10 + number % 5}-0{1 + number % 9}-{10 + number % 17}"
        self._ids = itertools.count(1)

    def store(self, source="D01", local_id=None, **changes):
        """Store a record of the child and return its enterprise ID."""
        record = make_child(
            local_id or f"{self.last_name}-{next(self._ids)}",
            **{"last_name": self.last_name, "birth_date": self.birth_date, "postal_code": None, **changes},
        )
        return upsert(self.index, OPERATOR, source, record).enterprise_id

    def patient(self, given="Amara", **changes):
        """Return the child as a FHIR Patient."""
        patient = {
            "resourceType": "Patient",
            "name": [{"family": self.last_name, "given": [given]}],
            "gender": "female",
            "birthDate": self.birth_date,
            **changes,
        }
        return {name: value for name, value in patient.items() if value is not None}


@pytest.fixture
def child(index):
    """A child whom no other test has."""
    return Child(index)


def make_patient(**members):
    """Return the Patient of ``make_child``, with further members."""
    name = {"family": "Okonkwo", "given": ["Amara"]}
    known = {"resourceType": "Patient", "name": [name], "gender": "female", "birthDate": "2014-03-09"}
    return Patient.model_validate({**known, **members})


def parameters(patient, name="resource", **flags):
    """Return the Parameters of a match operation."""
    kinds = {bool: "valueBoolean", int: "valueInteger"}
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": name, "resource": patient},
            *({"name": flag, kinds[type(value)]: value} for flag, value in flags.items()),
        ],
    }


def match(client, patient, **flags):
    """Match a Patient and return the Bundle."""
    answer = client.post("/fhir/Patient/$match", json=parameters(patient, **flags))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    bundle = answer.json()
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "searchset")
    return bundle


def matches_of(bundle):
    """Return ID, grade and score of each matched Patient of a Bundle."""
    return [
        (entry["resource"]["id"], entry["search"]["extension"][0]["valueCode"], entry["search"]["score"])
        for entry in bundle.get("entry", ())
        if entry["search"]["mode"] == "match"
    ]


def issues_of(answer, status):
    """Return the issues of an error answer, after checking its form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    return outcome["issue"]

"""Answers of match operations are resources as ``fhir.resources`` checks and writes them."""

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle, BundleEntrySearch
from fhir.resources.R4B.parameters import Parameters

from mpi.api.fhir.bundles import build_idi_parameters, build_match_bundle
from mpi.api.fhir.matching import Grade, Match, MatchAnswer
from mpi.api.fhir.outcomes import Issue
from mpi.api.fhir.systems import IdentifierSystems
from mpi.domain.record_ref import RecordRef
from mpi.service.core.index import FhirSettings
from mpi.service.persons.golden_record import GoldenRecord, GoldenValue

SYSTEMS = IdentifierSystems(["D01", "D 2"], {"D01": "urn:oid:1.2"})
BASE_URL = "https://mpi.example.gov/fhir"
WARNINGS = (
    Issue("multiple-matches", "twins may be near", "Patient.multipleBirth", "warning"),
    Issue("not-supported", "an identifier was not compared", "Patient.identifier", "warning"),
)
FULL = {
    "first_name": "Zoë",
    "middle_name": "  ",
    "last_name": "O'Neil\t李",
    "suffix": "Jr",
    "preferred_name": "Zo \N{GRINNING FACE}",
    "sex": "X",
    "birth_date": "2014-03-09",
    "birth_place": {"birth_city": "Erie", "birth_state": "PA", "birth_country": "US"},
    "birth_order": "2",
    "phone": "(216) 555-0100",
    "email": "a@b.c",
}
LISTS = (
    ("other_names", {"first_name": "Zoe", "middle_name": "Q", "last_name": "Néel"}),
    ("identifiers", {"system": "state_student_id", "assigner": "SEA", "value": "9 001"}),
    ("identifiers", {"system": "medicaid", "assigner": "Ohio & Co", "value": 'a"\\b'}),
    (
        "addresses",
        {
            "address_line1": "1 Main St",
            "address_line2": "\u00a0",
            "city": "Erie",
            "county": "Erie",
            "state": "PA",
            "postal_code": "16501-0001",
        },
    ),
    ("addresses", {"address_line1": " "}),
    (
        "guardians",
        {"guardian_first_name": "Ann", "guardian_last_name": "O'Neil", "guardian_relationship": "Mother"},
    ),
    ("guardians", {"guardian_last_name": "Diaz"}),
)


def make_match(single, lists=(), grade=Grade.CERTAIN, score=0.9999):
    refs = (RecordRef("D01", "A/1"), RecordRef("D 2", "ü 7"), RecordRef("hidden", "3"))
    values = [
        GoldenValue(attribute, value, refs[place % 3], "", "only", agreeing=refs)
        for place, (attribute, value) in enumerate((*single.items(), *lists))
    ]
    record = GoldenRecord("T7K3-M92Q-X0HN", "active", (), tuple(values), "")
    return Match(record, grade, score, frozenset())


ANSWERS = {
    "nobody": MatchAnswer((), ()),
    "nobody, with warnings": MatchAnswer((), WARNINGS),
    "all that a person can have": MatchAnswer((make_match(FULL, LISTS),), ()),
    "several, with a warning": MatchAnswer(
        (
            make_match(FULL, LISTS, Grade.PROBABLE, 0.9),
            make_match({}, score=0.0001),
            make_match({"multiple_birth": True, "birth_date": "2014-03"}, LISTS[3:], Grade.POSSIBLE, 0.5),
            make_match({"multiple_birth": False, "birth_date": "2014-00-00", "sex": "F"}, score=1.0),
        ),
        WARNINGS[:1],
    ),
}


def require_equal_text(model, built):
    assert orjson.dumps(built).decode() == model.model_validate(built).model_dump_json()


@pytest.mark.parametrize("name", ANSWERS)
def test_a_bundle_is_written_as_the_library_writes_it(name):
    require_equal_text(Bundle, build_match_bundle(ANSWERS[name], SYSTEMS, BASE_URL))


@pytest.mark.parametrize(
    "contact", [None, "help@mpi.example.gov", "+1 614 555 0100", "https://mpi.example.gov"]
)
@pytest.mark.parametrize("name", ANSWERS)
def test_parameters_are_written_as_the_library_writes_them(name, contact):
    settings = FhirSettings(organization="Índice", contact=contact)
    require_equal_text(Parameters, build_idi_parameters(ANSWERS[name], SYSTEMS, BASE_URL, settings))


def test_scores_are_written_as_the_library_writes_them():
    for score in range(0, 10_000, 7):
        require_equal_text(BundleEntrySearch, {"mode": "match", "score": score / 10_000})

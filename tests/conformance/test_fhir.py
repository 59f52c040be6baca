"""Matches and cross-references over FHIR on both stores."""

from concurrent.futures import ThreadPoolExecutor

from mpi.api.fhir.cross_reference import CrossReference, PatientIdentifier
from mpi.api.fhir.match_request import MatchRequest
from mpi.api.fhir.matching import Grade, find_matches, select_matches
from mpi.api.fhir.systems import read_systems
from mpi.domain.viewer import Action
from mpi.service.core.index import SearchLimits
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, with_settings
from tests.unit.api.fhir.conftest import make_patient

BASE = "https://mpi.example.gov/fhir"


def test_a_patient_is_matched_by_several_at_once_with_one_answer(index):
    served = with_settings(index, search_limits=SearchLimits(1_000, 1_000))
    first = upsert(served, OPERATOR, "sis", make_child("1", birth_order="1")).enterprise_id
    twin = make_child("2", birth_order="2", **{"not": [first]})
    second = upsert(served, OPERATOR, "ccwis", twin).enterprise_id
    systems = read_systems(served, OPERATOR, Action.RECORD_READ)
    patient = make_patient(multipleBirthInteger=2)

    def match(only_certain):
        request = MatchRequest(patient, only_certain=only_certain)
        answer = select_matches(find_matches(served, OPERATOR, systems, patient), request)
        return [(each.record.enterprise_id, each.grade) for each in answer.matches]

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(match, (False, True) * 4))
    assert answers[::2] == [[(second, Grade.CERTAIN), (first, Grade.POSSIBLE)]] * 4
    assert answers[1::2] == [[(second, Grade.CERTAIN)]] * 4


def test_identifiers_of_a_person_are_translated(index):
    eid = upsert(index, OPERATOR, "sis", make_child("1")).enterprise_id
    upsert(index, OPERATOR, "ccwis", make_child("C-1"))
    systems = read_systems(index, OPERATOR, Action.CROSSWALK_READ)
    answer = CrossReference(index, OPERATOR, systems, BASE).answer(
        PatientIdentifier("urn:mpi:source:sis", "1"), []
    )
    assert answer.model_dump()["parameter"] == [
        {"name": "targetIdentifier", "valueIdentifier": {"system": "urn:mpi:source:ccwis", "value": "C-1"}},
        {"name": "targetIdentifier", "valueIdentifier": {"system": "urn:mpi:enterprise-id", "value": eid}},
        {"name": "targetId", "valueReference": {"reference": f"{BASE}/Patient/{eid}"}},
    ]

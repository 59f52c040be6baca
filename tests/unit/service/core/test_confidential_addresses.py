"""Test that one agency's confidential address is neither shown nor compared by another agency's record."""

from dataclasses import replace

import pytest

from mpi.domain.features import Features
from mpi.domain.record import Address, CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.confidential_addresses import (
    WITHHELD_FIELDS,
    find_withheld_records,
    has_confidential_address,
    withhold_contacts,
)
from mpi.service.explanations.pair_explanation import explain_pair
from mpi.service.explanations.person_explanation import explain_person
from mpi.service.explanations.person_links import list_links
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.assignments import claim
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.review.record_cards import build_cards
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.decisions import get_decision
from mpi.service.stewardship.merge_split_move import StepOptions
from mpi.standardize.standardizer import standardize
from tests.index import OPERATOR, crosswalk, load_rows, make_child, open_test_index, with_tuning
from tests.unit.service.stewardship.test_decisions import make_decision

CHILD = make_child(
    "1", first_name="Zuleika", last_name="Abernathy", address_line1="12 Elm St", phone="5551234567"
)
CONFIDENTIAL = {**CHILD, "restrictions": [{"kind": "address_confidential"}]}
SCHOOL = Viewer("school", None, OPERATOR.actions, frozenset({"sis"}))
SCHOOL_RECORD, PROBE = RecordRef("sis", "1"), RecordRef("sis", "probe")
ALIKE = {"first_name": "Zuleikah", "last_name": "Abernathyh"}
"""Names with which a probe is a doubtful match: 11.1 bits with the child's postal code, 6.0 without."""


@pytest.fixture
def confidential_index(tmp_path):
    """One child in two sources; child welfare keeps the address confidential."""
    with open_test_index(tmp_path, "sis", "ccwis") as confidential_index:
        load_rows(confidential_index, "sis", CHILD)
        load_rows(confidential_index, "ccwis", CONFIDENTIAL)
        assert len(set(crosswalk(confidential_index).values())) == 1
        yield confidential_index


def find_school_record(unit) -> int:
    return unit.records.find_by_local_ids(unit.sources.get_by_code("sis").id, ["1"])["1"].id


def test_question_withholds_the_address_on_every_record_of_the_child(confidential_index):
    with confidential_index.database.read(OPERATOR) as unit:
        [card] = build_cards(unit, confidential_index, [find_school_record(unit)])
    assert not WITHHELD_FIELDS & card.values.keys()
    assert {"address_line1", "phone"} <= set(card.withheld)
    assert card.values["first_name"] == "Zuleika"


def test_withheld_fields_do_not_reveal_a_confidential_record_to_a_viewer_without_access(
    confidential_index,
):
    with confidential_index.database.read(SCHOOL) as unit:
        assert not has_confidential_address(unit, [find_school_record(unit)])
    with confidential_index.database.read(OPERATOR) as unit:
        assert has_confidential_address(unit, [find_school_record(unit)])


def test_viewer_not_named_for_a_source_reads_no_address_of_the_child(confidential_index):
    for source in ("sis", "ccwis"):
        answer = read(confidential_index, OPERATOR, source, "1")
        assert not WITHHELD_FIELDS & answer["record"].keys()
        assert {"addresses", "address_line1", "phone"} <= set(answer["withheld"])
        assert answer["record"]["first_name"] == "Zuleika"
        assert not {"12 Elm St", "5551234567"} & set(map(str, answer["record"].values()))
    with confidential_index.database.read(OPERATOR) as unit:
        lines = [line for line in unit.disclosures.all() if line.action == Action.RECORD_READ]
    assert [WITHHELD_FIELDS & set(line.fields) for line in lines] == [set(), set()]


def test_viewer_named_for_the_source_reads_the_address_of_its_record(confidential_index):
    for source in ("sis", "ccwis"):
        viewer = Viewer("agency", None, OPERATOR.actions, frozenset({source}))
        answer = read(confidential_index, viewer, source, "1")
        assert (answer["record"]["address_line1"], answer["withheld"]) == ("12 Elm St", [])


def test_address_is_readable_when_no_record_of_the_child_is_confidential(confidential_index):
    load_rows(
        confidential_index,
        "sis",
        {**CHILD, "local_id": "2", "first_name": "Bo", "last_name": "Zwart"},
    )
    assert read(confidential_index, OPERATOR, "sis", "2")["record"]["address_line1"] == "12 Elm St"


def test_correction_withholds_what_its_corrected_record_withholds(confidential_index):
    eid = crosswalk(confidential_index)["sis", "1"]
    correction = correct_value(
        confidential_index, OPERATOR, eid, "phone", "6145550123", StepOptions("x", "call")
    )
    with confidential_index.database.read(OPERATOR) as unit:
        number = unit.steps.get(correction.step).detail["record"]
    answer = read(confidential_index, OPERATOR, "STEWARD", f"correction-{number}")
    assert "phone" not in answer["record"]
    assert "phone" in answer["withheld"]


def test_withdrawn_confidential_record_keeps_its_address_withheld(confidential_index):
    withdraw(confidential_index, OPERATOR, "ccwis", "1")
    assert not WITHHELD_FIELDS & read(confidential_index, OPERATOR, "ccwis", "1")["record"].keys()


def send_probe(index, **changes) -> None:
    """Send a record with the child's home, to learn what it is compared with."""
    upsert(index, OPERATOR, "sis", {**CHILD, "local_id": "probe", **changes})


def test_features_without_contacts_equal_those_of_a_record_without_them(confidential_index):
    contacts = {
        "addresses": (
            Address("12 Elm St", "Apt 4", "Dayton", state="OH", postal_code="45402", type="Foster home"),
        ),
        "phone": "614-555-0137",
        "email": "z@example.org",
    }
    record = CanonicalRecord(local_id="1", first_name="Zuleika", birth_date="2014-03-09")
    keyed_hash = confidential_index.keyed_hash
    full_features = standardize(record._replace(**contacts), "sis", keyed_hash)
    assert full_features.placement_homes
    assert full_features.phones
    assert full_features.email
    expected = standardize(record, "sis", keyed_hash)
    assert withhold_contacts(full_features) == expected
    assert withhold_contacts(replace(full_features, shared_homes=full_features.addresses)) == expected
    assert withhold_contacts(Features()) == Features()


def test_contacts_are_withheld_of_every_record_of_the_child_from_a_viewer_of_all_sources(confidential_index):
    send_probe(confidential_index, **ALIKE)
    with confidential_index.database.read(OPERATOR) as unit:
        sis, ccwis = (unit.sources.get_by_code(code).id for code in ("sis", "ccwis"))
        school_records = unit.records.find_by_local_ids(sis, ["1", "probe"])
        [welfare_record] = unit.records.find_by_local_ids(ccwis, ["1"]).values()
        numbers = {welfare_record.id, *(record.id for record in school_records.values())}
        assert find_withheld_records(unit, numbers) == {welfare_record.id, school_records["1"].id}
    for sources in ({"sis"}, {"sis", "ccwis"}):
        with confidential_index.database.read(replace(SCHOOL, sources=frozenset(sources))) as unit:
            assert find_withheld_records(unit, numbers) == set()


def test_withheld_address_is_compared_in_an_explanation_only_for_its_source(confidential_index):
    send_probe(confidential_index, **ALIKE)
    levels = {
        viewer.client: {
            part.comparison: part.level
            for part in explain_pair(confidential_index, viewer, SCHOOL_RECORD, PROBE).parts
        }
        for viewer in (OPERATOR, SCHOOL)
    }
    assert levels["operator"]["postal_code"] == "missing"
    assert levels["school"]["postal_code"] == "equal"


@pytest.mark.parametrize("explained_records", [100, 1])
def test_withheld_address_counts_in_no_link_of_the_person(confidential_index, explained_records):
    index = with_tuning(confidential_index, review={"explained_records": explained_records})
    send_probe(index)
    eid = crosswalk(index)["sis", "1"]
    assert crosswalk(index)["sis", "probe"] == eid
    for viewer, bits in ((OPERATOR, 16.1), (SCHOOL, 21.2)):
        weights = {
            frozenset((link.left, link.right)): link.match_weight for link in list_links(index, viewer, eid)
        }
        assert weights[frozenset((SCHOOL_RECORD, PROBE))] == pytest.approx(bits, abs=0.1)
        lines = explain_person(index, viewer, eid).lines
        assert max(line.match_weight for line in lines) == pytest.approx(bits, abs=0.1)


def test_withheld_address_counts_in_no_weight_of_the_queue(confidential_index):
    index = confidential_index
    send_probe(index, **ALIKE)
    for viewer, bits in ((OPERATOR, 6.0), (SCHOOL, 11.1)):
        [question] = load_queue_page(index, viewer, Filters()).questions
        view = load_question_view(index, viewer, question.key)
        weights = [
            question.match_weight,
            view.summary.match_weight,
            max(pair.match_weight for pair in view.pairs),
            max(task.match_weight for task in list_review_tasks(index, viewer)),
        ]
        assert weights == pytest.approx([bits] * 4, abs=0.1), viewer.client


def test_closed_question_shows_no_stored_weight_of_a_withheld_address(confidential_index):
    index = confidential_index
    send_probe(index, **ALIKE)
    [question] = load_queue_page(index, OPERATOR, Filters()).questions
    claim(index, OPERATOR, question.key)
    make_decision(index, "DIFFERENT", ["sis:1", "ccwis:1"], ["sis:probe"])
    [closed] = load_queue_page(index, OPERATOR, Filters(state="closed")).questions
    assert (closed.key, closed.match_weight) == (question.key, 0)
    with index.database.read(OPERATOR) as unit:
        assert max(unit.task_work.get([question.key])[question.key].about["tasks"].values()) > 0


def test_withheld_address_shows_no_household(confidential_index):
    send_probe(confidential_index, first_name="Bo")
    households = {}
    for viewer in (OPERATOR, SCHOOL):
        with confidential_index.database.read(viewer) as unit:
            [card] = build_cards(unit, confidential_index, [find_school_record(unit)])
        households[viewer.client] = card.household
    assert households == {"operator": (), "school": (PROBE,)}


def test_evidence_of_a_decision_shows_no_level_of_a_withheld_address(confidential_index):
    send_probe(confidential_index, **ALIKE)
    number = make_decision(confidential_index, "DIFFERENT", ["sis:1"], ["sis:probe"])
    assert get_decision(confidential_index, OPERATOR, number).evidence["pairs"] == []
    [pair] = get_decision(confidential_index, SCHOOL, number).evidence["pairs"]
    assert pair["levels"]["postal_code"] == "equal"

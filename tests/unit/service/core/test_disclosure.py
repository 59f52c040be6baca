"""Test that an answer's disclosure log line names exactly the records shown."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.assignments import claim
from mpi.service.review.owner_questions import ask_owner
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import load_landing
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from tests.desk import ANN, BEN, add_doubtful_pair, at, later, only_question, question_keys
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index

SIS_CLIENT = Viewer("sis-client", None, frozenset(Action), frozenset({"sis"}))
SIBLING = RecordRef("sis", "sibling")
FIRST, SECOND, HIDDEN = RecordRef("sis", "c0"), RecordRef("sis", "c1"), RecordRef("ccwis", "c50")


@pytest.fixture
def household_index(tmp_path, database_url):
    """An index with a school child, a sibling in the household, and two candidates."""
    home = {"household_ids": ["H77"], "address_line1": "12 Elm St", "city": "Dayton", "state": "OH"}
    sibling = {"first_name": "Kofi", "birth_date": "2010-01-05", "sex": "M"}
    with open_test_index(
        tmp_path / "home", "sis", "ccwis", database_url=database_url, birth=("surname:1",)
    ) as index:
        upsert(index, OPERATOR, "sis", make_child("1", **home))
        upsert(index, OPERATOR, "sis", make_child(SIBLING.local_id, **home, **sibling))
        for local_id, first, last in (("3", "Amaro", "Okonkwu"), ("4", "Amarix", "Okonkw")):
            child = make_child(local_id, first_name=first, last_name=last, postal_code=None)
            upsert(index, OPERATOR, "ccwis", child)
        yield index


def collect_record_refs(answer) -> set[RecordRef]:
    """Return every record reference in an answer, at any depth."""
    match answer:
        case RecordRef():
            return {answer}
        case {"source": str(source), "local_id": str(local_id)}:
            return {RecordRef(source, local_id)}
        case Mapping():
            return collect_record_refs(tuple(answer.values()))
        case tuple() | list():
            return {label for each in answer for label in collect_record_refs(each)}
        case _ if is_dataclass(answer):
            return collect_record_refs(tuple(getattr(answer, each.name) for each in fields(answer)))
    return set()


def run_and_read_disclosure(index, read):
    """Run a read and return its answer with the records and fields it disclosed."""
    with index.database.read(OPERATOR) as unit:
        before = len(unit.disclosures.all())
    answer = read()
    with index.database.read(OPERATOR) as unit:
        [line] = unit.disclosures.all()[before:]
        return answer, set(unit.records.labels(line.record_ids).values()), line.fields


def test_question_discloses_household_members_and_the_household_field(household_index):
    key = only_question(household_index).key
    answer, disclosed, shown = run_and_read_disclosure(
        household_index, lambda: load_question_view(household_index, ANN, key)
    )
    assert SIBLING in disclosed
    assert disclosed == collect_record_refs(answer)
    assert {"household", "enterprise_id"} <= set(shown)


def test_question_discloses_the_records_in_its_history(household_index):
    key = only_question(household_index).key
    verdict = PairVerdict(RecordRef("sis", "1"), RecordRef("ccwis", "4"), "different")
    answer_question(household_index, ANN, key, [verdict], "different-children")
    withdraw(household_index, OPERATOR, "ccwis", "4")
    for each in question_keys(household_index, state=None):
        answer, disclosed, _ = run_and_read_disclosure(
            household_index, lambda each=each: load_question_view(household_index, ANN, each)
        )
        assert disclosed == collect_record_refs(answer)


def test_landing_page_discloses_records_of_overdue_owner_questions(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    ask_owner(index, ANN, key, RecordRef("sis", "1"), "confirm-record")
    with at(later(days=30)):
        claim(index, BEN, key)
        answer, disclosed, _ = run_and_read_disclosure(index, lambda: load_landing(index, ANN))
    assert disclosed == collect_record_refs(answer) == {RecordRef("sis", "1")}


def test_decision_discloses_only_the_records_shown_to_its_reader(index):
    load_rows(index, "sis", *many_children(2))
    load_rows(index, "ccwis", *many_children(1, start=50))
    for groups in (((FIRST, HIDDEN), (SECOND,)), ((FIRST,), (SECOND,))):
        decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, groups, "x"))
    answer, disclosed, _ = run_and_read_disclosure(index, lambda: get_decision(index, SIS_CLIENT, 1))
    assert disclosed == collect_record_refs(answer) == {FIRST, SECOND}
    for limit in (1, 10):
        decisions, list_disclosed, _ = run_and_read_disclosure(
            index, lambda limit=limit: list_decisions(index, SIS_CLIENT, None, limit)
        )
        assert list_disclosed == collect_record_refs(decisions) == {FIRST, SECOND}

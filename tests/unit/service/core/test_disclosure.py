"""What an answer names is what its line of the ledger names: no record more, and none less."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.review.answer import PairVerdict, answer_question
from mpi.service.review.assignments import claim
from mpi.service.review.owner_questions import ask_owner
from mpi.service.review.question import load_question_view
from mpi.service.review.queue import load_landing
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision, list_decisions
from tests.desk import ANN, BEN, at, keys, later, one_pair, the_question
from tests.index import OPERATOR, a_child, an_index, load_rows, many_children

SIS_CLIENT = Viewer("sis-client", None, frozenset(Action), frozenset({"sis"}))
SIBLING = RecordRef("sis", "sibling")
FIRST, SECOND, HIDDEN = RecordRef("sis", "c0"), RecordRef("sis", "c1"), RecordRef("ccwis", "c50")


@pytest.fixture
def doubted(tmp_path, database_url):
    """A child of sis that lives with a sibling, and two of ccwis that it may be."""
    home = {"household_ids": ["H77"], "address_line1": "12 Elm St", "city": "Dayton", "state": "OH"}
    sibling = {"first_name": "Kofi", "birth_date": "2010-01-05", "sex": "M"}
    with an_index(
        tmp_path / "home", "sis", "ccwis", database_url=database_url, birth=("surname:1",)
    ) as index:
        upsert(index, OPERATOR, "sis", a_child("1", **home))
        upsert(index, OPERATOR, "sis", a_child(SIBLING.local_id, **home, **sibling))
        for local_id, first, last in (("3", "Amaro", "Okonkwu"), ("4", "Amarix", "Okonkw")):
            child = a_child(local_id, first_name=first, last_name=last, postal_code=None)
            upsert(index, OPERATOR, "ccwis", child)
        yield index


def named_in(told) -> set[RecordRef]:
    """Every label in an answer, wherever it stands."""
    match told:
        case RecordRef():
            return {told}
        case {"source": str(source), "local_id": str(local_id)}:
            return {RecordRef(source, local_id)}
        case Mapping():
            return named_in(tuple(told.values()))
        case tuple() | list():
            return {label for each in told for label in named_in(each)}
        case _ if is_dataclass(told):
            return named_in(tuple(getattr(told, each.name) for each in fields(told)))
    return set()


def line_of(index, read):
    """An answer with the records and fields of its line of the ledger."""
    with index.database.read(OPERATOR) as unit:
        before = len(unit.disclosures.all())
    told = read()
    with index.database.read(OPERATOR) as unit:
        [line] = unit.disclosures.all()[before:]
        return told, set(unit.records.labels(line.record_ids).values()), line.fields


def test_a_question_discloses_who_lives_with_its_children_and_that_it_does(doubted):
    key = the_question(doubted).key
    told, disclosed, shown = line_of(doubted, lambda: load_question_view(doubted, ANN, key))
    assert SIBLING in disclosed
    assert disclosed == named_in(told)
    assert {"household", "enterprise_id"} <= set(shown)


def test_a_question_discloses_of_whom_its_history_tells(doubted):
    key = the_question(doubted).key
    verdict = PairVerdict(RecordRef("sis", "1"), RecordRef("ccwis", "4"), "different")
    answer_question(doubted, ANN, key, [verdict], "different-children")
    withdraw(doubted, OPERATOR, "ccwis", "4")
    for each in keys(doubted, state=None):
        told, disclosed, _ = line_of(doubted, lambda each=each: load_question_view(doubted, ANN, each))
        assert disclosed == named_in(told)


def test_what_a_steward_sees_first_discloses_what_owners_did_not_answer_in_time(index):
    one_pair(index)
    key = the_question(index).key
    ask_owner(index, ANN, key, RecordRef("sis", "1"), "confirm-record")
    with at(later(days=30)):
        claim(index, BEN, key)
        told, disclosed, _ = line_of(index, lambda: load_landing(index, ANN))
    assert disclosed == named_in(told) == {RecordRef("sis", "1")}


def test_of_a_decision_only_the_records_that_its_reader_is_shown_are_disclosed(index):
    load_rows(index, "sis", *many_children(2))
    load_rows(index, "ccwis", *many_children(1, start=50))
    for groups in (((FIRST, HIDDEN), (SECOND,)), ((FIRST,), (SECOND,))):
        decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, groups, "x"))
    told, disclosed, _ = line_of(index, lambda: get_decision(index, SIS_CLIENT, 1))
    assert disclosed == named_in(told) == {FIRST, SECOND}
    for limit in (1, 10):
        listed, of_list, _ = line_of(
            index, lambda limit=limit: list_decisions(index, SIS_CLIENT, None, limit)
        )
        assert of_list == named_in(listed) == {FIRST, SECOND}

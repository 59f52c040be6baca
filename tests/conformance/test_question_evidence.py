"""Test the evidence of a question on both stores, with a rival that a reader may not see."""

from dataclasses import replace

import pytest

from mpi.domain.errors import NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer
from mpi.service.explanations.pair_evidence import FieldVerdict
from mpi.service.explanations.question_evidence import load_question_evidence
from mpi.service.records.upsert import upsert
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.review.task_list import list_review_tasks
from tests.desk import ANN, similar_child
from tests.index import OPERATOR, make_child, open_test_index

SSN = "412-55-9182"
CHILD, PARTNER, RIVAL = RecordRef("sis", "1"), RecordRef("ccwis", "1"), RecordRef("state", "2")


@pytest.fixture
def index(tmp_path, database_url):
    """An index with a record that two records match, which are not one child."""
    with open_test_index(tmp_path, "sis", "ccwis", "state", database_url=database_url) as new_index:
        upsert(new_index, OPERATOR, "sis", make_child("1", ssn=SSN))
        upsert(
            new_index, OPERATOR, "ccwis", make_child("1", first_name="Zuri", birth_date="2014-11-20", ssn=SSN)
        )
        upsert(new_index, OPERATOR, "state", make_child("2", postal_code=None))
        yield new_index


def load_pairs(index, viewer):
    """Return the evidence of each asked pair, by its two records."""
    pairs = {}
    for summary in load_queue_page(index, viewer, Filters()).questions:
        evidence = load_question_evidence(index, viewer, load_question_view(index, viewer, summary.key))
        pairs |= {frozenset((asked.left, asked.right)): (asked, evidence) for asked in evidence.pairs}
    return pairs


def test_a_rival_is_named_and_its_record_shown(index):
    asked, evidence = load_pairs(index, ANN)[frozenset((CHILD, PARTNER))]
    assert asked.is_enough
    assert asked.rivals == (RIVAL,)
    assert RIVAL in {*evidence.verdicts, evidence.reference}


def test_a_pair_that_a_hidden_rival_holds_is_not_asked(index):
    viewer = replace(ANN, sources=frozenset({"sis", "ccwis"}))
    [key] = [task.question for task in list_review_tasks(index, ANN) if set(task.records) == {CHILD, PARTNER}]
    assert load_question_view(index, ANN, key).pairs
    assert load_pairs(index, viewer) == {}
    with pytest.raises(NotFoundError):
        load_question_view(index, viewer, key)


def test_the_other_records_withhold_what_the_asked_ones_withhold(index):
    """One of the two children has a confidential address, and another record shown is of the other child."""
    upsert(index, OPERATOR, "state", make_child("2", city="Dayton", postal_code=None))
    confidential = {"restrictions": [{"kind": "address_confidential"}]}
    partner = make_child("1", first_name="Zuri", birth_date="2014-11-20", ssn=SSN, **confidential)
    upsert(index, OPERATOR, "ccwis", partner)
    _, evidence = load_pairs(index, ANN)[frozenset((CHILD, PARTNER))]
    [other] = evidence.other_cards
    assert other.label == RIVAL
    assert "city" in other.withheld
    assert "Dayton" not in repr(evidence)


@pytest.mark.parametrize("sources", [("sis", "ccwis"), ("sis", "ccwis", "state")])
def test_a_reader_of_some_sources_is_asked_only_about_pairs_that_weigh_too_little(index, sources):
    """Also where the reader sees every record: else a question that is missing would tell of a hidden one."""
    some = replace(ANN, sources=frozenset(sources))

    def reasons(viewer):
        page = load_queue_page(index, viewer, Filters())
        assert page.total == len(page.questions)
        return {each.reason for each in (*page.questions, *list_review_tasks(index, viewer))}

    assert reasons(ANN) == {"ambiguous"}
    assert reasons(some) == set()
    other = make_child("5", first_name="Femi", last_name="Adeyemi", birth_date="2012-01-02")
    upsert(index, OPERATOR, "sis", other)
    upsert(index, OPERATOR, "ccwis", similar_child(other))
    assert reasons(ANN) == {"ambiguous", "band"}
    assert reasons(some) == {"band"}


def test_the_marks_of_a_record_are_the_verdicts_of_its_pair(index):
    asked, evidence = load_pairs(index, ANN)[frozenset((CHILD, PARTNER))]
    other = asked.right if asked.left == evidence.reference else asked.left
    assert evidence.verdicts[other]["first_name"] is FieldVerdict.DIFFERENT
    assert evidence.verdicts[other]["ssn"] is FieldVerdict.SAME
    assert "SSN: same." in asked.explanation.supports


def test_the_answer_to_a_sender_of_some_sources_names_no_task_that_a_hidden_record_may_bring_up(index):
    feed = Viewer("feed", None, frozenset({Action.RECORD_WRITE}), frozenset({"sis", "ccwis"}))
    assert upsert(index, OPERATOR, "sis", make_child("1", ssn=SSN, middle_name="Ruth")).tasks
    assert upsert(index, feed, "sis", make_child("1", ssn=SSN, middle_name="Rose")).tasks == ()
    assert list_review_tasks(index, ANN)

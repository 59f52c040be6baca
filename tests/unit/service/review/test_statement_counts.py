"""Lists and pages send as many SQL statements for many rows as for few."""

from dataclasses import replace

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.service.access.viewers import Caller, build_viewer
from mpi.service.agreements.house import build_house_agreement
from mpi.service.explanations.person_links import list_links
from mpi.service.persons.child_names import look_up_child_names
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_person
from mpi.service.records.record_reader import read_all
from mpi.service.records.upsert import upsert
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.review.assignments import assign, claim
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_landing, load_queue_page
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.desk import ANN, BEN, SIS_STEWARD, load_doubtful_pairs, question_keys
from tests.index import OPERATOR, make_child, open_test_index
from tests.statements import logged_index

FEW, MANY = 3, 9
NUMBER = {"identifiers": [{"system": "state_student_id", "assigner": "OH", "value": "9100000038"}]}
FILTERS = (
    Filters(),
    Filters(state=None),
    Filters(sort="name"),
    Filters(sort="age", min_age=1),
    Filters(sort="county", county="Osier"),
    Filters(sort="system", min_age=1),
    Filters(assignee="ben"),
    Filters(state="closed"),
)


def limited_steward():
    """Return a steward whose agreement covers children in foster care alone, of sources by name."""
    house = build_house_agreement()
    [grant] = house.grants
    agreement = replace(house, grants=(grant, replace(grant, population="foster_care")), is_approved=True)
    caller = Caller("ann", frozenset(), frozenset({"sis", "ccwis", "other"}), agreement.code, 1, Role.STEWARD)
    return build_viewer(caller, "data_quality", agreement, clock.now().date())


VIEWERS = {"all": ANN, "one source": SIS_STEWARD, "by agreement": limited_steward()}


def close(index, key):
    """Answer a question as ben, who has claimed it."""
    view = load_question_view(index, BEN, key)
    verdicts = [PairVerdict(pair.left, pair.right, "different") for pair in view.pairs]
    answer_question(index, BEN, key, verdicts, "different-children", None, view.etag)


def fill(index, pairs):
    """Add doubtful pairs, open, assigned, claimed and closed ones, and one child of as many records."""
    load_doubtful_pairs(index, pairs * 2)
    for position, key in enumerate(question_keys(index)):
        assign(index, BEN, key, "ben")
        if position < pairs:
            claim(index, BEN, key)
            if position % 2 == 0:
                close(index, key)
    source = "other"
    add_source(index, OPERATOR, NewSource(source))
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-05"}
    for number in range(pairs):
        upsert(index, OPERATOR, source, make_child(f"child-{number}", flags=[flag], **NUMBER))
    labels = [RecordRef(source, f"child-{number}") for number in range(pairs)]
    decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, [labels], "documents"))


@pytest.fixture(scope="module")
def sizes(tmp_path_factory):
    """An index of few rows and one of many, each with the log of its statements."""
    folder = tmp_path_factory.mktemp("statements")
    with (
        open_test_index(folder / "few", "sis", "ccwis") as few,
        open_test_index(folder / "many", "sis", "ccwis") as many,
    ):
        fill(few, FEW)
        fill(many, MANY)
        with logged_index(few) as logged_few, logged_index(many) as logged_many:
            yield logged_few, logged_many


def count_both(sizes, read):
    """Return the number of statements of a read, of few rows and of many."""
    numbers = []
    for index, log in sizes:
        read(index)
        numbers.append(log.count(lambda index=index: read(index)))
    assert numbers[0] > 0
    return numbers


def eid_of(index, record):
    return look_up_child_names(index, ANN, Action.TASK_READ, [record]).by_record[record].enterprise_id


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("filters", FILTERS, ids=repr)
def test_a_page_of_the_queue_sends_no_statement_for_each_question(sizes, viewer, filters):
    few, many = count_both(sizes, lambda index: load_queue_page(index, VIEWERS[viewer], filters))
    assert many <= few


@pytest.mark.parametrize("viewer", VIEWERS)
def test_the_start_page_sends_no_statement_for_each_question(sizes, viewer):
    few, many = count_both(sizes, lambda index: load_landing(index, VIEWERS[viewer]))
    assert many <= few


@pytest.mark.parametrize("viewer", VIEWERS)
def test_the_names_of_many_children_take_no_statement_for_each(sizes, viewer):
    def read(index):
        page = load_queue_page(index, ANN, Filters(state=None))
        records = [record for question in page.questions for record in question.records]
        names = look_up_child_names(index, ANN, Action.TASK_READ, records)
        eids = [child.enterprise_id for child in names.by_record.values()]
        assert len(set(eids)) >= 2 * FEW
        look_up_child_names(index, VIEWERS[viewer], Action.TASK_READ, records, eids)

    few, many = count_both(sizes, read)
    assert many <= few


@pytest.mark.parametrize("read", [look_up_person, look_up_golden_record, look_up_lineage, list_links])
@pytest.mark.parametrize("viewer", ["all", "by agreement"])
def test_a_child_of_many_records_takes_no_statement_for_each(sizes, viewer, read):
    record = RecordRef("other", "child-0")

    def read_child(index):
        read(index, VIEWERS[viewer], eid_of(index, record))

    few, many = count_both(sizes, read_child)
    assert many <= few


@pytest.mark.parametrize("viewer", ["all", "by agreement"])
def test_the_records_of_a_child_take_no_statement_for_each(sizes, viewer):
    def read_records(index):
        child = look_up_person(index, ANN, eid_of(index, RecordRef("other", "child-0")))
        assert all(isinstance(answer, dict) for answer in read_all(index, VIEWERS[viewer], child.records))

    few, many = count_both(sizes, read_records)
    assert many <= few

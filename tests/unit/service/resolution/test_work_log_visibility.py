"""What was done with a question shows to whoever could see all of it while it was open, and no one else."""

from dataclasses import replace

import pytest

from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ClaimedError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.review.answers import ResponseOptions, respond_to_question
from mpi.service.review.assignments import assign, claim, escalate, release
from mpi.service.review.question_view import load_question_view
from mpi.service.stewardship.decisions import DecisionRequest, decide, report_link
from mpi.storage.repositories.review.task_work import QuestionAction, QuestionWork
from tests.desk import ANN, CCWIS_OWNER, SIS_STEWARD, almost, keys, the_question
from tests.index import OPERATOR, a_child, load_rows, many_children

OF_BOTH = Viewer("of-both", None, ANN.actions, frozenset({"sis", "ccwis"}))
SIS_COLLEAGUE = replace(SIS_STEWARD, client="sis-colleague")
CCWIS_STEWARD = replace(SIS_STEWARD, client="ccwis-steward", sources=frozenset({"ccwis"}))
SIS_APPROVER = replace(
    SIS_STEWARD, client="sis-approver", actions=ACTIONS_BY_ROLE[Role.APPROVER] | ACTIONS_BY_ROLE[Role.STEWARD]
)
FIRST, SECOND, HIDDEN = RecordRef("sis", "c0"), RecordRef("sis", "c1"), RecordRef("ccwis", "c50")


@pytest.fixture
def shared(index):
    """The key of a question of which each agency sees two records of its own."""
    upsert(index, OPERATOR, "sis", a_child("1"))
    for source, local_id, first, last in (
        ("sis", "2", "Amarah", "Okonkwoh"),
        ("ccwis", "3", "Amaro", "Okonkwu"),
        ("ccwis", "4", "Amarix", "Okonkw"),
    ):
        child = a_child(local_id, first_name=first, last_name=last, postal_code=None)
        upsert(index, OPERATOR, source, child)
    [key] = {*keys(index, SIS_STEWARD), *keys(index, CCWIS_STEWARD)}
    return key


@pytest.fixture
def three(index):
    """Two children of sis, and one of ccwis that came between them, so that it is no end of a decision."""
    first, second = many_children(2)
    load_rows(index, "sis", first)
    load_rows(index, "ccwis", *many_children(1, start=50))
    load_rows(index, "sis", second)
    return index


def a_claim(index, *named):
    report_link(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (named,), "missed"))


def a_conflict(index, *joined):
    """Decisions say that two records are one child, and one that they are not gives way."""
    for each in joined:
        decide(index, OPERATOR, DecisionRequest(DecisionKind.SAME, (each,), "x"))
    decide(index, SIS_STEWARD, DecisionRequest(DecisionKind.DIFFERENT, ((FIRST,), (SECOND,)), "twins"))


def a_recheck(index, *groups):
    decide(index, OPERATOR, DecisionRequest(DecisionKind.DIFFERENT, groups, "x", recheck_on="2020-01-01"))


HIDDEN_FROM_SIS = {
    "claim": lambda index: a_claim(index, FIRST, HIDDEN, SECOND),
    "conflict": lambda index: a_conflict(index, (FIRST, HIDDEN), (HIDDEN, SECOND)),
}


@pytest.mark.parametrize("kind", HIDDEN_FROM_SIS)
def test_a_question_that_a_reader_could_not_see_while_it_was_open_is_not_shown_once_it_is_closed(three, kind):
    HIDDEN_FROM_SIS[kind](three)
    key = the_question(three, kind=kind).key
    assert keys(three, SIS_STEWARD, state=None) == []
    claim(three, ANN, key)
    respond_to_question(three, ANN, key, "revoke", ResponseOptions("not-so", "secret"))
    assert key in keys(three, state="closed")
    assert keys(three, SIS_STEWARD, state="closed") == []
    with pytest.raises(NotFoundError):
        load_question_view(three, SIS_STEWARD, key)


AS_SEEN = {
    "claim": lambda index: a_claim(index, FIRST, SECOND),
    "conflict": lambda index: a_conflict(index, (FIRST, HIDDEN), (HIDDEN, SECOND)),
    "recheck": lambda index: a_recheck(index, (FIRST,), (SECOND,)),
    "recheck in part": lambda index: a_recheck(index, (FIRST, HIDDEN), (SECOND,)),
}


@pytest.mark.parametrize("reader", [SIS_STEWARD, OF_BOTH], ids=["of one", "of both"])
@pytest.mark.parametrize("kind", AS_SEEN)
def test_who_saw_a_question_while_it_was_open_sees_it_and_its_history_once_it_is_closed(three, kind, reader):
    AS_SEEN[kind](three)
    [key] = keys(three)
    seen = keys(three, reader)
    claim(three, ANN, key)
    respond_to_question(three, ANN, key, "revoke", ResponseOptions("not-so"))
    assert keys(three, reader, state="closed") == seen
    for each in seen:
        told = load_question_view(three, reader, each).history
        assert [act.action for act in told if act.actor == "ann"] == ["claim", "answer"]


def test_that_a_hidden_question_was_closed_and_opened_again_is_in_no_history_of_a_reader(three):
    upsert(three, OPERATOR, "sis", almost(many_children(1)[0]) | {"local_id": "like"})
    key = the_question(three, SIS_STEWARD).key
    with three.database.write(CCWIS_OWNER, "test") as unit:
        [hidden] = unit.records.find_by_local_ids(unit.sources.get_by_code("ccwis").id, ["c50"]).values()
        about = {"kind": "pair", "records": [hidden.id], "decisions": {}, "tasks": {}}
        unit.task_work.save(QuestionWork(key, "open", clock.format_timestamp(clock.now()), about=about))
    withdraw(three, OPERATOR, "sis", "like")
    assert keys(three, SIS_STEWARD, state="closed") == []
    upsert(three, OPERATOR, "sis", almost(many_children(1)[0]) | {"local_id": "like"})
    assert load_question_view(three, SIS_STEWARD, key).history == ()
    assert [act.action for act in load_question_view(three, ANN, key).history] == ["closed", "reopened"]


def test_what_was_done_before_it_was_noted_about_what_shows_to_readers_of_all_sources(three):
    upsert(three, OPERATOR, "sis", almost(many_children(1)[0]) | {"local_id": "like"})
    key = the_question(three, SIS_STEWARD).key
    with three.database.write(ANN, "test") as unit:
        for number, detail in enumerate(({}, {"records": [], "decision": 1}), 1):
            unit.task_work.add_action(
                QuestionAction(number, key, clock.format_timestamp(clock.now()), "ben", "closed", detail)
            )
    assert load_question_view(three, SIS_STEWARD, key).history == ()
    assert len(load_question_view(three, ANN, key).history) == 2


def test_of_a_claim_on_what_a_reader_may_not_see_it_is_told_that_somebody_has_it_and_not_who(index, shared):
    claim(index, CCWIS_STEWARD, shared)
    one = the_question(index, SIS_STEWARD, state="claimed")
    assert (one.claimed_by, one.lease_until) == (None, None)
    assert the_question(index, state="claimed").claimed_by == "ccwis-steward"
    with pytest.raises(ClaimedError, match=r"^somebody has claimed the question$") as refused:
        claim(index, SIS_STEWARD, shared)
    assert (refused.value.claimed_by, refused.value.until) == (None, None)


def test_of_a_claim_on_what_a_reader_may_see_it_is_told_who_has_it(index, shared):
    taken = claim(index, SIS_COLLEAGUE, shared)
    one = the_question(index, SIS_STEWARD, state="claimed")
    assert (one.claimed_by, one.lease_until) == ("sis-colleague", taken.lease_until)
    with pytest.raises(ClaimedError, match="'sis-colleague' has claimed the question until"):
        claim(index, SIS_STEWARD, shared)


def test_to_whom_and_for_when_a_hidden_part_is_given_is_not_told_whoever_works_on_the_rest(index, shared):
    before = the_question(index, SIS_STEWARD)
    assign(index, CCWIS_STEWARD, shared, "ccwis-steward", clock.today())
    for _ in range(2):
        one = the_question(index, SIS_STEWARD)
        assert (one.assigned_to, one.due_on) == (None, before.due_on)
        assert keys(index, SIS_STEWARD, due=True) == []
        told = the_question(index)
        assert (told.assigned_to, told.due_on) == ("ccwis-steward", clock.today())
        assert keys(index, due=True) == keys(index, CCWIS_STEWARD, due=True) == [shared]
        claim(index, SIS_STEWARD, shared)
        release(index, SIS_STEWARD, shared)


def test_what_is_escalated_for_a_hidden_part_is_on_the_list_of_approvers_who_see_it(index, shared):
    escalate(index, CCWIS_STEWARD, shared)
    assert keys(index, SIS_APPROVER, mine=True) == []
    assert keys(index, replace(SIS_APPROVER, sources=None), mine=True) == [shared]
    escalate(index, SIS_STEWARD, shared)
    assert keys(index, SIS_APPROVER, mine=True) == [shared]

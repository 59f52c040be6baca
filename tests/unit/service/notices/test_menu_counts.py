"""Counts of the menu: only what the viewer may see, and never more than 100 rows."""

from sqlalchemy import insert, select

from mpi.domain.decision import DecisionKind
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import SecondApprover, Viewer
from mpi.service.notices.menu_counts import MAX_COUNTED, MenuCounts, count_for_menu
from mpi.service.review.assignments import assign, claim, escalate
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.owner_consent import set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.storage.tables import AwaitedRow, DecisionRow, StepRow, table_of
from tests.desk import (
    ANN,
    BEN,
    CCWIS_OWNER,
    NOBODY,
    SIS_OWNER,
    SIS_STEWARD,
    add_doubtful_pair,
    load_doubtful_pairs,
    only_question,
    question_keys,
)
from tests.index import OPERATOR, with_settings
from tests.unit.service.stewardship.test_decisions import record_refs, upsert_record

APPROVER = Viewer("ada", None, ACTIONS_BY_ROLE[Role.APPROVER], None)
SIS_APPROVER = Viewer("sis-ada", None, ACTIONS_BY_ROLE[Role.APPROVER], frozenset({"sis"}))
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-01-02", "postal_code": "44444"}


def link(index, viewer, *records):
    return decide(
        index, viewer, DecisionRequest(DecisionKind.SAME, [record_refs(*records)], "same-child")
    ).step


def test_own_questions_are_those_claimed_assigned_or_for_approvers(index):
    load_doubtful_pairs(index, 4)
    keys = question_keys(index)
    claim(index, ANN, keys[0])
    assign(index, ANN, keys[1], "ann")
    escalate(index, ANN, keys[2], "Which one?")
    assert count_for_menu(index, ANN).questions == 2
    assert count_for_menu(index, APPROVER).questions == 1
    assert count_for_menu(index, BEN) == count_for_menu(index, NOBODY) == MenuCounts()
    assert count_for_menu(index, SIS_STEWARD).questions == 0


def test_more_than_99_questions_are_told_as_one_more(index):
    load_doubtful_pairs(index, MAX_COUNTED + 6)
    with index.database.write(OPERATOR, "test") as unit:
        for key in unit.queue.questions_of([task.key for task in unit.tasks.all()]).values():
            unit.connection.exec_driver_sql(
                "INSERT INTO task_work (question, state, assigned_to, opened_at, about) "
                f"VALUES ('{key}', 'open', 'ann', '2026-01-01T00:00:00.000000Z', '{{}}')"
            )
    assert count_for_menu(index, ANN).questions == MAX_COUNTED + 1


def test_approvals_are_those_of_others_that_the_viewer_may_see(index):
    for name in ("sis:1", "sis:2"):
        upsert_record(index, name, **({} if name == "sis:1" else BO))
    upsert_record(index, "ccwis:1", **{**BO, "first_name": "Ole", "birth_date": "2012-03-04"})
    approving = with_settings(index, second_approver=SecondApprover.ALWAYS)
    steps = [link(approving, ANN, "sis:1", "sis:2"), link(approving, ANN, "sis:1", "ccwis:1")]
    link(approving, APPROVER, "sis:2", "ccwis:1")
    assert count_for_menu(approving, APPROVER).approvals == 2
    assert count_for_menu(approving, ANN).approvals == 0
    for viewer in (SIS_APPROVER, APPROVER):
        may_approve = [step for step in list_pending_steps(approving, viewer) if step.may_approve]
        assert count_for_menu(approving, viewer).approvals == len(may_approve)
    assert count_for_menu(approving, SIS_APPROVER).approvals == 1
    approve(approving, APPROVER, steps[0])
    assert count_for_menu(approving, APPROVER).approvals == 1
    assert count_for_menu(approving, ANN).answers == 1


def test_an_owner_counts_the_steps_that_wait_for_its_consent(index):
    set_consent_required(index, OPERATOR, "ccwis", asks=True)
    upsert_record(index, "sis:1")
    upsert_record(index, "ccwis:1", **BO)
    link(index, ANN, "sis:1", "ccwis:1")
    assert count_for_menu(index, CCWIS_OWNER) == MenuCounts(approvals=1)
    assert count_for_menu(index, SIS_OWNER) == MenuCounts()
    assert len(list_pending_steps(index, CCWIS_OWNER)) == 1


def test_a_question_whose_other_half_is_hidden_counts_for_nobody_who_cannot_see_it(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    assign(index, ANN, key, "ann")
    hidden = Viewer("ann", None, SIS_STEWARD.actions, frozenset({"sis"}))
    assert count_for_menu(index, hidden) == MenuCounts()
    assert count_for_menu(index, ANN).questions == 1


def test_counting_is_bounded_whatever_waits(index):
    """A hundred steps take as many statements as two."""
    upsert_record(index, "sis:1")
    approving = with_settings(index, second_approver=SecondApprover.ALWAYS)
    for n in range(2, 5):
        upsert_record(index, f"sis:{n}", **{**BO, "birth_date": f"2009-01-0{n}"})
        decide(
            approving, ANN,
            DecisionRequest(DecisionKind.DIFFERENT, [record_refs("sis:1"), record_refs(f"sis:{n}")], "x"),
        )  # fmt: skip
    assert count_for_menu(approving, APPROVER).approvals == 3


def test_hidden_steps_take_no_place_among_the_approvals(index):
    upsert_record(index, "sis:1")
    upsert_record(index, "sis:2", **BO)
    step = link(with_settings(index, second_approver=SecondApprover.ALWAYS), ANN, "sis:1", "sis:2")
    numbers = range(-MAX_COUNTED - 1, 0)
    with index.database.write(OPERATOR, "test") as unit:
        for row, names in (
            (StepRow, ("id",)),
            (DecisionRow, ("id", "step_id")),
            (AwaitedRow, ("decision_id", "step_id")),
        ):
            table = table_of(row)
            stored = unit.connection.execute(select(table).where(table.c[names[-1]] == step)).mappings().one()
            rows = [{**stored, **dict.fromkeys(names, number)} for number in numbers]
            unit.connection.execute(insert(table), rows)
    assert count_for_menu(index, APPROVER).approvals == 1

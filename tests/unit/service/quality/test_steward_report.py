"""Work and agreement of stewards by day, with names for who manages accounts alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.quality.steward_report import report_stewards
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.undo import undo_step
from mpi.storage.repositories.review.task_work import QuestionAction
from tests.index import OPERATOR, load_rows, many_children
from tests.unit.service.sampling.test_blind_review import add_second_review, steward

START = datetime(2026, 11, 2, 9, tzinfo=UTC)


def say(index, name, kind, *records):
    refs = [RecordRef(source, local_id) for source, local_id in records]
    groups = (tuple(refs),) if kind is DecisionKind.SAME else tuple((ref,) for ref in refs)
    return decide(index, replace(OPERATOR, client=name), DecisionRequest(kind, groups, "test"))


@pytest.fixture
def early_clock(manual_clock):
    """The clock, set before the index is made."""
    manual_clock.now = START
    return manual_clock


@pytest.fixture
def worked(early_clock, index):
    """An index in which Ana decided twice, the first of which was undone, and two judged one pair."""
    children = many_children(4)
    load_rows(index, "sis", *children)
    load_rows(index, "ccwis", *children)
    with index.database.write(steward("ben"), "test") as unit:
        for number in range(900, 903):
            unit.task_work.add_action(QuestionAction(number, "q", "2026-11-02T10:00:00Z", "ben", "answer"))
    undone = say(index, "ana", DecisionKind.SAME, ("sis", "c1"), ("sis", "c2"))
    undo_step(index, OPERATOR, undone.step, "test")
    early_clock.now += timedelta(days=1)
    say(index, "ana", DecisionKind.DIFFERENT, ("sis", "c3"), ("ccwis", "c3"))
    assert add_second_review(index, "ana", "same") == 1
    pair = get_next_blind_pair(index, steward("ben"))
    answer_blind_pair(index, steward("ben"), pair.id, "same")
    return index


def test_answers_decisions_and_reversals_are_counted_by_steward_and_day(worked):
    report = report_stewards(worked, OPERATOR, "2026-11-01")
    rows = {(each.steward, each.day): each for each in report.days}
    assert rows["ben", "2026-11-02"].answers == 3
    first, second = rows["ana", "2026-11-02"], rows["ana", "2026-11-03"]
    assert (first.decisions, first.undone, first.replaced) == (1, 1, 0)
    assert (second.decisions, second.undone) == (1, 0)
    assert report.reversed_share.value == 0.5
    assert (report.agreement.pairs, report.agreement.agreed) == (1, 1)
    [pair] = report.pairs
    assert (pair.first, pair.second, pair.pairs) == ("ana", "ben", 1)
    later = report_stewards(worked, OPERATOR, "2026-11-03")
    assert {each.day for each in later.days} == {"2026-11-03"}


def test_names_are_for_who_manages_accounts_and_figures_for_who_reads_every_question(worked):
    analyst = replace(OPERATOR, actions=OPERATOR.actions - {Action.ACCOUNT_ADMIN})
    report = report_stewards(worked, analyst, "2026-11-01")
    assert {each.steward for each in report.days} == {"steward 1", "steward 2"}
    assert {"ana", "ben"}.isdisjoint({report.pairs[0].first, report.pairs[0].second})
    for action in (Action.TASK_READ, Action.RECORD_READ, Action.QUALITY_READ, Action.REPORT):
        with pytest.raises(AccessDenied):
            report_stewards(worked, replace(OPERATOR, actions=OPERATOR.actions - {action}), "2026-11-01")

"""Test the question of a waiting step: approver and owner see the same evidence as the maker."""

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import AccessDenied
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, SecondApprover, Viewer
from mpi.service.approvals.step_question import load_step_question
from mpi.service.explanations.question_evidence import load_question_evidence
from mpi.service.review.question_view import load_question_view
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.owner_consent import set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from tests.desk import ANN, CCWIS_OWNER, add_doubtful_pair, only_question
from tests.index import OPERATOR, with_settings
from tests.unit.service.approvals.test_send_back import CLEO, answer

SIS, CCWIS = RecordRef("sis", "1"), RecordRef("ccwis", "2")
BOTH_OWNER = Viewer("both", None, CCWIS_OWNER.actions, frozenset({"sis", "ccwis"}))


@pytest.fixture
def waiting_index(index):
    """An index with one answered question that waits for an approver and for child welfare."""
    careful = with_settings(index, second_approver=SecondApprover.ALWAYS)
    set_consent_required(careful, OPERATOR, "ccwis", asks=True)
    add_doubtful_pair(careful)
    return careful


def the_step(index, viewer):
    [step] = list_pending_steps(index, viewer)
    return step


def test_approver_sees_the_records_evidence_and_history_of_the_question(waiting_index):
    key = only_question(waiting_index).key
    asked = load_question_view(waiting_index, ANN, key)
    answer(waiting_index, ANN, "same", key)
    view = load_step_question(waiting_index, CLEO, the_step(waiting_index, CLEO))
    assert {card.label: card.values for card in view.cards} == {
        card.label: card.values for card in asked.cards
    }
    assert [{pair.left, pair.right} for pair in view.pairs] == [{SIS, CCWIS}]
    assert [act.action for act in view.history] == ["answer"]
    assert len(view.decisions) == 1
    [shown] = load_question_evidence(waiting_index, CLEO, view).pairs
    [told] = load_question_evidence(waiting_index, ANN, asked).pairs
    assert shown.explanation.match_weight == told.explanation.match_weight
    assert [each.phrase for each in shown.explanation.evidence] == [
        each.phrase for each in told.explanation.evidence
    ]


def test_owner_of_one_source_sees_the_own_record_and_nothing_of_the_other(waiting_index):
    answer(waiting_index, ANN, "same")
    view = load_step_question(waiting_index, CCWIS_OWNER, the_step(waiting_index, CCWIS_OWNER))
    assert [card.label for card in view.cards] == [CCWIS]
    assert view.cards[0].values["first_name"] == "Amarah"
    assert (view.pairs, view.history, view.decisions) == ((), (), ())
    assert view.summary.key == ""
    assert "sis" not in str(view)
    assert "Amara'" not in str(view)


def test_owner_of_both_sources_sees_the_pair_without_the_work_log(waiting_index):
    answer(waiting_index, ANN, "same")
    view = load_step_question(waiting_index, BOTH_OWNER, the_step(waiting_index, BOTH_OWNER))
    assert [{pair.left, pair.right} for pair in view.pairs] == [{SIS, CCWIS}]
    assert (view.summary.key, view.history) == ("", ())


def test_step_about_two_children_pairs_the_records_of_both(waiting_index):
    request = DecisionRequest(DecisionKind.DIFFERENT, ((SIS,), (CCWIS,)), "x")
    decide(waiting_index, ANN, request)
    view = load_step_question(waiting_index, CLEO, the_step(waiting_index, CLEO))
    assert [(pair.left, pair.right) for pair in view.pairs] == [(SIS, CCWIS)]
    assert view.history == ()


def test_reader_without_the_right_gets_no_question(waiting_index):
    answer(waiting_index, ANN, "same")
    step = the_step(waiting_index, CLEO)
    for actions in ({Action.RECORD_READ}, {Action.CONSENT}):
        with pytest.raises(AccessDenied):
            load_step_question(waiting_index, Viewer("nobody", None, frozenset(actions), None), step)

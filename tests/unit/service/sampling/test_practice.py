"""Test practice: simulated pairs, feedback, and access to live work by agreement."""

from collections import Counter
from dataclasses import replace

import pytest

from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.quality_rules import QualityRules
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer
from mpi.service.sampling.practice import (
    answer_practice_pair,
    get_next_practice_pair,
    load_practice_pairs,
    may_work_live,
)
from mpi.storage.repositories.access.accounts import Account
from tests.index import OPERATOR, open_test_index, with_settings

ANA = Viewer("ana", "data_quality", frozenset({Action.TASK_WORK}), None)
RULES = QualityRules(practice_required=True, practice_agreement=0.75, practice_last=8)


@pytest.fixture
def practice_index(tmp_path):
    """An index that requires practice before live work."""
    with open_test_index(tmp_path / "home", "sis") as opened:
        yield with_settings(opened, quality_rules=RULES)


def add_account(index, name, role):
    with index.database.write(OPERATOR, "test") as unit:
        number = unit.counters.take("account")
        unit.accounts.add(
            Account(
                number, name, name, role, None, "-", "2026-01-01T00:00:00.000000Z", False, 0, None, 1, None
            )
        )


def answer_pairs(index, times, *, right=True, viewer=ANA):
    feedback = None
    for _ in range(times):
        pair = load_practice_pairs()[get_next_practice_pair(index, viewer).id]
        wrong = "same" if pair.truth == "different" else "different"
        feedback = answer_practice_pair(index, viewer, pair.id, pair.truth if right else wrong)
    return feedback


def test_shipped_pairs_are_balanced_hard_and_free_of_personal_numbers():
    pairs = load_practice_pairs().values()
    assert Counter(pair.truth for pair in pairs) == {"same": 80, "different": 80}
    same_child_kinds = {"name change", "placeholder", "caregiver's last name", "misspelled", "moved"}
    assert {pair.kind for pair in pairs} == {"twins", "siblings", "namesakes"} | same_child_kinds
    for pair in pairs:
        assert pair.why.startswith("Same child" if pair.truth == "same" else "Different children")
        for record in pair.records:
            assert (
                not {"ssn", "ssn_last4", "phone", "flags", "restrictions", "local_id"} & record.values.keys()
            )
            assert record.values.get("email", "x@example.org").endswith("@example.org")


def test_every_pair_is_valid_and_explained_by_the_model(practice_index):
    for item in load_practice_pairs():
        feedback = answer_practice_pair(practice_index, ANA, item, "same")
        assert feedback.parts[0].comparison == "prior"
        assert feedback.match_weight == pytest.approx(sum(part.bits for part in feedback.parts))


def test_truth_kind_and_reason_are_shown_only_with_the_answer(practice_index):
    shown = get_next_practice_pair(practice_index, ANA)
    assert set(shown.__slots__) == {"id", "records", "standing"}
    pair = load_practice_pairs()[shown.id]
    feedback = answer_practice_pair(practice_index, ANA, shown.id, "unsure")
    assert (feedback.right, feedback.truth, feedback.kind, feedback.why) == (
        False,
        pair.truth,
        pair.kind,
        pair.why,
    )


def test_kinds_alternate_and_answered_pairs_do_not_repeat_soon(practice_index):
    shown_ids = []
    for _ in range(16):
        shown = get_next_practice_pair(practice_index, ANA)
        shown_ids.append(shown.id)
        answer_practice_pair(practice_index, ANA, shown.id, "same")
    assert len(set(shown_ids)) == 16
    assert set(Counter(load_practice_pairs()[item].kind for item in shown_ids).values()) == {2}


def test_two_people_practice_in_different_orders(practice_index):
    ben = replace(ANA, client="ben")
    orders = {}
    for viewer in (ANA, ben):
        orders[viewer.client] = [
            answer_practice_pair(
                practice_index, viewer, get_next_practice_pair(practice_index, viewer).id, "same"
            ).why
            for _ in range(8)
        ]
    assert orders["ana"] != orders["ben"]


def test_oldest_answered_pair_returns_once_all_are_answered(practice_index):
    first = get_next_practice_pair(practice_index, ANA).id
    answer_pairs(practice_index, len(load_practice_pairs()))
    assert get_next_practice_pair(practice_index, ANA).id == first
    assert get_next_practice_pair(practice_index, ANA).standing.answered == len(load_practice_pairs())


def test_live_work_opens_at_the_agreement_of_recent_answers_and_closes_below(practice_index):
    add_account(practice_index, "ana", Role.STEWARD)
    assert not may_work_live(practice_index, ANA)
    answer_pairs(practice_index, 7)
    assert not may_work_live(practice_index, ANA)
    feedback = answer_pairs(practice_index, 1)
    assert feedback.standing.open
    assert may_work_live(practice_index, ANA)
    answer_pairs(practice_index, 2, right=False)
    assert may_work_live(practice_index, ANA)
    feedback = answer_pairs(practice_index, 1, right=False)
    assert (feedback.standing.right, feedback.standing.last, feedback.standing.answered) == (5, 8, 11)
    assert not may_work_live(practice_index, ANA)
    answer_pairs(practice_index, 3)
    assert not may_work_live(practice_index, ANA)
    answer_pairs(practice_index, 3)
    assert may_work_live(practice_index, ANA)


def test_correct_answers_are_counted_by_kind(practice_index):
    feedback = answer_pairs(practice_index, 16)
    assert {(kind.right, kind.answered) for kind in feedback.standing.kinds} == {(2, 2)}
    feedback = answer_pairs(practice_index, 8, right=False)
    assert {(kind.right, kind.answered) for kind in feedback.standing.kinds} == {(2, 3)}


def test_only_steward_accounts_must_practice_and_only_if_required(practice_index):
    add_account(practice_index, "ana", Role.STEWARD)
    add_account(practice_index, "eve", Role.APPROVER)
    assert not may_work_live(practice_index, ANA)
    assert may_work_live(practice_index, replace(ANA, client="eve"))
    assert may_work_live(practice_index, replace(ANA, client="an-api-client"))
    assert may_work_live(with_settings(practice_index, quality_rules=QualityRules()), ANA)


def test_invalid_answer_is_refused(practice_index):
    with pytest.raises(InputError, match="verdict"):
        answer_practice_pair(practice_index, ANA, 1, "ask")
    with pytest.raises(NotFoundError):
        answer_practice_pair(practice_index, ANA, 10**6, "same")
    with pytest.raises(AccessDenied):
        get_next_practice_pair(practice_index, Viewer("nobody"))

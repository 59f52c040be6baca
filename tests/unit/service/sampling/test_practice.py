"""Practice: simulated pairs, feedback with the reason, and live work that opens at a set agreement."""

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
from tests.index import OPERATOR, an_index, with_settings

ANA = Viewer("ana", "data_quality", frozenset({Action.TASK_WORK}), None)
RULES = QualityRules(practice_required=True, practice_agreement=0.75, practice_last=8)


@pytest.fixture
def index(tmp_path):
    with an_index(tmp_path / "home", "sis") as made:
        yield with_settings(made, quality_rules=RULES)


def an_account(index, name, role):
    with index.database.write(OPERATOR, "test") as unit:
        number = unit.counters.take("account")
        unit.accounts.add(
            Account(
                number, name, name, role, None, "-", "2026-01-01T00:00:00.000000Z", False, 0, None, 1, None
            )
        )


def practise(index, times, *, right=True, viewer=ANA):
    told = None
    for _ in range(times):
        pair = load_practice_pairs()[get_next_practice_pair(index, viewer).id]
        wrong = "same" if pair.truth == "different" else "different"
        told = answer_practice_pair(index, viewer, pair.id, pair.truth if right else wrong)
    return told


def test_the_pairs_that_travel_are_balanced_hard_and_hold_no_number_of_a_person():
    pairs = load_practice_pairs().values()
    assert Counter(pair.truth for pair in pairs) == {"same": 80, "different": 80}
    of_one = {"name change", "placeholder", "carer's surname", "misspelt", "moved"}
    assert {pair.kind for pair in pairs} == {"twins", "siblings", "namesakes"} | of_one
    for pair in pairs:
        assert pair.why.startswith("Same child" if pair.truth == "same" else "Different children")
        for record in pair.records:
            assert (
                not {"ssn", "ssn_last4", "phone", "flags", "restrictions", "local_id"} & record.values.keys()
            )
            assert record.values.get("email", "x@example.org").endswith("@example.org")


def test_every_pair_passes_the_door_and_is_explained_by_the_model(index):
    for item in load_practice_pairs():
        told = answer_practice_pair(index, ANA, item, "same")
        assert told.parts[0].comparison == "prior"
        assert told.match_weight == pytest.approx(sum(part.bits for part in told.parts))


def test_truth_and_kind_are_told_only_with_the_answer_and_say_why(index):
    shown = get_next_practice_pair(index, ANA)
    assert set(shown.__slots__) == {"id", "records", "standing"}
    pair = load_practice_pairs()[shown.id]
    told = answer_practice_pair(index, ANA, shown.id, "unsure")
    assert (told.right, told.truth, told.kind, told.why) == (False, pair.truth, pair.kind, pair.why)


def test_every_kind_has_its_turn_and_what_is_answered_does_not_come_again_at_once(index):
    seen = []
    for _ in range(16):
        shown = get_next_practice_pair(index, ANA)
        seen.append(shown.id)
        answer_practice_pair(index, ANA, shown.id, "same")
    assert len(set(seen)) == 16
    assert set(Counter(load_practice_pairs()[item].kind for item in seen).values()) == {2}


def test_two_people_practise_in_different_orders(index):
    ben = replace(ANA, client="ben")
    orders = {}
    for viewer in (ANA, ben):
        orders[viewer.client] = [
            answer_practice_pair(index, viewer, get_next_practice_pair(index, viewer).id, "same").why
            for _ in range(8)
        ]
    assert orders["ana"] != orders["ben"]


def test_once_all_are_answered_the_longest_ago_comes_again(index):
    first = get_next_practice_pair(index, ANA).id
    practise(index, len(load_practice_pairs()))
    assert get_next_practice_pair(index, ANA).id == first
    assert get_next_practice_pair(index, ANA).standing.answered == len(load_practice_pairs())


def test_live_work_opens_at_the_set_agreement_over_the_last_answers_and_closes_below_it(index):
    an_account(index, "ana", Role.STEWARD)
    assert not may_work_live(index, ANA)
    practise(index, 7)
    assert not may_work_live(index, ANA)
    told = practise(index, 1)
    assert told.standing.open
    assert may_work_live(index, ANA)
    practise(index, 2, right=False)
    assert may_work_live(index, ANA)
    told = practise(index, 1, right=False)
    assert (told.standing.right, told.standing.last, told.standing.answered) == (5, 8, 11)
    assert not may_work_live(index, ANA)
    practise(index, 3)
    assert not may_work_live(index, ANA)
    practise(index, 3)
    assert may_work_live(index, ANA)


def test_right_answers_are_counted_by_kind(index):
    told = practise(index, 16)
    assert {(one.right, one.answered) for one in told.standing.kinds} == {(2, 2)}
    told = practise(index, 8, right=False)
    assert {(one.right, one.answered) for one in told.standing.kinds} == {(2, 3)}


def test_only_stewards_accounts_have_to_practise_and_only_where_it_is_required(index):
    an_account(index, "ana", Role.STEWARD)
    an_account(index, "eve", Role.APPROVER)
    assert not may_work_live(index, ANA)
    assert may_work_live(index, replace(ANA, client="eve"))
    assert may_work_live(index, replace(ANA, client="an-api-client"))
    assert may_work_live(with_settings(index, quality_rules=QualityRules()), ANA)


def test_what_cannot_be_answered_is_refused(index):
    with pytest.raises(InputError, match="verdict"):
        answer_practice_pair(index, ANA, 1, "ask")
    with pytest.raises(NotFoundError):
        answer_practice_pair(index, ANA, 10**6, "same")
    with pytest.raises(AccessDenied):
        get_next_practice_pair(index, Viewer("nobody"))

"""Answers of a question's form: one for all children, or one for each two."""

import pytest

from mpi.api.pages.rendering.answer_groups import (
    AskedPair,
    group_by_children,
    join_groups,
    read_group_verdict,
)
from mpi.domain.record_ref import RecordRef

ANA, ANNA, ANN, ANYA = (RecordRef("sis", name) for name in ("ana", "anna", "ann", "anya"))
NAMES = {ANA: "Ana Ruiz", ANNA: "Anna Ruiz", ANN: "Ann Ruiz", ANYA: "Anya Ruiz"}
CHILDREN = {ANA: "A", ANNA: "B", ANN: "C", ANYA: "C"}
STAR = ((ANA, ANNA), (ANA, ANN), (ANA, ANYA))
GRID = ((ANA, ANNA), (ANA, ANN), (ANNA, ANN))


def ask(pairs, subject=None, chosen=(), children=CHILDREN):
    """Return the groups of asked pairs, joined where one answer is enough."""
    asked = [
        AskedPair(no, str(no), left, right, 1.0, None, dict(enumerate(chosen)).get(no, ""))
        for no, (left, right) in enumerate(pairs)
    ]
    groups = group_by_children(asked, children, by_pair=False)
    return join_groups(groups, children, NAMES, subject)


def values(group):
    return [choice.value for choice in group.choices]


def test_a_child_and_its_candidates_have_one_answer():
    [group] = ask(STAR, ANA)
    assert [pair.no for pair in group.pairs] == [0, 1, 2]
    assert [side.record for side in group.sides] == [ANA, ANNA, ANN]
    assert values(group) == ["same", "only-0", "only-1", "different", "unsure", "ask"]
    assert group.choices[1].text == "only Anna Ruiz (anna) is the same child as Ana Ruiz (ana)"
    assert group.choices[3].text == "none of them is the same child as Ana Ruiz (ana)"


def test_similar_children_without_one_in_question_are_all_the_same_or_all_different():
    [group] = ask(GRID)
    assert values(group) == ["same", "different", "unsure", "ask"]
    assert group.choices[1].text == "all are different children"


def test_two_children_are_asked_about_as_before():
    [group] = ask(STAR[1:], ANA)
    assert group.sides == group.choices == ()
    assert len(group.pairs) == 2


def test_records_without_a_child_are_sides_of_their_own():
    [group] = ask(GRID, children={})
    assert [side.record for side in group.sides] == [ANA, ANNA, ANN]


def test_a_question_of_many_children_is_asked_child_by_child():
    others = [RecordRef("sis", f"n{number}") for number in range(9)]
    children = {ANA: "A"} | {record: record.local_id for record in others}
    groups = ask([(ANA, other) for other in others], ANA, children=children)
    assert len(groups) == 9


@pytest.mark.parametrize("choice", ["same", "only-0", "only-1", "different", "unsure", "ask"])
def test_a_choice_gives_each_pair_a_verdict_and_is_shown_again(choice):
    [group] = ask(STAR, ANA)
    verdicts = [read_group_verdict(choice, str(group.group_of[pair.no])) for pair in group.pairs]
    expected = {"only-0": ["same", "different", "different"], "only-1": ["different", "same", "same"]}
    assert verdicts == expected.get(choice, [choice] * 3)
    [again] = ask(STAR, ANA, verdicts)
    assert again.chosen == choice


def test_verdicts_that_no_choice_stands_for_choose_nothing():
    [group] = ask(STAR, ANA, ["same", "unsure", "unsure"])
    assert group.chosen == ""
    [group] = ask(GRID, None, ["same", "different", "different"])
    assert group.chosen == ""

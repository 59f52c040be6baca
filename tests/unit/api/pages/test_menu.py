import pytest

from mpi.api.pages.session.page_context import Visit
from mpi.domain.viewer import Action, Viewer


def visit_with(*actions):
    return Visit(Viewer("ada", "data_quality", frozenset(actions), None))


def names_of(visit):
    return [(group.name, [item.name for item in group.items], group.is_folded) for group in visit.menu_groups]


def test_a_short_menu_folds_nothing():
    visit = visit_with(Action.TASK_WORK, Action.TASK_READ, Action.QUALITY_READ, Action.AGREEMENT_READ)
    assert names_of(visit) == [
        ("work", ["home", "queue", "activity"], False),
        ("oversight", ["quality", "papers"], False),
        ("administration", ["agreements"], False),
    ]


def test_a_long_menu_folds_every_group_but_the_first_and_groups_of_one():
    groups = names_of(visit_with(*Action))
    assert [(name, is_folded) for name, _, is_folded in groups] == [
        ("work", False), ("oversight", True), ("administration", True),
    ]  # fmt: skip
    assert [name for _, names, _ in groups for name in names] != []


@pytest.mark.parametrize("actions", [(), (Action.TASK_READ,), tuple(Action)])
def test_every_item_of_the_menu_is_in_one_group(actions):
    visit = visit_with(*actions)
    grouped = [item for group in visit.menu_groups for item in group.items]
    assert sorted(item.name for item in grouped) == sorted(item.name for item in visit.menu)


def test_a_group_of_one_item_is_not_folded_in_a_long_menu():
    work = (
        Action.TASK_WORK, Action.TASK_READ, Action.PERSON_READ, Action.DECISION_READ, Action.QUESTION_ANSWER,
    )  # fmt: skip
    visit = visit_with(*work, Action.QUALITY_READ)
    assert len(visit.menu) == 8
    assert names_of(visit)[1:] == [("oversight", ["quality"], False)]

"""Questions about pairs that weigh enough to link tell nothing to readers of some sources."""

from dataclasses import replace

import pytest
from sqlalchemy import update

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.roles import Role
from mpi.service.notices.activity import ActivityScope, list_activity
from mpi.service.notices.colleagues import list_assignees
from mpi.service.notices.question_notes import add_note, list_mentionable
from mpi.service.review.assignments import assign, claim
from mpi.service.review.question_history import load_history
from mpi.storage.tables import TaskRow, table_of
from mpi.storage.unit_of_work.database import Lock
from tests.accounts import add_person, cheap_password_hashing
from tests.desk import ANN, SIS_STEWARD, add_doubtful_pair, only_question, question_keys
from tests.index import OPERATOR, crosswalk

BOTH = replace(SIS_STEWARD, client="both", sources=frozenset({"sis", "ccwis"}))


@pytest.fixture
def heavy(index):
    """An index whose only question is about a pair that a better candidate holds."""
    with cheap_password_hashing():
        add_person(index, "ann", Role.STEWARD, None, "Ann Zeller")
        add_person(index, "both", Role.STEWARD, {"sis", "ccwis"}, "Bo Toth")
    add_doubtful_pair(index)
    with index.database.write(OPERATOR, "task", Lock.NONE) as unit:
        unit.connection.execute(update(table_of(TaskRow)).values(reason="second-best"))
    return index


def test_it_is_neither_assigned_nor_mentioned_to_who_is_not_asked_it(heavy):
    key = only_question(heavy).key
    assert question_keys(heavy, BOTH) == []
    assert [person.name for person in list_assignees(heavy, ANN, key)] == ["ann"]
    assert [person.name for person in list_mentionable(heavy, ANN, key)] == ["ann"]
    with pytest.raises(ConflictError, match="may not see"):
        assign(heavy, ANN, key, "both")
    with pytest.raises(InputError):
        add_note(heavy, ANN, key, "@both look")


def test_acts_on_it_are_listed_for_readers_of_all_sources_only(heavy):
    key = only_question(heavy).key
    claim(heavy, ANN, key)
    eid = crosswalk(heavy)["sis", "1"]
    seen = {
        viewer.client: [entry.act for entry in list_activity(heavy, viewer, ActivityScope.CHILD, eid).entries]
        for viewer in (ANN, BOTH)
    }
    assert seen == {"ann": ["claim"], "both": []}
    with heavy.database.read(BOTH) as unit:
        assert load_history(unit, key) == ()


def test_acts_without_noted_doubts_are_hidden_from_readers_of_some_sources(index):
    add_doubtful_pair(index)
    key = only_question(index).key
    claim(index, ANN, key)
    with index.database.write(BOTH, "task", Lock.NONE) as unit:
        [act] = load_history(unit, key)
        assert act.action == "claim"
        [stored] = unit.task_work.actions_on(key)
        detail = {name: value for name, value in stored.detail.items() if name != "doubts"}
        unit.task_work.add_action(replace(stored, id=stored.id + 1, detail=detail))
        assert len(load_history(unit, key)) == 1

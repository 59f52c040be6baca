"""A state cuts over: old IDs stay known, what they linked stays linked, differences are held."""

import pytest

from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.decisions import decisions
from mpi.service.holds import holds, release_hold
from mpi.service.import_crosswalk import OldLink, import_crosswalk
from mpi.service.persons import crosswalk as look_up
from mpi.service.sources import NewSource, add_source
from mpi.service.tasks import review_tasks
from mpi.service.undo import undo_step
from mpi.service.verify import verify
from tests.index import OPERATOR, a_child, crosswalk, load_rows
from tests.unit.service.test_decisions import said, together

ZOE = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}


@pytest.fixture
def cut_over(index):
    """One child in two records, another in one, and a source for the old system."""
    load_rows(index, "sis", a_child("1"), a_child("2", **ZOE))
    load_rows(index, "ccwis", a_child("1"))
    add_source(index, OPERATOR, NewSource("old"))
    return index


def imported(index, *lines: str):
    return import_crosswalk(index, OPERATOR, "old", [OldLink(*line.split(",")) for line in lines])


def test_an_old_id_answers_and_what_it_linked_stays_linked(cut_over):
    eid = crosswalk(cut_over)["sis", "1"]
    done = imported(cut_over, "sis,1,S-1", "ccwis,1,S-1", "sis,2,S-1", "sis,99,S-2", "nowhere,1,S-2")
    assert (done.old_ids, done.records, done.unknown, done.held) == (2, 3, 2, 0)
    assert set(crosswalk(cut_over).values()) == {eid}
    assert look_up(cut_over, OPERATOR, "old", "S-1").enterprise_id == eid
    assert look_up(cut_over, OPERATOR, "old", "S-2").enterprise_id is None
    assert {one.authority for one in decisions(cut_over, OPERATOR)} == {"migration"}
    assert verify(cut_over, OPERATOR) == []
    undo_step(cut_over, OPERATOR, done.step)
    assert not together(cut_over, "sis:1", "sis:2")
    assert crosswalk(cut_over)["sis", "1"] == eid
    assert look_up(cut_over, OPERATOR, "old", "S-1").enterprise_id is None
    assert verify(cut_over, OPERATOR) == []


def test_a_difference_is_held_until_a_person_releases_it(cut_over):
    done = imported(cut_over, "sis,1,S-1", "ccwis,1,S-2")
    assert done.held == 1
    assert not together(cut_over, "sis:1", "ccwis:1")
    assert verify(cut_over, OPERATOR) == []
    [held] = holds(cut_over, OPERATOR)
    assert [len(group.records) for group in held.before] == [1, 1]
    release_hold(cut_over, OPERATOR, held.id)
    assert together(cut_over, "sis:1", "ccwis:1")
    assert imported(cut_over, "sis,1,S-1").old_ids == 1
    assert verify(cut_over, OPERATOR) == []


def test_a_difference_is_no_longer_held_when_the_import_is_taken_back(cut_over):
    done = imported(cut_over, "sis,1,S-1", "ccwis,1,S-2")
    assert not together(cut_over, "sis:1", "ccwis:1")
    undo_step(cut_over, OPERATOR, done.step)
    assert together(cut_over, "sis:1", "ccwis:1")
    assert holds(cut_over, OPERATOR) == []


def test_an_import_that_contradicts_a_decision_gives_way_and_is_asked_about(cut_over):
    said(cut_over, "DIFFERENT", ["sis:1"], ["sis:2"])
    imported(cut_over, "sis,1,S-1", "sis,2,S-1")
    assert not together(cut_over, "sis:1", "sis:2")
    assert "conflict" in [task.kind for task in review_tasks(cut_over, OPERATOR)]


def test_only_who_sees_every_source_imports(cut_over):
    for viewer in (
        Viewer("x", None, frozenset(Action), frozenset({"old"})),
        Viewer("x", None, frozenset({Action.LOAD}), None),
    ):
        with pytest.raises(AccessDenied):
            import_crosswalk(cut_over, viewer, "old", [])
    with pytest.raises(NotFoundError):
        import_crosswalk(cut_over, OPERATOR, "older", [])


def test_a_line_that_links_an_old_id_to_itself_says_nothing(cut_over):
    done = import_crosswalk(cut_over, OPERATOR, "sis", [OldLink("sis", "1", "1")])
    assert (done.old_ids, done.records, done.moved) == (1, 0, 0)

"""A state cuts over: old IDs stay known, what they linked stays linked, differences are held."""

import pytest

from mpi.domain import eid as eids
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.gates.holds import list_holds, release_hold
from mpi.service.loads.crosswalk_import import OldCrosswalkLine, import_crosswalk
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk as look_up
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.plan import recluster
from mpi.service.review.tasks import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import list_decisions
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, a_child, crosswalk, load_rows
from tests.unit.service.stewardship.test_decisions import are_same_person, make_decision

ZOE = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}


@pytest.fixture
def cut_over(index):
    """One child in two records, another in one, and a source for the old system."""
    load_rows(index, "sis", a_child("1"), a_child("2", **ZOE))
    load_rows(index, "ccwis", a_child("1"))
    add_source(index, OPERATOR, NewSource("old"))
    return index


def imported(index, *lines: str):
    return import_crosswalk(index, OPERATOR, "old", [OldCrosswalkLine(*line.split(",")) for line in lines])


def test_an_old_id_answers_and_what_it_linked_stays_linked(cut_over):
    eid = crosswalk(cut_over)["sis", "1"]
    done = imported(cut_over, "sis,1,S-1", "ccwis,1,S-1", "sis,2,S-1", "sis,99,S-2", "nowhere,1,S-2")
    assert (done.old_ids, done.records, done.unknown, done.held) == (2, 3, 2, 0)
    assert set(crosswalk(cut_over).values()) == {eid}
    assert look_up(cut_over, OPERATOR, "old", "S-1").enterprise_id == eid
    assert look_up(cut_over, OPERATOR, "old", "S-2").enterprise_id is None
    assert {one.authority for one in list_decisions(cut_over, OPERATOR)} == {"migration"}
    assert verify(cut_over, OPERATOR) == []
    undo_step(cut_over, OPERATOR, done.step)
    assert not are_same_person(cut_over, "sis:1", "sis:2")
    assert crosswalk(cut_over)["sis", "1"] == eid
    assert look_up(cut_over, OPERATOR, "old", "S-1").enterprise_id is None
    assert verify(cut_over, OPERATOR) == []


def test_a_difference_is_held_until_a_person_releases_it(cut_over):
    done = imported(cut_over, "sis,1,S-1", "ccwis,1,S-2")
    assert done.held == 1
    assert not are_same_person(cut_over, "sis:1", "ccwis:1")
    assert verify(cut_over, OPERATOR) == []
    [held] = list_holds(cut_over, OPERATOR)
    assert [len(group.records) for group in held.before] == [1, 1]
    release_hold(cut_over, OPERATOR, held.id)
    assert are_same_person(cut_over, "sis:1", "ccwis:1")
    assert imported(cut_over, "sis,1,S-1").old_ids == 1
    assert verify(cut_over, OPERATOR) == []


def test_a_difference_is_no_longer_held_when_the_import_is_taken_back(cut_over):
    done = imported(cut_over, "sis,1,S-1", "ccwis,1,S-2")
    assert not are_same_person(cut_over, "sis:1", "ccwis:1")
    undo_step(cut_over, OPERATOR, done.step)
    assert are_same_person(cut_over, "sis:1", "ccwis:1")
    assert list_holds(cut_over, OPERATOR) == []


def test_an_import_that_contradicts_a_decision_gives_way_and_is_asked_about(cut_over):
    make_decision(cut_over, "DIFFERENT", ["sis:1"], ["sis:2"])
    imported(cut_over, "sis,1,S-1", "sis,2,S-1")
    assert not are_same_person(cut_over, "sis:1", "sis:2")
    assert "conflict" in [task.kind for task in list_review_tasks(cut_over, OPERATOR)]


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
    done = import_crosswalk(cut_over, OPERATOR, "sis", [OldCrosswalkLine("sis", "1", "1")])
    assert (done.old_ids, done.records, done.moved) == (1, 0, 0)


def valid(start: int) -> str:
    """An enterprise ID of some other test index."""
    return eids.mint_eid(test=True, randbelow=lambda most: start % most)


def adopted(index, *lines: str):
    old = [OldCrosswalkLine(*line.split(",")) for line in lines]
    return import_crosswalk(index, OPERATOR, "old", old, adopt_ids=True)


def test_an_enterprise_id_of_an_earlier_index_is_borne_on_and_the_newer_one_says_who_bears_it(cut_over):
    before, old = crosswalk(cut_over)["sis", "1"], valid(3)
    done = adopted(
        cut_over, f"sis,1,{old.lower().replace('-', '')}", f"ccwis,1,{old.lower().replace('-', '')}"
    )
    assert (done.adopted, done.moved) == (1, 2)
    links = crosswalk(cut_over)
    assert (links["sis", "1"], links["ccwis", "1"]) == (old, old)
    assert links["sis", "2"] != old
    told = look_up_person(cut_over, OPERATOR, before)
    assert (told.status, told.now) == ("retired", (old,))
    assert verify(cut_over, OPERATOR) == []
    assert recluster(cut_over, OPERATOR, cut_over.matcher, apply=False).is_empty
    assert adopted(cut_over, f"sis,1,{old}").adopted == 0, "it is this index's own by now"


def test_what_is_no_such_id_or_of_a_production_index_stays_an_alias(cut_over):
    real = eids.mint_eid(test=False, randbelow=lambda most: 5 % most)
    done = adopted(cut_over, "sis,1,S-1", f"sis,2,{real}")
    assert (done.old_ids, done.adopted, done.moved) == (2, 0, 0)
    assert look_up(cut_over, OPERATOR, "old", real).enterprise_id == crosswalk(cut_over)["sis", "2"]


def test_without_being_asked_to_nothing_is_adopted(cut_over):
    before = crosswalk(cut_over)
    assert imported(cut_over, f"sis,1,{valid(3)}").adopted == 0
    assert crosswalk(cut_over) == before


def test_of_several_ids_at_one_person_that_of_most_records_is_adopted(cut_over):
    few, most = valid(3), valid(9)
    load_rows(cut_over, "ccwis", a_child("3"))
    make_decision(cut_over, "SAME", ["sis:1", "ccwis:1", "ccwis:3"])
    done = adopted(cut_over, f"sis,1,{few}", f"ccwis,1,{most}", f"ccwis,3,{most}")
    assert (done.adopted, crosswalk(cut_over)["sis", "1"]) == (1, most)
    assert look_up(cut_over, OPERATOR, "old", few).enterprise_id == most
    assert verify(cut_over, OPERATOR) == []


def test_an_id_whose_records_a_steward_parted_goes_with_most_of_them(cut_over):
    old = valid(3)
    make_decision(cut_over, "DIFFERENT", ["sis:1", "ccwis:1"], ["sis:2"])
    done = adopted(cut_over, f"sis,2,{old}", f"sis,1,{old}", f"ccwis,1,{old}")
    links = crosswalk(cut_over)
    assert done.adopted == 1
    assert links["sis", "1"] == links["ccwis", "1"] == old != links["sis", "2"]


def test_an_adopted_id_stays_when_the_import_is_taken_back(cut_over):
    old = valid(3)
    done = adopted(cut_over, f"sis,1,{old}", f"ccwis,1,{old}", f"sis,2,{old}")
    undo_step(cut_over, OPERATOR, done.step)
    assert crosswalk(cut_over)["sis", "1"] == old
    assert not are_same_person(cut_over, "sis:1", "sis:2")
    assert verify(cut_over, OPERATOR) == []

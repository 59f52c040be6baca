"""Test import of an old crosswalk: old IDs, links, held differences and adopted IDs."""

import pytest

from mpi.domain import eid as eids
from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.gates.holds import list_holds, release_hold
from mpi.service.loads.crosswalk_import import OldCrosswalkLine, import_crosswalk
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_crosswalk as look_up
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.review.task_list import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import list_decisions
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, load_rows, make_child
from tests.unit.service.stewardship.test_decisions import are_same_person, make_decision

ZOE = {"first_name": "Zoe", "last_name": "Quist", "birth_date": "2001-05-06", "postal_code": "41111"}


@pytest.fixture
def migration_index(index):
    """An index with two children in three records, and a source for the old system."""
    load_rows(index, "sis", make_child("1"), make_child("2", **ZOE))
    load_rows(index, "ccwis", make_child("1"))
    add_source(index, OPERATOR, NewSource("old"))
    return index


def import_lines(index, *lines: str):
    return import_crosswalk(index, OPERATOR, "old", [OldCrosswalkLine(*line.split(",")) for line in lines])


def test_old_id_is_found_and_its_links_are_kept(migration_index):
    eid = crosswalk(migration_index)["sis", "1"]
    result = import_lines(
        migration_index, "sis,1,S-1", "ccwis,1,S-1", "sis,2,S-1", "sis,99,S-2", "nowhere,1,S-2"
    )
    assert (result.old_ids, result.records, result.unknown, result.held) == (2, 3, 2, 0)
    assert set(crosswalk(migration_index).values()) == {eid}
    assert look_up(migration_index, OPERATOR, "old", "S-1").enterprise_id == eid
    assert look_up(migration_index, OPERATOR, "old", "S-2").enterprise_id is None
    assert {decision.authority for decision in list_decisions(migration_index, OPERATOR)} == {"migration"}
    assert verify(migration_index, OPERATOR) == []
    undo_step(migration_index, OPERATOR, result.step)
    assert not are_same_person(migration_index, "sis:1", "sis:2")
    assert crosswalk(migration_index)["sis", "1"] == eid
    assert look_up(migration_index, OPERATOR, "old", "S-1").enterprise_id is None
    assert verify(migration_index, OPERATOR) == []


def test_difference_is_held_until_a_person_releases_it(migration_index):
    result = import_lines(migration_index, "sis,1,S-1", "ccwis,1,S-2")
    assert result.held == 1
    assert not are_same_person(migration_index, "sis:1", "ccwis:1")
    assert verify(migration_index, OPERATOR) == []
    [held] = list_holds(migration_index, OPERATOR)
    assert [len(group.records) for group in held.before] == [1, 1]
    release_hold(migration_index, OPERATOR, held.id)
    assert are_same_person(migration_index, "sis:1", "ccwis:1")
    assert import_lines(migration_index, "sis,1,S-1").old_ids == 1
    assert verify(migration_index, OPERATOR) == []


def test_undo_of_the_import_ends_the_hold(migration_index):
    result = import_lines(migration_index, "sis,1,S-1", "ccwis,1,S-2")
    assert not are_same_person(migration_index, "sis:1", "ccwis:1")
    undo_step(migration_index, OPERATOR, result.step)
    assert are_same_person(migration_index, "sis:1", "ccwis:1")
    assert list_holds(migration_index, OPERATOR) == []


def test_import_that_contradicts_a_decision_yields_and_opens_a_task(migration_index):
    make_decision(migration_index, "DIFFERENT", ["sis:1"], ["sis:2"])
    import_lines(migration_index, "sis,1,S-1", "sis,2,S-1")
    assert not are_same_person(migration_index, "sis:1", "sis:2")
    assert "conflict" in [task.kind for task in list_review_tasks(migration_index, OPERATOR)]


def test_only_a_viewer_of_every_source_imports(migration_index):
    for viewer in (
        Viewer("x", None, frozenset(Action), frozenset({"old"})),
        Viewer("x", None, frozenset({Action.LOAD}), None),
    ):
        with pytest.raises(AccessDenied):
            import_crosswalk(migration_index, viewer, "old", [])
    with pytest.raises(NotFoundError):
        import_crosswalk(migration_index, OPERATOR, "older", [])


def test_line_that_links_an_old_id_to_itself_is_ignored(migration_index):
    result = import_crosswalk(migration_index, OPERATOR, "sis", [OldCrosswalkLine("sis", "1", "1")])
    assert (result.old_ids, result.records, result.moved) == (1, 0, 0)


def mint_test_eid(start: int) -> str:
    """Return an enterprise ID of another test index."""
    return eids.mint_eid(test=True, randbelow=lambda limit: start % limit)


def import_and_adopt(index, *lines: str):
    old = [OldCrosswalkLine(*line.split(",")) for line in lines]
    return import_crosswalk(index, OPERATOR, "old", old, adopt_ids=True)


def test_enterprise_id_of_an_earlier_index_is_adopted_and_the_newer_one_names_it(migration_index):
    before, old = crosswalk(migration_index)["sis", "1"], mint_test_eid(3)
    result = import_and_adopt(
        migration_index, f"sis,1,{old.lower().replace('-', '')}", f"ccwis,1,{old.lower().replace('-', '')}"
    )
    assert (result.adopted, result.moved) == (1, 2)
    links = crosswalk(migration_index)
    assert (links["sis", "1"], links["ccwis", "1"]) == (old, old)
    assert links["sis", "2"] != old
    person = look_up_person(migration_index, OPERATOR, before)
    assert (person.status, person.now) == ("retired", (old,))
    assert verify(migration_index, OPERATOR) == []
    assert recluster(migration_index, OPERATOR, migration_index.matcher, apply=False).is_empty
    assert import_and_adopt(migration_index, f"sis,1,{old}").adopted == 0, "the index already has this ID"


def test_invalid_or_production_id_stays_an_alias(migration_index):
    production_eid = eids.mint_eid(test=False, randbelow=lambda limit: 5 % limit)
    result = import_and_adopt(migration_index, "sis,1,S-1", f"sis,2,{production_eid}")
    assert (result.old_ids, result.adopted, result.moved) == (2, 0, 0)
    assert (
        look_up(migration_index, OPERATOR, "old", production_eid).enterprise_id
        == crosswalk(migration_index)["sis", "2"]
    )


def test_no_id_is_adopted_without_the_option(migration_index):
    before = crosswalk(migration_index)
    assert import_lines(migration_index, f"sis,1,{mint_test_eid(3)}").adopted == 0
    assert crosswalk(migration_index) == before


def test_id_with_most_records_of_a_person_is_adopted(migration_index):
    minor_eid, major_eid = mint_test_eid(3), mint_test_eid(9)
    load_rows(migration_index, "ccwis", make_child("3"))
    make_decision(migration_index, "SAME", ["sis:1", "ccwis:1", "ccwis:3"])
    result = import_and_adopt(
        migration_index, f"sis,1,{minor_eid}", f"ccwis,1,{major_eid}", f"ccwis,3,{major_eid}"
    )
    assert (result.adopted, crosswalk(migration_index)["sis", "1"]) == (1, major_eid)
    assert look_up(migration_index, OPERATOR, "old", minor_eid).enterprise_id == major_eid
    assert verify(migration_index, OPERATOR) == []


def test_id_of_separated_records_goes_with_most_of_them(migration_index):
    old = mint_test_eid(3)
    make_decision(migration_index, "DIFFERENT", ["sis:1", "ccwis:1"], ["sis:2"])
    result = import_and_adopt(migration_index, f"sis,2,{old}", f"sis,1,{old}", f"ccwis,1,{old}")
    links = crosswalk(migration_index)
    assert result.adopted == 1
    assert links["sis", "1"] == links["ccwis", "1"] == old != links["sis", "2"]


def test_adopted_id_stays_after_undo_of_the_import(migration_index):
    old = mint_test_eid(3)
    result = import_and_adopt(migration_index, f"sis,1,{old}", f"ccwis,1,{old}", f"sis,2,{old}")
    undo_step(migration_index, OPERATOR, result.step)
    assert crosswalk(migration_index)["sis", "1"] == old
    assert not are_same_person(migration_index, "sis:1", "sis:2")
    assert verify(migration_index, OPERATOR) == []

"""Test that the second of two children who share a local ID gets a record of its own."""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import Action, Viewer
from mpi.service.maintenance.verify import verify
from mpi.service.records.record_reader import read
from mpi.service.records.source_pause import pause
from mpi.service.stewardship.shared_ids import separate_shared_id
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, expunge, load_rows, make_child
from tests.unit.service.stewardship.test_overlays import (
    RECORD,
    ZOE,
    is_sound,
    overlay_tasks,
    read_first_name,
    upsert_child,
)

NEW = RecordRef("sis", "1-b")


@pytest.fixture
def shared(index):
    """An index in which the local ID 1 of sis states Amara, then Zoe, who has a record at ccwis too."""
    upsert_child(index, on=1)
    upsert_child(index, "1", "ccwis", on=1)
    upsert_child(index, "9", "ccwis", on=1, **ZOE)
    upsert_child(index, on=2, **ZOE)
    assert len(overlay_tasks(index)) == 1
    return index


def test_second_child_gets_a_record_and_the_first_keeps_the_local_id(shared):
    before = crosswalk(shared)
    preview = separate_shared_id(shared, OPERATOR, RECORD, "1-b", preview=True)
    assert crosswalk(shared) == before
    effect = separate_shared_id(shared, OPERATOR, RECORD, "1-b")
    assert [person.change for person in preview.persons] == [person.change for person in effect.persons]
    assert (read_first_name(shared), read_first_name(shared, NEW)) == ("Amara", "Zoe")
    links = crosswalk(shared)
    assert links == before | {("sis", "1-b"): before["ccwis", "9"]}
    assert overlay_tasks(shared) == []
    assert is_sound(shared)


def test_old_local_id_with_the_second_child_is_refused_when_sent_again(shared):
    separate_shared_id(shared, OPERATOR, RECORD, "1-b")
    before = crosswalk(shared)
    upsert_child(shared, on=3, **ZOE)
    assert (crosswalk(shared), overlay_tasks(shared)) == (before, [])
    upsert_child(shared, "1-b", on=3, **ZOE)
    assert crosswalk(shared) == before
    assert is_sound(shared)


def test_undo_asks_again_and_the_record_of_the_second_child_is_gone(shared):
    before = crosswalk(shared)
    effect = separate_shared_id(shared, OPERATOR, RECORD, "1-b")
    undo_step(shared, OPERATOR, effect.step)
    assert crosswalk(shared) == before
    assert len(overlay_tasks(shared)) == 1
    assert is_sound(shared)
    with pytest.raises(ConflictError):
        undo_step(shared, OPERATOR, effect.step)
    separate_shared_id(shared, OPERATOR, RECORD, "1-b")
    assert crosswalk(shared) == before | {("sis", "1-b"): before["ccwis", "9"]}
    assert is_sound(shared)


def test_undo_keeps_what_the_source_has_stated_since(shared):
    effect = separate_shared_id(shared, OPERATOR, RECORD, "1-b")
    upsert_child(shared, "1-b", on=3, **ZOE | {"postal_code": "41112"})
    before = crosswalk(shared)
    undo_step(shared, OPERATOR, effect.step)
    assert crosswalk(shared) == before
    assert len(overlay_tasks(shared)) == 1
    assert is_sound(shared)


def test_full_file_without_the_new_local_id_withdraws_it_until_it_is_sent(shared):
    separate_shared_id(shared, OPERATOR, RECORD, "1-b")
    before = crosswalk(shared)
    as_of = clock.now() - timedelta(minutes=1)
    load_rows(shared, "sis", make_child("1"), snapshot=Snapshot.FULL, as_of=as_of, confirm=True)
    assert ("sis", "1-b") not in crosswalk(shared)
    upsert_child(shared, "1-b", **ZOE)
    assert crosswalk(shared) == before
    assert verify(shared, OPERATOR) == []


def test_new_local_id_must_be_free_and_valid(shared):
    upsert_child(shared, "taken", first_name="Ulf", last_name="Berg", birth_date="2008-08-08")
    secret = make_child("secret", first_name="Ida", last_name="Moe", birth_date="2003-03-03")
    expunge(shared, "sis", secret)
    before = crosswalk(shared)
    for taken in ("taken", "secret", "1"):
        with pytest.raises(ConflictError):
            separate_shared_id(shared, OPERATOR, RECORD, taken)
    for invalid in ("", "078-05-1120", "\u200bx"):
        with pytest.raises(InputError):
            separate_shared_id(shared, OPERATOR, RECORD, invalid)
    assert crosswalk(shared) == before
    assert len(overlay_tasks(shared)) == 1


def test_only_a_waiting_version_can_be_separated(shared):
    with pytest.raises(ConflictError):
        separate_shared_id(shared, OPERATOR, RecordRef("ccwis", "1"), "x")
    with pytest.raises(NotFoundError):
        separate_shared_id(shared, OPERATOR, RecordRef("sis", "nobody"), "x")
    pause(shared, OPERATOR, "sis")
    with pytest.raises(ConflictError, match="paused"):
        separate_shared_id(shared, OPERATOR, RECORD, "1-b")


@pytest.mark.parametrize("missing", [Action.DECIDE, Action.RECORD_WRITE])
def test_it_needs_both_rights_on_the_source(shared, missing):
    viewer = Viewer("steward", None, OPERATOR.actions - {missing}, frozenset({"sis"}))
    with pytest.raises(AccessDenied):
        separate_shared_id(shared, viewer, RECORD, "1-b")
    full = Viewer("steward", None, OPERATOR.actions, frozenset({"ccwis"}))
    with pytest.raises(AccessDenied):
        separate_shared_id(shared, full, RECORD, "1-b")
    assert read(shared, OPERATOR, "sis", "1")["record"]["first_name"] == "Amara"

"""Keyed tokens of dropped rows tell when a school has to be asked again, and nothing else."""

from dataclasses import replace

import pytest

from mpi.domain.errors import AccessDenied
from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.snapshot import Snapshot
from mpi.domain.source import Holdings
from mpi.domain.viewer import Action, Viewer
from mpi.service.holdings import runs
from mpi.service.holdings.settings import set_holdings
from mpi.service.holdings.tokens import compute_tokens, count_rows_to_ask, pupil_key
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.records.upsert_result import Outcome
from mpi.service.stewardship.rekey import rekey
from tests.index import (
    OPERATOR,
    all_stored_bytes,
    crosswalk,
    expunge,
    load_rows,
    make_child,
    many_children,
    rows,
)

CHILD = make_child("w1")
PUPIL = make_child("localid-98765", first_name="Quentin", last_name="Zyxwvutsrq", birth_date="2011-11-30")
SAME_CHILD = {**PUPIL, "local_id": "w2"}
HASH = KeyedHash(b"1" * 32)
NAMED = Features(given_roots=("AMARA",), surname_forms=("OKONKWO",), birth_dates=("2014-03-09",))


@pytest.fixture
def index(whole_index):
    """An index whose school keeps tokens of dropped rows."""
    set_holdings(whole_index, OPERATOR, "school", Holdings.TOKENS)
    return whole_index


def figures(index):
    """Return the pupils of whom tokens are stored, and how many of them to ask for."""
    [count] = count_rows_to_ask(index, OPERATOR)
    return count.tokens, count.rows


def test_a_child_who_enters_care_is_counted_at_once_and_found_by_the_next_file(index):
    load_rows(index, "welfare", CHILD)
    receipt = load_rows(index, "school", PUPIL, *many_children(5))
    assert (receipt.dropped, figures(index)) == (6, (6, 0))
    load_rows(index, "welfare", SAME_CHILD)
    assert figures(index) == (6, 1)
    load_rows(index, "school", PUPIL, *many_children(5), snapshot=Snapshot.FULL)
    assert figures(index) == (5, 0)
    assert verify(index, OPERATOR) == []
    ids = crosswalk(index)
    assert ids["school", "localid-98765"] == ids["welfare", "w2"]


def test_tokens_hold_no_name_date_or_local_id(index):
    load_rows(index, "school", PUPIL)
    upsert(index, OPERATOR, "school", {**PUPIL, "local_id": "localid-12345"})
    assert figures(index) == (2, 0)
    stored = all_stored_bytes(index)
    for value in (b"zyxwvutsrq", b"quentin", b"2011-11-30", b"localid-"):
        assert value not in stored.lower()


def test_an_online_record_leaves_tokens_until_it_is_held(index):
    assert upsert(index, OPERATOR, "school", PUPIL).outcome is Outcome.DROPPED
    assert figures(index) == (1, 0)
    upsert(index, OPERATOR, "welfare", SAME_CHILD)
    assert figures(index) == (1, 1)
    assert upsert(index, OPERATOR, "school", PUPIL).outcome is Outcome.LINKED
    assert figures(index) == (0, 0)


def test_a_full_file_deletes_the_tokens_of_pupils_whom_it_lacks(index):
    load_rows(index, "school", *many_children(3))
    load_rows(index, "school", *many_children(2))
    assert figures(index) == (3, 0)
    load_rows(index, "school", *many_children(2), snapshot=Snapshot.FULL)
    assert figures(index) == (2, 0)
    # A row that cannot be read may be anybody's, so nothing is deleted.
    load_rows(index, "school", *many_children(1), {"local_id": ""}, snapshot=Snapshot.FULL)
    assert figures(index) == (2, 0)


def test_a_changed_row_changes_its_tokens(index):
    load_rows(index, "welfare", SAME_CHILD)
    load_rows(index, "school", {**many_children(1)[0], "local_id": "s1"})
    assert figures(index) == (1, 0)
    load_rows(index, "school", {**many_children(1, 7)[0], "local_id": "s1"})
    load_rows(index, "welfare", {**many_children(1)[0], "local_id": "w3"})
    assert figures(index) == (1, 0)
    load_rows(index, "welfare", {**many_children(1, 7)[0], "local_id": "w4"})
    assert figures(index) == (1, 1)


def test_dropped_records_leave_tokens_and_rivals_none(index):
    set_holdings(index, OPERATOR, "school", Holdings.ALL)
    load_rows(index, "welfare", CHILD)
    bridge = make_child("s1", ssn="412-53-7788")
    rival = make_child("s9", first_name="Zed", last_name="Unlike", ssn="412-53-7788")
    load_rows(index, "school", bridge, rival, PUPIL)
    set_holdings(index, OPERATOR, "school", Holdings.TOKENS)
    assert runs.apply_run(index, OPERATOR, "school").records == 1
    assert figures(index) == (1, 0)
    load_rows(index, "school", rival, {**rival, "local_id": "s10"}, PUPIL)
    assert figures(index) == (1, 0)
    assert ("school", "s10") in crosswalk(index)


@pytest.mark.parametrize("holdings", [Holdings.LINKED, Holdings.ALL])
def test_other_holdings_delete_the_tokens_at_once(index, holdings):
    load_rows(index, "school", PUPIL)
    set_holdings(index, OPERATOR, "school", holdings)
    assert count_rows_to_ask(index, OPERATOR) == []
    with index.database.read(OPERATOR) as unit:
        [school] = [source for source in unit.sources.all() if source.code == "school"]
        assert unit.pupil_tokens.count(school.id) == 0


def test_a_dry_run_keeps_no_tokens(index):
    dry_run(index, OPERATOR, "school", rows(PUPIL), LoadOptions(Snapshot.FULL))
    assert figures(index) == (0, 0)


def test_tokens_of_a_held_record_are_found(index):
    load_rows(index, "school", PUPIL)
    set_holdings(index, OPERATOR, "school", Holdings.ALL)
    load_rows(index, "school", PUPIL)
    with index.database.write(OPERATOR, "test") as unit:
        [school] = [source for source in unit.sources.all() if source.code == "school"]
        unit.pupil_tokens.replace(school.id, {pupil_key(index, school, "localid-98765"): b""}, "1")
        unit.ensure_commit()
    [finding] = verify(index, OPERATOR)
    assert "1 records of source 'school'" in finding.detail


def hide_pupil(index):
    """Let the school's record of a child in care be stored and destroyed, and the child leave care."""
    load_rows(index, "welfare", SAME_CHILD)
    load_rows(index, "school", PUPIL)
    expunge(index, "school", PUPIL)
    expunge(index, "welfare", SAME_CHILD)


def test_a_file_brings_no_tokens_of_a_destroyed_child(index):
    hide_pupil(index)
    preview = dry_run(index, OPERATOR, "school", rows(PUPIL), LoadOptions(Snapshot.DELTA))
    receipt = load_rows(index, "school", PUPIL, *many_children(1))
    assert (preview.receipt.dropped, receipt.dropped, receipt.rejected) == (0, 1, 1)
    assert figures(index) == (1, 0)
    assert verify(index, OPERATOR) == []


def test_tokens_of_a_destroyed_child_are_found_and_deleted(index):
    load_rows(index, "welfare", SAME_CHILD)
    load_rows(index, "school", PUPIL)
    rekey(index, OPERATOR, "school", {"localid-98765": "s2"})
    load_rows(index, "school", {**many_children(1)[0], "local_id": "localid-98765"})
    assert figures(index) == (1, 0)
    expunge(index, "school", {**PUPIL, "local_id": "s2"})
    assert figures(index) == (0, 0)
    with index.database.write(OPERATOR, "test") as unit:
        [school] = [source for source in unit.sources.all() if source.code == "school"]
        unit.pupil_tokens.replace(school.id, {pupil_key(index, school, "s2"): b""}, "1")
        unit.ensure_commit()
    [finding] = verify(index, OPERATOR)
    assert finding.detail == "tokens of 1 records of source 'school' are kept although destroyed"


def test_rows_to_ask_are_for_administrators_of_the_source(index):
    with pytest.raises(AccessDenied):
        count_rows_to_ask(index, Viewer("reader", None, frozenset({Action.REPORT}), None))
    assert count_rows_to_ask(index, replace(OPERATOR, sources=frozenset({"welfare"}))) == []


@pytest.mark.parametrize(
    ("changes", "meets"),
    [
        ({"given_roots": ("AMARA", "MARA")}, True),
        ({"surname_forms": ("LOPEZ", "OKONKWO")}, True),
        ({"birth_dates": ("2014-03-10",)}, False),
        ({"given_roots": ("AMARE",)}, False),
        ({"birth_dates": ()}, False),
    ],
)
def test_names_meet_with_an_equal_birth_date_only(changes, meets):
    tokens = set(compute_tokens(NAMED, HASH))
    assert tokens.isdisjoint(compute_tokens(replace(NAMED, **changes), HASH)) is not meets


def test_numbers_meet_alone_and_mistyped_ones_with_a_birth_date():
    numbered = Features(identifiers=("abc",), identifiers_near=("a1", "a2"), birth_dates=("2014-03-09",))
    tokens = set(compute_tokens(numbered, HASH))
    assert not tokens.isdisjoint(compute_tokens(Features(identifiers=("abc",)), HASH))
    assert tokens.isdisjoint(compute_tokens(Features(identifiers_near=("a1",)), HASH))
    mistyped = Features(identifiers_near=("a2", "a3"), birth_dates=("2014-03-09",))
    assert not tokens.isdisjoint(compute_tokens(mistyped, HASH))
    assert compute_tokens(numbered, KeyedHash(b"2" * 32)) != compute_tokens(numbered, HASH)

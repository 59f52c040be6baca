"""Pairs found before a record's transaction are, in it, those that a search would find there."""

from array import array
from dataclasses import replace
from unittest.mock import patch

import pytest

from mpi.bootstrap import open_matcher
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.group_commit import GroupCommit
from mpi.service.indexing import reindex
from mpi.service.indexing.background_compaction import compact_leftover_segments
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.plan import recluster
from mpi.service.records import optimistic_candidates
from mpi.service.records import upsert as upsert_module
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.standardize.payload import features_from_bytes
from mpi.storage.key_index.key_segments import KeySegments
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.session import DatabaseSession
from tests.index import OPERATOR, a_child, an_index, partition_of, with_settings
from tests.models import tiny_model

MOST = 3
KNOWN = a_child("known", ssn="532-11-8842")
SAME = a_child("same", ssn="532-11-8842")
ALIKE = a_child("alike", birth_date="2014-03-19")
OTHER = a_child("other", first_name="Chidi", birth_date="2011-07-02", postal_code="43210")


def withdrawn(index):
    withdraw(index, OPERATOR, "sis", "known")


def sealed(index):
    upsert(index, OPERATOR, "sis", {**KNOWN, "restrictions": [{"kind": "sealed"}]})
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        assert unit.records.find_by_local_ids(source.id, ["known"])["known"].state == "sealed"


def becomes_another(index):
    upsert(index, OPERATOR, "sis", {**OTHER, "local_id": "known"})


def changes_a_little(index):
    upsert(index, OPERATOR, "sis", {**KNOWN, "birth_date": "2014-03-10"})


def has_nothing_in_common_any_more(index):
    said = dict(KNOWN)
    for change in (
        {"last_name": "Quartermain"}, {"ssn": None}, {"postal_code": "90210"}, {"birth_date": "2011-11-23"},
        {"first_name": "Zoe"},
    ):  # fmt: skip
        said |= change
        assert upsert(index, OPERATOR, "sis", said).record == "updated"


def another_of_the_same(index):
    upsert(index, OPERATOR, "sis", {**KNOWN, "local_id": "twin"})


def comes_and_goes(index):
    another_of_the_same(index)
    withdraw(index, OPERATOR, "sis", "twin")


def comes_by_another(index):
    upsert(index, OPERATOR, "ccwis", SAME)


def a_source_comes(index):
    add_source(index, OPERATOR, NewSource("court", "Court", "court"))
    upsert(index, OPERATOR, "court", {**KNOWN, "local_id": "k"})


def a_group_comes(index):
    with index.database.write(OPERATOR, "test") as unit:
        court = Source(9, "court", "Court", "court", "other", group_id=2, paused=False)
        unit.sources.add(9, 9, court, unit.commit_no)
    upsert(index, OPERATOR, "court", {**KNOWN, "local_id": "k"})


def many_come(index):
    for number in range(MOST + 1):
        upsert(index, OPERATOR, "sis", {**OTHER, "local_id": f"o{number}", "first_name": f"Chidi{number}"})
    another_of_the_same(index)


def nothing(_index):
    pass


MEANWHILE = (
    withdrawn, sealed, becomes_another, changes_a_little, has_nothing_in_common_any_more, another_of_the_same,
    comes_and_goes, comes_by_another, a_source_comes, a_group_comes, many_come, nothing,
)  # fmt: skip


@pytest.fixture
def index(tmp_path, database_url, monkeypatch):
    # Where nobody else writes, PostgreSQL searches in the transaction.
    monkeypatch.setattr(GroupCommit, "is_uncontended", False)
    with an_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64, database_url=database_url) as index:
        begin(index)
        yield index


def begin(index):
    for child in (KNOWN, ALIKE, OTHER):
        upsert(index, OPERATOR, "sis", child)


def with_meanwhile(index, act, child):
    """Upsert a record; between the search for its pairs and its transaction something else is done."""
    found = []

    def and_then(*asked):
        found.append(optimistic_candidates.find_optimistic_pairs(*asked))
        with patch.object(
            upsert_module, "find_optimistic_pairs", optimistic_candidates.find_optimistic_pairs
        ):
            act(index)
        return found[0]

    with patch.object(upsert_module, "find_optimistic_pairs", and_then):
        answer = upsert(index, OPERATOR, "ccwis", child)
    return answer, found[0]


def edges_of(index):
    with index.database.read(OPERATOR) as unit:
        keys = unit.records.canonical_keys(unit.records.active_canonical_keys())
        edges = unit.derived_data.edges_of(
            index.config_id(unit), keys, index.matcher.model.thresholds.storage_floor
        )
        return {frozenset((keys[lo], keys[hi])): bits for (lo, hi), bits in edges.items()}


@pytest.mark.parametrize("act", MEANWHILE, ids=lambda act: act.__name__)
def test_whatever_happens_meanwhile_the_pairs_are_those_of_a_search_in_the_transaction(
    index, tmp_path, monkeypatch, act
):
    monkeypatch.setattr(optimistic_candidates, "LARGEST_CHANGE_COUNT", MOST)
    answer, found = with_meanwhile(index, act, SAME)
    assert found is not None
    assert found.bits
    with an_index(tmp_path / "plain", "sis", "ccwis", secret="5" * 64) as plain:
        begin(plain)
        act(plain)
        with patch.object(upsert_module, "find_optimistic_pairs", lambda *_: None):
            expected = upsert(plain, OPERATOR, "ccwis", SAME)
        assert (answer.outcome, answer.record, answer.tasks) == (
            expected.outcome, expected.record, expected.tasks,
        )  # fmt: skip
        assert edges_of(index) == edges_of(plain)
        assert partition_of(index) == partition_of(plain)
    assert verify(index, OPERATOR) == []


def searched_in_the_transaction(index, act):
    """The records whose pairs are looked for once the writer is held."""
    with patch.object(reindex, "_read_blocks", wraps=reindex._read_blocks) as searched:
        act(index)
    return [len(call.args[2]) for call in searched.call_args_list]


def test_what_was_found_beforehand_is_not_looked_for_again(index):
    assert searched_in_the_transaction(index, comes_by_another) == [0]
    with patch.object(upsert_module, "find_optimistic_pairs", lambda *_: None):
        assert searched_in_the_transaction(index, another_of_the_same) == [1]


def test_what_says_nothing_new_is_not_searched_for(index):
    with patch.object(
        upsert_module, "find_optimistic_pairs", wraps=optimistic_candidates.find_optimistic_pairs
    ) as looked:
        upsert(index, OPERATOR, "sis", KNOWN)
    [call] = looked.call_args_list
    assert optimistic_candidates.find_optimistic_pairs(*call.args) is None


def test_where_callers_of_one_process_wait_for_each_other_alone_sqlite_searches_in_the_transaction(
    index, monkeypatch
):
    monkeypatch.setattr(GroupCommit, "is_contended_in_process", True)
    searched = searched_in_the_transaction(index, comes_by_another)
    assert searched == ([0] if index.database.is_postgresql else [1])


def test_where_nobody_else_writes_postgresql_searches_in_the_transaction(index, monkeypatch):
    monkeypatch.setattr(GroupCommit, "is_uncontended", True)
    with patch.object(upsert_module, "start_pipelined_search", lambda *_: None):
        searched = searched_in_the_transaction(index, comes_by_another)
    assert searched == ([1] if index.database.is_postgresql else [0])


def test_a_record_that_shares_a_key_with_very_many_is_told_of_as_before(index):
    limited = with_settings(index, block_limits=BlockLimits(alarm=1, hard=10))
    _, found = with_meanwhile(limited, nothing, SAME)
    assert found is None
    with index.database.read(OPERATOR) as unit:
        assert unit.large_blocks.all(index.config_id(unit))


def test_the_last_commit_is_asked_first_as_each_statement_may_be_of_a_moment_of_its_own(index, monkeypatch):
    asked = []
    execute, ahead = DatabaseSession.execute, DatabaseSession.prefetch

    def executed(session, statement, *rest, **options):
        asked.append(("now", str(statement)))
        return execute(session, statement, *rest, **options)

    def sent_ahead(session, statement, *rest):
        asked.append(("ahead", str(statement)))
        return ahead(session, statement, *rest)

    monkeypatch.setattr(DatabaseSession, "execute", executed)
    monkeypatch.setattr(DatabaseSession, "prefetch", sent_ahead)
    upsert(index, OPERATOR, "ccwis", SAME)
    how, first = asked[0]
    assert how == "now"
    assert "max(commit_log.no)" in first
    names = [statement for _, statement in asked[1:]]
    runs, all_keys = (
        next(n for n, one in enumerate(names) if table in one) for table in ("key_run", "blocking_key")
    )
    if index.database.is_postgresql:
        # A key that is merged between the two is found twice, and never not at all.
        assert runs < all_keys


@pytest.fixture
def with_a_run(index):
    """An index of which the first record's keys are in a run."""
    with index.database.write(OPERATOR, "a load") as unit:
        config = index.config_id(unit)
        own = unit.keys.packed_keys(config, [1])
        unit.keys.delete(config, [1])
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
    return index


def test_what_has_its_keys_in_a_run_is_found_before_the_transaction(with_a_run):
    assert searched_in_the_transaction(with_a_run, comes_by_another) == [0]
    assert verify(with_a_run, OPERATOR) == []


def test_a_run_that_is_merged_and_gone_while_pairs_are_looked_for_loses_none(with_a_run, monkeypatch):
    runs, told = KeySegments.segments_of, []
    # PostgreSQL is asked once more, statement by statement, before the snapshot in which they are read.
    in_the_snapshot = 2 if with_a_run.database.is_postgresql else 1

    def merged_meanwhile(self, config_id):
        found = runs(self, config_id)
        told.append(found)
        if len(told) == in_the_snapshot:
            another_process = Database(with_a_run.database.url)
            compact_leftover_segments(another_process, OPERATOR)
            another_process.dispose()
        return found

    monkeypatch.setattr(KeySegments, "segments_of", merged_meanwhile)
    assert searched_in_the_transaction(with_a_run, comes_by_another) == [0]
    assert told[in_the_snapshot - 1]
    assert verify(with_a_run, OPERATOR) == []


def wrong_keys(index):
    """Records that have other keys than the model in force gives them."""
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        upsert_module = unit.derived_data.record_ids(config_id)
        stored, blocking = (
            unit.derived_data.features(config_id, upsert_module),
            index.blocking_of(unit, config_id),
        )
        own = unit.keys.packed_keys(config_id, upsert_module)
    return {
        record
        for record, features in stored.items()
        if own[record].keys
        != array("q", compute_keys(features_from_bytes(features), blocking, index.keyed_hash)).tobytes()
    }


def test_a_record_that_is_sent_after_a_move_and_after_the_way_back_has_the_keys_of_the_model_in_force(
    index, tmp_path
):
    other = open_matcher(str(tiny_model(tmp_path / "other", version="2", birth=["birth_date", "surname:2"])))
    recluster(index, OPERATOR, other, apply=True)
    moved = replace(index, matcher=other)
    for number in range(2):
        upsert(moved, OPERATOR, "ccwis", a_child(f"moved-{number}"))
    assert not wrong_keys(moved)
    recluster(moved, OPERATOR, index.matcher, apply=True)
    for number in range(2):
        upsert(index, OPERATOR, "ccwis", a_child(f"back-{number}"))
    assert not wrong_keys(index)
    assert verify(index, OPERATOR) == []


def test_pairs_are_found_beforehand_after_the_way_back_too(index, tmp_path):
    other = open_matcher(str(tiny_model(tmp_path / "other", version="2")))
    recluster(index, OPERATOR, other, apply=True)
    moved = replace(index, matcher=other)
    upsert(moved, OPERATOR, "ccwis", a_child("moved"))
    recluster(moved, OPERATOR, index.matcher, apply=True)
    upsert(index, OPERATOR, "ccwis", a_child("first"))
    found = []

    def kept(*asked):
        found.append(optimistic_candidates.find_optimistic_pairs(*asked))
        return found[-1]

    with patch.object(upsert_module, "find_optimistic_pairs", kept):
        upsert(index, OPERATOR, "ccwis", a_child("second"))
    with index.database.read(OPERATOR) as unit:
        assert found[0].query.config_id == index.config_id(unit)

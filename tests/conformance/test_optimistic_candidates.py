"""Optimistic candidate pairs equal those of a search within the transaction."""

from array import array
from dataclasses import replace
from unittest.mock import patch

import pytest

from mpi.composition.models import open_matcher
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.group_commit import GroupCommit
from mpi.service.indexing import reindex
from mpi.service.indexing.background_compaction import compact_leftover_segments
from mpi.service.maintenance.verify import verify
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records import optimistic_candidates
from mpi.service.records import upsert as upsert_module
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.standardize.serialization import features_from_bytes
from mpi.storage.key_index.key_segments import KeySegments
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.session_pool import DatabaseSession
from tests.index import OPERATOR, make_child, open_test_index, partition_of, with_settings, with_tuning
from tests.models import tiny_model

MAX_CHANGES = 3
KNOWN = make_child("known", ssn="532-11-8842")
SAME = make_child("same", ssn="532-11-8842")
SIMILAR = make_child("alike", birth_date="2014-03-19")
OTHER = make_child("other", first_name="Chidi", birth_date="2011-07-02", postal_code="43210")


def withdraw_known_record(index):
    withdraw(index, OPERATOR, "sis", "known")


def seal_known_record(index):
    upsert(index, OPERATOR, "sis", {**KNOWN, "restrictions": [{"kind": "sealed"}]})
    with index.database.read(OPERATOR) as unit:
        source = unit.sources.get_by_code("sis")
        assert unit.records.find_by_local_ids(source.id, ["known"])["known"].state == "sealed"


def replace_person_of_known_record(index):
    upsert(index, OPERATOR, "sis", {**OTHER, "local_id": "known"})


def change_known_record_slightly(index):
    upsert(index, OPERATOR, "sis", {**KNOWN, "birth_date": "2014-03-10"})


def change_every_field_of_known_record(index):
    content = dict(KNOWN)
    for change in (
        {"last_name": "Quartermain"}, {"ssn": None}, {"postal_code": "90210"}, {"birth_date": "2011-11-23"},
        {"first_name": "Zoe"},
    ):  # fmt: skip
        content |= change
        assert upsert(index, OPERATOR, "sis", content).record == "updated"


def add_twin(index):
    upsert(index, OPERATOR, "sis", {**KNOWN, "local_id": "twin"})


def add_and_withdraw_twin(index):
    add_twin(index)
    withdraw(index, OPERATOR, "sis", "twin")


def add_record_of_other_source(index):
    upsert(index, OPERATOR, "ccwis", SAME)


def add_source_with_record(index):
    add_source(index, OPERATOR, NewSource("court", "Court", "court"))
    upsert(index, OPERATOR, "court", {**KNOWN, "local_id": "k"})


def add_group_with_record(index):
    with index.database.write(OPERATOR, "test") as unit:
        court = Source(9, "court", "Court", "court", "other", group_id=2, paused=False)
        unit.sources.add(9, 9, court, unit.commit_no)
    upsert(index, OPERATOR, "court", {**KNOWN, "local_id": "k"})


def add_many_records(index):
    for number in range(MAX_CHANGES + 1):
        upsert(index, OPERATOR, "sis", {**OTHER, "local_id": f"o{number}", "first_name": f"Chidi{number}"})
    add_twin(index)


def change_nothing(_index):
    pass


CONCURRENT_CHANGES = (
    withdraw_known_record,
    seal_known_record,
    replace_person_of_known_record,
    change_known_record_slightly,
    change_every_field_of_known_record,
    add_twin,
    add_and_withdraw_twin,
    add_record_of_other_source,
    add_source_with_record,
    add_group_with_record,
    add_many_records,
    change_nothing,
)


@pytest.fixture
def index(index, monkeypatch):
    # A writer without contention searches within the transaction on PostgreSQL.
    monkeypatch.setattr(GroupCommit, "is_uncontended", False)
    begin(index)
    return index


def begin(index):
    for child in (KNOWN, SIMILAR, OTHER):
        upsert(index, OPERATOR, "sis", child)


def upsert_with_concurrent_change(index, change, child):
    """Upsert a record, with a concurrent change between its search and its transaction."""
    optimistic_results = []

    def find_and_change(*arguments):
        optimistic_results.append(optimistic_candidates.find_optimistic_pairs(*arguments))
        with patch.object(
            upsert_module, "find_optimistic_pairs", optimistic_candidates.find_optimistic_pairs
        ):
            change(index)
        return optimistic_results[0]

    with patch.object(upsert_module, "find_optimistic_pairs", find_and_change):
        answer = upsert(index, OPERATOR, "ccwis", child)
    return answer, optimistic_results[0]


def edges_of(index):
    with index.database.read(OPERATOR) as unit:
        keys = unit.records.canonical_keys(unit.records.active_canonical_keys())
        edges = unit.derived_data.edges_of(
            index.config_id(unit), keys, index.matcher.model.thresholds.storage_floor
        )
        return {frozenset((keys[lo], keys[hi])): bits for (lo, hi), bits in edges.items()}


@pytest.mark.parametrize("change", CONCURRENT_CHANGES, ids=lambda change: change.__name__)
def test_optimistic_pairs_equal_a_search_in_the_transaction(index, tmp_path, change):
    index = with_tuning(index, request={"changed_records": MAX_CHANGES})
    answer, optimistic = upsert_with_concurrent_change(index, change, SAME)
    assert optimistic is not None
    assert optimistic.bits
    with open_test_index(tmp_path / "plain", "sis", "ccwis", secret="5" * 64) as plain:
        begin(plain)
        change(plain)
        with patch.object(upsert_module, "find_optimistic_pairs", lambda *_: None):
            expected = upsert(plain, OPERATOR, "ccwis", SAME)
        assert (answer.outcome, answer.record, answer.tasks) == (
            expected.outcome, expected.record, expected.tasks,
        )  # fmt: skip
        assert edges_of(index) == edges_of(plain)
        assert partition_of(index) == partition_of(plain)
    assert verify(index, OPERATOR) == []


def count_searched_in_transaction(index, change):
    """Return how many records each search under the writer's lock looks for."""
    with patch.object(reindex, "read_blocks", wraps=reindex.read_blocks) as read_blocks:
        change(index)
    return [len(call.args[2]) for call in read_blocks.call_args_list]


def test_pairs_found_optimistically_are_not_searched_again(index):
    assert count_searched_in_transaction(index, add_record_of_other_source) == [0]
    with patch.object(upsert_module, "find_optimistic_pairs", lambda *_: None):
        assert count_searched_in_transaction(index, add_twin) == [1]


def test_unchanged_record_is_not_searched(index):
    with patch.object(
        upsert_module, "find_optimistic_pairs", wraps=optimistic_candidates.find_optimistic_pairs
    ) as find_pairs:
        upsert(index, OPERATOR, "sis", KNOWN)
    [call] = find_pairs.call_args_list
    assert optimistic_candidates.find_optimistic_pairs(*call.args) is None


def test_sqlite_searches_in_the_transaction_under_contention_within_one_process(index, monkeypatch):
    monkeypatch.setattr(GroupCommit, "is_contended_in_process", True)
    searched_counts = count_searched_in_transaction(index, add_record_of_other_source)
    assert searched_counts == ([0] if index.database.is_postgresql else [1])


def test_postgresql_searches_in_the_transaction_without_contention(index, monkeypatch):
    monkeypatch.setattr(GroupCommit, "is_uncontended", True)
    with patch.object(upsert_module, "start_pipelined_search", lambda *_: None):
        searched_counts = count_searched_in_transaction(index, add_record_of_other_source)
    assert searched_counts == ([1] if index.database.is_postgresql else [0])


def test_oversized_block_is_reported_without_optimistic_pairs(index):
    limited = with_settings(index, block_limits=BlockLimits(alarm=1, hard=10))
    _, optimistic = upsert_with_concurrent_change(limited, change_nothing, SAME)
    assert optimistic is None
    with index.database.read(OPERATOR) as unit:
        assert unit.large_blocks.all(index.config_id(unit))


def test_last_commit_is_read_before_optimistic_candidates(index, monkeypatch):
    statements = []
    execute, prefetch = DatabaseSession.execute, DatabaseSession.prefetch

    def execute_noted(session, statement, *rest, **options):
        statements.append(("now", str(statement)))
        return execute(session, statement, *rest, **options)

    def prefetch_noted(session, statement, *rest):
        statements.append(("ahead", str(statement)))
        return prefetch(session, statement, *rest)

    monkeypatch.setattr(DatabaseSession, "execute", execute_noted)
    monkeypatch.setattr(DatabaseSession, "prefetch", prefetch_noted)
    upsert(index, OPERATOR, "ccwis", SAME)
    kind, first = statements[0]
    assert kind == "now"
    assert "max(commit_log.no)" in first
    names = [statement for _, statement in statements[1:]]
    runs, all_keys = (
        next(n for n, name in enumerate(names) if table in name) for table in ("key_run", "blocking_key")
    )
    if index.database.is_postgresql:
        # A key that is compacted between the two reads is found twice, but never missed.
        assert runs < all_keys


@pytest.fixture
def index_with_segment(index):
    """An index in which the keys of the first record are in a segment."""
    with index.database.write(OPERATOR, "a load") as unit:
        config = index.config_id(unit)
        own = unit.keys.forward.packed_keys(config, [1])
        unit.keys.delete(config, [1])
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
    return index


def test_keys_in_a_segment_are_found_before_the_transaction(index_with_segment):
    assert count_searched_in_transaction(index_with_segment, add_record_of_other_source) == [0]
    assert verify(index_with_segment, OPERATOR) == []


def test_segment_compacted_during_the_search_loses_no_pairs(index_with_segment, monkeypatch):
    segments_of, segment_lists = KeySegments.segments_of, []
    # PostgreSQL reads the segments once more, before the snapshot in which their keys are read.
    snapshot_call = 2 if index_with_segment.database.is_postgresql else 1

    def compact_concurrently(self, config_id):
        segments = segments_of(self, config_id)
        segment_lists.append(segments)
        if len(segment_lists) == snapshot_call:
            another_process = Database(index_with_segment.database.url)
            compact_leftover_segments(another_process, OPERATOR)
            another_process.dispose()
        return segments

    monkeypatch.setattr(KeySegments, "segments_of", compact_concurrently)
    assert count_searched_in_transaction(index_with_segment, add_record_of_other_source) == [0]
    assert segment_lists[snapshot_call - 1]
    assert verify(index_with_segment, OPERATOR) == []


def records_with_wrong_keys(index):
    """Return records whose stored keys differ from those of the active model."""
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        record_ids = unit.derived_data.record_ids(config_id)
        stored, blocking = (
            unit.derived_data.features(config_id, record_ids),
            index.blocking_of(unit, config_id),
        )
        own = unit.keys.forward.packed_keys(config_id, record_ids)
    return {
        record
        for record, features in stored.items()
        if own[record].keys
        != array("q", compute_keys(features_from_bytes(features), blocking, index.keyed_hash)).tobytes()
    }


def test_record_sent_after_a_model_change_and_its_reversal_has_the_active_models_keys(index, tmp_path):
    other_matcher = open_matcher(
        str(tiny_model(tmp_path / "other", version="2", birth=["birth_date", "surname:2"]))
    )
    recluster(index, OPERATOR, other_matcher, apply=True)
    other_index = replace(index, matcher=other_matcher)
    for number in range(2):
        upsert(other_index, OPERATOR, "ccwis", make_child(f"moved-{number}"))
    assert not records_with_wrong_keys(other_index)
    recluster(other_index, OPERATOR, index.matcher, apply=True)
    for number in range(2):
        upsert(index, OPERATOR, "ccwis", make_child(f"back-{number}"))
    assert not records_with_wrong_keys(index)
    assert verify(index, OPERATOR) == []


def test_optimistic_pairs_work_after_a_model_change_and_its_reversal(index, tmp_path):
    other_matcher = open_matcher(str(tiny_model(tmp_path / "other", version="2")))
    recluster(index, OPERATOR, other_matcher, apply=True)
    other_index = replace(index, matcher=other_matcher)
    upsert(other_index, OPERATOR, "ccwis", make_child("moved"))
    recluster(other_index, OPERATOR, index.matcher, apply=True)
    upsert(index, OPERATOR, "ccwis", make_child("first"))
    optimistic_results = []

    def find_noted(*arguments):
        optimistic_results.append(optimistic_candidates.find_optimistic_pairs(*arguments))
        return optimistic_results[-1]

    with patch.object(upsert_module, "find_optimistic_pairs", find_noted):
        upsert(index, OPERATOR, "ccwis", make_child("second"))
    with index.database.read(OPERATOR) as unit:
        assert optimistic_results[0].query.config_id == index.config_id(unit)

"""Pairs requested with a transaction's first queries equal those of a search within it."""

from unittest.mock import patch

from mpi.domain import clock
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.group_commit import GroupCommit
from mpi.service.indexing import reindex
from mpi.service.maintenance.verify import verify
from mpi.service.records import upsert as upsert_module
from mpi.service.records.pipelined_candidates import start_pipelined_search
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.statements.statement import build_statement
from mpi.standardize.record_validation import validate_record
from mpi.storage.repositories.sources.sources import Source
from tests.conformance.test_optimistic_candidates import edges_of
from tests.index import (
    OPERATOR,
    make_child,
    open_test_index,
    pack_keys,
    partition_of,
    with_caches,
    with_settings,
    with_tuning,
)

KNOWN = make_child("known", ssn="532-11-8842")
SAME = make_child("same", ssn="532-11-8842")
OTHER = make_child("other", first_name="Chidi", birth_date="2011-07-02", postal_code="43210")


def children():
    """Yield similar records of a few children, some sent again and changed."""
    number = 0
    for name in ("Amara", "Amarah", "Chidi"):
        for changes in ({}, {"ssn": "532-11-8842"}, {"postal_code": None}, {"birth_date": "2014-03-19"}):
            number += 1
            child = make_child(f"c{number}", first_name=name, **changes)
            yield child
            if number % 3 == 0:
                yield {**child, "last_name": "Okonkwo-Bell"}
                yield child


def send_all(index):
    answers = [upsert(index, OPERATOR, ("sis", "ccwis")[n % 2], child) for n, child in enumerate(children())]
    return [(a.outcome, a.record, a.provisional, a.tasks) for a in answers]


def count_late_searches(index, action):
    """Return the answer and how many records were searched for after the first write."""
    with patch.object(reindex, "read_blocks", wraps=reindex.read_blocks) as read_blocks:
        answer = action(index)
    return answer, sum(len(call.args[2]) for call in read_blocks.call_args_list)


def without_pipelined_search():
    return patch.object(upsert_module, "start_pipelined_search", lambda *_: None)


def test_pipelined_candidates_give_the_results_of_a_search(index, tmp_path):
    first = make_child("first", first_name="Zoe", last_name="Quartermain")
    upsert(index, OPERATOR, "sis", first)
    answers, late_searches = count_late_searches(index, send_all)
    # On SQLite they are found before the transaction.
    assert late_searches == 0
    with (
        open_test_index(tmp_path / "other", "sis", "ccwis", secret="5" * 64) as other_index,
        without_pipelined_search(),
    ):
        upsert(other_index, OPERATOR, "sis", first)
        assert send_all(other_index) == answers
        assert edges_of(other_index) == edges_of(index)
        assert partition_of(other_index) == partition_of(index)
    assert verify(index, OPERATOR) == []
    assert {outcome for outcome, *_ in answers} >= {"created", "linked"}


def test_records_of_a_group_added_since_the_sources_were_read_are_found(index):
    for child in (KNOWN, OTHER):
        upsert(index, OPERATOR, "sis", child)
    other_process = with_caches(index, sources=dict(index.caches.sources))
    with other_process.database.write(OPERATOR, "test") as unit:
        court = Source(9, "court", "Court", "court", "other", group_id=2, paused=False)
        unit.sources.add(9, 9, court, unit.commit_no)
    upsert(other_process, OPERATOR, "court", {**KNOWN, "local_id": "k"})
    assert "court" not in index.caches.sources
    withdraw(other_process, OPERATOR, "sis", "known")
    answer, late_searches = count_late_searches(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, late_searches) == ("linked", 1)
    assert verify(index, OPERATOR) == []


def test_a_source_added_by_another_process_is_found_with_its_records(index):
    upsert(index, OPERATOR, "sis", OTHER)
    other_process = with_caches(index, sources=dict(index.caches.sources))
    add_source(other_process, OPERATOR, NewSource("court", "Court", "court"))
    upsert(other_process, OPERATOR, "court", {**KNOWN, "local_id": "k"})
    assert upsert(index, OPERATOR, "ccwis", SAME).outcome == "linked"
    assert upsert(index, OPERATOR, "court", {**KNOWN, "local_id": "l"}).outcome == "linked"


def test_a_record_with_keys_in_a_segment_is_found(index):
    upsert(index, OPERATOR, "sis", KNOWN)
    with index.database.write(OPERATOR, "a load") as unit:
        config = index.config_id(unit)
        own = unit.keys.forward.packed_keys(config, [1])
        unit.keys.delete(config, [1])
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
    answer, late_searches = count_late_searches(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, late_searches) == ("linked", 0)
    assert verify(index, OPERATOR) == []


def test_a_record_is_not_found_by_removed_keys(index):
    upsert(index, OPERATOR, "sis", KNOWN)
    with index.database.write(OPERATOR, "a load") as unit:
        config = index.config_id(unit)
        [group] = {own.group_id for own in unit.keys.forward.packed_keys(config, [1]).values()}
        unit.keys.write(config, {1: pack_keys(group, 7)}, unit.commit_no, as_segment=True, rewritten=[1])
    answer, late_searches = count_late_searches(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, late_searches) == ("created", 0)


def test_an_oversized_block_is_reported_after_a_late_search(index):
    limited = with_settings(index, block_limits=BlockLimits(alarm=1, hard=10))
    for child in (KNOWN, {**KNOWN, "local_id": "twin"}):
        upsert(limited, OPERATOR, "sis", child)
    answer, late_searches = count_late_searches(limited, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, late_searches) == ("linked", 1)
    with index.database.read(OPERATOR) as unit:
        assert unit.large_blocks.all(index.config_id(unit))


def test_more_candidates_than_the_limit_cause_a_late_search(index):
    index = with_tuning(index, request={"block_records": 1})
    for number in range(4):
        upsert(index, OPERATOR, "sis", {**KNOWN, "local_id": f"k{number}"})
    answer, late_searches = count_late_searches(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, late_searches) == ("linked", 1)


def test_no_pairs_of_the_old_model_are_used_after_another_process_changed_it(index):
    upsert(index, OPERATOR, "sis", KNOWN)
    lists, blocking = (
        cache[index.last_config_id] for cache in (index.caches.shared_values, index.caches.blocking)
    )
    stale = with_caches(
        index,
        active_config_ids={index.matcher.model.digest: 77},
        shared_values={**index.caches.shared_values, 77: lists},
        blocking={**index.caches.blocking, 77: blocking},
    )
    answer, late_searches = count_late_searches(stale, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, late_searches) == ("linked", 1)
    assert verify(index, OPERATOR) == []


def test_a_statement_that_changes_before_the_write_gets_its_own_pairs(index):
    for child in (KNOWN, OTHER):
        upsert(index, OPERATOR, "sis", child)
    validated = validate_record({**OTHER, "local_id": "same"}, index.keyed_hash, clock.now())
    with patch.object(
        upsert_module._PreparedUpsert,
        "_date_statement",
        lambda *_: build_statement(validated.record, validated.issues),
    ):
        answer, late_searches = count_late_searches(
            index, lambda index: upsert(index, OPERATOR, "ccwis", SAME)
        )
    assert (answer.outcome, late_searches) == ("linked", 1)
    assert {frozenset({("sis", "other"), ("ccwis", "same")})} <= partition_of(index)
    assert verify(index, OPERATOR) == []


def test_no_pipelined_search_starts_under_contention(index, monkeypatch):
    upsert(index, OPERATOR, "sis", KNOWN)
    monkeypatch.setattr(GroupCommit, "is_uncontended", False)
    searches = []
    with patch.object(
        upsert_module,
        "start_pipelined_search",
        lambda *asked: searches.append(start_pipelined_search(*asked)),
    ):
        assert upsert(index, OPERATOR, "ccwis", SAME).outcome == "linked"
        # An unchanged record is not searched for.
        assert upsert(index, OPERATOR, "ccwis", SAME).outcome == "unchanged"
    assert searches == [None]

"""Pairs asked for with the first questions of a transaction are those that a search in it would find."""

from unittest.mock import patch

import pytest

from mpi.domain import clock
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.group_commit import GroupCommit
from mpi.service.indexing import reindex
from mpi.service.maintenance.verify import verify
from mpi.service.records import candidates
from mpi.service.records import upsert as upsert_module
from mpi.service.records.pipelined_candidates import start_pipelined_search
from mpi.service.records.upsert import upsert, withdraw
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.statements.statement import build_statement
from mpi.standardize.record_validation import validate_record
from mpi.storage.repositories.sources.sources import Source
from tests.conformance.test_beforehand import edges_of
from tests.index import OPERATOR, a_child, an_index, own_keys, partition_of, with_caches, with_settings

KNOWN = a_child("known", ssn="532-11-8842")
SAME = a_child("same", ssn="532-11-8842")
OTHER = a_child("other", first_name="Chidi", birth_date="2011-07-02", postal_code="43210")


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", secret="5" * 64, database_url=database_url) as index:
        yield index


def children():
    """Records of a few children that are alike in every way that makes edges, some sent again and changed."""
    number = 0
    for name in ("Amara", "Amarah", "Chidi"):
        for changes in ({}, {"ssn": "532-11-8842"}, {"postal_code": None}, {"birth_date": "2014-03-19"}):
            number += 1
            child = a_child(f"c{number}", first_name=name, **changes)
            yield child
            if number % 3 == 0:
                yield {**child, "last_name": "Okonkwo-Bell"}
                yield child


def send_all(index):
    answers = [upsert(index, OPERATOR, ("sis", "ccwis")[n % 2], child) for n, child in enumerate(children())]
    return [(a.outcome, a.record, a.provisional, a.tasks) for a in answers]


def searched_for(index, act):
    """How many records were searched for after something of their transaction was written."""
    with patch.object(reindex, "_read_blocks", wraps=reindex._read_blocks) as searched:
        answer = act(index)
    return answer, sum(len(call.args[2]) for call in searched.call_args_list)


def nothing_sought():
    return patch.object(upsert_module, "start_pipelined_search", lambda *_: None)


def test_what_records_are_answered_and_settle_is_what_a_search_gives(index, tmp_path):
    first = a_child("first", first_name="Zoe", last_name="Quartermain")
    upsert(index, OPERATOR, "sis", first)  # what is known of an index is known from here on
    mine, searched = searched_for(index, send_all)
    # On SQLite they are found before the transaction.
    assert searched == 0
    with an_index(tmp_path / "other", "sis", "ccwis", secret="5" * 64) as other, nothing_sought():
        upsert(other, OPERATOR, "sis", first)
        assert send_all(other) == mine
        assert edges_of(other) == edges_of(index)
        assert partition_of(other) == partition_of(index)
    assert verify(index, OPERATOR) == []
    assert {outcome for outcome, *_ in mine} >= {"created", "linked"}


def test_those_of_a_group_that_came_since_the_sources_were_read_are_found(index):
    for child in (KNOWN, OTHER):
        upsert(index, OPERATOR, "sis", child)
    elsewhere = with_caches(index, sources=dict(index.caches.sources))
    with elsewhere.database.write(OPERATOR, "test") as unit:
        court = Source(9, "court", "Court", "court", "other", group_id=2, paused=False)
        unit.sources.add(9, 9, court, unit.commit_no)
    upsert(elsewhere, OPERATOR, "court", {**KNOWN, "local_id": "k"})
    assert "court" not in index.caches.sources
    withdraw(elsewhere, OPERATOR, "sis", "known")
    answer, searched = searched_for(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, searched) == ("linked", 1)
    assert verify(index, OPERATOR) == []


def test_a_source_that_another_process_added_is_found_and_so_are_its_records(index):
    upsert(index, OPERATOR, "sis", OTHER)
    elsewhere = with_caches(index, sources=dict(index.caches.sources))
    add_source(elsewhere, OPERATOR, NewSource("court", "Court", "court"))
    upsert(elsewhere, OPERATOR, "court", {**KNOWN, "local_id": "k"})
    assert upsert(index, OPERATOR, "ccwis", SAME).outcome == "linked"
    assert upsert(index, OPERATOR, "court", {**KNOWN, "local_id": "l"}).outcome == "linked"


def test_a_record_whose_keys_are_in_a_run_is_found(index):
    upsert(index, OPERATOR, "sis", KNOWN)
    with index.database.write(OPERATOR, "a load") as unit:
        config = index.config_id(unit)
        own = unit.keys.packed_keys(config, [1])
        unit.keys.delete(config, [1])
        unit.keys.write(config, own, unit.commit_no, as_segment=True)
    answer, searched = searched_for(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, searched) == ("linked", 0)
    assert verify(index, OPERATOR) == []


def test_a_record_is_not_found_by_keys_that_it_lost_in_a_run(index):
    upsert(index, OPERATOR, "sis", KNOWN)
    with index.database.write(OPERATOR, "a load") as unit:
        config = index.config_id(unit)
        [group] = {own.group_id for own in unit.keys.packed_keys(config, [1]).values()}
        unit.keys.write(config, {1: own_keys(group, 7)}, unit.commit_no, as_segment=True, rewritten=[1])
    answer, searched = searched_for(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, searched) == ("created", 0)


def test_a_record_that_shares_a_key_with_very_many_is_told_of_as_before(index):
    limited = with_settings(index, block_limits=BlockLimits(alarm=1, hard=10))
    for child in (KNOWN, {**KNOWN, "local_id": "twin"}):
        upsert(limited, OPERATOR, "sis", child)
    answer, searched = searched_for(limited, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, searched) == ("linked", 1)
    with index.database.read(OPERATOR) as unit:
        assert unit.large_blocks.all(index.config_id(unit))


def test_where_more_share_its_keys_than_are_asked_for_a_record_is_searched_for(index, monkeypatch):
    monkeypatch.setattr(candidates, "LARGEST_AVERAGE_BLOCK", 1)
    for number in range(4):
        upsert(index, OPERATOR, "sis", {**KNOWN, "local_id": f"k{number}"})
    answer, searched = searched_for(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, searched) == ("linked", 1)


def test_after_a_move_to_another_model_by_another_process_nothing_is_paired_by_the_old_one(index):
    upsert(index, OPERATOR, "sis", KNOWN)
    lists, blocking = (
        known[index.last_config_id] for known in (index.caches.shared_values, index.caches.blocking)
    )
    stale = with_caches(
        index,
        active_config_ids={index.matcher.model.digest: 77},
        shared_values={**index.caches.shared_values, 77: lists},
        blocking={**index.caches.blocking, 77: blocking},
    )
    answer, searched = searched_for(stale, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, searched) == ("linked", 1)
    assert verify(index, OPERATOR) == []


def test_a_statement_that_is_another_by_the_time_it_is_written_has_the_pairs_of_what_is_written(index):
    for child in (KNOWN, OTHER):
        upsert(index, OPERATOR, "sis", child)
    came = validate_record({**OTHER, "local_id": "same"}, index.keyed_hash, clock.now())
    with patch.object(
        upsert_module._PreparedUpsert, "_date_statement", lambda *_: build_statement(came.record, came.issues)
    ):
        answer, searched = searched_for(index, lambda index: upsert(index, OPERATOR, "ccwis", SAME))
    assert (answer.outcome, searched) == ("linked", 1)
    assert {frozenset({("sis", "other"), ("ccwis", "same")})} <= partition_of(index)
    assert verify(index, OPERATOR) == []


def test_beside_others_nothing_is_asked_for_in_the_turn_that_all_wait_for(index, monkeypatch):
    upsert(index, OPERATOR, "sis", KNOWN)
    monkeypatch.setattr(GroupCommit, "is_uncontended", False)
    sought = []
    with patch.object(
        upsert_module, "start_pipelined_search", lambda *asked: sought.append(start_pipelined_search(*asked))
    ):
        assert upsert(index, OPERATOR, "ccwis", SAME).outcome == "linked"
        # The same again is not looked for beforehand.
        assert upsert(index, OPERATOR, "ccwis", SAME).outcome == "unchanged"
    assert sought == [None]

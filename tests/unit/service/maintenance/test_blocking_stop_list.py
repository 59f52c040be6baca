"""Keys that too many records share: stopped for everybody, by a re-cluster that a person applies."""

import numpy as np
import pytest

from mpi.domain.record_ref import RecordRef
from mpi.domain.weight import Band
from mpi.matching.model.blocking_keys import compute_keys_by_rule
from mpi.service.explanations.pair_explanation import explain_pair
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.maintenance.blocking_stop_list import plan_stop_list
from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.standardize.serialization import features_from_bytes
from mpi.storage.key_index.blocking_keys import PackedKeys
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from tests.index import OPERATOR, a_child, all_keys, an_index, crosswalk, load_rows, partition_of, rows

NAMESAKES = 12


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as made:
        load_rows(made, "sis", *(namesake(number) for number in range(NAMESAKES)))
        yield made


def namesake(number: int, **changes: object):
    """One name, and a birth date of their own each."""
    day = {"birth_date": f"20{10 + number % 8}-0{1 + number % 9}-1{number % 10}"}
    return a_child(**({"local_id": f"S{number}"} | day | changes))


def stop(index, over: int):
    return recluster(
        index, OPERATOR, index.matcher, apply=True, lists=plan_stop_list(index, OPERATOR, over).lists
    )


def stored(index):
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        pairs = set(all_keys(unit, config_id))
        return config_id, index.shared_values_of(unit, config_id).stopped, pairs


def test_a_proposal_tells_what_stopping_saves_and_changes_nothing(index):
    before = stored(index)
    stops = plan_stop_list(index, OPERATOR, NAMESAKES - 1)
    assert (stops.stopped, stops.added, stops.largest) == (1, 1, NAMESAKES)
    assert stops.pairs == stops.saved == NAMESAKES * (NAMESAKES - 1) // 2
    assert stops.lost == 4, "who is of one name, place and year is asked about, and nothing else finds them"
    assert stored(index) == before
    assert plan_stop_list(index, OPERATOR, NAMESAKES).stopped == 0


def test_what_only_a_stopped_key_finds_is_told_as_lost(tmp_path):
    with an_index(tmp_path / "home", "sis") as index:
        load_rows(index, "sis", *(namesake(n, birth_date=None, ssn="219-09-9999") for n in range(6)))
        assert plan_stop_list(index, OPERATOR, 5).lost == 15


def test_a_stopped_key_is_another_configuration_that_everybody_keeps(index):
    first = stored(index)
    stop(index, NAMESAKES - 1)
    config_id, stopped, pairs = stored(index)
    assert config_id != first[0]
    assert len(stopped) == 1
    assert pairs == {(key, record) for key, record in first[2] if key not in stopped}
    # An upsert, a load and a re-cluster make no such key again, and verify says so.
    upsert(index, OPERATOR, "ccwis", a_child("u1", birth_date="2011-05-05"))
    load_rows(index, "ccwis", a_child("u2", birth_date="2012-05-05"))
    assert not stopped & {key for key, _ in stored(index)[2]}
    assert verify(index, OPERATOR) == []
    plan = recluster(index, OPERATOR, index.matcher, apply=True)
    assert plan.is_empty
    assert stored(index)[:2] == (config_id, stopped)


def test_it_finds_the_same_online_in_a_load_and_in_a_re_cluster(index):
    stop(index, NAMESAKES - 1)
    sent = [namesake(number, local_id=f"C{number}", postal_code="43001") for number in range(4)]
    for record in sent:
        upsert(index, OPERATOR, "ccwis", record)
    online = partition_of(index)
    assert recluster(index, OPERATOR, index.matcher, apply=False).is_empty
    again = [record | {"grade": "03"} for record in sent]
    load_rows(index, "ccwis", *again)
    assert partition_of(index) == online
    assert any(len(person) > 1 for person in online), "birth dates still find who is the same"


def test_searches_dry_runs_and_explanations_do_without_it_too(index):
    asked = {k: v for k, v in a_child(birth_date="2010-12-31").items() if k != "local_id"}
    new = rows(a_child("N", birth_date="2010-12-31"))
    assert search_persons(index, OPERATOR, asked)
    assert dry_run(index, OPERATOR, "ccwis", new, LoadOptions()).bands[Band.REVIEW] == 1
    two = (RecordRef("sis", "S1"), RecordRef("sis", "S2"))
    assert "names" in explain_pair(index, OPERATOR, *two).found_by
    stop(index, NAMESAKES - 1)
    assert search_persons(index, OPERATOR, asked) == []
    assert dry_run(index, OPERATOR, "ccwis", new, LoadOptions()).bands[Band.REVIEW] == 0
    assert "names" not in explain_pair(index, OPERATOR, *two).found_by


def test_it_is_taken_back_by_a_re_cluster_as_it_was_stopped(index):
    before, links = stored(index), crosswalk(index)
    stop(index, NAMESAKES - 1)
    stop(index, 0)
    assert stored(index) == before
    assert crosswalk(index) == links
    assert verify(index, OPERATOR) == []


def test_fresh_lists_of_shared_values_leave_it_stopped(index):
    stop(index, NAMESAKES - 1)
    before = stored(index)
    recluster(index, OPERATOR, index.matcher, apply=True, refresh_lists=True)
    assert stored(index) == before


def test_verify_finds_a_record_that_has_a_stopped_key(index):
    stop(index, NAMESAKES - 1)
    config_id, stopped, pairs = stored(index)
    with index.database.write(OPERATOR, "break") as unit:
        record = min(record for _, record in pairs)
        [group] = {each.group_id for each in unit.records.get([record]).values()}
        [own] = unit.keys.packed_keys(config_id, [record]).values()
        unit.keys.delete(config_id, [record])
        more = np.append(np.frombuffer(own.keys, STORED_DTYPE), min(stopped))
        unit.keys.write(config_id, {record: PackedKeys(group, np.sort(more).tobytes())}, unit.commit_no)
    assert [finding.law for finding in verify(index, OPERATOR)] == [5]


def test_the_stopped_key_is_that_of_the_name(index):
    stop(index, NAMESAKES - 1)
    config_id, stopped, _ = stored(index)
    with index.database.read(OPERATOR) as unit:
        [payload] = list(unit.derived_data.features(config_id, [1]).values())
    made = compute_keys_by_rule(features_from_bytes(payload), index.matcher.model.blocking, index.keyed_hash)
    assert [rule for (rule, _), key in made.items() if key in stopped] == ["names"]

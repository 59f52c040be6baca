"""Test the stop list: blocking keys that too many records share are not used."""

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
from mpi.storage.key_index.forward_index import PackedKeys
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from tests.index import (
    OPERATOR,
    all_keys,
    crosswalk,
    load_rows,
    make_child,
    open_test_index,
    partition_of,
    rows,
)

NAMESAKE_COUNT = 12


@pytest.fixture
def namesake_index(tmp_path, database_url):
    """An index of children with one name, on each store in turn."""
    with open_test_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as opened:
        load_rows(opened, "sis", *(namesake(number) for number in range(NAMESAKE_COUNT)))
        yield opened


def namesake(number: int, **changes: object):
    """Return a child of the shared name with its own birth date."""
    day = {"birth_date": f"20{10 + number % 8}-0{1 + number % 9}-1{number % 10}"}
    return make_child(**({"local_id": f"S{number}"} | day | changes))


def stop_keys(index, over: int):
    return recluster(
        index, OPERATOR, index.matcher, apply=True, lists=plan_stop_list(index, OPERATOR, over).lists
    )


def read_stored_keys(index):
    with index.database.read(OPERATOR) as unit:
        config_id = index.config_id(unit)
        pairs = set(all_keys(unit, config_id))
        return config_id, index.shared_values_of(unit, config_id).stopped, pairs


def test_plan_states_what_stopping_saves_and_changes_nothing(namesake_index):
    before = read_stored_keys(namesake_index)
    stops = plan_stop_list(namesake_index, OPERATOR, NAMESAKE_COUNT - 1)
    assert (stops.stopped, stops.added, stops.largest) == (1, 1, NAMESAKE_COUNT)
    assert stops.pairs == stops.saved == NAMESAKE_COUNT * (NAMESAKE_COUNT - 1) // 2
    assert stops.lost == 4, "pairs of one name, place and year are reviewed, and no other key finds them"
    assert read_stored_keys(namesake_index) == before
    assert plan_stop_list(namesake_index, OPERATOR, NAMESAKE_COUNT).stopped == 0


def test_pairs_found_only_by_a_stopped_key_are_reported_as_lost(tmp_path):
    with open_test_index(tmp_path / "home", "sis") as index:
        load_rows(index, "sis", *(namesake(n, birth_date=None, ssn="219-09-9999") for n in range(6)))
        assert plan_stop_list(index, OPERATOR, 5).lost == 15


def test_stopped_key_makes_a_new_configuration_that_every_path_obeys(namesake_index):
    first = read_stored_keys(namesake_index)
    stop_keys(namesake_index, NAMESAKE_COUNT - 1)
    config_id, stopped, pairs = read_stored_keys(namesake_index)
    assert config_id != first[0]
    assert len(stopped) == 1
    assert pairs == {(key, record) for key, record in first[2] if key not in stopped}
    # An upsert, a load and a re-cluster add no stopped key, and verify finds none.
    upsert(namesake_index, OPERATOR, "ccwis", make_child("u1", birth_date="2011-05-05"))
    load_rows(namesake_index, "ccwis", make_child("u2", birth_date="2012-05-05"))
    assert not stopped & {key for key, _ in read_stored_keys(namesake_index)[2]}
    assert verify(namesake_index, OPERATOR) == []
    plan = recluster(namesake_index, OPERATOR, namesake_index.matcher, apply=True)
    assert plan.is_empty
    assert read_stored_keys(namesake_index)[:2] == (config_id, stopped)


def test_upsert_load_and_recluster_find_the_same(namesake_index):
    stop_keys(namesake_index, NAMESAKE_COUNT - 1)
    sent = [namesake(number, local_id=f"C{number}", postal_code="43001") for number in range(4)]
    for record in sent:
        upsert(namesake_index, OPERATOR, "ccwis", record)
    online = partition_of(namesake_index)
    assert recluster(namesake_index, OPERATOR, namesake_index.matcher, apply=False).is_empty
    changed = [record | {"grade": "03"} for record in sent]
    load_rows(namesake_index, "ccwis", *changed)
    assert partition_of(namesake_index) == online
    assert any(len(person) > 1 for person in online), "birth dates still find duplicates"


def test_searches_dry_runs_and_explanations_obey_the_stop_list(namesake_index):
    query = {name: value for name, value in make_child(birth_date="2010-12-31").items() if name != "local_id"}
    new_rows = rows(make_child("N", birth_date="2010-12-31"))
    assert search_persons(namesake_index, OPERATOR, query)
    assert dry_run(namesake_index, OPERATOR, "ccwis", new_rows, LoadOptions()).bands[Band.REVIEW] == 1
    pair = (RecordRef("sis", "S1"), RecordRef("sis", "S2"))
    assert "names" in explain_pair(namesake_index, OPERATOR, *pair).found_by
    stop_keys(namesake_index, NAMESAKE_COUNT - 1)
    assert search_persons(namesake_index, OPERATOR, query) == []
    assert dry_run(namesake_index, OPERATOR, "ccwis", new_rows, LoadOptions()).bands[Band.REVIEW] == 0
    assert "names" not in explain_pair(namesake_index, OPERATOR, *pair).found_by


def test_recluster_without_the_limit_removes_the_stop(namesake_index):
    before, links = read_stored_keys(namesake_index), crosswalk(namesake_index)
    stop_keys(namesake_index, NAMESAKE_COUNT - 1)
    stop_keys(namesake_index, 0)
    assert read_stored_keys(namesake_index) == before
    assert crosswalk(namesake_index) == links
    assert verify(namesake_index, OPERATOR) == []


def test_refreshed_shared_lists_keep_the_stop_list(namesake_index):
    stop_keys(namesake_index, NAMESAKE_COUNT - 1)
    before = read_stored_keys(namesake_index)
    recluster(namesake_index, OPERATOR, namesake_index.matcher, apply=True, refresh_lists=True)
    assert read_stored_keys(namesake_index) == before


def test_verify_finds_a_record_with_a_stopped_key(namesake_index):
    stop_keys(namesake_index, NAMESAKE_COUNT - 1)
    config_id, stopped, pairs = read_stored_keys(namesake_index)
    with namesake_index.database.write(OPERATOR, "break") as unit:
        record = min(record for _, record in pairs)
        [group] = {record_row.group_id for record_row in unit.records.get([record]).values()}
        [own] = unit.keys.forward.packed_keys(config_id, [record]).values()
        unit.keys.delete(config_id, [record])
        with_stopped_key = np.append(np.frombuffer(own.keys, STORED_DTYPE), min(stopped))
        unit.keys.write(
            config_id, {record: PackedKeys(group, np.sort(with_stopped_key).tobytes())}, unit.commit_no
        )
    assert [finding.law for finding in verify(namesake_index, OPERATOR)] == [5]


def test_stopped_key_is_the_name_key(namesake_index):
    stop_keys(namesake_index, NAMESAKE_COUNT - 1)
    config_id, stopped, _ = read_stored_keys(namesake_index)
    with namesake_index.database.read(OPERATOR) as unit:
        [payload] = list(unit.derived_data.features(config_id, [1]).values())
    keys_by_rule = compute_keys_by_rule(
        features_from_bytes(payload), namesake_index.matcher.model.blocking, namesake_index.keyed_hash
    )
    assert [rule for (rule, _), key in keys_by_rule.items() if key in stopped] == ["names"]

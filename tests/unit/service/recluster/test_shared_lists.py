"""The configuration's lists of shared values: made by a re-cluster, and obeyed by every path alike."""

import hashlib
from dataclasses import replace

import pytest

from mpi.bootstrap import open_matcher
from mpi.domain.errors import RecordError
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.service.indexing.reindex import MIN_RECORDS_FOR_DUCKDB
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert, withdraw
from mpi.standardize.serialization import features_from_bytes
from tests.index import OPERATOR, a_child, load_rows, many_children, rows, with_caches
from tests.models import tiny_model

HAVEN = {"address_line1": "500 Haven Rd", "postal_code": "43010"}
HAVEN_KEY = "500 HAVEN RD|43010"


def residents(count=14):
    """Children who are not kin and live at one address."""
    return [{**child, **HAVEN} for child in many_children(count)]


def refresh(index, *, apply=True, matcher=None):
    return recluster(index, OPERATOR, matcher or index.matcher, apply=apply, refresh_lists=True)


def config(index):
    """The number of the configuration in force and how many values it lists."""
    with index.database.read(OPERATOR) as unit:
        return index.config_id(unit), len(index.shared_values(unit))


def addresses_of(index, source, local_id):
    """The addresses by which a record is compared."""
    with index.database.read(OPERATOR) as unit:
        number = unit.records.find_by_local_ids(unit.sources.get_by_code(source).id, [local_id])[local_id].id
        stored = unit.derived_data.features(index.config_id(unit), [number])
    return features_from_bytes(stored[number]).addresses


@pytest.fixture
def listed(index):
    """An index whose lists have the group home."""
    load_rows(index, "ccwis", *residents())
    refresh(index)
    return index


def test_nothing_is_counted_until_a_person_asks_for_fresh_lists(index):
    load_rows(index, "ccwis", *residents())
    plan = recluster(index, OPERATOR, index.matcher, apply=True)
    assert (plan.lists.listed, plan.lists.fresh, plan.lists.added, plan.lists.dropped) == (0, False, 1, 0)
    assert addresses_of(index, "ccwis", "c3") == (HAVEN_KEY,)
    assert config(index) == (1, 0)
    assert verify(index, OPERATOR) == []


def test_a_plan_with_fresh_lists_changes_nothing_until_it_is_applied(index):
    load_rows(index, "ccwis", *residents())
    plan = refresh(index, apply=False)
    assert (plan.lists.listed, plan.lists.fresh, plan.applied) == (1, True, False)
    assert config(index) == (1, 0)
    refresh(index)
    assert config(index) == (2, 1)
    assert addresses_of(index, "ccwis", "c3") == ()
    assert verify(index, OPERATOR) == []


def test_fresh_lists_that_are_the_old_ones_make_no_new_configuration(listed):
    before = config(listed)
    assert refresh(listed).is_empty
    assert config(listed) == before


def test_every_path_takes_the_listed_values_out(listed):
    newcomer = a_child("n1", first_name="Zora", last_name="Quist", **HAVEN)
    upsert(listed, OPERATOR, "sis", newcomer)
    load_rows(listed, "sis", {**newcomer, "local_id": "n2"})
    load_rows(
        listed, "sis", *({**child, **HAVEN} for child in many_children(MIN_RECORDS_FOR_DUCKDB, start=100))
    )
    assert {addresses_of(listed, "sis", one) for one in ("n1", "n2", "c100", "c599")} == {()}
    assert verify(listed, OPERATOR) == []


def test_a_search_and_a_dry_run_score_as_a_record_that_is_stored_would_be(listed):
    seen = []

    def watching(left, right):
        seen.append((left, right))
        return listed.matcher.scorer._compare(left, right)

    scorer = replace(listed.matcher.scorer, _compare=watching)
    watched = replace(listed, matcher=replace(listed.matcher, scorer=scorer))
    one = {**residents()[3], "local_id": "n1"}
    for ask in (
        lambda: search_persons(watched, OPERATOR, one),
        lambda: dry_run(watched, OPERATOR, "sis", rows(one), LoadOptions()),
    ):
        seen.clear()
        ask()
        assert {side.addresses for pair in seen for side in pair} == {()}


def test_an_error_does_not_tell_that_an_address_is_a_shared_one(index):
    blocking = BlockingSpec.parse({"home": ["addresses"]})
    model = replace(index.matcher.model, blocking=blocking)
    by_home = replace(index, matcher=replace(index.matcher, model=model))
    load_rows(by_home, "ccwis", *residents())
    refresh(by_home)
    assert search_persons(by_home, OPERATOR, HAVEN) == []
    with pytest.raises(RecordError, match="give a name"):
        search_persons(by_home, OPERATOR, {"postal_code": "43010"})


def test_a_rebuild_keeps_the_lists_though_the_residents_have_left(listed):
    for child in residents()[5:]:
        withdraw(listed, OPERATOR, "ccwis", child["local_id"])
    before = config(listed)
    plan = rebuild(listed, OPERATOR)
    assert (plan.is_empty, plan.lists.dropped, config(listed)) == (True, 1, before)
    assert addresses_of(listed, "ccwis", "c3") == ()
    assert verify(listed, OPERATOR) == []
    refresh(listed)
    assert config(listed) == (1, 0)
    assert addresses_of(listed, "ccwis", "c3") == (HAVEN_KEY,)


def test_another_model_comes_with_fresh_lists(tmp_path, index):
    load_rows(index, "ccwis", *residents())
    other = open_matcher(str(tiny_model(tmp_path / "other", version="2", link=13.0)))
    assert recluster(index, OPERATOR, other, apply=True).lists.fresh
    assert config(replace(index, matcher=other)) == (2, 1)
    assert addresses_of(replace(index, matcher=other), "ccwis", "c3") == ()


def test_a_process_that_was_open_before_obeys_the_new_lists_at_once(index):
    load_rows(index, "ccwis", *residents())
    config(index)
    refresh(with_caches(index, shared_values={}))
    upsert(index, OPERATOR, "sis", a_child("n1", **HAVEN))
    assert addresses_of(index, "sis", "n1") == ()
    assert verify(index, OPERATOR) == []


def test_a_configuration_without_lists_is_the_one_that_it_was_before_there_were_lists(index):
    model = index.matcher.model
    with index.database.read(OPERATOR) as unit:
        digest = unit.configs.active_config().digest
    assert digest == hashlib.sha256(f"{model.digest}|{model.standardizer}".encode()).hexdigest()


def test_a_configuration_holds_no_address(listed):
    with listed.database.read(OPERATOR) as unit:
        text = unit.configs.lists(listed.config_id(unit))
    assert text.startswith('{"addresses":[')
    assert "HAVEN" not in text

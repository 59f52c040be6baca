"""Test lists of shared values: made by a re-cluster and obeyed by every path."""

import hashlib
from dataclasses import replace

import pytest

from mpi.composition.models import open_matcher
from mpi.domain.errors import RecordError
from mpi.domain.tuning import DEFAULT_TUNING
from mpi.matching.model.blocking_keys import BlockingSpec
from mpi.service.loads.dry_run import dry_run
from mpi.service.loads.load import LoadOptions
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.standardize.serialization import features_from_bytes
from tests.index import OPERATOR, load_rows, make_child, many_children, rows, with_caches
from tests.models import tiny_model

HAVEN = {"address_line1": "500 Haven Rd", "postal_code": "43010"}
HAVEN_KEY = "500 HAVEN RD|43010"


def residents(count=14):
    """Return unrelated children who live at one address."""
    return [{**child, **HAVEN} for child in many_children(count)]


def refresh_lists(index, *, apply=True, matcher=None):
    return recluster(index, OPERATOR, matcher or index.matcher, apply=apply, refresh_lists=True)


def active_config(index):
    """Return the active configuration's ID and the number of its listed values."""
    with index.database.read(OPERATOR) as unit:
        return index.config_id(unit), len(index.shared_values(unit))


def compared_addresses(index, source, local_id):
    """Return the addresses by which a record is compared."""
    with index.database.read(OPERATOR) as unit:
        number = unit.records.find_by_local_ids(unit.sources.get_by_code(source).id, [local_id])[local_id].id
        stored = unit.derived_data.features(index.config_id(unit), [number])
    return features_from_bytes(stored[number]).addresses


@pytest.fixture
def index_with_lists(index):
    """An index whose lists contain the group home."""
    load_rows(index, "ccwis", *residents())
    refresh_lists(index)
    return index


def test_lists_stay_empty_until_they_are_refreshed(index):
    load_rows(index, "ccwis", *residents())
    plan = recluster(index, OPERATOR, index.matcher, apply=True)
    assert (plan.lists.listed, plan.lists.fresh, plan.lists.added, plan.lists.dropped) == (0, False, 1, 0)
    assert compared_addresses(index, "ccwis", "c3") == (HAVEN_KEY,)
    assert active_config(index) == (1, 0)
    assert verify(index, OPERATOR) == []


def test_plan_with_refreshed_lists_changes_nothing_until_applied(index):
    load_rows(index, "ccwis", *residents())
    plan = refresh_lists(index, apply=False)
    assert (plan.lists.listed, plan.lists.fresh, plan.applied) == (1, True, False)
    assert active_config(index) == (1, 0)
    refresh_lists(index)
    assert active_config(index) == (2, 1)
    assert compared_addresses(index, "ccwis", "c3") == ()
    assert verify(index, OPERATOR) == []


def test_refresh_without_a_change_makes_no_new_configuration(index_with_lists):
    before = active_config(index_with_lists)
    assert refresh_lists(index_with_lists).is_empty
    assert active_config(index_with_lists) == before


def test_every_path_removes_the_listed_values(index_with_lists):
    newcomer = make_child("n1", first_name="Zora", last_name="Quist", **HAVEN)
    upsert(index_with_lists, OPERATOR, "sis", newcomer)
    load_rows(index_with_lists, "sis", {**newcomer, "local_id": "n2"})
    load_rows(
        index_with_lists,
        "sis",
        *({**child, **HAVEN} for child in many_children(DEFAULT_TUNING.scoring.duckdb_records, start=100)),
    )
    assert {
        compared_addresses(index_with_lists, "sis", local_id) for local_id in ("n1", "n2", "c100", "c599")
    } == {()}
    assert verify(index_with_lists, OPERATOR) == []


def test_search_and_dry_run_score_like_a_stored_record(index_with_lists):
    compared = []

    def compare_and_record(left, right):
        compared.append((left, right))
        return index_with_lists.matcher.scorer._compare(left, right)

    scorer = replace(index_with_lists.matcher.scorer, _compare=compare_and_record)
    matcher = replace(index_with_lists.matcher)
    # The scorer is compiled at first use; store the watched one in its place.
    vars(matcher)["scorer"] = scorer
    watched_index = replace(index_with_lists, matcher=matcher)
    child = {**residents()[3], "local_id": "n1"}
    for call in (
        lambda: search_persons(watched_index, OPERATOR, child),
        lambda: dry_run(watched_index, OPERATOR, "sis", rows(child), LoadOptions()),
    ):
        compared.clear()
        call()
        assert {side.addresses for pair in compared for side in pair} == {()}


def test_error_does_not_reveal_that_an_address_is_shared(index):
    blocking = BlockingSpec.parse({"home": ["addresses"]})
    model = replace(index.matcher.model, blocking=blocking)
    address_index = replace(index, matcher=replace(index.matcher, model=model))
    load_rows(address_index, "ccwis", *residents())
    refresh_lists(address_index)
    assert search_persons(address_index, OPERATOR, HAVEN) == []
    with pytest.raises(RecordError, match="give a name"):
        search_persons(address_index, OPERATOR, {"postal_code": "43010"})


def test_rebuild_keeps_the_lists_after_residents_have_left(index_with_lists):
    for child in residents()[5:]:
        withdraw(index_with_lists, OPERATOR, "ccwis", child["local_id"])
    before = active_config(index_with_lists)
    plan = rebuild(index_with_lists, OPERATOR)
    assert (plan.is_empty, plan.lists.dropped, active_config(index_with_lists)) == (True, 1, before)
    assert compared_addresses(index_with_lists, "ccwis", "c3") == ()
    assert verify(index_with_lists, OPERATOR) == []
    refresh_lists(index_with_lists)
    assert active_config(index_with_lists) == (1, 0)
    assert compared_addresses(index_with_lists, "ccwis", "c3") == (HAVEN_KEY,)


def test_change_of_model_refreshes_the_lists(tmp_path, index):
    load_rows(index, "ccwis", *residents())
    other_matcher = open_matcher(str(tiny_model(tmp_path / "other", version="2", link=13.0)))
    assert recluster(index, OPERATOR, other_matcher, apply=True).lists.fresh
    assert active_config(replace(index, matcher=other_matcher)) == (2, 1)
    assert compared_addresses(replace(index, matcher=other_matcher), "ccwis", "c3") == ()


def test_open_process_obeys_new_lists_at_once(index):
    load_rows(index, "ccwis", *residents())
    active_config(index)
    refresh_lists(with_caches(index, shared_values={}))
    upsert(index, OPERATOR, "sis", make_child("n1", **HAVEN))
    assert compared_addresses(index, "sis", "n1") == ()
    assert verify(index, OPERATOR) == []


def test_configuration_without_lists_keeps_its_old_digest(index):
    model = index.matcher.model
    with index.database.read(OPERATOR) as unit:
        digest = unit.configs.active_config().digest
    assert digest == hashlib.sha256(f"{model.digest}|{model.standardizer}".encode()).hexdigest()


def test_configuration_contains_no_address(index_with_lists):
    with index_with_lists.database.read(OPERATOR) as unit:
        text = unit.configs.lists(index_with_lists.config_id(unit))
    assert text.startswith('{"addresses":[')
    assert "HAVEN" not in text

"""Test scoring of all pairs for a re-cluster, from stored data or derived again."""

import pytest

from mpi.service.core.block_limits import BlockLimits
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.recluster import index_scoring
from mpi.service.recluster.derivation import derive
from mpi.service.recluster.index_scoring import score_index
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, load_rows, make_child, many_children, with_settings

HAVEN = {"address_line1": "500 Haven Rd", "postal_code": "43010"}


@pytest.fixture
def shared_address_index(index):
    """An index with namesakes, and unrelated children at one address."""
    load_rows(index, "sis", *(make_child(f"s{n}", birth_date=f"2014-01-0{1 + n % 3}") for n in range(6)))
    load_rows(index, "ccwis", *({**child, **HAVEN} for child in many_children(14)))
    return index


def score_and_derive(index, lists):
    """Return edges from stored data, and edges derived again."""
    matcher = index.matcher
    floor = matcher.model.thresholds.storage_floor
    with index.database.read(OPERATOR) as unit:
        derived = derive(unit, index, matcher, floor, ignore_progress, lists(unit))
        scored = score_index(unit, index, matcher, floor, ignore_progress, lists(unit))
        features = {record: scored.read_features([record])[record] for record in derived.features}
        assert features == derived.read_features(derived.features)
    return scored.edges, derived.edges


def forbid_deriving(monkeypatch):
    """Fail if anything is derived again."""

    def refuse(*_args, **_named):
        raise AssertionError("something was derived again")

    monkeypatch.setattr(index_scoring, "derive", refuse)


def test_active_configuration_uses_stored_features_and_keys(shared_address_index, monkeypatch):
    forbid_deriving(monkeypatch)
    edges, expected = score_and_derive(shared_address_index, shared_address_index.shared_values)
    assert edges == expected
    assert edges
    assert recluster(shared_address_index, OPERATOR, shared_address_index.matcher, apply=False).is_empty
    with pytest.raises(AssertionError, match="again"):
        recluster(
            shared_address_index, OPERATOR, shared_address_index.matcher, apply=False, refresh_lists=True
        )


def test_pending_search_derives_everything_again(shared_address_index, monkeypatch):
    limited_index = with_settings(shared_address_index, block_limits=BlockLimits(2, 3))
    assert upsert(limited_index, OPERATOR, "ccwis", make_child("u1", birth_date="2014-01-01")).pending
    edges, expected = score_and_derive(shared_address_index, shared_address_index.shared_values)
    assert edges == expected
    forbid_deriving(monkeypatch)
    with pytest.raises(AssertionError, match="again"):
        recluster(shared_address_index, OPERATOR, shared_address_index.matcher, apply=False)


def test_plan_from_stored_data_reports_values_to_add_to_the_lists(shared_address_index):
    before = recluster(shared_address_index, OPERATOR, shared_address_index.matcher, apply=False).lists
    assert (before.listed, before.fresh, before.added, before.dropped) == (0, False, 1, 0)
    recluster(shared_address_index, OPERATOR, shared_address_index.matcher, apply=True, refresh_lists=True)
    after = recluster(shared_address_index, OPERATOR, shared_address_index.matcher, apply=False).lists
    assert (after.listed, after.fresh, after.added, after.dropped) == (1, True, 0, None)
    other_address = {"address_line1": "7 Refuge St", "postal_code": "43010"}
    load_rows(
        shared_address_index, "ccwis", *({**child, **other_address} for child in many_children(14, start=100))
    )
    outdated = recluster(shared_address_index, OPERATOR, shared_address_index.matcher, apply=False).lists
    assert (outdated.listed, outdated.fresh, outdated.added, outdated.dropped) == (1, False, 1, None)

"""The whole index weighed: from what is stored where that is what would be made, and anew elsewhere."""

import pytest

from mpi.service.core.block_limits import BlockLimits
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.recluster import index_scoring
from mpi.service.recluster.derivation import derive
from mpi.service.recluster.index_scoring import score_index
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, a_child, load_rows, many_children, with_settings

HAVEN = {"address_line1": "500 Haven Rd", "postal_code": "43010"}


@pytest.fixture
def filled(index):
    """Children of one name, and others who are not kin and live at one address."""
    load_rows(index, "sis", *(a_child(f"s{n}", birth_date=f"2014-01-0{1 + n % 3}") for n in range(6)))
    load_rows(index, "ccwis", *({**child, **HAVEN} for child in many_children(14)))
    return index


def both(index, lists):
    """Edges as ``score_index`` finds them, and as they are made anew."""
    matcher = index.matcher
    floor = matcher.model.thresholds.storage_floor
    with index.database.read(OPERATOR) as unit:
        made = derive(unit, index, matcher, floor, ignore_progress, lists(unit))
        weighed = score_index(unit, index, matcher, floor, ignore_progress, lists(unit))
        features = {record: weighed.read_features([record])[record] for record in made.features}
        assert features == made.read_features(made.features)
    return weighed.edges, made.edges


def forbid(monkeypatch):
    """Let nothing be derived anew."""

    def refuse(*_args, **_named):
        raise AssertionError("something was derived anew")

    monkeypatch.setattr(index_scoring, "derive", refuse)


def test_under_the_configuration_in_force_stored_features_and_keys_are_taken(filled, monkeypatch):
    forbid(monkeypatch)
    found, expected = both(filled, filled.shared_values)
    assert found == expected
    assert found
    assert recluster(filled, OPERATOR, filled.matcher, apply=False).is_empty
    with pytest.raises(AssertionError, match="anew"):
        recluster(filled, OPERATOR, filled.matcher, apply=False, refresh_lists=True)


def test_while_a_record_waits_to_be_searched_everything_is_made_anew(filled, monkeypatch):
    hot = with_settings(filled, block_limits=BlockLimits(2, 3))
    assert upsert(hot, OPERATOR, "ccwis", a_child("u1", birth_date="2014-01-01")).pending
    found, expected = both(filled, filled.shared_values)
    assert found == expected
    forbid(monkeypatch)
    with pytest.raises(AssertionError, match="anew"):
        recluster(filled, OPERATOR, filled.matcher, apply=False)


def test_a_plan_made_of_what_is_stored_tells_of_lists_what_is_to_be_added(filled):
    before = recluster(filled, OPERATOR, filled.matcher, apply=False).lists
    assert (before.listed, before.fresh, before.added, before.dropped) == (0, False, 1, 0)
    recluster(filled, OPERATOR, filled.matcher, apply=True, refresh_lists=True)
    after = recluster(filled, OPERATOR, filled.matcher, apply=False).lists
    assert (after.listed, after.fresh, after.added, after.dropped) == (1, True, 0, None)
    other = {"address_line1": "7 Refuge St", "postal_code": "43010"}
    load_rows(filled, "ccwis", *({**child, **other} for child in many_children(14, start=100)))
    aged = recluster(filled, OPERATOR, filled.matcher, apply=False).lists
    assert (aged.listed, aged.fresh, aged.added, aged.dropped) == (1, False, 1, None)

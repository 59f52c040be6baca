"""Pairs by set: what is read, and what is remembered of it."""

from contextlib import ExitStack

import pytest

from mpi.bootstrap import open_matcher
from mpi.domain.errors import MpiError
from mpi.matching.scoring.load_scorer import ScoringResources, LoadScorer
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.indexing.pairing import (
    PairingLimits,
    PairScorer,
    PreviousBatch,
    limits_for_machine,
    score_candidate_pairs,
)
from mpi.service.recluster.plan import recluster
from mpi.service.records.upsert import upsert, withdraw
from mpi.storage.repositories.derived.derived import DerivedRepository
from tests.index import OPERATOR, an_index, load_rows, many_children
from tests.models import tiny_model


@pytest.fixture
def index(tmp_path):
    """Forty children, each of whom another source may state again."""
    with an_index(tmp_path / "home", "sis", "ccwis") as opened:
        load_rows(opened, "sis", *many_children(40))
        yield opened


@pytest.fixture
def pairs(index):
    with PairScorer(index.matcher.model, ScoringResources(index.home)) as opened:
        yield opened


@pytest.fixture
def read(monkeypatch):
    """The records whose features were read, time after time."""
    parts, asked = DerivedRepository.iterate_features_in_parts, []

    def noted(self, config_id, record_ids):
        asked.append(sorted(record_ids))
        return parts(self, config_id, record_ids)

    monkeypatch.setattr(DerivedRepository, "iterate_features_in_parts", noted)
    return asked


def as_stored(unit, config_id, *records):
    """Stored records, as they are compared."""
    bodies, own = unit.derived_data.features(config_id, records), unit.keys.packed_keys(config_id, records)
    return [PackedRecord(bodies[record], own[record].keys, "") for record in records]


def looked_for(index, pairs, *like, numbers=(-1, -2)):
    """The pairs of what says the same as stored records; they are those that are found the first time."""
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        mine = dict(zip(numbers, as_stored(unit, config, *like), strict=False))
        found = pairs.score_pairs(unit, config, mine).to_edges()
        assert found == pair_up_beside(index, unit, config, mine, {})
        assert found == score_candidate_pairs(unit, index.matcher, config, mine, ScoringResources(index.home)).to_edges()
    return found


def test_few_pairs_are_weighed_before_an_engine_is_made_ready_and_to_the_same_weights(index, monkeypatch):
    load_rows(
        index, "ccwis", *(child | {"local_id": f"again {n}"} for n, child in enumerate(many_children(5)))
    )
    told = []
    place = ScoringResources(index.home, None, lambda done, total: told.append((done, total)))
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        mine = dict(zip((1, -1, -2, -3), as_stored(unit, config, 2, 1, 1, 7), strict=True))
        by_engine = pair_up_beside(index, unit, config, mine, {})
        with monkeypatch.context() as patched:
            patched.setattr("mpi.service.indexing.pairing.PairScorer", None)
            patched.setattr("mpi.service.core.stored_features.FEATURES_PER_BATCH", 2)
            found = score_candidate_pairs(unit, index.matcher, config, mine, place).to_edges()
            assert score_candidate_pairs(unit, index.matcher, config, {}, place).to_edges() == {}
        monkeypatch.setattr("mpi.service.indexing.pairing.MIN_PAIRS_FOR_DUCKDB", 0)
        assert score_candidate_pairs(unit, index.matcher, config, mine, place).to_edges() == found == by_engine
    assert {(-2, -1), (-3, 7), (1, 2)} <= found.keys(), (
        "also among themselves, and as they are said to be now"
    )
    assert (-1, 1) not in found, "what is stored of one of them is not what it is compared by"
    assert len(told) > 2
    done, totals = zip(*told, strict=True)
    assert sorted(set(done)) == list(dict.fromkeys(done))
    assert {*totals} == {max(done)}


def test_nothing_is_read_any_more_once_scoring_begins(index):
    load_rows(index, "ccwis", *(c | {"local_id": "again"} for c in many_children(1)))
    told = []
    place = ScoringResources(index.home, None, lambda _done, _total: told.append("scored"))
    with ExitStack() as reading:
        unit = reading.enter_context(index.database.read(OPERATOR))
        config = index.config_id(unit)
        mine = {1: as_stored(unit, config, 1)[0]}

        def was_read() -> None:
            told.append("read")
            reading.close()

        with PairScorer(index.matcher.model, place) as pairs:
            found = pairs.score_pairs(unit, config, mine, on_read=was_read)
    assert told == ["read", "scored"]
    assert len(found.to_edges()) == 1


def test_features_are_read_once(index, pairs, read):
    assert set(looked_for(index, pairs, 1, 2)) == {(-1, 1), (-2, 2)}
    read.clear()
    assert set(looked_for(index, pairs, 2, 3)) == {(-1, 2), (-2, 3)}
    kept, anew = read
    assert (2 in kept, 2 in anew) == (False, True)
    assert 3 in kept


def test_what_another_changes_meanwhile_is_read_anew(index, pairs, read):
    before = looked_for(index, pairs, 1)
    with index.database.read(OPERATOR) as unit:
        [said] = as_stored(unit, index.config_id(unit), 1)
    upsert(index, OPERATOR, "sis", many_children(1)[0] | {"postal_code": "43999"})
    read.clear()
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        mine = {-1: said}
        after = pairs.score_pairs(unit, config, mine).to_edges()
        assert after == score_candidate_pairs(unit, index.matcher, config, mine, ScoringResources(index.home)).to_edges()
    assert 1 in read[0]
    assert set(after) == set(before) == {(-1, 1)}
    assert after != before


def test_one_that_went_is_found_no_more_and_as_it_is_when_it_is_back(index, pairs):
    looked_for(index, pairs, 1, 2)
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        mine = {-1: as_stored(unit, config, 1)[0]}
    withdraw(index, OPERATOR, "sis", "c0")
    with index.database.read(OPERATOR) as unit:
        assert pairs.score_pairs(unit, config, mine).to_edges() == {}
    upsert(index, OPERATOR, "sis", many_children(1)[0] | {"postal_code": "43999"})
    with index.database.read(OPERATOR) as unit:
        found = pairs.score_pairs(unit, config, mine).to_edges()
        assert found == score_candidate_pairs(unit, index.matcher, config, mine, ScoringResources(index.home)).to_edges()
    assert set(found) == {(-1, 1)}


def test_a_stored_record_that_is_compared_otherwise_this_once_is_read_anew_the_next_time(index, pairs):
    before = looked_for(index, pairs, 1)
    upsert(index, OPERATOR, "ccwis", many_children(1)[0] | {"local_id": "again", "postal_code": "43999"})
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        unlike = as_stored(unit, config, 41)[0]
        told = pairs.score_pairs(unit, config, {1: unlike})
        once = score_candidate_pairs(unit, index.matcher, config, {1: unlike}, ScoringResources(index.home))
        assert told.to_edges() == once.to_edges()
        assert list(zip(told.lo, told.hi, strict=True)) == [(1, 41)]
    after = looked_for(index, pairs, 1)
    assert after[-1, 1] == before[-1, 1]


def test_another_configuration_begins_anew(index, pairs, read, tmp_path):
    looked_for(index, pairs, 1)
    with index.database.read(OPERATOR) as unit:
        before = index.config_id(unit)
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    recluster(index, OPERATOR, stricter, apply=True)
    with index.database.read(OPERATOR) as unit:
        config = unit.configs.active_config().id
        mine = {-1: as_stored(unit, config, 1)[0]}
        # It may have been derived before what was looked at last, beside that which was in force.
        pairs.score_pairs(unit, before, mine)
        read.clear()
        assert set(pairs.score_pairs(unit, config, mine).to_edges()) == {(-1, 1)}
    assert 1 in read[0]


def test_beyond_the_bound_it_begins_anew(index, pairs, read, monkeypatch):
    monkeypatch.setattr(pairs, "_max_cached_records", 3)
    for first in range(1, 9, 2):
        assert set(looked_for(index, pairs, first, first + 1)) == {(-1, first), (-2, first + 1)}
        assert pairs._scoring.stored_rows <= 4
    kept, anew = read[::2], read[1::2]
    assert kept[1:] == anew[1:]


def test_those_that_were_asked_about_last_are_compared_without_being_sent_again(index, pairs, monkeypatch):
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        first = dict(zip((-1, -2), as_stored(unit, config, 1, 2), strict=True))
        second = dict(zip((-1, -2, -3), as_stored(unit, config, 1, 2, 3), strict=True))
        earlier = {number - 3: one for number, one in first.items()}
        expected = pair_up_beside(index, unit, config, second, earlier)
        assert {(-4, -1), (-5, -2)} <= set(expected)
        pairs.score_pairs(unit, config, first)
        assert pairs.score_pairs(unit, config, second, PreviousBatch(3)).to_edges() == expected
        # What was kept was let go of meanwhile.
        pairs.score_pairs(unit, config, first)
        monkeypatch.setattr(pairs, "_max_cached_records", 1)
        assert pairs.score_pairs(unit, config, second, PreviousBatch(3)).to_edges() == expected


def test_they_are_so_though_scoring_failed(index, pairs, monkeypatch):
    with index.database.read(OPERATOR) as unit:
        config = index.config_id(unit)
        first = dict(zip((-1, -2), as_stored(unit, config, 1, 2), strict=True))
        second = dict(zip((-1, -2, -3), as_stored(unit, config, 1, 2, 3), strict=True))
        expected = pair_up_beside(index, unit, config, second, {n - 3: one for n, one in first.items()})

        def fails(*_):
            raise MpiError("the disk is full")

        with monkeypatch.context() as patched, pytest.raises(MpiError):
            patched.setattr(LoadScorer, "_load_temporary", fails)
            pairs.score_pairs(unit, config, first)
        assert pairs.score_pairs(unit, config, second, PreviousBatch(3)).to_edges() == expected


def pair_up_beside(index, unit, config, mine, beside):
    with PairScorer(index.matcher.model, ScoringResources(index.home)) as anew:
        return anew.score_pairs(unit, config, mine, beside).to_edges()


def test_what_failed_while_features_were_read_is_made_good(index, pairs, monkeypatch):
    looked_for(index, pairs, 1)
    upsert(index, OPERATOR, "sis", many_children(1)[0] | {"postal_code": "43999"})

    def fails(*_):
        raise MpiError("the disk is full")

    with monkeypatch.context() as patched, pytest.raises(MpiError):
        patched.setattr(DerivedRepository, "iterate_features_in_parts", fails)
        looked_for(index, pairs, 1)
    assert set(looked_for(index, pairs, 1)) == {(-1, 1)}


def test_nothing_is_left_of_the_place_where_it_spills(index):
    with PairScorer(index.matcher.model, ScoringResources(index.home)) as pairs:
        looked_for(index, pairs, 1)
        assert [path.name.split("-")[0] for path in index.home.glob("scoring-*")] == ["scoring"]
    assert list(index.home.glob("scoring-*")) == []


@pytest.mark.parametrize(
    ("share", "bounds"), [("400MB", PairingLimits("1500MB", 1_200_000)), ("4GiB", PairingLimits("4294MB", 3_435_973))]
)
def test_where_there_is_more_memory_more_is_kept_and_never_less_than_ever(share, bounds):
    assert limits_for_machine(share) == bounds

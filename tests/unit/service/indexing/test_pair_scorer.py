"""Test scoring of candidate pairs in batches, and the records it caches."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from mpi.composition.models import open_matcher
from mpi.domain.errors import MpiError
from mpi.domain.tuning import ScoringTuning
from mpi.matching.scoring.batch_scorer import LoadScorer, ScoringResources
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.indexing.pair_scorer import PairScorer, PreviousBatch, score_candidate_pairs
from mpi.service.indexing.pairing_limits import PairingLimits, limits_for_machine
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.storage.repositories.derived.features_and_edges import DerivedRepository
from tests.index import OPERATOR, load_rows, many_children, open_test_index, reopen_database
from tests.models import tiny_model


@pytest.fixture
def index_of_40(tmp_path):
    """An index of forty children."""
    with open_test_index(tmp_path / "home", "sis", "ccwis") as opened:
        load_rows(opened, "sis", *many_children(40))
        yield opened


@pytest.fixture
def pair_scorer(index_of_40):
    """A pair scorer of the index, closed after the test."""
    with PairScorer(index_of_40.matcher.model, ScoringResources(index_of_40.home)) as opened:
        yield opened


@pytest.fixture
def feature_reads(monkeypatch):
    """Lists of the records whose features were read, one per read."""
    read_parts, reads = DerivedRepository.iterate_features_in_parts, []

    def record_read(self, config_id, record_ids):
        reads.append(sorted(record_ids))
        return read_parts(self, config_id, record_ids)

    monkeypatch.setattr(DerivedRepository, "iterate_features_in_parts", record_read)
    return reads


def packed_records(unit, config_id, *records):
    """Return stored records in the form in which they are compared."""
    bodies, own = (
        unit.derived_data.features(config_id, records),
        unit.keys.forward.packed_keys(config_id, records),
    )
    return [PackedRecord(bodies[record], own[record].keys, "") for record in records]


def score_like_stored_records(index_of_40, pair_scorer, *record_ids, numbers=(-1, -2)):
    """Score copies of stored records, and check that a new scorer gives the same."""
    with index_of_40.database.read(OPERATOR) as unit:
        config = index_of_40.config_id(unit)
        candidates = dict(zip(numbers, packed_records(unit, config, *record_ids), strict=False))
        edges = pair_scorer.score_pairs(unit, config, candidates).to_edges()
        assert edges == score_with_new_scorer(index_of_40, unit, config, candidates, {})
        assert (
            edges
            == score_candidate_pairs(
                unit, index_of_40.matcher, config, candidates, ScoringResources(index_of_40.home)
            ).to_edges()
        )
    return edges


def test_few_pairs_are_scored_without_duckdb_and_to_the_same_weights(index_of_40, monkeypatch):
    load_rows(
        index_of_40,
        "ccwis",
        *(child | {"local_id": f"again {n}"} for n, child in enumerate(many_children(5))),
    )
    progress = []
    resources = ScoringResources(index_of_40.home, None, lambda done, total: progress.append((done, total)))
    with (
        reopen_database(index_of_40, feature_batch_records=2) as batching_index,
        batching_index.database.read(OPERATOR) as unit,
    ):
        config = index_of_40.config_id(unit)
        candidates = dict(zip((1, -1, -2, -3), packed_records(unit, config, 2, 1, 1, 7), strict=True))
        duckdb_edges = score_with_new_scorer(index_of_40, unit, config, candidates, {})
        with monkeypatch.context() as patched:
            patched.setattr("mpi.service.indexing.pair_scorer.PairScorer", None)
            edges = score_candidate_pairs(unit, index_of_40.matcher, config, candidates, resources).to_edges()
            assert score_candidate_pairs(unit, index_of_40.matcher, config, {}, resources).to_edges() == {}
        resources = replace(resources, tuning=ScoringTuning(duckdb_pairs=0))
        assert (
            score_candidate_pairs(unit, index_of_40.matcher, config, candidates, resources).to_edges()
            == edges
            == duckdb_edges
        )
    assert {(-2, -1), (-3, 7), (1, 2)} <= edges.keys(), (
        "candidates are compared with each other, in their new version"
    )
    assert (-1, 1) not in edges, "the stored version of a candidate is not compared"
    assert len(progress) > 2
    done, totals = zip(*progress, strict=True)
    assert sorted(set(done)) == list(dict.fromkeys(done))
    assert {*totals} == {max(done)}


def test_scoring_starts_after_all_reads(index_of_40):
    load_rows(index_of_40, "ccwis", *(c | {"local_id": "again"} for c in many_children(1)))
    events = []
    resources = ScoringResources(index_of_40.home, None, lambda _done, _total: events.append("scored"))
    with ExitStack() as reading:
        unit = reading.enter_context(index_of_40.database.read(OPERATOR))
        config = index_of_40.config_id(unit)
        candidates = {1: packed_records(unit, config, 1)[0]}

        def on_read() -> None:
            events.append("read")
            reading.close()

        with PairScorer(index_of_40.matcher.model, resources) as pair_scorer:
            scored = pair_scorer.score_pairs(unit, config, candidates, on_read=on_read)
    assert events == ["read", "scored"]
    assert len(scored.to_edges()) == 1


def test_features_are_read_once(index_of_40, pair_scorer, feature_reads):
    assert set(score_like_stored_records(index_of_40, pair_scorer, 1, 2)) == {(-1, 1), (-2, 2)}
    feature_reads.clear()
    assert set(score_like_stored_records(index_of_40, pair_scorer, 2, 3)) == {(-1, 2), (-2, 3)}
    first_read, second_read = feature_reads
    assert (2 in first_read, 2 in second_read) == (False, True)
    assert 3 in first_read


def test_record_changed_by_another_writer_is_read_again(index_of_40, pair_scorer, feature_reads):
    before = score_like_stored_records(index_of_40, pair_scorer, 1)
    with index_of_40.database.read(OPERATOR) as unit:
        [packed] = packed_records(unit, index_of_40.config_id(unit), 1)
    upsert(index_of_40, OPERATOR, "sis", many_children(1)[0] | {"postal_code": "43999"})
    feature_reads.clear()
    with index_of_40.database.read(OPERATOR) as unit:
        config = index_of_40.config_id(unit)
        candidates = {-1: packed}
        after = pair_scorer.score_pairs(unit, config, candidates).to_edges()
        assert (
            after
            == score_candidate_pairs(
                unit, index_of_40.matcher, config, candidates, ScoringResources(index_of_40.home)
            ).to_edges()
        )
    assert 1 in feature_reads[0]
    assert set(after) == set(before) == {(-1, 1)}
    assert after != before


def test_withdrawn_record_is_not_found_until_it_returns(index_of_40, pair_scorer):
    score_like_stored_records(index_of_40, pair_scorer, 1, 2)
    with index_of_40.database.read(OPERATOR) as unit:
        config = index_of_40.config_id(unit)
        candidates = {-1: packed_records(unit, config, 1)[0]}
    withdraw(index_of_40, OPERATOR, "sis", "c0")
    with index_of_40.database.read(OPERATOR) as unit:
        assert pair_scorer.score_pairs(unit, config, candidates).to_edges() == {}
    upsert(index_of_40, OPERATOR, "sis", many_children(1)[0] | {"postal_code": "43999"})
    with index_of_40.database.read(OPERATOR) as unit:
        edges = pair_scorer.score_pairs(unit, config, candidates).to_edges()
        assert (
            edges
            == score_candidate_pairs(
                unit, index_of_40.matcher, config, candidates, ScoringResources(index_of_40.home)
            ).to_edges()
        )
    assert set(edges) == {(-1, 1)}


def test_stored_record_compared_with_other_features_once_is_read_again(index_of_40, pair_scorer):
    before = score_like_stored_records(index_of_40, pair_scorer, 1)
    upsert(
        index_of_40, OPERATOR, "ccwis", many_children(1)[0] | {"local_id": "again", "postal_code": "43999"}
    )
    with index_of_40.database.read(OPERATOR) as unit:
        config = index_of_40.config_id(unit)
        other_version = packed_records(unit, config, 41)[0]
        scored = pair_scorer.score_pairs(unit, config, {1: other_version})
        expected = score_candidate_pairs(
            unit, index_of_40.matcher, config, {1: other_version}, ScoringResources(index_of_40.home)
        )
        assert scored.to_edges() == expected.to_edges()
        assert list(zip(scored.lo, scored.hi, strict=True)) == [(1, 41)]
    after = score_like_stored_records(index_of_40, pair_scorer, 1)
    assert after[-1, 1] == before[-1, 1]


def test_another_configuration_starts_with_an_empty_cache(index_of_40, pair_scorer, feature_reads, tmp_path):
    score_like_stored_records(index_of_40, pair_scorer, 1)
    with index_of_40.database.read(OPERATOR) as unit:
        before = index_of_40.config_id(unit)
    stricter = open_matcher(str(tiny_model(tmp_path / "stricter", version="2", link=17.0)))
    recluster(index_of_40, OPERATOR, stricter, apply=True)
    with index_of_40.database.read(OPERATOR) as unit:
        config = unit.configs.active_config().id
        candidates = {-1: packed_records(unit, config, 1)[0]}
        # The new configuration may be derived while the old one is still in force.
        pair_scorer.score_pairs(unit, before, candidates)
        feature_reads.clear()
        assert set(pair_scorer.score_pairs(unit, config, candidates).to_edges()) == {(-1, 1)}
    assert 1 in feature_reads[0]


def open_small_cache(index, max_cached_records):
    """Open a pair scorer that caches the features of few records."""
    return PairScorer(
        index.matcher.model, ScoringResources(index.home), max_cached_records=max_cached_records
    )


def test_cache_starts_again_above_its_limit(index_of_40, feature_reads):
    with open_small_cache(index_of_40, 3) as pair_scorer:
        for first in range(1, 9, 2):
            assert set(score_like_stored_records(index_of_40, pair_scorer, first, first + 1)) == {
                (-1, first),
                (-2, first + 1),
            }
            assert pair_scorer._scoring.stored_rows <= 4
    first_reads, second_reads = feature_reads[::2], feature_reads[1::2]
    assert first_reads[1:] == second_reads[1:]


def test_previous_batch_is_compared_without_being_sent_again(index_of_40, pair_scorer):
    with index_of_40.database.read(OPERATOR) as unit:
        config = index_of_40.config_id(unit)
        first = dict(zip((-1, -2), packed_records(unit, config, 1, 2), strict=True))
        second = dict(zip((-1, -2, -3), packed_records(unit, config, 1, 2, 3), strict=True))
        earlier = {number - 3: packed for number, packed in first.items()}
        expected = score_with_new_scorer(index_of_40, unit, config, second, earlier)
        assert {(-4, -1), (-5, -2)} <= set(expected)
        pair_scorer.score_pairs(unit, config, first)
        assert pair_scorer.score_pairs(unit, config, second, PreviousBatch(3)).to_edges() == expected
        # The cached batch has been dropped.
        with open_small_cache(index_of_40, 1) as small_cache:
            small_cache.score_pairs(unit, config, first)
            assert small_cache.score_pairs(unit, config, second, PreviousBatch(3)).to_edges() == expected


def test_previous_batch_is_compared_after_scoring_failed(index_of_40, pair_scorer, monkeypatch):
    with index_of_40.database.read(OPERATOR) as unit:
        config = index_of_40.config_id(unit)
        first = dict(zip((-1, -2), packed_records(unit, config, 1, 2), strict=True))
        second = dict(zip((-1, -2, -3), packed_records(unit, config, 1, 2, 3), strict=True))
        expected = score_with_new_scorer(
            index_of_40, unit, config, second, {n - 3: packed for n, packed in first.items()}
        )

        def fails(*_):
            raise MpiError("the disk is full")

        with monkeypatch.context() as patched, pytest.raises(MpiError):
            patched.setattr(LoadScorer, "_load_temporary", fails)
            pair_scorer.score_pairs(unit, config, first)
        assert pair_scorer.score_pairs(unit, config, second, PreviousBatch(3)).to_edges() == expected


def score_with_new_scorer(index_of_40, unit, config, candidates, previous):
    with PairScorer(index_of_40.matcher.model, ScoringResources(index_of_40.home)) as new_scorer:
        return new_scorer.score_pairs(unit, config, candidates, previous).to_edges()


def test_failed_read_of_features_is_repeated(index_of_40, pair_scorer, monkeypatch):
    score_like_stored_records(index_of_40, pair_scorer, 1)
    upsert(index_of_40, OPERATOR, "sis", many_children(1)[0] | {"postal_code": "43999"})

    def fails(*_):
        raise MpiError("the disk is full")

    with monkeypatch.context() as patched, pytest.raises(MpiError):
        patched.setattr(DerivedRepository, "iterate_features_in_parts", fails)
        score_like_stored_records(index_of_40, pair_scorer, 1)
    assert set(score_like_stored_records(index_of_40, pair_scorer, 1)) == {(-1, 1)}


def test_temporary_scoring_folder_is_removed(index_of_40):
    with PairScorer(index_of_40.matcher.model, ScoringResources(index_of_40.home)) as pair_scorer:
        score_like_stored_records(index_of_40, pair_scorer, 1)
        assert [path.name.split("-")[0] for path in index_of_40.home.glob("scoring-*")] == ["scoring"]
    assert list(index_of_40.home.glob("scoring-*")) == []


@pytest.mark.parametrize(
    ("share", "bounds"),
    [("400MB", PairingLimits("1500MB", 1_200_000)), ("4GiB", PairingLimits("4294MB", 3_435_973))],
)
def test_limits_grow_with_memory_and_never_shrink(share, bounds):
    assert limits_for_machine(share) == bounds

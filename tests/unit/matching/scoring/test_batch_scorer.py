"""Load scorer: features kept in DuckDB, and pairs scored over them repeatedly."""

import numpy as np
import pyarrow as pa
import pytest

from mpi.domain.tuning import ScoringTuning
from mpi.matching.compiler.pair_query import PairQuery
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.scoring import batch_scorer
from mpi.matching.scoring.batch_scorer import LoadScorer, ScoringResources
from mpi.matching.scoring.feature_batches import batch_stored_features
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA
from mpi.matching.scoring.splink_scorer import score_stored_pairs
from mpi.standardize.serialization import features_to_bytes
from tests.unit.matching.random_features import random_records

MODEL = load_model(find_model_folder())
FLOOR = -200.0


@pytest.fixture
def scorer(tmp_path):
    with LoadScorer(MODEL, ScoringResources(tmp_path)) as opened:
        yield opened


def stored_batches(features_by_number):
    return batch_stored_features(
        (number, features_to_bytes(features)) for number, features in features_by_number.items()
    )


def cross_pairs(lo, hi):
    """Return every record of one list paired with every one of the other."""
    ends = [(min(a, b), max(a, b)) for a in lo for b in hi]
    columns = {name: [end[position] for end in ends] for position, name in enumerate(("lo", "hi"))}
    return pa.table(columns, schema=PAIR_SCHEMA)


def score_once(tmp_path, features, pairs):
    return score_stored_pairs(MODEL, stored_batches(features), pairs, FLOOR, ScoringResources(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("worth_a_thread", [batch_scorer.PAIRS_PER_THREAD, 300])
def test_kept_features_score_like_freshly_read_ones(tmp_path, worth_a_thread):
    with LoadScorer(MODEL, ScoringResources(tmp_path), worth_a_thread) as scorer:
        features = dict(random_records(240, 5))
        first_features, later_features = (
            dict(list(features.items())[:100]),
            dict(list(features.items())[100:160]),
        )
        for new_numbers, kept_features in (
            (range(160, 200), first_features),
            (range(200, 240), first_features | later_features),
        ):
            missing = scorer.find_missing(np.array(sorted(kept_features)))
            assert len(missing) == len(kept_features) - (
                len(first_features) if len(kept_features) > len(first_features) else 0
            )
            scorer.add_features(stored_batches({number: features[number] for number in missing.tolist()}))
            # The same numbers are used each time, as statements of different windows have the same numbers.
            temporary = {-1 - position: features[number] for position, number in enumerate(new_numbers)}
            pairs = cross_pairs(temporary, kept_features)
            scores = scorer.score(pairs, FLOOR, stored_batches(temporary))
            assert scores == score_once(tmp_path, kept_features | temporary, pairs)
            assert scores.num_rows


def test_removed_features_are_missing_and_can_be_replaced(scorer, tmp_path):
    features = dict(random_records(60, 6))
    initial = {number: features[number] for number in range(20)}
    scorer.add_features(stored_batches(initial))
    changed = {number: features[number + 20] for number in (3, 7)}
    scorer.remove_features(np.array([3, 7, 99]))
    assert scorer.find_missing(np.arange(20)).tolist() == [3, 7]
    scorer.add_features(stored_batches(changed))
    assert scorer.find_missing(np.arange(20)).tolist() == []
    assert scorer.stored_rows == 22
    temporary = {-1 - position: features[number] for position, number in enumerate(range(40, 60))}
    pairs = cross_pairs(temporary, initial)
    assert scorer.score(pairs, FLOOR, stored_batches(temporary)) == score_once(
        tmp_path, initial | changed | temporary, pairs
    )


def test_temporary_features_are_removed_when_scoring_fails(scorer, monkeypatch):
    features = dict(random_records(10, 7))

    def fail_scoring(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(PairQuery, "weigh", fail_scoring)
        scorer.score(cross_pairs([-1], [-2]), FLOOR, stored_batches({-1: features[1], -2: features[2]}))
    scores = scorer.score(cross_pairs([-1], [-2]), FLOOR, stored_batches({-1: features[3], -2: features[4]}))
    assert scores.num_rows == 1


def test_previous_temporary_features_can_be_reused_under_other_numbers(scorer, tmp_path):
    random_features = dict(random_records(90, 9))
    scorer.add_features(stored_batches({number: random_features[number] for number in range(30)}))
    first_window = {-1 - position: random_features[30 + position] for position in range(20)}
    scorer.score(cross_pairs(first_window, range(30)), FLOOR, stored_batches(first_window))
    second_window = {-1 - position: random_features[50 + position] for position in range(40)}
    renumbered = {number - 40: features for number, features in first_window.items()}
    pairs = cross_pairs(second_window, [*renumbered, *range(30)])
    scores = scorer.score(pairs, FLOOR, stored_batches(second_window), 40)
    all_features = {number: random_features[number] for number in range(30)} | renumbered | second_window
    assert scores == score_once(tmp_path, all_features, pairs)
    second_scores = scorer.score(pairs, FLOOR, stored_batches(second_window), stored_batches(renumbered))
    assert second_scores == scores


def test_scoring_leaves_no_tables_behind(scorer):
    features = dict(random_records(40, 8))
    scorer.add_features(stored_batches({number: features[number] for number in range(20)}))
    tables = []
    for _ in range(2):
        temporary = {-1 - position: features[number] for position, number in enumerate(range(20, 40))}
        scorer.score(cross_pairs(temporary, range(20)), FLOOR, stored_batches(temporary))
        tables.append(scorer._connection.sql("SELECT count(*) FROM duckdb_tables()").fetchall())
    assert tables[0] == tables[1]


def test_pairs_are_divided_into_one_part_per_thread_within_the_memory_limit():
    sizes = {
        rows: [size for _, size in batch_scorer._divide_rows(rows, 4, 100, 1_000)]
        for rows in (0, 1, 199, 200, 900, 4_100)
    }
    assert all(size * 4 <= 1_000 for part_sizes in sizes.values() for size in part_sizes), "at once"
    assert sizes[0] == []
    assert sizes[1] == [1]
    assert sizes[199] == [199]
    assert sizes[200] == [100, 100]
    assert sizes[900] == [225] * 4
    assert sizes[4_100] == [242] * 16 + [228]
    starts = [start for start, _ in batch_scorer._divide_rows(4_100, 4, 100, 1_000)]
    assert starts == [242 * part for part in range(17)]


def test_progress_is_reported_for_each_part(tmp_path):
    reports, features = [], dict(random_records(20, 10))
    resources = ScoringResources(
        tmp_path,
        progress=lambda done, total: reports.append((done, total)),
        tuning=ScoringTuning(chunk_pairs=30, queries=1),
    )
    with LoadScorer(MODEL, resources) as scorer_with_progress:
        scorer_with_progress.add_features(stored_batches({number: features[number] for number in range(10)}))
        temporary = {-1 - position: features[number] for position, number in enumerate(range(10, 20))}
        scorer_with_progress.score(cross_pairs(temporary, range(10)), FLOOR, stored_batches(temporary))
    assert reports == [(25, 100), (50, 100), (75, 100), (100, 100)]

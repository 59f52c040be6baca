"""Features that are kept on DuckDB, and pairs scored over them time after time."""

import numpy as np
import pyarrow as pa
import pytest

from mpi.matching.compiler.pair_query import PairQuery
from mpi.matching.model.match_model import find_model_folder, load_model
from mpi.matching.scoring import batch_scorer
from mpi.matching.scoring.batch_scorer import LoadScorer, ScoringResources
from mpi.matching.scoring.feature_batches import batch_stored_features
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA
from mpi.matching.scoring.splink_scorer import score_stored_pairs
from mpi.standardize.serialization import features_to_bytes
from tests.unit.matching.pairs import records

MODEL = load_model(find_model_folder())
FLOOR = -200.0


@pytest.fixture
def kept(tmp_path):
    with LoadScorer(MODEL, ScoringResources(tmp_path)) as opened:
        yield opened


def stored(made):
    return batch_stored_features((number, features_to_bytes(features)) for number, features in made.items())


def pairs_of(lo, hi):
    """Every record of the one with every one of the other."""
    ends = [(min(a, b), max(a, b)) for a in lo for b in hi]
    columns = {name: [end[place] for end in ends] for place, name in enumerate(("lo", "hi"))}
    return pa.table(columns, schema=PAIR_SCHEMA)


def once(tmp_path, made, pairs):
    return score_stored_pairs(MODEL, stored(made), pairs, FLOOR, ScoringResources(tmp_path))


@pytest.mark.parametrize("worth_a_thread", [batch_scorer.PAIRS_PER_THREAD, 300])
def test_what_is_kept_is_scored_as_splink_scores_what_is_read_anew(
    kept, tmp_path, monkeypatch, worth_a_thread
):
    monkeypatch.setattr(kept, "_pairs_per_thread", worth_a_thread)
    monkeypatch.setattr(kept, "_threads", 3)
    made = dict(records(240, 5))
    first, later = dict(list(made.items())[:100]), dict(list(made.items())[100:160])
    for some, others in ((range(160, 200), first), (range(200, 240), first | later)):
        lacking = kept.find_missing(np.array(sorted(others)))
        assert len(lacking) == len(others) - (len(first) if len(others) > len(first) else 0)
        kept.add_features(stored({number: made[number] for number in lacking.tolist()}))
        # By the same numbers every time, as statements of one window are numbered as those of another.
        passing = {-1 - place: made[number] for place, number in enumerate(some)}
        pairs = pairs_of(passing, others)
        found = kept.score(pairs, FLOOR, stored(passing))
        assert found == once(tmp_path, others | passing, pairs)
        assert found.num_rows


def test_what_was_forgotten_is_lacking_and_may_be_kept_otherwise(kept, tmp_path):
    made = dict(records(60, 6))
    before = {number: made[number] for number in range(20)}
    kept.add_features(stored(before))
    changed = {number: made[number + 20] for number in (3, 7)}
    kept.remove_features(np.array([3, 7, 99]))
    assert kept.find_missing(np.arange(20)).tolist() == [3, 7]
    kept.add_features(stored(changed))
    assert kept.find_missing(np.arange(20)).tolist() == []
    assert kept.stored_rows == 22
    passing = {-1 - place: made[number] for place, number in enumerate(range(40, 60))}
    pairs = pairs_of(passing, before)
    assert kept.score(pairs, FLOOR, stored(passing)) == once(tmp_path, before | changed | passing, pairs)


def test_what_passes_by_is_gone_though_scoring_fails(kept, monkeypatch):
    made = dict(records(10, 7))

    def fails(*_, **__):
        raise MemoryError

    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(PairQuery, "weigh", fails)
        kept.score(pairs_of([-1], [-2]), FLOOR, stored({-1: made[1], -2: made[2]}))
    found = kept.score(pairs_of([-1], [-2]), FLOOR, stored({-1: made[3], -2: made[4]}))
    assert found.num_rows == 1


def test_what_passed_by_the_last_time_passes_again_under_other_numbers(kept, tmp_path):
    made = dict(records(90, 9))
    kept.add_features(stored({number: made[number] for number in range(30)}))
    first = {-1 - place: made[30 + place] for place in range(20)}
    kept.score(pairs_of(first, range(30)), FLOOR, stored(first))
    second = {-1 - place: made[50 + place] for place in range(40)}
    lower = {number - 40: features for number, features in first.items()}
    pairs = pairs_of(second, [*lower, *range(30)])
    found = kept.score(pairs, FLOOR, stored(second), 40)
    whole = {number: made[number] for number in range(30)} | lower | second
    assert found == once(tmp_path, whole, pairs)
    again = kept.score(pairs, FLOOR, stored(second), stored(lower))
    assert again == found


def test_nothing_piles_up_beside_the_features(kept):
    made = dict(records(40, 8))
    kept.add_features(stored({number: made[number] for number in range(20)}))
    tables = []
    for _ in range(2):
        passing = {-1 - place: made[number] for place, number in enumerate(range(20, 40))}
        kept.score(pairs_of(passing, range(20)), FLOOR, stored(passing))
        tables.append(kept._connection.sql("SELECT count(*) FROM duckdb_tables()").fetchall())
    assert tables[0] == tables[1]


def test_pairs_are_cut_into_as_many_parts_as_there_are_threads_and_each_fits_into_memory(monkeypatch):
    monkeypatch.setattr(batch_scorer, "CHUNK_PAIRS", 1_000)
    sizes = {
        rows: [size for _, size in batch_scorer._divide_rows(rows, 4, 100)]
        for rows in (0, 1, 199, 200, 900, 4_100)
    }
    assert all(size * 4 <= batch_scorer.CHUNK_PAIRS for some in sizes.values() for size in some), "at once"
    assert sizes[0] == []
    assert sizes[1] == [1]
    assert sizes[199] == [199]
    assert sizes[200] == [100, 100]
    assert sizes[900] == [225] * 4
    assert sizes[4_100] == [242] * 16 + [228]
    starts = [start for start, _ in batch_scorer._divide_rows(4_100, 4, 100)]
    assert starts == [242 * part for part in range(17)]


def test_progress_is_told_of_each_part(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_scorer, "CHUNK_PAIRS", 30)
    monkeypatch.setattr(batch_scorer, "MAX_QUERIES", 1)
    told, made = [], dict(records(20, 10))
    with LoadScorer(
        MODEL, ScoringResources(tmp_path, progress=lambda done, total: told.append((done, total)))
    ) as opened:
        opened.add_features(stored({number: made[number] for number in range(10)}))
        passing = {-1 - place: made[number] for place, number in enumerate(range(10, 20))}
        opened.score(pairs_of(passing, range(10)), FLOOR, stored(passing))
    assert told == [(25, 100), (50, 100), (75, 100), (100, 100)]

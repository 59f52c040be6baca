"""Tests of records stored as Arrow columns."""

import random

import pytest

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.model.match_model import load_model
from mpi.matching.scoring.splink_engine import make_feature_table
from tests.models import tiny_model
from tests.unit.training.fit.test_fit import make_population
from training.evaluate.baseline import cluster_exact_matches
from training.evaluate.model_clusters import partition_records, score_records
from training.record_table import BATCH_ROWS, ArrowRecords, features_by_id


@pytest.fixture(scope="module")
def records():
    return make_population(600)[0]


def to_arrow(records, batch_rows=BATCH_ROWS):
    """Store the records, in random order, as Arrow columns."""
    mixed = random.Random(1).sample(records, len(records))
    return ArrowRecords(make_feature_table(mixed, FEATURE_COLUMNS), batch_rows)


def test_records_are_decoded_unchanged_in_id_order(records):
    arrow_records = to_arrow(records, batch_rows=7)
    assert list(arrow_records) == records
    assert (len(arrow_records), arrow_records[3], arrow_records[-1]) == (
        len(records),
        records[3],
        records[-1],
    )
    assert list(arrow_records[5:9]) == records[5:9]
    assert arrow_records == to_arrow(records)


def test_record_is_found_by_id_with_and_without_preloading(records):
    features = features_by_id(to_arrow(records[::2]))
    features.preload({0, 4})
    assert [features[number] for number in (0, 2, 4)] == [dict(records)[number] for number in (0, 2, 4)]
    assert (list(features)[:3], len(features), 3 in features, 10**6 in features) == (
        [0, 2, 4], len(records[::2]), False, False,
    )  # fmt: skip


def test_partition_of_arrow_records_is_the_same(records, tmp_path):
    model = load_model(tiny_model(tmp_path))
    from_features, from_arrow = (score_records(model, stored) for stored in (records, to_arrow(records)))
    assert dict(from_arrow.edges) == dict(from_features.edges)
    expected = partition_records(from_features, model.thresholds)
    assert partition_records(from_arrow, model.thresholds, batch_pieces=10) == expected
    assert cluster_exact_matches(to_arrow(records)) == cluster_exact_matches(records)

"""Records kept as columns are the records that they are made of."""

import random

import pytest

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.model.model import load_model
from mpi.matching.scoring.batch import make_feature_table
from tests.models import tiny_model
from tests.unit.training.fit.test_fit import population
from training import record_table
from training.evaluate import model_clusters
from training.evaluate.baseline import cluster_exact_matches
from training.evaluate.model_clusters import partition_records, score_records
from training.record_table import ArrowRecords, features_by_id


@pytest.fixture(scope="module")
def records():
    return population(600)[0]


def kept_as_columns(records):
    mixed = random.Random(1).sample(records, len(records))
    return ArrowRecords(make_feature_table(mixed, FEATURE_COLUMNS))


def test_they_come_in_the_order_of_their_ids_as_they_were(records, monkeypatch):
    monkeypatch.setattr(record_table, "BATCH_ROWS", 7)
    found = kept_as_columns(records)
    assert list(found) == records
    assert (len(found), found[3], found[-1]) == (len(records), records[3], records[-1])
    assert list(found[5:9]) == records[5:9]
    assert found == kept_as_columns(records)


def test_a_record_is_found_by_its_id_whether_at_hand_or_not(records):
    features = features_by_id(kept_as_columns(records[::2]))
    features.have_at_hand({0, 4})
    assert [features[number] for number in (0, 2, 4)] == [dict(records)[number] for number in (0, 2, 4)]
    assert (list(features)[:3], len(features), 3 in features, 10**6 in features) == (
        [0, 2, 4], len(records[::2]), False, False,
    )  # fmt: skip


def test_a_model_finds_the_same_persons_in_them(records, tmp_path, monkeypatch):
    monkeypatch.setattr(model_clusters, "BATCH_PIECES", 10)
    model = load_model(tiny_model(tmp_path))
    one, other = (score_records(model, held) for held in (records, kept_as_columns(records)))
    assert dict(other.edges) == dict(one.edges)
    assert partition_records(other, model.thresholds) == partition_records(one, model.thresholds)
    assert cluster_exact_matches(kept_as_columns(records)) == cluster_exact_matches(records)

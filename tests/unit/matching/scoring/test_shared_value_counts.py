"""Shared values found by SQL equal those found record by record."""

import random
from dataclasses import replace

import pytest

from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.scoring.feature_batches import batch_stored_features
from mpi.matching.scoring.shared_value_counts import open_shared_value_table
from mpi.standardize.serialization import features_to_bytes
from mpi.standardize.shared_value_detection import find_shared_values
from mpi.standardize.shared_values import make_shared_values
from tests.unit.matching.random_features import random_records

SEAL = KeyedHash(b"s" * 32)


def with_own_address(features, rng):
    """Return the record with a first address that may be among its addresses, and a unit."""
    number, street = str(rng.randrange(1, 4)), "MAIN ST"
    postal_code, city = rng.choice([("43001", "LINDEN"), (None, "LINDEN"), (None, None)])
    house = f"{number} {street}|{postal_code or city}"
    return replace(
        features,
        street_number=number,
        street=street,
        unit=rng.choice([None, "1", "2"]),
        postal_code=postal_code,
        city=city,
        addresses=(house,) if rng.random() < 0.8 else features.addresses,
        email=rng.choice([None, f"{rng.randrange(20)}@example.org"]),
    )


@pytest.mark.parametrize("seed", range(3))
def test_shared_values_found_by_sql_equal_those_found_record_by_record(tmp_path, seed):
    rng = random.Random(seed)
    numbered = [(number, with_own_address(record, rng)) for number, record in random_records(600, seed)]
    batches = list(batch_stored_features((number, features_to_bytes(record)) for number, record in numbered))
    with open_shared_value_table(tmp_path) as shared_values:
        assert list(shared_values.count_batches(batches)) == batches
        shared = shared_values.find_shared()
    expected = find_shared_values((record for _, record in numbered), SEAL)
    assert make_shared_values(shared, SEAL) == expected
    assert set(shared) == {"addresses", "phones", "email", "household_ids"}
    assert any(value.count("|") == 2 for value in shared["addresses"]), "a flat is a home of its own"
    assert list(tmp_path.iterdir()) == []

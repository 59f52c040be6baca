"""Tests that a fit reads the service's candidate pairs and levels."""

import math
import random

import numpy as np
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys_by_rule
from mpi.matching.scoring.splink_engine import (
    SplinkEngine,
    connect_duckdb,
    find_all_candidate_pairs,
    make_feature_table,
)
from training.blocking import compute_blocking_keys, join_candidate_pairs
from training.fit.blocking import STANDARD_RULES
from training.fit.comparisons import COMPARISONS, FREQUENCY_COLUMNS
from training.fit.frequencies import count_frequencies
from training.fit.level_reader import LevelReader
from training.fit.settings import build_untrained_settings
from training.records import KEYED_HASH

_GIVEN = ("ANA", "ANNA", "JO", "JOSE", "LIZ", "ELIZABETH", "X")
_SURNAMES = ("DIAZ", "DIAS", "GARCIA", "LI", "ANA")
_BORN = ("2011-02-03", "2011-03-02", "2011-02-04", "2012-01-01", "2010-12-31")


def make_records(count=400):
    """Return records of few values, many missing.

    Every kind of agreement occurs.
    """
    rng = random.Random(7)

    def draw_several(values, largest=2):
        return tuple(sorted(rng.sample(values, rng.randrange(largest + 1))))

    def draw_one(values):
        return rng.choice([None, *values])

    test_records = []
    for number in range(count):
        given, surname, born = draw_one(_GIVEN), draw_one(_SURNAMES), draw_one(_BORN)
        features = Features(
            given=given, given_forms=(given, *draw_several(_GIVEN, 1)) if given else (),
            given_roots=draw_several(_GIVEN), middle=draw_one(_GIVEN), surname=surname,
            surname_forms=(surname,) if surname else (),
            surname_tokens=draw_several(_SURNAMES), birth_date=born, birth_dates=draw_several(_BORN),
            birth_date_swapped=draw_one(_BORN), birth_year=draw_one((2010, 2011, 2012)), sex=draw_one("MF"),
            ssn=draw_one(("s1", "s2")), ssn_last4=draw_one(("l1", "l2")),
            identifiers=draw_several(("i1", "i2", "i3")),
            identifiers_near=draw_several(("n1", "n2", "n3")), identifier_systems=draw_several(("y1", "y2")),
            street_number=draw_one(("1", "12", "120")), street=draw_one(("OAK ST", "OAK AVE", "ELM ST")),
            city=draw_one(("X", "Y")), postal_code=draw_one(("43001", "43002")),
            email=draw_one(("a@b.org", "c@d.org")),
            addresses=draw_several(("1 OAK ST|43001", "12 ELM ST|43001")), phones=draw_several(("+1", "+2")),
            guardians=draw_several(("ANA DIAZ", "JO LI")), household_ids=draw_several(("a|1", "a|2")),
            multiple_birth=draw_one((True, False)),
        )  # fmt: skip
        test_records.append((number * 3, features))
    return test_records


@pytest.fixture
def database(tmp_path):
    test_records = make_records()
    connection = connect_duckdb(tmp_path)
    connection.register("feature_table", make_feature_table(test_records, FEATURE_COLUMNS))
    yield test_records, connection
    connection.close()


def test_fit_uses_the_candidate_pairs_of_the_service(database):
    test_records, connection = database
    spec = BlockingSpec.parse(STANDARD_RULES)
    training_pairs = join_candidate_pairs(connection, spec).select(["lo", "hi"])
    service_pairs = find_all_candidate_pairs(compute_blocking_keys(test_records, spec)).sort_by(
        [("lo", "ascending"), ("hi", "ascending")]
    )
    assert training_pairs.num_rows > 1000
    assert training_pairs.equals(service_pairs)


def test_each_pair_lists_the_rules_that_yield_it(database):
    test_records, connection = database
    spec, features = BlockingSpec.parse(STANDARD_RULES), dict(test_records)
    keys = {
        number: set(compute_keys_by_rule(record_features, spec, KEYED_HASH))
        for number, record_features in features.items()
    }
    names = [rule.name for rule in spec.rules]
    for pair in join_candidate_pairs(connection, spec).to_pylist()[::50]:
        shared = {rule for rule, _ in keys[pair["lo"]] & keys[pair["hi"]]}
        assert {name for bit, name in enumerate(names) if pair["rules"] >> bit & 1} == shared


def test_levels_and_term_frequencies_equal_splinks(database):
    test_records, connection = database
    settings = build_untrained_settings(COMPARISONS)
    frequencies = count_frequencies(make_feature_table(test_records, FEATURE_COLUMNS), FREQUENCY_COLUMNS)
    pairs = join_candidate_pairs(connection, BlockingSpec.parse(STANDARD_RULES)).select(["lo", "hi"])
    training_levels = LevelReader(settings, frequencies, connection).read(pairs)
    engine = SplinkEngine(settings, frequencies, connection, detailed=True)
    gammas = ", ".join(f"gamma_{comparison.name}::TINYINT AS {comparison.name}" for comparison in COMPARISONS)
    splink_levels = engine.score(pairs, f"{gammas}, mw_tf_adj_given + mw_tf_adj_surname AS rarity")
    assert (
        training_levels.values
        == np.column_stack([splink_levels[comparison.name].to_numpy() for comparison in COMPARISONS])
    ).all()
    adjusted = {"given": 9, "surname": 10}
    names = [comparison.name for comparison in COMPARISONS]
    base = sum(
        (training_levels.values[:, names.index(n)] == value) * math.log2(0.5) for n, value in adjusted.items()
    )
    assert training_levels.rarity == pytest.approx(splink_levels["rarity"].to_numpy() - base, abs=1e-9)

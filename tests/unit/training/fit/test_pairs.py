"""What a fit reads in its own way is what the service reads: candidate pairs and levels."""

import math
import random

import numpy as np
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys_by_rule
from mpi.matching.scoring.batch import (
    SplinkEngine,
    connect_duckdb,
    find_all_candidate_pairs,
    make_feature_table,
)
from training.blocking import compute_blocking_keys, join_candidate_pairs
from training.fit.blocking import STANDARD_RULES
from training.fit.comparisons import COMPARISONS, FREQUENCY_COLUMNS
from training.fit.frequencies import count_frequencies
from training.fit.levels import LevelReader
from training.fit.settings import build_untrained_settings
from training.records import KEYED_HASH

_GIVEN = ("ANA", "ANNA", "JO", "JOSE", "LIZ", "ELIZABETH", "X")
_SURNAMES = ("DIAZ", "DIAS", "GARCIA", "LI", "ANA")
_BORN = ("2011-02-03", "2011-03-02", "2011-02-04", "2012-01-01", "2010-12-31")


def records(count=400):
    """Records of few values, many of them missing, so that every kind of agreement occurs."""
    rng = random.Random(7)

    def some(values, most=2):
        return tuple(sorted(rng.sample(values, rng.randrange(most + 1))))

    def one(values):
        return rng.choice([None, *values])

    made = []
    for number in range(count):
        given, surname, born = one(_GIVEN), one(_SURNAMES), one(_BORN)
        features = Features(
            given=given, given_forms=(given, *some(_GIVEN, 1)) if given else (), given_roots=some(_GIVEN),
            middle=one(_GIVEN), surname=surname, surname_forms=(surname,) if surname else (),
            surname_tokens=some(_SURNAMES), birth_date=born, birth_dates=some(_BORN),
            birth_date_swapped=one(_BORN), birth_year=one((2010, 2011, 2012)), sex=one("MF"),
            ssn=one(("s1", "s2")), ssn_last4=one(("l1", "l2")), identifiers=some(("i1", "i2", "i3")),
            identifiers_near=some(("n1", "n2", "n3")), identifier_systems=some(("y1", "y2")),
            street_number=one(("1", "12", "120")), street=one(("OAK ST", "OAK AVE", "ELM ST")),
            city=one(("X", "Y")), postal_code=one(("43001", "43002")), email=one(("a@b.org", "c@d.org")),
            addresses=some(("1 OAK ST|43001", "12 ELM ST|43001")), phones=some(("+1", "+2")),
            guardians=some(("ANA DIAZ", "JO LI")), household_ids=some(("a|1", "a|2")),
            multiple_birth=one((True, False)),
        )  # fmt: skip
        made.append((number * 3, features))
    return made


@pytest.fixture
def standing(tmp_path):
    made = records()
    connection = connect_duckdb(tmp_path)
    connection.register("feature_table", make_feature_table(made, FEATURE_COLUMNS))
    yield made, connection
    connection.close()


def test_fit_uses_the_candidate_pairs_of_the_service(standing):
    made, connection = standing
    spec = BlockingSpec.parse(STANDARD_RULES)
    ours = join_candidate_pairs(connection, spec).select(["lo", "hi"])
    theirs = find_all_candidate_pairs(compute_blocking_keys(made, spec)).sort_by(
        [("lo", "ascending"), ("hi", "ascending")]
    )
    assert ours.num_rows > 1000
    assert ours.equals(theirs)


def test_each_pair_lists_the_rules_that_yield_it(standing):
    made, connection = standing
    spec, features = BlockingSpec.parse(STANDARD_RULES), dict(made)
    keys = {number: set(compute_keys_by_rule(each, spec, KEYED_HASH)) for number, each in features.items()}
    names = [rule.name for rule in spec.rules]
    for pair in join_candidate_pairs(connection, spec).to_pylist()[::50]:
        shared = {rule for rule, _ in keys[pair["lo"]] & keys[pair["hi"]]}
        assert {name for at, name in enumerate(names) if pair["rules"] >> at & 1} == shared


def test_levels_and_term_frequencies_equal_splinks(standing):
    made, connection = standing
    settings = build_untrained_settings(COMPARISONS)
    frequencies = count_frequencies(make_feature_table(made, FEATURE_COLUMNS), FREQUENCY_COLUMNS)
    pairs = join_candidate_pairs(connection, BlockingSpec.parse(STANDARD_RULES)).select(["lo", "hi"])
    ours = LevelReader(settings, frequencies, connection).read(pairs)
    engine = SplinkEngine(settings, frequencies, connection, detailed=True)
    gammas = ", ".join(f"gamma_{each.name}::TINYINT AS {each.name}" for each in COMPARISONS)
    theirs = engine.score(pairs, f"{gammas}, mw_tf_adj_given + mw_tf_adj_surname AS rarity")
    assert (ours.values == np.column_stack([theirs[each.name].to_numpy() for each in COMPARISONS])).all()
    adjusted = {"given": 8, "surname": 9}
    names = [each.name for each in COMPARISONS]
    base = sum((ours.values[:, names.index(n)] == value) * math.log2(0.5) for n, value in adjusted.items())
    assert ours.rarity == pytest.approx(theirs["rarity"].to_numpy() - base, abs=1e-9)

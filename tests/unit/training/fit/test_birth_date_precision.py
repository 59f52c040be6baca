"""Tests of guards against incomplete birth dates."""

from dataclasses import replace

import pytest

from mpi.domain.features import FEATURE_COLUMNS
from mpi.matching.compiler.online_scorer import compute_level_bits
from mpi.matching.model.match_model import load_model
from mpi.matching.model.scoring_parameters import read_parameters
from mpi.matching.scoring.splink_engine import make_feature_table
from tests.unit.training.fit.test_fit import OPTIONS, make_population
from training.fit.birth_date_precision import measure_complete_dates
from training.fit.fit import fit
from training.fit.limits.thresholds import choose_thresholds
from training.fit.model_writer import ModelIdentity, write_model

GUARD = "a birth date not whole, and names alone"
CAUTION = "a birth date is not whole, and given names are not the same"


def drop_birth_days(records, one_in):
    """Return the records with every n-th birth date incomplete."""
    return [
        (number, replace(features, birth_date=None, birth_dates=()) if number % one_in == 0 else features)
        for number, features in records
    ]


@pytest.mark.parametrize(("one_in", "guard", "is_cautioned"), [(10, -3.0, True), (1, 0.0, False)])
def test_incomplete_birth_date_is_guarded_only_as_an_exception(tmp_path, one_in, guard, is_cautioned):
    records = drop_birth_days(make_population(1600)[0], one_in)
    fitted = fit(records, OPTIONS)
    levels = (
        level for comparison in read_parameters(fitted.settings).comparisons for level in comparison.levels
    )
    assert [compute_level_bits(level) for level in levels if level.label == GUARD] == [guard]
    write_model(tmp_path, ModelIdentity("dates", "1"), fitted, choose_thresholds(fitted.learned.weights))
    assert (CAUTION in load_model(tmp_path).cautions.when) == is_cautioned
    assert ("no guard holds against it" in (tmp_path / "card.md").read_text()) != is_cautioned


def test_complete_date_share_ignores_unknown_dates():
    records = drop_birth_days(make_population(400)[0], 4)
    unknown = [(n + 10_000, replace(features, birth_date=None, birth_year=None)) for n, features in records]
    assert measure_complete_dates(make_feature_table([*records, *unknown], FEATURE_COLUMNS)) == pytest.approx(
        0.75, abs=0.01
    )
    assert measure_complete_dates(make_feature_table(unknown, FEATURE_COLUMNS)) == 1

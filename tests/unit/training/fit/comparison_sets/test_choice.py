"""The comparisons of a fit follow from the columns that the records fill."""

import random
from dataclasses import replace

import pyarrow as pa
import pytest

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.compiler.online_scorer import compile_scorer, compute_level_bits
from mpi.matching.model.match_model import load_model
from mpi.matching.model.scoring_parameters import read_parameters
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.matching.scoring.splink_engine import PAIR_SCHEMA, make_feature_table
from mpi.matching.scoring.splink_scorer import score_pairs
from mpi.matching.spark.conditions import to_spark_settings
from tests.unit.training.fit.comparison_sets.british_people import make_british_records
from training.fit.comparison_sets.choice import choose_comparisons
from training.fit.comparison_sets.common_values import (
    COMMON_CODE_LABEL,
    COMMON_DATE_LABEL,
    CommonDates,
    find_common_dates,
    find_common_postal_codes,
)
from training.fit.comparisons import COMPARISONS
from training.fit.fit import FitOptions, fit
from training.fit.limits.thresholds import choose_thresholds
from training.fit.model_writer import ModelIdentity, write_model
from training.fit.settings import build_untrained_settings

HOME = ("12 OAK ST|43001",)


def table_of(records: list[Features]) -> pa.Table:
    return make_feature_table(list(enumerate(records)), FEATURE_COLUMNS)


def born_on(days: list[str], surnames: int = 100) -> pa.Table:
    """Return a table of records with given birth dates, and as many surnames as there are."""
    return table_of(
        [
            Features(given="ANA", surname=f"NAME{number % surnames}", birth_date=day, birth_year=int(day[:4]))
            for number, day in enumerate(days)
        ]
    )


def random_days(count: int, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [
        f"{rng.randrange(1990, 2010)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def british(tmp_path_factory):
    """Records of the British set, and the model fitted on them."""
    records, _ = make_british_records(600)
    fitted = fit(records, FitOptions(random_pairs=60_000))
    folder = tmp_path_factory.mktemp("british")
    write_model(folder, ModelIdentity("british", "1"), fitted, choose_thresholds(fitted.learned.weights))
    return records, fitted, load_model(folder)


def level_bits(fitted) -> dict[tuple[str, str], float]:
    """Return the weight of each level of a fitted model."""
    return {
        (comparison.name, level.label): compute_level_bits(level)
        for comparison in read_parameters(fitted.settings).comparisons
        for level in comparison.levels
        if level.m is not None
    }


class TestChoice:
    def test_records_with_homes_keep_the_standard_comparisons(self):
        homes = [
            Features(given="ANA", surname="EK", addresses=HOME if number % 20 == 0 else ())
            for number in range(100)
        ]
        assert choose_comparisons(table_of(homes)).comparisons == COMPARISONS
        assert choose_comparisons(table_of([])).comparisons == COMPARISONS

    @pytest.mark.parametrize("column", ["household_ids", "guardians", "shared_homes"])
    def test_a_family_or_shared_home_counts_as_a_home(self, column):
        records = [replace(Features(given="ANA", surname="EK"), **{column: ("X",)})] * 10
        assert choose_comparisons(table_of(records)).comparisons == COMPARISONS

    def test_without_homes_postal_code_phone_and_email_are_compared_each(self):
        chosen = choose_comparisons(
            table_of([Features(postal_code="43001", phones=("+1",), email="a@b.c")] * 10)
        )
        names = [comparison.name for comparison in chosen.comparisons]
        assert {"postal_code", "phone", "email"} <= set(names)
        assert "residence" not in names
        assert any("postal code" in note for note in chosen.notes)

    def test_streets_without_house_numbers_get_a_level(self):
        records = [Features(street="CHURCH LN", city="THORNTON")] * 10
        residence = next(
            c for c in choose_comparisons(table_of(records)).comparisons if c.name == "residence"
        )
        assert "same street, number unknown" in [level.label for level in residence.levels]
        numbered = [Features(street="CHURCH LN", street_number="7", city="THORNTON")] * 10
        assert choose_comparisons(table_of(numbered)).comparisons == COMPARISONS


class TestCommonDates:
    def test_evenly_spread_dates_are_not_common(self):
        assert not find_common_dates(born_on(random_days(5_000)))
        assert not find_common_dates(born_on([]))

    def test_dates_of_one_month_are_not_common(self):
        assert not find_common_dates(born_on([f"2019-03-{1 + number % 28:02}" for number in range(3_000)]))

    def test_a_placeholder_is_found_by_its_frequency_in_any_year(self):
        days = random_days(3_000) + ["1987-06-05"] * 60
        assert find_common_dates(born_on(days)) == CommonDates(dates=("1987-06-05",))

    def test_a_day_on_which_many_are_said_to_be_born_is_found(self):
        days = random_days(3_000) + [f"{day[:4]}-01-01" for day in random_days(300, seed=2)]
        assert find_common_dates(born_on(days)) == CommonDates(days=("01-01",))

    def test_many_records_of_one_person_make_no_date_common(self):
        born = born_on(random_days(1_000))
        repeated = born_on(["1987-06-05"] * 60, surnames=1)
        assert not find_common_dates(pa.concat_tables([born, repeated]))

    def test_the_order_of_records_does_not_matter(self):
        days = random_days(2_000) + ["1987-06-05"] * 60 + ["1988-06-05"] * 60
        assert find_common_dates(born_on(days)) == find_common_dates(born_on(days[::-1]))


class TestCommonPostalCodes:
    def test_a_code_that_stands_for_unknown_is_found_and_gets_a_level(self):
        codes = [f"{10_000 + number % 300}" for number in range(3_000)] + ["ZZ9 9ZZ"] * 100
        records = [Features(surname=f"N{number % 97}", postal_code=code) for number, code in enumerate(codes)]
        table = table_of(records)
        assert find_common_postal_codes(table) == ("ZZ9 9ZZ",)
        chosen = next(c for c in choose_comparisons(table).comparisons if c.name == "postal_code")
        labels = [level.label for level in chosen.levels]
        assert labels.index(COMMON_CODE_LABEL) == labels.index("same postal code") + 1
        assert "'ZZ9 9ZZ'" in (chosen.levels[labels.index("same postal code")].condition or "")

    def test_codes_of_one_frequency_are_not_common(self):
        records = [Features(surname=f"N{n % 97}", postal_code=f"{10_000 + n % 30}") for n in range(3_000)]
        assert not find_common_postal_codes(table_of(records))


class TestBritishRecords:
    def test_every_column_of_british_records_of_past_centuries_is_used(self, british):
        _, fitted, _ = british
        names = {comparison.name for comparison in read_parameters(fitted.settings).comparisons}
        assert {"given", "surname", "birth_date", "postal_code", "birth_place"} <= names
        assert not {"birth_date", "postal_code", "birth_place"} & set(fitted.dropped)

    def test_each_postal_code_level_weighs_less_than_the_one_before(self, british):
        bits = level_bits(british[1])
        assert bits["postal_code", "same postal code"] > 8
        assert bits["postal_code", "same postal code"] > bits["postal_code", "same district"]
        assert bits["postal_code", "different"] < 0

    def test_a_common_birth_date_weighs_less_and_is_learned(self, british):
        bits = level_bits(british[1])
        assert 0 < bits["birth_date", COMMON_DATE_LABEL] < bits["birth_date", "same"] - 1
        assert bits["family", "born on the first of January, and names alone"] == 0

    def test_the_online_score_is_splinks(self, british, tmp_path):
        records, _, model = british
        features, scorer = dict(records), compile_scorer(model)
        rng = random.Random(3)
        near = [(number, number + 1) for number in range(len(records) - 1)]
        pairs = sorted({*near, *(tuple(sorted(rng.sample(range(len(records)), 2))) for _ in range(2_000))})
        table = pa.table({"lo": [lo for lo, _ in pairs], "hi": [hi for _, hi in pairs]}, schema=PAIR_SCHEMA)
        weighed = score_pairs(model, records, table, -1000.0, ScoringResources(tmp_path)).to_pydict()
        assert len(weighed["bits"]) == len(pairs)
        for lo, hi, bits in zip(weighed["lo"], weighed["hi"], weighed["bits"], strict=True):
            assert scorer.weigh(features[lo], features[hi]) == pytest.approx(bits, abs=1e-6)
            assert scorer.weigh(features[hi], features[lo]) == pytest.approx(bits, abs=1e-6)


def test_every_chosen_condition_can_be_scored_on_spark():
    records = [Features(surname=f"N{n}", birth_date="1987-06-05", street=None) for n in range(40)]
    chosen = choose_comparisons(
        table_of([*records, *(Features(surname="M", birth_date=d) for d in random_days(90))])
    )
    assert chosen.notes[1:]
    assert to_spark_settings(build_untrained_settings(chosen.comparisons))

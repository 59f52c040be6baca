"""Expected errors of a fit, by evidence and population group."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.features import FEATURE_COLUMNS, Features
from mpi.matching.diagnostics.error_rates import Evidence
from mpi.matching.diagnostics.population_groups import compare_numbers, list_groups, read_facts
from mpi.matching.scoring.splink_engine import make_feature_table
from training.fit_calibration import CalibratedPairs, _PairFacts, calibrate_fit, count_labels

RECORDS = st.lists(
    st.builds(
        Features,
        sex=st.sampled_from(["F", "M", None]),
        surname_tokens=st.sampled_from([(), ("EK",), ("EK", "DIAZ")]),
        addresses=st.sampled_from([(), ("1 MAIN ST 43001",)]),
        ssn=st.sampled_from([None, "a", "b"]),
        identifiers=st.sampled_from([(), ("x",), ("y",), ("x", "y")]),
        identifier_systems=st.sampled_from([(), ("s",), ("t",)]),
    ),
    min_size=2,
    max_size=6,
)


def make_pairs(count, step=1):
    """Return pairs of records 0 and 1, 2 and 3, and so on."""
    lo = np.arange(0, 2 * count, 2) * step
    return pa.table({"lo": lo, "hi": lo + step})


def calibrate(records, is_linked, same, labels=None):
    """Calibrate pairs of neighbors; return the rates by evidence and group, and the calibration."""
    table = make_feature_table(list(enumerate(records)), FEATURE_COLUMNS)
    pairs = CalibratedPairs(make_pairs(len(records) // 2), np.array(is_linked), np.array(same))
    calibration = calibrate_fit(table, pairs, 0.9, labels)
    return {(each.evidence, each.group): each for each in calibration.rates}, calibration


@given(RECORDS)
def test_groups_and_numbers_are_those_of_an_index(records):
    facts = _PairFacts(make_feature_table([(7 * n, each) for n, each in enumerate(records)], FEATURE_COLUMNS))
    places = [(lo, hi) for lo in range(len(records)) for hi in range(lo + 1, len(records))]
    pairs = pa.table({"lo": [7 * lo for lo, _ in places], "hi": [7 * hi for _, hi in places]})
    groups, (is_told, is_equal) = facts.list_groups(pairs), facts.compare_numbers(pairs)
    for row, (lo, hi) in enumerate(places):
        left, right = read_facts(records[lo]), read_facts(records[hi])
        assert {name for name, members in groups.items() if members[row]} == set(list_groups(left, right))
        assert (bool(is_equal[row]) if is_told[row] else None) == compare_numbers(left, right)


def test_the_model_expects_false_and_missed_links_of_each_group():
    records = [Features(sex="F")] * 40 + [Features(sex="M")] * 40
    rates, calibration = calibrate(records, [True] * 20 + [True] * 15 + [False] * 5, [0.9] * 20 + [0.8] * 20)
    assert rates[Evidence.MODEL, "sex F"].false_links.value == pytest.approx(1_000)
    assert rates[Evidence.MODEL, "sex M"].missed_links.value == pytest.approx(2_500)
    everyone = rates[Evidence.MODEL, "all"]
    assert everyone.false_links.value == pytest.approx(10_000 * 5 / 35)
    assert everyone.false_links.low < everyone.false_links.value < everyone.false_links.high
    assert calibration.recall == pytest.approx(0.9 * (1 - 4 / 34))
    assert calibration.labels == count_labels(calibration.recall)


def test_numbers_tell_the_truth_of_pairs():
    same, other = [Features(ssn="a")] * 2, [Features(ssn="a"), Features(ssn="b")]
    rates, _ = calibrate(same * 18 + other * 2, [True] * 15 + [False] * 3 + [True] * 2, [1.0] * 20)
    numbers = rates[Evidence.NUMBERS, "all"]
    assert numbers.pairs == 17
    assert numbers.false_links.value == pytest.approx(10_000 * 2 / 17)
    assert numbers.missed_links.value == pytest.approx(10_000 * 3 / 18)


def test_a_group_of_every_pair_is_not_told_again():
    rates, _ = calibrate([Features()] * 40, [True] * 20, [0.9] * 20)
    assert set(rates) == {(Evidence.MODEL, "all")}


def test_labels_are_told_beside_the_other_evidence():
    schema = pa.schema([("lo", pa.int64()), ("hi", pa.int64()), ("same", pa.bool_())])
    labels = pa.table(
        {
            "lo": [2 * n for n in range(20)],
            "hi": [2 * n + 1 for n in range(20)],
            "same": [True] * 15 + [False] * 5,
        },
        schema=schema,
    )
    rates, _ = calibrate([Features()] * 40, [False] * 3 + [True] * 17, [0.9] * 20, labels)
    of_labels = rates[Evidence.LABELS, "all"]
    assert of_labels.pairs == 17
    assert of_labels.false_links.value == pytest.approx(10_000 * 5 / 17)
    assert of_labels.missed_links.value == pytest.approx(10_000 * 3 / 15)


def test_without_an_expected_match_recall_is_unknown():
    _, calibration = calibrate([Features()] * 40, [False] * 20, [0.0] * 20)
    assert (calibration.recall, calibration.labels, calibration.rates) == (None, 0, ())


def test_sure_recall_needs_no_labels_and_even_recall_most():
    assert count_labels(1.0) == 0
    assert count_labels(0.5) == 9_604
    assert count_labels(0.95) == 1_825

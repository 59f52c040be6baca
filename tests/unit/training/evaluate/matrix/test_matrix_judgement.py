"""Tests of the matrix's judgement: each bar, the ratio and the printed tables."""

import pytest

from training.evaluate.matrix.judgement import compute_overall_ratio, compute_ratio, judge_cell
from training.evaluate.matrix.report import format_line, format_markdown, format_summary


def make_point(false=0, missed=0, precision=1.0, recall=0.9, f1=0.95):
    return {
        "threshold": 0.95, "false_pairs": false, "missed_pairs": missed, "precision": precision,
        "recall": recall, "f1": f1,
    }  # fmt: skip


def make_cell(name="small/full", **changes):
    """Return a measured cell that reaches every bar."""
    cell = {
        "cell": name,
        "set": name.partition("/")[0],
        "records": 1_000,
        "matches": 500,
        "indistinguishable_pairs": 0,
        "notebook": {
            "at_95": make_point(),
            "best": make_point(false=9, missed=90),
            "at_precision_998": make_point(missed=100, precision=0.999),
            "highest_precision": make_point(missed=400),
            "points": [make_point(precision=0.94, recall=0.9), make_point(precision=0.96, recall=0.5)],
        },
        "error": None,
        "research": make_point(false=4, missed=45),
        "operational": make_point(missed=60, precision=0.998),
        "review_tasks": 30,
        "false_links": {"expected": 10.0, "observed": {"value": 12.0, "low": 4.0, "high": 30.0}},
        "blocking": {"candidates": 9, "recall": 0.99, "estimated_recall": 0.98},
        "f1_difference": {"value": 0.0, "low": -0.001, "high": 0.001},
        "seconds": 1.0,
    }
    return {**cell, **changes}


def test_cell_that_reaches_every_bar_has_no_failure():
    verdict = judge_cell(make_cell())
    assert (verdict.failures, verdict.ratio) == ((), 0.5)


@pytest.mark.parametrize(
    ("changes", "failure"),
    [
        ({"operational": make_point(missed=60, precision=0.9979)}, "precision"),
        ({"operational": make_point(missed=61)}, "missed"),
        ({"review_tasks": 31}, "review"),
        ({"blocking": {"recall": 0.9, "estimated_recall": 0.931}}, "blocking"),
        ({"blocking": {"recall": 0.9, "estimated_recall": 0.869}}, "blocking"),
        (
            {"research": make_point(f1=0.9479), "f1_difference": {"value": 0, "low": -1, "high": -0.0001}},
            "research",
        ),
    ],
)
def test_each_bar_fails_just_beyond_it(changes, failure):
    assert judge_cell(make_cell(**changes)).failures == (failure,)


def test_research_behind_by_chance_or_a_little_is_kept():
    behind = {"value": -0.01, "low": -0.02, "high": -0.0001}
    assert judge_cell(make_cell(research=make_point(f1=0.948), f1_difference=behind)).research
    by_chance = {**behind, "high": 0.0}
    assert judge_cell(make_cell(research=make_point(f1=0.90), f1_difference=by_chance)).research


def test_pairs_that_look_equal_may_be_reviewed_in_addition():
    assert judge_cell(make_cell(review_tasks=35, indistinguishable_pairs=5)).review
    assert not judge_cell(make_cell(review_tasks=36, indistinguishable_pairs=5)).review


def test_most_precise_threshold_counts_where_none_is_precise_enough():
    notebook = {**make_cell()["notebook"], "at_precision_998": None}
    assert judge_cell(make_cell(notebook=notebook, operational=make_point(missed=240))).missed
    assert not judge_cell(make_cell(notebook=notebook, operational=make_point(missed=241))).missed


def test_iowa_has_bars_of_its_own():
    right = {"research": make_point(f1=0.5), "operational": make_point(precision=0.95, recall=0.4)}
    assert judge_cell(make_cell("iowa/full", **right)).failures == ()
    wrong = {"research": make_point(f1=0.49), "operational": make_point(precision=0.94, recall=0.39)}
    assert judge_cell(make_cell("iowa/full", **wrong)).failures == ("research", "precision", "missed")


def test_ratio_adds_one_error_and_is_capped():
    assert compute_ratio(make_point(1, 2), make_point(3, 4)) == 4 / 8
    assert compute_ratio(make_point(), make_point(500, 500)) == 1 / 8
    assert compute_ratio(make_point(500, 500), make_point()) == 8


def test_overall_ratio_is_the_geometric_mean_over_sets_of_means():
    ratios = {"x/full": 1, "x/no_home": 3, "y/full": 7}  # errors against the notebook's 0 and 1 added
    verdicts = [
        judge_cell(
            make_cell(
                name,
                research=make_point(missed=errors),
                notebook={**make_cell()["notebook"], "best": make_point(missed=15)},
            )
        )
        for name, errors in ratios.items()
    ]
    assert compute_overall_ratio(verdicts) == pytest.approx((((2 + 4) / 2 / 16) * (8 / 16)) ** 0.5)
    assert compute_overall_ratio([]) == 1


def test_tables_name_what_a_cell_does_not_reach():
    good, bad = make_cell(), make_cell("other/full", review_tasks=500, error="too few", false_links=None)
    assert format_line(good).split("|")[-1].split() == ["1"]
    assert "review" in format_line(bad)
    assert format_line(bad).endswith("ERROR too few")
    rows = format_markdown([good, bad]).splitlines()
    assert len({row.count("|") for row in rows}) == 1
    assert rows[2].endswith("| 10, 12 | – |")
    assert rows[3].endswith("| – | review |")
    assert (
        "of 2 cells reach the bar of research 2, precision 2, missed 2, review 1, blocking 2"
        in format_summary([good, bad])
    )

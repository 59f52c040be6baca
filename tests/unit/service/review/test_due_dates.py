"""Test due dates by kind and harm, and the filter for due questions."""

from datetime import date, timedelta

import pytest

from mpi.service.resolution.expected_harm import MILLIONTHS
from mpi.service.review.due_dates import DAYS_BY_HARM, DAYS_BY_KIND, compute_due_cutoffs, compute_due_date

OPENED = "2026-03-02T09:00:00.000000Z"


@pytest.mark.parametrize(
    ("kind", "harm", "day"),
    [
        ("pair", 0, "2026-04-01"),
        ("pair", MILLIONTHS, "2026-03-12"),
        ("pair", 3 * MILLIONTHS, "2026-03-04"),
        ("overlay", 0, "2026-03-04"),
        ("conflict", MILLIONTHS, "2026-03-07"),
        ("conflict", 5 * MILLIONTHS, "2026-03-04"),
        ("something-new", 0, "2026-04-01"),
    ],
)
def test_due_date_is_earlier_for_more_harm_and_a_graver_kind(kind, harm, day):
    assert compute_due_date(kind, harm, OPENED) == day


@pytest.mark.parametrize("kind", DAYS_BY_KIND)
@pytest.mark.parametrize(
    "harm", [0, *(min_harm + step for min_harm, _ in DAYS_BY_HARM for step in (-1, 0, 1))]
)
def test_due_filter_agrees_with_the_due_dates(kind, harm):
    today = date(2026, 3, 31)
    for age in range(40):
        opened = (today - timedelta(days=age)).isoformat()
        is_due = any(
            kind in kinds and harm >= min_harm and opened <= latest_opened
            for (latest_opened, min_harm), kinds in compute_due_cutoffs(today.isoformat()).items()
        )
        assert is_due == (compute_due_date(kind, harm, opened) <= today.isoformat()), (kind, harm, age)

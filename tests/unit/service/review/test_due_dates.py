"""Due dates follow from kind and harm, and the filter for what is due agrees with them."""

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
def test_the_more_harm_and_the_graver_the_kind_the_sooner(kind, harm, day):
    assert compute_due_date(kind, harm, OPENED) == day


@pytest.mark.parametrize("kind", DAYS_BY_KIND)
@pytest.mark.parametrize("harm", [0, *(least + step for least, _ in DAYS_BY_HARM for step in (-1, 0, 1))])
def test_what_is_due_by_a_day_is_what_has_that_due_date_or_an_earlier_one(kind, harm):
    today = date(2026, 3, 31)
    for age in range(40):
        opened = (today - timedelta(days=age)).isoformat()
        found = any(
            kind in kinds and harm >= least and opened <= last
            for (last, least), kinds in compute_due_cutoffs(today.isoformat()).items()
        )
        assert found == (compute_due_date(kind, harm, opened) <= today.isoformat()), (kind, harm, age)

"""Ages as people read them."""

import pytest

from mpi.api.pages.rendering.dates import format_age


@pytest.mark.parametrize(
    ("birth_date", "age"),
    [
        ("2013-11-29", "13 years"),
        ("2013-11-30", "12 years"),
        ("2025-10-30", "12 months"),
        ("2026-10-29", "1 month"),
        ("2026-11-29", "0 months"),
        ("2026-11-30", ""),
        ("2014", ""),
        (None, ""),
    ],
)
def test_an_age_is_in_years_and_of_the_youngest_in_months(birth_date, age):
    assert format_age(birth_date, "2026-11-29") == age

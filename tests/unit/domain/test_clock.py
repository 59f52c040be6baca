"""Stored timestamps sort in order of time, and typed ones are checked."""

from datetime import UTC, datetime

import pytest

from mpi.domain import clock
from mpi.domain.errors import InputError


def test_timestamps_of_early_years_sort_before_later_ones():
    early, late = (datetime(year, 11, 24, 15, 4, 5, 6, tzinfo=UTC) for year in (26, 2026))
    assert clock.format_timestamp(late) == "2026-11-24T15:04:05.000006Z"
    assert clock.format_timestamp(early) == "0026-11-24T15:04:05.000006Z"


@pytest.mark.parametrize(
    "text",
    ["0026-11-24", "1899-12-31T23:59Z", "1900-01-01T00:30+01:00", "0001-01-01T00:00+14:00", "9999-12-31"],
)
def test_time_of_a_file_that_cannot_be_is_refused(text):
    with pytest.raises(InputError, match="as_of: "):
        clock.parse_moment(text, "as_of")


def test_time_that_has_no_year_in_utc_is_refused():
    with pytest.raises(InputError, match="ISO 8601"):
        clock.parse_timestamp("0001-01-01T00:00+14:00")

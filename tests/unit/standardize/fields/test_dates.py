from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.standardize.fields.dates import (
    ALWAYS,
    FOREVER,
    is_within_period,
    parse_birth_date,
    parse_date,
    read_period,
    swap_day_and_month,
    to_iso_day,
)
from tests.unit.standardize.record_factory import features_of, issues_of


@pytest.mark.parametrize(
    "text",
    [
        "2012-03-04", "20120304", "03/04/2012", "3/4/2012", "03042012", "2012/03/04", "2012-3-4",
        "2012-03-04T00:00:00", "2012-03-04 00:00:00.000", "2012-03-04T23:59:59-05:00",
        "2012-03-04T00:00:00Z", "20120304.0", "3/4/2012 12:00:00 AM",
    ],
)  # fmt: skip
def test_each_accepted_date_format_is_read(text):
    assert to_iso_day(text) == "2012-03-04"


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2012", 2012),
        ("2012.0", 2012),
        ("2012-03", 2012),
        ("2012-00-00", 2012),
        ("2012-03-00", 2012),
        ("20120000", 2012),
    ],
)
def test_a_partial_date_gives_only_the_year(text, year):
    parsed = parse_date(text)
    assert (parsed.day, parsed.year, parsed.issue) == (None, year, "partial-date")


@pytest.mark.parametrize("text", ["2015-02-30", "2015-13-01", "02/30/2015", "1492-10-12", "20150431"])
def test_an_impossible_date_is_missing(text):
    parsed = parse_date(text)
    assert (parsed.day, parsed.year, parsed.issue) == (None, None, "impossible-date")


@pytest.mark.parametrize(
    "text",
    [
        "1900-01-01", "9999-12-31", "1111-11-11", "66666666", "6666-66-66", "7777", "9999", "7777-01-01",
        "0000-00-00", "00000000", "0001-01-01", "1899-12-30", "1753-01-01", "01/01/1900", "99999999",
    ],
)  # fmt: skip
def test_a_sentinel_date_is_missing(text):
    parsed = parse_date(text)
    assert (parsed.day, parsed.year, parsed.issue) == (None, None, "sentinel-date")


@pytest.mark.parametrize(
    "text", ["", "spring 2012", "04.03.2012", "3/4/12", "2012-03-04x", "٢٠١٢-٠٣-٠٤", "12-03-2012", "2" * 9000]
)
def test_any_other_text_is_unreadable(text):
    assert parse_date(text).issue == "unreadable-date"


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("3/1/2020", "2020-03-01", "2020-03-01"),
        ("2020-03-01T00:00:00", "2020-03-01", "2020-03-01"),
        ("2020-03", "2020-03-01", "2020-03-01"),
        ("2020", "2020-01-01", "2020-01-01"),
        ("2020-03-00", "2020-03-01", "2020-03-01"),
        (None, ALWAYS, FOREVER),
        ("", ALWAYS, FOREVER),
        ("9999-12-31", ALWAYS, FOREVER),
        ("1900-01-01", ALWAYS, FOREVER),
        ("2020-02-30", FOREVER, ALWAYS),
        ("March 2020", FOREVER, ALWAYS),
        ("01.03.2020", FOREVER, ALWAYS),
    ],
)
def test_a_period_is_open_without_a_date_and_closed_by_one_that_cannot_be_read(text, begin, end):
    assert read_period(text, text) == (begin, end)


@pytest.mark.parametrize(
    ("begin", "end", "is_within"),
    [
        ("1/10/2019", "3/1/2020", False),
        ("12/31/2031", None, False),
        ("01/01/2020", "12/31/2031", True),
        ("9/1/2026", "9/2/2026", True),
        ("8/1/2026", "9/1/2026", False),
        (None, None, True),
    ],
)
def test_a_period_of_dates_with_slashes_holds_from_its_begin_until_before_its_end(begin, end, is_within):
    assert is_within_period(begin, end, "2026-09-01") is is_within


@given(st.dates(date(1500, 1, 1), date(2098, 12, 31)))
def test_a_birth_date_of_any_century_is_read_alike_in_every_format(day):
    spellings = (day.isoformat(), day.strftime("%Y%m%d"), day.strftime("%m/%d/%Y"), day.strftime("%m%d%Y"))
    readings = {parse_birth_date(text) for text in spellings}
    assert len(readings) == 1
    assert readings.pop().issue in {None, "sentinel-date"}


@pytest.mark.parametrize("text", ["1899-06-01", "1630-08-01"])
def test_only_a_life_may_lie_before_the_records_of_an_agency(text):
    assert parse_birth_date(text).day == text
    assert parse_date(text).issue == "impossible-date"
    assert features_of(birth_date=text).birth_date == text
    assert ("birth_date", "impossible-date") not in issues_of(birth_date=text)
    assert ("enrollments", "impossible-date") in issues_of(school_id="S1", entry_date=text)


@pytest.mark.parametrize("text", ["1499-12-31", "1012-05-06", "0201-01-01"])
def test_a_birth_year_before_all_registers_is_a_slip(text):
    assert parse_birth_date(text).issue == "impossible-date"


@given(st.dates(date(1901, 1, 1), date(2098, 12, 31)))
def test_every_real_date_is_read_alike_in_every_format(day):
    spellings = (day.isoformat(), day.strftime("%Y%m%d"), day.strftime("%m/%d/%Y"), day.strftime("%m%d%Y"))
    assert {to_iso_day(text) for text in spellings} == {day.isoformat()}


@given(st.text(max_size=20))
def test_a_parsed_date_is_a_real_date(text):
    day = to_iso_day(text)
    assert day is None or date.fromisoformat(day).isoformat() == day


@pytest.mark.parametrize(
    ("day", "swapped"),
    [("2012-04-07", "2012-07-04"), ("2012-04-04", None), ("2012-04-13", None), ("2012-12-01", "2012-01-12")],
)
def test_day_and_month_are_swapped_where_that_is_another_date(day, swapped):
    assert swap_day_and_month(day) == swapped


class TestBirthDates:
    def test_a_complete_date_fills_every_column(self):
        features = features_of(birth_date="04/07/2012")
        assert features.birth_date == "2012-04-07"
        assert features.birth_date_swapped == "2012-07-04"
        assert features.birth_dates == ("2012-04-07",)
        assert features.birth_year == 2012

    @pytest.mark.parametrize("quality", ["estimated", "Estimated"])
    @pytest.mark.parametrize("day", ["2011-01-01", "2011-07-01", "2011-03-15"])
    def test_an_estimated_placeholder_date_gives_only_the_year(self, quality, day):
        features = features_of(birth_date=day, birth_date_quality=quality)
        assert (features.birth_date, features.birth_date_swapped, features.birth_dates) == (None, None, ())
        assert features.birth_year == 2011

    def test_an_estimated_date_that_is_no_placeholder_is_kept(self):
        assert features_of(birth_date="2011-08-30", birth_date_quality="estimated").birth_date == "2011-08-30"

    def test_a_date_marked_as_placeholder_gives_only_the_year(self):
        features = features_of(birth_date="2011-08-30", birth_date_quality="placeholder")
        assert (features.birth_date, features.birth_year) == (None, 2011)

    @pytest.mark.parametrize("quality", [None, "verified", "reported", "unheard-of"])
    def test_january_first_is_a_date_unless_the_source_doubts_it(self, quality):
        assert features_of(birth_date="2011-01-01", birth_date_quality=quality).birth_date == "2011-01-01"

    def test_previous_dates_are_added_to_the_current_one(self):
        features = features_of(
            birth_date="2011-04-17", previous_birth_dates="2011-01-01|2015-02-30|04/17/2011"
        )
        assert features.birth_dates == ("2011-01-01", "2011-04-17")

    @pytest.mark.parametrize("day", ["2015-02-30", "1900-01-01", "2099-01-01", "2099", "66666666", "soon"])
    def test_an_impossible_date_is_missing_in_every_column(self, day):
        features = features_of(birth_date=day, previous_birth_dates=[day])
        assert (features.birth_date, features.birth_dates, features.birth_year) == (None, (), None)

    def test_a_date_after_the_statement_stays_missing_once_it_has_passed(self):
        assert features_of(birth_date="2026-06-01", as_of="2026-05-01").birth_date is None
        assert features_of(birth_date="2026-04-30", as_of="2026-05-01").birth_date == "2026-04-30"

    def test_a_birth_date_one_day_ahead_of_utc_is_not_in_the_future(self):
        assert features_of(birth_date="2026-05-02", as_of="2026-05-01T20:00:00Z").birth_date == "2026-05-02"
        assert features_of(birth_date="2026-05-03", as_of="2026-05-01T20:00:00Z").birth_date is None

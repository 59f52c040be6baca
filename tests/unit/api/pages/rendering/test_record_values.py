import pytest

from mpi.api.pages.desk.question_view import name_child
from mpi.api.pages.rendering.record_values import format_day, format_minute, format_record, format_value


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2013-09-11", "Sep 11, 2013"),
        ("2026-11-29T14:05:00.123Z", "Nov 29, 2026"),
        ("2013-09", "Sep 2013"),
        ("2013", "2013"),
        ("", ""),
        ("unknown", "unknown"),
        ("2013-19-11", "2013-19-11"),
        ("2013-00-11", "2013-00-11"),
    ],
)
def test_a_day_reads_as_people_write_it(moment, day):
    assert format_day(moment) == day


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2026-11-29T14:05:00.123Z", "Nov 29, 2026, 2:05 PM UTC"),
        ("2026-11-29T00:00:00Z", "Nov 29, 2026, 12:00 AM UTC"),
        ("2026-11-29T12:30:00", "Nov 29, 2026, 12:30 PM UTC"),
        ("2026-11-29T23:30:00-05:00", "Nov 30, 2026, 4:30 AM UTC"),
    ],
)
def test_a_time_names_its_zone_and_can_be_moved_to_the_readers(moment, shown):
    text = format_minute(moment)
    assert text.striptags() == shown
    assert 'datetime="2026-11-' in text
    assert "data-local" in text


def test_a_text_that_is_no_time_is_escaped():
    assert format_minute("<b>") == "&lt;b&gt;"


def test_dates_of_a_record_are_formatted_wherever_they_stand():
    record = {
        "birth_date": "2013-09-11",
        "previous_birth_dates": ["2013-09-12"],
        "enrollments": [{"school_id": "S1", "entry_date": "2025-08-20"}],
    }
    shown = format_record(record, confidential=False)
    assert shown["birth_date"] == "Sep 11, 2013"
    assert shown["previous_birth_dates"] == "Sep 12, 2013"
    assert shown["enrollments"] == "school S1, from Aug 20, 2025"
    assert format_value("birth_date", "2013-09-11") == "Sep 11, 2013"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("enrollments", {"grade": "11"}, "grade 11"),
        ("enrollments", {"grade": "KG"}, "kindergarten"),
        ("enrollments", {"grade": "other"}, "grade other"),
        ("enrollments", {"grade": "00"}, "grade 00"),
        ("race", "BlackOrAfricanAmerican", "Black or African American"),
        ("phone", "3269581146", "(326) 958-1146"),
        ("phone", "+13269581146", "(326) 958-1146"),
        ("phone", "+49 30 1234567", "+49 30 1234567"),
        ("identifiers", {"system": "state_student_id", "value": "9000013025"}, "State student ID 9000013025"),
        ("identifiers", {"system": "camp_number", "value": "7"}, "camp number 7"),
        ("enrollments", {"school_id": "S1", "grade": "03"}, "school S1, grade 3"),
    ],
)
def test_a_code_reads_as_the_words_that_it_stands_for(field, value, shown):
    assert format_value(field, value) == shown


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"first_name": "AMARA", "last_name": "OKONKWO"}, "Amara Okonkwo"),
        ({"first_name": "Lee", "last_name": "McDonald", "suffix": "III"}, "Lee McDonald III"),
        ({"first_name": "jo", "last_name": "o'brien-SMITH"}, "Jo o'brien-SMITH"),
        ({"first_name": "LEE", "last_name": "MCDONALD", "suffix": "JR"}, "Lee McDonald Jr."),
        ({"last_name": "Ng"}, "Ng"),
        ({}, ""),
    ],
)
def test_a_child_is_named_in_title_case(values, name):
    assert name_child(values) == name

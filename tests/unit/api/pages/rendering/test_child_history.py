"""Heading of a child's page, and schools and placements by date."""

from mpi.api.pages.rendering.child_history import build_heading, list_stays
from mpi.domain.record_ref import RecordRef
from mpi.service.persons.golden_record import GoldenValue

TODAY = "2026-11-29"


def golden_value(attribute, value, source="sis"):
    return GoldenValue(attribute, value, RecordRef(source, "1"), "2026-01-01T00:00:00Z", "every")


def school(number, entry_date, exit_date=None):
    dates = {"entry_date": entry_date, "exit_date": exit_date}
    stated = {name: day for name, day in dates.items() if day is not None}
    return golden_value("enrollments", {"school_id": f"S{number}", "grade": "4", **stated})


def test_stays_are_listed_latest_first_and_the_latest_open_one_is_current():
    placement = {"type": "FosterFamilyHome", "county": "Larkin", "begin": "2026-02-01"}
    values = [
        school(1, "2020-08-17"),
        school(2, "2026-08-17"),
        golden_value("placements", placement, "ccwis"),
        school(3, "2024-08-17", "2025-06-01"),
        school(4, "2027-01-04"),
    ]
    stays = list_stays(values, TODAY)
    assert [(stay.begin, stay.end, stay.is_open, stay.is_current) for stay in stays] == [
        ("Jan 4, 2027", "", False, False),
        ("Aug 17, 2026", "", True, True),
        ("Feb 1, 2026", "", True, True),
        ("Aug 17, 2024", "Jun 1, 2025", False, False),
        ("Aug 17, 2020", "", True, False),
    ]
    assert stays[2].place == "Foster Family Home, Larkin county"
    assert stays[2].record == RecordRef("ccwis", "1")


def test_the_heading_has_name_age_school_and_placement():
    values = [
        golden_value("first_name", "GOLDIA"),
        golden_value("last_name", "BOLNBACH"),
        golden_value("birth_date", "2013-09-11"),
        school(2, "2026-08-17"),
    ]
    heading = build_heading(values, list_stays(values, TODAY), TODAY)
    assert (heading.name, heading.born, heading.age) == ("Goldia Bolnbach", "Sep 11, 2013", "13 years")
    assert heading.school == "school S2, grade 4"
    assert heading.placement == ""


def test_a_viewer_who_may_see_nothing_gets_an_empty_heading():
    heading = build_heading([], [], TODAY)
    assert {heading.name, heading.born, heading.age, heading.school, heading.placement} == {""}

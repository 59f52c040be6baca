import pytest

from mpi.api.pages.rendering.record_comparison import ComparisonStatus, compare_records, compare_values


@pytest.mark.parametrize(
    ("reference", "value", "status"),
    [
        ("Amara Okonkwo", "AMARA OKONKWO", ComparisonStatus.EQUAL),
        ("Marlo Jungfer", "Marlo Jungger", ComparisonStatus.CLOSE),
        ("2009-06-02", "2009-06-12", ComparisonStatus.CLOSE),
        ("12 Elm St; 9 Oak Ave", "9 Oak Ave", ComparisonStatus.SHARES),
        ("Sister Daza", "DAZA SISTER", ComparisonStatus.SHARES),
        ("Amara", "Zebedee", ComparisonStatus.DIFFERS),
        ("Amara", "", ComparisonStatus.NOTHING),
        ("", "Amara", ComparisonStatus.ALONE),
    ],
)
def test_values_are_compared_as_a_careful_reader_would(reference, value, status):
    assert compare_values(reference, value) is status


def test_a_phone_number_is_equal_in_every_format():
    assert compare_values("(614) 555-0177", "+16145550177", "phone") is ComparisonStatus.EQUAL
    assert compare_values("(614) 555-0177", "+16145550178", "phone") is ComparisonStatus.DIFFERS


def test_another_school_or_household_is_no_difference():
    [row] = compare_records([{"household_ids": "F1"}, {"household_ids": "C9"}], star=True)
    assert row.cells[1].standing == "alone"


def test_identifying_fields_come_first_whoever_has_them():
    rows = compare_records([{"phone": "1"}, {"name": "A", "identifiers": "x 1"}], star=True)
    assert [row.field for row in rows] == ["name", "identifiers", "phone"]


def test_only_differing_letters_are_marked_and_everything_is_escaped():
    [row] = compare_records([{"name": "Jo <b>Marl"}, {"name": "Jo <b>Marx"}], star=True)
    assert row.cells[1].shown == "Jo &lt;b&gt;Mar<mark>x</mark>"
    assert row.cells[0].shown == "Jo &lt;b&gt;Marl"


def test_candidates_are_compared_with_the_subject_of_a_star():
    [row] = compare_records([{"sex": "F"}, {"sex": "M"}, {"sex": "M"}], star=True)
    assert [cell.standing for cell in row.cells] == ["subject", "differs", "differs"]


def test_without_a_subject_the_minority_value_is_marked():
    [row] = compare_records([{"sex": "F"}, {"sex": "M"}, {"sex": "M"}], star=False)
    assert [cell.standing for cell in row.cells] == ["differs", "equal", "equal"]


def test_the_second_of_two_differing_values_is_marked():
    [row] = compare_records([{"sex": "F"}, {"sex": "M"}], star=False)
    assert [cell.standing for cell in row.cells] == ["alone", "differs"]
    [single_row] = compare_records([{"phone": "1"}, {}], star=False)
    assert [cell.standing for cell in single_row.cells] == ["alone", "nothing"]


def test_two_numbers_of_one_format_are_not_considered_close():
    [row] = compare_records(
        [{"identifiers": "state student id 9000122001"}, {"identifiers": "state student id 9000184446"}],
        star=True,
    )
    assert row.cells[1].standing == "differs"


def test_a_field_without_a_second_value_has_its_own_row():
    assert [row.field for row in compare_records([{"name": "A"}, {"sex": "F"}], star=True)] == ["name", "sex"]

import pytest

from mpi.api.pages.rendering.record_comparison import ComparisonStatus, compare_records, compare_values


@pytest.mark.parametrize(
    ("reference", "value", "standing"),
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
def test_a_value_stands_to_another_as_a_careful_reader_would_say(reference, value, standing):
    assert compare_values(reference, value) is standing


def test_one_telephone_is_the_same_however_it_is_written():
    assert compare_values("(614) 555-0177", "+16145550177", "phone") is ComparisonStatus.EQUAL
    assert compare_values("(614) 555-0177", "+16145550178", "phone") is ComparisonStatus.DIFFERS


def test_another_school_or_household_speaks_against_nothing():
    [row] = compare_records([{"household_ids": "F1"}, {"household_ids": "C9"}], star=True)
    assert row.cells[1].standing == "alone"


def test_what_tells_children_apart_comes_first_whoever_has_it():
    rows = compare_records([{"phone": "1"}, {"name": "A", "identifiers": "x 1"}], star=True)
    assert [row.field for row in rows] == ["name", "identifiers", "phone"]


def test_only_the_letters_that_differ_are_marked_and_everything_is_escaped():
    [row] = compare_records([{"name": "Jo <b>Marl"}, {"name": "Jo <b>Marx"}], star=True)
    assert row.cells[1].shown == "Jo &lt;b&gt;Mar<mark>x</mark>"
    assert row.cells[0].shown == "Jo &lt;b&gt;Marl"


def test_candidates_are_compared_with_the_subject_of_a_star():
    [row] = compare_records([{"sex": "F"}, {"sex": "M"}, {"sex": "M"}], star=True)
    assert [cell.standing for cell in row.cells] == ["subject", "differs", "differs"]


def test_without_a_subject_the_odd_one_out_is_marked():
    [row] = compare_records([{"sex": "F"}, {"sex": "M"}, {"sex": "M"}], star=False)
    assert [cell.standing for cell in row.cells] == ["differs", "equal", "equal"]


def test_of_two_that_differ_the_other_one_is_marked_and_neither_is_called_the_same():
    [row] = compare_records([{"sex": "F"}, {"sex": "M"}], star=False)
    assert [cell.standing for cell in row.cells] == ["alone", "differs"]
    [lone] = compare_records([{"phone": "1"}, {}], star=False)
    assert [cell.standing for cell in lone.cells] == ["alone", "nothing"]


def test_two_numbers_are_not_nearly_the_same_because_they_have_one_form():
    [row] = compare_records(
        [{"identifiers": "state student id 9000122001"}, {"identifiers": "state student id 9000184446"}],
        star=True,
    )
    assert row.cells[1].standing == "differs"


def test_a_field_that_nobody_has_takes_no_row():
    assert [row.field for row in compare_records([{"name": "A"}, {"sex": "F"}], star=True)] == ["name", "sex"]

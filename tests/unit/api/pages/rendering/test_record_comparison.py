import pytest

from mpi.api.pages.rendering.record_comparison import ComparisonStatus, compare_records, list_side_by_side
from mpi.service.explanations.pair_evidence import FieldVerdict


def compare(reference, value, **verdicts):
    """Return the cells of the second of two records."""
    rows = compare_records([reference, value], [None, verdicts])
    return {row.field: row.cells[1] for row in rows}


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (FieldVerdict.SAME, ComparisonStatus.EQUAL),
        (FieldVerdict.ALIKE, ComparisonStatus.CLOSE),
        (FieldVerdict.DIFFERENT, ComparisonStatus.DIFFERS),
        (FieldVerdict.MISSING, ComparisonStatus.UNMARKED),
        (FieldVerdict.NEUTRAL, ComparisonStatus.UNMARKED),
    ],
)
def test_a_mark_is_the_verdict_of_the_model_whatever_the_texts_are(verdict, status):
    for value in ("Amara", "Zebedee"):
        cells = compare({"first_name": "Amara"}, {"first_name": value}, first_name=verdict)
        assert cells["first_name"].standing is status


def test_a_field_that_no_comparison_covers_is_not_marked():
    cells = compare({"enrollments": "school 1"}, {"enrollments": "school 2"})
    assert cells["enrollments"].standing is ComparisonStatus.UNMARKED


def test_an_empty_value_has_no_mark():
    cells = compare({"phone": "1"}, {"sex": "F"}, phone=FieldVerdict.DIFFERENT)
    assert cells["phone"].standing is ComparisonStatus.NOTHING


def test_the_reference_is_the_subject_of_every_row():
    rows = compare_records([{"sex": "F"}, {"sex": "M"}], [{"sex": FieldVerdict.DIFFERENT}, None])
    assert [cell.standing for cell in rows[0].cells] == ["differs", "subject"]


def test_identifying_fields_come_first_whoever_has_them():
    rows = list_side_by_side([{"phone": "1"}, {"first_name": "A", "identifiers": "x 1"}])
    assert [row.field for row in rows] == ["first_name", "identifiers", "phone"]


def test_only_differing_letters_are_marked_and_everything_is_escaped():
    cells = compare({"last_name": "Jo <b>Marl"}, {"last_name": "Jo <b>Marx"}, last_name=FieldVerdict.ALIKE)
    assert cells["last_name"].shown == "Jo &lt;b&gt;Mar<mark>x</mark>"


def test_records_that_no_model_compares_have_marks_for_equal_values_alone():
    [name, phone] = list_side_by_side(
        [
            {"first_name": "Amara", "phone": "(614) 555-0177"},
            {"first_name": "AMARA", "phone": "+16145550177"},
            {"first_name": "Zebedee"},
        ]
    )
    assert [cell.standing for cell in name.cells] == ["unmarked", "equal", "unmarked"]
    assert [cell.standing for cell in phone.cells] == ["unmarked", "equal", "nothing"]

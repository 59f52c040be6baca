import pytest

from mpi.domain.errors import FileError
from mpi.intake.reader import open_file


def afcars_xml(
    record, head="<E1_title_iv_agency>39</E1_title_iv_agency><E2_report_date>202503</E2_report_date>"
):
    return (
        '<acf:data xmlns:acf="http://www.acf.hhs.gov">'
        f"{head}<records><record>{record}</record></records></acf:data>"
    )


@pytest.fixture
def read_fields(tmp_path):
    def read_content(content):
        path = tmp_path / "f.xml"
        path.write_text(content, encoding="utf-8")
        (row,) = open_file(path, None, None)
        return row.fields

    return read_content


CHILD = "<E4_child_record_number>R1</E4_child_record_number>"


def removal_xml(begin, end, *arrangements):
    elements = "".join(f"<living_arrangement>{place}</living_arrangement>" for place in arrangements)
    return (
        f"<E69_E186_removals><removal_2020><E69_removal_date>{begin}</E69_removal_date>"
        "<E3_local_agency>39049</E3_local_agency><E72_runaway>1</E72_runaway>"
        f"<E112_E146_living_arrangements>{elements}</E112_E146_living_arrangements>"
        f"<E153_exit_date>{end}</E153_exit_date></removal_2020></E69_E186_removals>"
    )


def test_a_child_has_identity_and_report_period_and_nothing_sensitive(read_fields):
    elements = """<E5_date_of_birth>20120304</E5_date_of_birth><E6_sex>2</E6_sex>
        <E15_child_race_black>1</E15_child_race_black><E17_child_race_white>0</E17_child_race_white>
        <E21_child_hispanic_latino>9</E21_child_hispanic_latino><E38_pregnant>1</E38_pregnant>"""
    assert read_fields(afcars_xml(CHILD + elements)) == {
        "local_id": "R1", "birth_date": "2012-03-04", "sex": "F", "race": ["BlackOrAfricanAmerican"],
        "as_of": "2025-03-31",
        "identifiers": [{"system": "afcars_record_number", "assigner": "39", "value": "R1"}],
    }  # fmt: skip


@pytest.mark.parametrize("sentinel", ["66666666", "77777777", "99999999", "00000000", ""])
def test_sentinel_dates_are_missing(read_fields, sentinel):
    values = read_fields(
        afcars_xml(f"{CHILD}<E5_date_of_birth>{sentinel}</E5_date_of_birth>{removal_xml(sentinel, sentinel)}")
    )
    assert values.keys() == {"local_id", "as_of", "identifiers"}


def test_an_impossible_date_is_passed_on_for_validation(read_fields):
    values = read_fields(afcars_xml(CHILD + "<E5_date_of_birth>20120231</E5_date_of_birth>"))
    assert values["birth_date"] == "2012-02-31"


def test_removals_become_foster_care_flags_and_placements(read_fields):
    begin_element = "<E112_date_living_arrangement>{}</E112_date_living_arrangement>"
    home = "<E113_foster_family_home>1</E113_foster_family_home>"
    kind = "<E114_E146_foster_family_home_type><{0}>1</{0}></E114_E146_foster_family_home_type>"
    values = read_fields(
        afcars_xml(
            CHILD
            + removal_xml(
                "20241001", "20250301",
                begin_element.format("20241001") + home + kind.format("E117_relative_foster_family"),
                begin_element.format("20241101") + home + kind.format("E119_kin_foster_family"),
                begin_element.format("20241201") + home,
                begin_element.format("20250110")
                + "<E120_other_living_arrangement_type>12</E120_other_living_arrangement_type>",
            )
        )
    )  # fmt: skip
    assert values["flags"] == [
        {"population": "foster_care", "value": "Y", "definition": "AFCARS 2020",
         "begin": "2024-10-01", "end": "2025-03-01"},
    ]  # fmt: skip
    assert [(p["type"], p["begin"], p["end"], p["county"]) for p in values["placements"]] == [
        ("relative_foster_home", "2024-10-01", "2024-11-01", "39049"),
        ("kin_foster_home", "2024-11-01", "2024-12-01", "39049"),
        ("foster_home", "2024-12-01", "2025-01-10", "39049"),
        ("runaway", "2025-01-10", "2025-03-01", "39049"),
    ]


def test_a_file_without_header_or_of_another_kind(read_fields):
    assert read_fields(afcars_xml(CHILD, head="<E2_report_date>202513</E2_report_date>")) == {
        "local_id": "R1"
    }
    with pytest.raises(FileError, match="not AFCARS's data"):
        read_fields("<other/>")

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi.domain.errors import MappingError
from mpi.domain.record import QualityIssue
from mpi.intake.cell_conversion import DateFormat, to_iso_date, to_text
from mpi.intake.mapping_reader import list_shipped_mappings, load_mapping
from mpi.intake.rows import CanonicalRow

ID = 'local_id = "id"\n'


def read_records(read_content, make_mapping, layout, content):
    return [
        row.fields
        for row in read_content(content, mapping=make_mapping(layout))
        if isinstance(row, CanonicalRow)
    ]


def test_all_shipped_mappings_load():
    assert list_shipped_mappings() == [
        "edfi_students_flat", "mavis_class", "mavis_cohort", "pp_children_multi", "pp_link_census",
    ]  # fmt: skip
    assert all(load_mapping(name).fields for name in list_shipped_mappings())
    assert load_mapping("pp_children_multi").local_id_from_row


def test_columns_constants_templates_and_splits(read_content, make_mapping):
    layout = """
        local_id = {template = "{set}-{id}"}
        ignore = ["junk"]
        [fields]
        first_name = "given"
        city = {constant = "Columbus"}
        address_line1 = {template = "{no} {street}"}
        household_ids = {column = "hh", split = ";"}
    """
    rows = read_records(
        read_content, make_mapping, layout,
        "set,id,given,no,street,hh,junk\nA,1,Ana,12,Elm St,h1; h2;,x\nA,,Bo,,Elm St,,\nA,3,,,,,\n",
    )  # fmt: skip
    assert rows == [
        {
            "local_id": "A-1", "first_name": "Ana", "city": "Columbus",
            "address_line1": "12 Elm St", "household_ids": ["h1", "h2"],
        },
        {"first_name": "Bo", "city": "Columbus", "address_line1": "Elm St"},
        {"local_id": "A-3", "city": "Columbus"},
    ]  # fmt: skip


def test_the_first_filled_name_of_a_column_is_used(read_content, make_mapping):
    layout = ID + '[fields]\nfirst_name = {column = ["given", "first"]}\n'
    assert read_records(read_content, make_mapping, layout, "id,first\n1,Ana\n") == [
        {"local_id": "1", "first_name": "Ana"}
    ]
    rows = read_records(read_content, make_mapping, layout, "id,first,given\n1,Ana,Bo\n2,Cy,\n")
    assert [row["first_name"] for row in rows] == ["Bo", "Cy"]


def test_an_unlisted_code_is_missing_and_counted(read_content, make_mapping):
    layout = ID + '[fields]\nsex = {column = "sx", codes = {"1" = "M", "2" = "F", "9" = ""}}\n'
    rows = read_content("id,sx\n1,1\n2,9\n3,7\n4,\n", mapping=make_mapping(layout))
    assert [row.fields.get("sex") for row in rows] == ["M", None, None, None]
    assert [row.issues for row in rows] == [(), (), (QualityIssue("sex", "unknown-code"),), ()]


def test_codes_default_replaces_every_other_code(read_content, make_mapping):
    layout = ID + '[fields]\nsex = {column = "sx", codes = {"1" = "M"}, codes_default = "X"}\n'
    rows = read_content("id,sx\n1,1\n2,7\n", mapping=make_mapping(layout))
    assert [(row.fields["sex"], row.issues) for row in rows] == [("M", ()), ("X", ())]


def test_lists_of_objects_contain_what_each_row_has(read_content, make_mapping):
    layout = (
        ID
        + """
        [[guardians]]
        guardian_full_name = "p1"
        guardian_relationship = {constant = "parent"}
        [[guardians]]
        guardian_full_name = "p2"
        [[identifiers]]
        system = "nhs_number"
        assigner = "NHS"
        value = "nhs"
        [[flags]]
        population = "foster_care"
        definition = "ESSA"
        value = {column = "care", codes = {"1" = "Y", "0" = "N"}}
        begin = {column = "since", date_format = "%d.%m.%Y"}
        [[flags]]
        population = "homeless"
        value = {constant = "Y"}
        definition = "McKinney-Vento"
    """
    )
    homeless = {"population": "homeless", "value": "Y", "definition": "McKinney-Vento"}
    rows = read_records(
        read_content, make_mapping, layout,
        "id,p1,p2,nhs,care,since\n1,Ana de la Cruz,\"Ek, Bo\",999,1,3.2.2024\n2,,,,,1.1.2020\n",
    )  # fmt: skip
    assert rows[0]["guardians"] == [
        {"guardian_first_name": "Ana", "guardian_last_name": "de la Cruz",
         "guardian_relationship": "parent"},
        {"guardian_first_name": "Bo", "guardian_last_name": "Ek"},
    ]  # fmt: skip
    assert rows[0]["identifiers"] == [{"value": "999", "system": "nhs_number", "assigner": "NHS"}]
    assert rows[0]["flags"] == [
        {"value": "Y", "begin": "2024-02-03", "population": "foster_care", "definition": "ESSA"},
        homeless,
    ]
    assert rows[1] == {"local_id": "2", "flags": [homeless]}


def test_dates_are_read_by_their_formats_and_never_guessed(read_content, make_mapping):
    layout = ID + ('[fields]\nbirth_date = {column = "b", date_format = ["%d/%m/%Y", "%Y-%m-%d"]}\n')
    rows = read_content(
        "id,b\n1,02/01/2010\n2,2010-01-03\n3,31/02/2010\n4,2010\n5,Jan 2010\n6,01/13/2010\n",
        mapping=make_mapping(layout),
    )
    assert [row.fields.get("birth_date") for row in rows] == [
        "2010-01-02", "2010-01-03", "2010-02-31", "2010", None, "2010-13-01",
    ]  # fmt: skip
    assert [len(row.issues) for row in rows] == [0, 0, 0, 0, 1, 0]
    assert rows[4].issues == (QualityIssue("birth_date", "unreadable-date"),)


@pytest.mark.parametrize(
    ("first_year", "birth_dates"),
    [
        (1925, ["2024-05-06", "1925-05-06", "1968-05-06", None]),
        (1880, ["1924-05-06", "1925-05-06", "1968-05-06", "1915"]),
    ],
)
def test_two_digit_years_belong_to_the_hundred_years_from_the_first_year(
    read_content, make_mapping, first_year, birth_dates
):
    value = f'{{column = "b", date_format = ["%m/%d/%y", "%Y"], first_year = {first_year}}}'
    mapping = make_mapping(f"{ID}[fields]\nbirth_date = {value}\n")
    rows = read_content("id,b\n1,05/06/24\n2,05/06/25\n3,05/06/68\n4,1915\n", mapping=mapping)
    assert [row.fields.get("birth_date") for row in rows] == birth_dates


def test_a_date_before_the_first_year_is_missing_and_counted(read_content, make_mapping):
    layout = ID + '[fields]\nbirth_date = {column = "b", first_year = 1925}\n'
    rows = read_content("id,b\n1,1924-12-31\n2,01/01/1925\n3,1924\n4,spring\n", mapping=make_mapping(layout))
    assert [row.fields.get("birth_date") for row in rows] == [None, "01/01/1925", None, "spring"]
    early = (QualityIssue("birth_date", "early-date"),)
    assert [row.issues for row in rows] == [early, (), early, ()]


@pytest.mark.parametrize(
    ("value", "formats", "expected"),
    [
        ("20181204", ["%m%d%Y", "%Y%m%d"], "2018-12-04"),
        ("12042018", ["%Y%m%d", "%m%d%Y"], "2018-12-04"),
        ("4-Dec-18", ["%d-%b-%y"], "2018-12-04"),
        ("December 4, 2018", ["%B %d, %Y"], "2018-12-04"),
        ("4-Dex-18", ["%d-%b-%y"], "2018-00-04"),
        ("12/4/2018 10:30:00", ["%m/%d/%Y %H:%M:%S"], "2018-12-04"),
        ("12/2018", ["%m/%Y"], "2018-12"),
        ("99999999", ["%Y%m%d"], "9999-99-99"),
        ("4.12.2018", ["%m/%d/%Y"], None),
        ("3MAR2014", ["%d%b%Y"], "2014-03-03"),
        ("03042018 1:05", ["%m%d%Y %H:%M"], "2018-03-04"),
    ],
)
def test_date_formats(value, formats, expected):
    assert to_iso_date(value, [DateFormat.parse(date_format) for date_format in formats]) == expected


@given(
    st.dates(min_value=date(1000, 1, 1)),
    st.sampled_from(["%Y%m%d", "%m%d%Y", "%d%m%Y", "%Y%m", "%m%Y", "%y%m%d", "%Y-%m%d"]),
    st.data(),
)
def test_a_date_with_a_lost_digit_is_missing(day, date_format, data):
    """Draw dates that lost a leading zero in a spreadsheet."""
    written = day.strftime(date_format)
    lost_position = data.draw(
        st.integers(0, len(written) - 1).filter(lambda position: written[position] != "-")
    )
    assert (
        to_iso_date(written[:lost_position] + written[lost_position + 1 :], [DateFormat.parse(date_format)])
        is None
    )


@given(st.dates(), st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%Y%m%d", "%d %B %Y"]))
def test_every_date_written_in_a_format_is_read_back(day, date_format):
    written = day.strftime(date_format.replace("%Y", f"{day.year:04}"))
    assert to_iso_date(written, [DateFormat.parse(date_format)]) == day.isoformat()


def test_cells_become_text_without_invented_digits():
    cells = [" a ", "", None, 7, 7.0, 7.5, float("nan"), True, [], b"x"]
    assert [to_text(cell) for cell in cells] == [
        "a", None, None, "7", "7", "7.5", None, "true", None, None,
    ]  # fmt: skip


def test_unknown_columns_are_named_with_the_nearest_known_one(read_content, make_mapping):
    layout = ID + '[fields]\nfirst_name = "GIVEN_NAME"\n'
    with pytest.raises(MappingError) as caught:
        read_content("id,GIVEN_NAME,GIVEN_NAM,zzz\n1,a,b,c\n", mapping=make_mapping(layout))
    message = str(caught.value)
    assert "'GIVEN_NAM' (near 'GIVEN_NAME'), 'zzz'" in message
    assert message.startswith("file.csv: mapping layout does not account for")


def test_an_unknown_column_of_a_canonical_file_is_named(read_content):
    with pytest.raises(MappingError, match="'dob'"):
        read_content("local_id,dob\n1,2010-01-01\n")


def test_a_first_line_that_is_no_header_is_not_repeated(read_content):
    with pytest.raises(MappingError, match="is the first line a header") as caught:
        read_content("77,Secretname,2010-01-01\n78,Ek,2011-01-01\n")
    assert "Secretname" not in str(caught.value)


def test_an_unknown_column_that_looks_like_a_value_is_named_by_position(read_content):
    with pytest.raises(MappingError, match="column 2") as caught:
        read_content("local_id,2010-01-01\n1,x\n")
    assert "2010" not in str(caught.value)


def test_a_missing_mapped_column_is_named_unless_optional(read_content, make_mapping):
    layout = ID + '[fields]\nfirst_name = "given"\nsex = {column = "sx"%s}\n'
    with pytest.raises(MappingError, match="needs 'sx', which the file does not have"):
        read_content("id,given\n1,Ana\n", mapping=make_mapping(layout % ""))
    optional = layout % ", optional = true"
    assert read_records(read_content, make_mapping, optional, "id,given\n1,Ana\n") == [
        {"local_id": "1", "first_name": "Ana"}
    ]


def test_a_missing_local_id_column_is_named(read_content):
    with pytest.raises(MappingError, match="'local_id', which the file does not have"):
        read_content("first_name,last_name\nAna,Ek\n")


def test_a_constant_that_is_also_a_column_is_questioned(read_content, make_mapping):
    layout = ID + '[[other_names]]\ntype = "kind"\nlast_name = "alias"\n'
    with pytest.raises(MappingError, match=r"write type = \{column = 'kind'\}"):
        read_content("id,alias,kind\n1,Ek,maiden\n", mapping=make_mapping(layout))


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("x = [", "not TOML"),
        ("[fields]\n", "local_id is missing"),
        (ID + "[field]\n", "'field': no such key"),
        (ID + '[fields]\nfirst_nam = "a"\n', "'first_nam': no such key"),
        (ID + '[fields]\nfirst_name = {column = "a", formt = "b"}\n', "'formt': no such key"),
        (ID + "[fields]\nfirst_name = {optional = true}\n", "give one of column, template, constant"),
        (ID + '[fields]\nfirst_name = {column = "a", constant = "b"}\n', "give one of"),
        (ID + '[fields]\nfirst_name = {template = "a"}\n', "names no column"),
        (ID + '[fields]\nfirst_name = {column = 7}\n', "must be text"),
        (ID + '[fields]\nfirst_name = {column = "a", optional = 1}\n', "must be true or false"),
        (ID + '[fields]\nfirst_name = {column = "a", codes = {a = 1}}\n', "codes a: must be text"),
        (ID + '[fields]\nfirst_name = {column = "a", codes_default = "x"}\n', "without codes"),
        (ID + '[fields]\nbirth_date = {column = "a", date_format = "%d/%m"}\n', "no year"),
        (ID + '[fields]\nbirth_date = {column = "a", date_format = "%j %Y"}\n', "%j is not one of"),
        (ID + '[fields]\nbirth_date = {column = "a", date_format = "%Y %Y"}\n', "twice"),
        (ID + '[fields]\nbirth_date = {column = "a", first_year = "1925"}\n', "earliest year"),
        (ID + '[fields]\nbirth_date = {column = "a", first_year = 25}\n', "earliest year"),
        (ID + '[fields]\nlocal_id = "a"\n', "at the top"),
        (ID + '[fields]\nfull_name = "a"\nlast_name = "b"\n', "last_name is given as well"),
        (ID + '[fields]\ncity = "a"\n[[addresses]]\ncity = "b"\n', "city stands under"),
        (ID + '[[guardians]]\nname = "a"\n', "'name': no such key"),
        (ID + 'guardians = "a"\n', r"headed \[\[guardians\]\]"),
        (ID + '[file]\nencoding = "utf-16"\n', "encoding: must be one of"),
        (ID + '[file]\nencoding = "rot13"\n', "encoding: must be one of"),
        (ID + '[file]\ndelimiter = "::"\n', "one character"),
        (ID + '[file]\nformat = "docx"\n', "must be one of csv"),
        ('local_id = {constant = "1"}\n', "local_id: must come from"),
        ("local_id = {row = false}\n", "'row': no such key"),
    ],
)  # fmt: skip
def test_an_error_in_a_mapping_is_named_with_its_place(make_mapping, layout, message):
    with pytest.raises(MappingError, match=message) as caught:
        make_mapping(layout)
    assert str(caught.value).startswith("mapping layout.toml: ")


def test_a_missing_mapping_error_lists_the_shipped_mappings(tmp_path):
    with pytest.raises(MappingError, match="shipped mappings: edfi_students_flat"):
        load_mapping(tmp_path / "none.toml")

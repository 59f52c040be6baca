"""docs/reference/mappings.md matches the code."""

import re
from pathlib import Path

import pytest

from mpi.intake import csv_file, mapping_reader, ndjson_file
from mpi.intake.mapping_types import LIST_OBJECTS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "mappings.md").read_text(encoding="utf-8")


def test_the_example_mapping_reads_a_file_with_its_columns(read_content, make_mapping):
    (layout,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    header = (
        "STU_ID;LUNCH_PIN;HOMEROOM;FIRST;LAST;DOB;SEX;HOUSE_NO;STREET;FAMILY_IDS;EMAIL;PARENT1;"
        "PARENT1_REL;PARENT2;SSID;FOSTER;FOSTER_FROM"
    )
    row = "7;;;José;Ek;20100506;2;1;Elm St;a|b;;Bo Ek;father;;S1;Y;01/02/2024"
    (parsed_row,) = read_content(f"{header}\n{row}\n".encode("cp1252"), mapping=make_mapping(layout))
    assert parsed_row.fields == {
        "local_id": "7", "first_name": "José", "last_name": "Ek", "birth_date": "2010-05-06",
        "sex": "F", "address_line1": "1 Elm St", "state": "OH", "household_ids": ["a", "b"],
        "identifiers": [{"value": "S1", "system": "state_student_id", "assigner": "OH"}],
        "guardians": [
            {"guardian_first_name": "Bo", "guardian_last_name": "Ek", "guardian_relationship": "father"}
        ],
        "flags": [
            {"value": "Y", "begin": "2024-01-02", "population": "foster_care", "definition": "ESSA"}
        ],
    }  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        mapping_reader.list_shipped_mappings(),
        mapping_reader._VALUE_KEYS,
        [word for words in mapping_reader._CONSTANT_KEYS.values() for word in words],
        [f"[[{name}]]" for name in LIST_OBJECTS],
        [*csv_file._DETAILS, *ndjson_file._DETAILS, "wrong-field-count"],
        mapping_reader.MAPPED_FORMATS,
    ],
)
def test_the_page_names_every_keyword(words):
    assert [word for word in words if word not in PAGE] == []

"""Files of Open Link Token become a row for each record."""

import base64
import zipfile

import pytest

from mpi.domain.errors import FileError, MappingError
from mpi.intake.mapping_types import make_canonical_mapping
from mpi.intake.reader import open_file
from mpi.standardize.fields.lists import MAX_LIST_ENTRIES

HEADER = "RecordId,RuleId,Token\n"


def read(path, text, name="tokens.csv"):
    file = path / name
    file.write_text(text)
    return list(open_file(file, None, "openlinktoken"))


def test_the_tokens_of_a_record_are_one_row(tmp_path):
    rows = read(tmp_path, f"{HEADER}A1,T1,aa\nA1,T2,\nA1,T3,cc\nA2,T1,dd\n")
    assert [row.fields for row in rows] == [
        {
            "local_id": "A1",
            "linkage_tokens": [{"rule": "T1", "token": "aa"}, {"rule": "T2"}, {"rule": "T3", "token": "cc"}],
        },
        {"local_id": "A2", "linkage_tokens": [{"rule": "T1", "token": "dd"}]},
    ]
    assert [row.line for row in rows] == [2, 5]


def test_columns_may_come_in_any_order(tmp_path):
    rows = read(tmp_path, "RuleId,Token,RecordId\nT1,aa,A1\n")
    assert rows[0].fields == {"local_id": "A1", "linkage_tokens": [{"rule": "T1", "token": "aa"}]}


def test_an_empty_file_has_no_rows(tmp_path):
    assert read(tmp_path, HEADER) == []


def test_a_row_without_a_record_has_no_local_id(tmp_path):
    assert "local_id" not in read(tmp_path, f"{HEADER},T1,aa\n")[0].fields


def test_each_bad_row_is_a_reject_and_reading_goes_on(tmp_path):
    rows = read(tmp_path, f"{HEADER}A1,T1,aa\nA1,T2\nA1,T3\nA2,T1,bb\n")
    assert [getattr(row, "reason", None) for row in rows] == [
        "wrong-field-count",
        "wrong-field-count",
        None,
        None,
    ]


def test_a_bad_row_does_not_part_the_other_tokens_of_its_record(tmp_path):
    rows = read(tmp_path, f"{HEADER}A1,T1,aa\nA1,T2\nA1,T3,cc\n")
    [record] = [row for row in rows if not hasattr(row, "reason")]
    assert record.fields["linkage_tokens"] == [{"rule": "T1", "token": "aa"}, {"rule": "T3", "token": "cc"}]


def test_a_record_of_too_many_tokens_is_not_kept_whole_in_memory(tmp_path):
    [row] = read(tmp_path, HEADER + "A1,T1,aa\n" * 1000)
    assert len(row.fields["linkage_tokens"]) == MAX_LIST_ENTRIES + 1


def test_other_columns_are_refused(tmp_path):
    with pytest.raises(FileError, match="RecordId, RuleId, Token"):
        read(tmp_path, "RecordId,RuleId,Token,Name\nA1,T1,aa,Ana\n")


def test_such_a_file_takes_no_mapping(tmp_path):
    (tmp_path / "t.csv").write_text(HEADER)
    with pytest.raises(MappingError, match="take no mapping"):
        open_file(tmp_path / "t.csv", make_canonical_mapping(), "openlinktoken")


OF_AN_EARLY_RELEASE = base64.b64encode(bytes(range(72))).decode()
"""Text with the length of nonce, token and tag, as releases before the prefix wrote it."""


@pytest.mark.parametrize(
    "token", ["olt.V1.e30.a.b.c.d", "ot.V1.e30.a.b.c.d", "olt.V12.e30..b.c.d", OF_AN_EARLY_RELEASE]
)
def test_a_file_of_encrypted_tokens_is_refused_as_a_whole_with_what_to_do(tmp_path, token):
    file = tmp_path / "tokens.csv"
    file.write_text(f"{HEADER}A1,T1,aa\nA1,T2,\nA2,T1,{token}\nA3,T1,bb\n")
    with pytest.raises(
        FileError, match=r"tokens.csv, row 3: Open Link Token encrypted .* olt decrypt"
    ) as error:
        list(open_file(file, None, "openlinktoken"))
    assert token not in str(error.value)
    assert "A2" not in str(error.value)


@pytest.mark.parametrize("name", ["children_packaged.zip", "tokens.parquet", "tokens.csv"])
def test_an_archive_of_open_link_token_is_refused_with_what_to_do(tmp_path, name):
    with zipfile.ZipFile(tmp_path / name, "w") as archive:
        archive.writestr("tokens.parquet", b"PAR1")
    with pytest.raises(FileError, match=r"zip archive, as olt package writes.*Unpack it; run olt decrypt"):
        open_file(tmp_path / name, None, "openlinktoken")


def test_a_token_that_only_resembles_an_encrypted_one_is_left_to_the_check_of_the_record(tmp_path):
    [row] = read(tmp_path, f"{HEADER}A1,T1,{'a' * 95}!\nA1,T2,{'é' * 96}\n")
    assert len(row.fields["linkage_tokens"]) == 2

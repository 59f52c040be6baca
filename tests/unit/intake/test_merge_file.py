"""Files in which a source states merges of its local IDs: columns, mappings, and lines that are wrong."""

import pytest

from mpi.domain.errors import FileError, InputError, MappingError
from mpi.domain.source_merge import MergeStatement
from mpi.intake.merges import merge_file
from mpi.intake.merges.merge_file import read_merge_file

MAPPING = """
ignore = ["SCHOOL"]

[file]
delimiter = ";"

[fields]
old_local_id = "FROM_ID"
new_local_id = "TO_ID"
date = {column = "DAY", date_format = "%m/%d/%Y"}
kind = {column = "ACTION", codes = {"M" = "merge", "U" = "split", "D" = "reuse"}}
"""


@pytest.fixture
def read(tmp_path):
    """Read a file of a name and content, with or without a mapping."""

    def read_content(content: str | bytes, name: str = "merges.csv", mapping: str | None = None):
        path, mapping_path = tmp_path / name, tmp_path / "mapping.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        mapping_path.write_text(mapping or "")
        steps = []
        statements = read_merge_file(
            path,
            None if mapping is None else str(mapping_path),
            None,
            lambda name, done, total: steps.append((name, done, total)),
        )
        assert all(done <= total for _, done, total in steps)
        return statements

    return read_content


def test_a_file_with_the_plain_columns_needs_no_mapping(read):
    statements = read("old_local_id,new_local_id,date,kind\n2,1,2026-01-05,merge\n3,,,REUSE\n4,1,,\n")
    assert statements == [
        MergeStatement("merge", "2", "1", "2026-01-05", "line 2"),
        MergeStatement("reuse", "3", None, None, "line 3"),
        MergeStatement("merge", "4", "1", None, "line 4"),
    ]


def test_date_and_kind_may_be_missing(read):
    assert read("old_local_id,new_local_id\n2,1\n") == [MergeStatement("merge", "2", "1", None, "line 2")]


def test_ndjson_is_read_with_numbers_as_local_ids(read):
    lines = '{"old_local_id": 2, "new_local_id": "1"}\n{"old_local_id": "3", "kind": "reuse"}\n'
    assert [(each.kind, each.old_local_id, each.new_local_id) for each in read(lines, "m.ndjson")] == [
        ("merge", "2", "1"),
        ("reuse", "3", None),
    ]


def test_a_mapping_names_columns_dates_and_codes(read):
    rows = "FROM_ID;TO_ID;DAY;ACTION;SCHOOL\n2;1;01/05/2026;M;x\n2;1;02/05/2026;U;x\n3;;;D;y\n"
    assert [(each.kind, each.date, each.place) for each in read(rows, mapping=MAPPING)] == [
        ("merge", "2026-01-05", "line 2"),
        ("split", "2026-02-05", "line 3"),
        ("reuse", None, "line 4"),
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("old_local_id,new_local_id\n,1\nSECRET,1\n", "line 2: old_local_id: missing"),
        ("old_local_id,new_local_id\nSECRET,1,9\n", "line 2: the row does not have"),
        (b"old_local_id,new_local_id\n\xff,1\n", "line 2: the row is not UTF-8"),
        ("old_local_id\n", ""),
        ("", "empty"),
        ("SECRET,1\n", "none of the file's 2 columns"),
        ("old_local_id,new_local_id,SECRET_NAME\n2,1,x\n", "does not account for"),
    ],
)
def test_wrong_lines_are_named_without_their_values(read, content, text):
    if text == "":
        assert read(content) == []
        return
    with pytest.raises(InputError, match=text) as refusal:
        read(content)
    assert "SECRET," not in str(refusal.value)


def test_unknown_code_and_unreadable_date_are_named_by_line(read):
    rows = "FROM_ID;TO_ID;DAY;ACTION;SCHOOL\n2;1;soon;M;x\n2;1;;Q;x\n"
    with pytest.raises(FileError, match=r"line 2: date: unreadable-date; line 3: kind: unknown-code"):
        read(rows, mapping=MAPPING)


def test_only_the_first_wrong_lines_are_listed(read):
    with pytest.raises(FileError, match=r"line 21: .*; and 30 more"):
        read("old_local_id,new_local_id\n" + ",1\n" * 50)


def test_a_huge_file_is_refused(read, monkeypatch):
    monkeypatch.setattr(merge_file, "MAX_STATEMENTS", 3)
    with pytest.raises(FileError, match="more than 3 rows"):
        read("old_local_id,new_local_id\n" + "2,1\n" * 4)


@pytest.mark.parametrize(
    "mapping",
    [
        '[fields]\nold_local_id = "A"\nbirth_date = "B"\n',
        '[fields]\nnew_local_id = "A"\n',
        'local_id = "A"\n[fields]\nold_local_id = "A"\n',
        "not toml [",
    ],
)
def test_a_wrong_mapping_is_refused(read, mapping):
    with pytest.raises(MappingError):
        read("A,B\n1,2\n", mapping=mapping)


def test_a_file_of_another_format_is_refused(read):
    with pytest.raises(InputError):
        read("<InterchangeStudentParent/>", "m.xml")

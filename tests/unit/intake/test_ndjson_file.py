import pytest

from mpi.domain.errors import FileError, MappingError, RecordError
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.standardize.fields.scalars import parse_local_id


def read_lines(read_content, *lines, **options):
    return read_content("\n".join(lines) + "\n", name="f.ndjson", **options)


def reject_reasons(rows):
    return [(row.line, row.reason) for row in rows if isinstance(row, RejectedRow)]


def test_objects_keep_lists_numbers_and_booleans(read_content):
    rows = read_lines(
        read_content,
        '{"local_id": "1", "multiple_birth": true, "postal_code": 2134, "sex": null}',
        '{"local_id": "2", "flags": [{"population": "homeless", "value": "Y"}]}',
    )
    assert rows == [
        CanonicalRow(1, 0, {"local_id": "1", "multiple_birth": True, "postal_code": 2134}),
        CanonicalRow(2, 76, {"local_id": "2", "flags": [{"population": "homeless", "value": "Y"}]}),
    ]


def test_each_invalid_line_rejects_only_itself(read_content):
    rows = read_lines(
        read_content, '{"local_id": "1"}', '{"local_id": "2"', "[1]", "7", "", '{"local_id": "3"}'
    )
    assert reject_reasons(rows) == [(2, "malformed-json"), (3, "not-an-object"), (4, "not-an-object")]
    assert [row.line for row in rows if isinstance(row, CanonicalRow)] == [1, 6]


def test_invalid_utf8_and_long_lines_reject_only_themselves(read_content):
    valid_line, invalid_line = b'{"local_id": "1"}\n', b'{"local_id": "\xff"}\n'
    long_line = b'{"local_id": "' + b"x" * 2_000_000 + b'"}\n'
    rows = read_content(valid_line + invalid_line + long_line + valid_line, name="f.jsonl")
    assert reject_reasons(rows) == [(2, "invalid-utf8"), (3, "field-too-large")]
    assert [row.line for row in rows if isinstance(row, CanonicalRow)] == [1, 4]


def test_a_file_in_another_encoding_is_refused(read_content):
    with pytest.raises(FileError, match="save it as UTF-8"):
        read_content('{"local_id": "é"}\n'.encode("cp1252") * 5, name="f.jsonl")


def test_deep_nesting_is_a_malformed_line(read_content):
    bombs = ['{"local_id": ' + "[" * depth + "]" * depth + "}" for depth in (20, 900, 100_000)]
    rows = read_lines(read_content, *bombs, '{"local_id": "1"}')
    assert reject_reasons(rows) == [(1, "malformed-json"), (2, "malformed-json"), (3, "malformed-json")]


def test_a_json_array_is_refused(read_content):
    with pytest.raises(FileError, match="one object a line"):
        read_content('[{"local_id": "1"}]', name="f.json")


def test_an_empty_file_is_refused(read_content):
    with pytest.raises(FileError, match="empty"):
        read_content("", name="f.ndjson")


def test_an_unknown_key_is_an_error_that_names_it(read_content):
    with pytest.raises(MappingError, match="'first_nam' \\(near 'first_name'\\)"):
        read_lines(read_content, '{"local_id": "1", "first_nam": "Ana"}')


def test_an_unknown_key_far_down_rejects_its_line_without_repeating_it(read_content):
    lines = ['{"local_id": "1"}'] * 1_001 + ['{"local_id": "1", "Secret": "x"}']
    rows = read_lines(read_content, *lines)
    assert reject_reasons(rows) == [(1_002, "unknown-column")]
    assert "Secret" not in repr(rows[-1])


def test_a_mapped_key_may_first_appear_far_down(read_content, make_mapping):
    mapping = make_mapping('local_id = "id"\n[fields]\nfirst_name = "name"\n')
    lines = ['{"id": "1"}'] * 1_001 + ['{"id": "2", "name": "Ana"}']
    assert read_lines(read_content, *lines, mapping=mapping)[-1].fields == {
        "local_id": "2",
        "first_name": "Ana",
    }


@pytest.mark.parametrize(
    "local_id", ['"id"', '{template = "D-{id}"}', '{column = "id", codes = {"7" = "8"}, codes_default = "9"}']
)
def test_a_number_of_more_than_64_bits_is_no_local_id_but_its_text_is(read_content, make_mapping, local_id):
    mapping = make_mapping(f"local_id = {local_id}\n")
    digits = "123456789012345678901"
    number, text = read_lines(read_content, f'{{"id": {digits}}}', f'{{"id": "{digits}"}}', mapping=mapping)
    with pytest.raises(RecordError, match="send it as text"):
        parse_local_id(number.fields["local_id"])
    assert parse_local_id(text.fields["local_id"])

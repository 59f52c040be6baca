import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mpi.domain.errors import FileError, MappingError
from mpi.domain.keyed_hash import KeyedHash
from mpi.intake.mapping_reader import make_canonical_mapping
from mpi.intake.reader import open_file
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.standardize.record_validation import validate_record

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def write_parquet(tmp_path, columns, **options):
    path = tmp_path / "f.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_values_become_valid_input_for_validation(tmp_path):
    path = write_parquet(
        tmp_path,
        {
            "local_id": pa.array([1, 2]),
            "birth_date": pa.array([date(2010, 1, 2), None]),
            "death_date": pa.array([date(2020, 5, 6), None], pa.date32()).cast(pa.timestamp("ns")),
            "as_of": pa.array([datetime(2026, 1, 2, 3, tzinfo=UTC)] * 2, pa.timestamp("us", "UTC")),
            "postal_code": pa.array([2134.0, math.nan]),
            "guardians": pa.array([[{"guardian_last_name": "Ek"}], []]),
            "city": pa.array([b"Ume\xc3\xa5", None]),
        },
    )
    assert list(open_file(path, None, None)) == [
        CanonicalRow(1, None, {
            "local_id": 1,
            "birth_date": "2010-01-02",
            "postal_code": 2134,
            "city": "Umeå",
            "guardians": [{"guardian_last_name": "Ek"}],
            "death_date": "2020-05-06",
            "as_of": "2026-01-02T03:00:00Z",
        }),
        CanonicalRow(2, None, {"local_id": 2, "as_of": "2026-01-02T03:00:00Z"}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "text"),
    [("ssn", "012345678"), ("ssn_last4", "0123"), ("postal_code", "00601"), ("local_id", "601")],
)
@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.decimal128(38, 0), pa.decimal128(38, 2)])
def test_a_whole_number_equals_its_text_in_every_column_type(tmp_path, field, text, kind):
    numbers = pa.array([int(text), None]).cast(kind)
    columns = {"local_id": ["1", "2"]} | {field: numbers}
    row = next(iter(open_file(write_parquet(tmp_path, columns), None, None)))
    assert isinstance(row, CanonicalRow)
    hasher = KeyedHash(bytes(32))
    assert validate_record(row.fields, hasher, NOW) == validate_record(
        {"local_id": "1"} | {field: text}, hasher, NOW
    )


def test_a_decimal_has_no_exponent_and_no_zero_fraction(tmp_path, make_mapping):
    cells = pa.array([Decimal("0E-7"), Decimal("7.0000000"), Decimal("1.5000000")])
    path = write_parquet(tmp_path, {"local_id": ["1", "2", "3"], "grade": cells})
    assert [row.fields["grade"] for row in open_file(path, None, None)] == [0, 7, "1.5"]
    mapping = make_mapping('local_id = "local_id"\n[fields]\ngrade = {template = "{grade}."}\n')
    assert [row.fields["grade"] for row in open_file(path, mapping, None)] == ["0.", "7.", "1.5."]


FAR_DAY = 2_932_897  # 10000-01-01, in days since 1970


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        (pa.date32(), FAR_DAY),
        (pa.date64(), FAR_DAY * 86_400_000),
        (pa.timestamp("us"), FAR_DAY * 86_400_000_000),
        (pa.timestamp("ms", "UTC"), 10**17),
        (pa.timestamp("ms", "America/New_York"), -(10**17)),
        (pa.list_(pa.date32()), [FAR_DAY]),
    ],
)
def test_a_date_outside_the_calendar_is_an_issue_of_its_row_as_in_csv(tmp_path, kind, count):
    field = "previous_birth_dates" if pa.types.is_list(kind) else "birth_date"
    path = write_parquet(tmp_path, {"local_id": ["1", "2"], field: pa.array([count, None], kind)})
    far_date, no_date = [
        validate_record(row.fields, KeyedHash(bytes(32)), NOW) for row in open_file(path, None, None)
    ]
    assert [issue.code for issue in far_date.issues] == ["unreadable-date"]
    assert no_date.issues == ()


def test_a_date_outside_the_calendar_keeps_the_other_dates_of_its_list(tmp_path):
    kind = pa.list_(pa.struct([("city", pa.string()), ("begin", pa.date32())]))
    homes = [[{"city": "Lima", "begin": FAR_DAY}, {"city": "Ekeby", "begin": 0}]]
    path = write_parquet(tmp_path, {"local_id": ["1"], "addresses": pa.array(homes, kind)})
    (row,) = open_file(path, None, None)
    assert row.fields["addresses"] == [
        {"city": "Lima", "begin": "10000-01-01"},
        {"city": "Ekeby", "begin": date(1970, 1, 1)},
    ]


@pytest.mark.parametrize("kind", [pa.string(), pa.list_(pa.string())])
def test_text_that_is_not_utf_8_rejects_its_row(tmp_path, kind):
    broken = pa.array([b"Ume\xe5", b"Lund"]).view(pa.string())
    if kind != pa.string():
        broken = pa.ListArray.from_arrays([0, 1, 2], broken)
    rejected, accepted = open_file(
        write_parquet(tmp_path, {"local_id": ["1", "2"], "race": broken}), None, None
    )
    assert isinstance(rejected, RejectedRow)
    assert (rejected.line, rejected.reason) == (1, "invalid-utf8")
    assert accepted.fields["local_id"] == "2"


def test_a_truncated_file_is_refused(tmp_path):
    path = write_parquet(tmp_path, {"local_id": [str(n) for n in range(1000)]})
    content = path.read_bytes()
    for cut in (len(content) // 2, len(content) - 1, 3, 0):
        path.write_bytes(content[:cut])
        with pytest.raises(FileError, match=r"f\.parquet"):
            open_file(path, None, None)


def test_corrupt_pages_are_refused_while_reading(tmp_path):
    path = write_parquet(tmp_path, {"local_id": [f"id {n}" for n in range(5000)]}, compression="snappy")
    content = bytearray(path.read_bytes())
    content[40:2000] = b"\xff" * 1960
    path.write_bytes(content)
    with pytest.raises(FileError, match="corrupt"):
        list(open_file(path, None, None))


def test_a_column_whose_name_is_not_utf_8_is_refused(tmp_path):
    path = write_parquet(tmp_path, {"local_id": ["1"], "birth_date": ["2013-09-11"]}, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"birth_date", b"birth_d\xffte"))
    with pytest.raises(FileError, match=r"f\.parquet: the name of a column is not UTF-8 text") as refusal:
        open_file(path, None, None)
    assert refusal.value.__cause__ is None


def test_unknown_columns_are_named(tmp_path):
    with pytest.raises(MappingError, match="'lastname' \\(near 'last_name'\\)"):
        open_file(write_parquet(tmp_path, {"local_id": ["1"], "lastname": ["Ek"]}), None, None)


def test_a_field_too_large_rejects_its_row(tmp_path):
    path = write_parquet(tmp_path, {"local_id": ["1", "2"], "city": ["x" * 10_000_000, "Umeå"]})
    rejected, accepted = open_file(path, None, None)
    assert isinstance(rejected, RejectedRow)
    assert (rejected.line, rejected.reason) == (1, "field-too-large")
    assert accepted.fields == {"local_id": "2", "city": "Umeå"}


def test_rows_are_numbered_in_the_file_regardless_of_the_filter(tmp_path, make_mapping):
    path = write_parquet(tmp_path, {"kind": ["a", "b", "a", None], "name": ["P", "Q", "R", "S"]})
    mapping = make_mapping('local_id = {row = true}\n[fields]\nfirst_name = "name"\n')
    rows = open_file(path, mapping.with_where("kind", "a"), None)
    assert [row.fields for row in rows] == [
        {"local_id": "1", "first_name": "P"},
        {"local_id": "3", "first_name": "R"},
    ]
    assert rows.skipped_rows == 2
    assert rows.bytes_read == rows.size_bytes


def test_an_unknown_filter_column_is_named(tmp_path):
    path = write_parquet(tmp_path, {"local_id": ["1"]})
    with pytest.raises(MappingError, match="'sourc', which the file does not have"):
        open_file(path, make_canonical_mapping().with_where("sourc", "a"), None)

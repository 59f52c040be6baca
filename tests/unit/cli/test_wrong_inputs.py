"""Sixty wrong inputs of ``mpi map`` and ``mpi ingest``: each ends with one clear line and loads nothing."""

import gzip
import io
import zipfile

import pytest
from openpyxl import Workbook

from tests.unit.cli.conftest import is_one_line

NAME = "Xanthippe"
"""A value of the files, which no message may repeat."""
GOOD = f"local_id,first_name,last_name,birth_date\n1,{NAME},Ek,2010-05-06\n"
OWN = f"Stu No,First,Last,DOB\n1,{NAME},Ek,05/16/2010\n"
MAPPING = (
    'local_id = "Stu No"\n[fields]\nfirst_name = "First"\nlast_name = "Last"\n'
    'birth_date = {column = "DOB", date_format = "%m/%d/%Y"}\n'
)


def workbook(*rows, sheets=()):
    book, buffer = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    for name in sheets:
        book.create_sheet(name).append(["local_id"])
    book.save(buffer)
    return buffer.getvalue()


def archive(**members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in members.items():
            target.writestr(name.replace("__", "."), text)
    return buffer.getvalue()


def mapped(**changes):
    text = MAPPING
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return text


WORKBOOK = workbook(["local_id", "first_name"], ["1", NAME])
LOAD = ("ingest", "{file}", "--source", "sis")
OWN_LOAD = (*LOAD, "--mapping", "m.toml")
PROPOSE = ("map", "{file}")
FULL = (*LOAD, "--snapshot", "full")

FILES = {
    # what the file is
    "workbook named csv": ("s.csv", WORKBOOK, LOAD, "an Excel workbook, not CSV"),
    "csv named xlsx": ("s.xlsx", GOOD, LOAD, "a text file, not an Excel workbook"),
    "csv named parquet": ("s.parquet", GOOD, LOAD, "a text file, not Parquet"),
    "pdf named csv": ("s.csv", b"%PDF-1.7\n" + NAME.encode(), LOAD, "a PDF document"),
    "web page named xls": ("s.xlsx", f"<html><table>{NAME}", LOAD, "a web page"),
    "old workbook": ("s.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), LOAD, "save it as .xlsx"),
    "old workbook by its name": ("s.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), LOAD, "--format"),
    "unknown ending": ("s.dat", GOOD, LOAD, "does not tell its format; say --format"),
    "gzip named csv": ("s.csv", gzip.compress(GOOD.encode()), LOAD, "rename it to .csv.gz"),
    "parquet named csv": ("s.csv", b"PAR1" + bytes(50), LOAD, "a Parquet file"),
    "empty file": ("s.csv", b"", LOAD, "the file is empty"),
    "empty workbook": ("s.xlsx", workbook(), LOAD, "the workbook is empty"),
    "no such file": (None, None, LOAD, "cannot be opened"),
    # damage
    "workbook cut short": ("s.xlsx", WORKBOOK[: len(WORKBOOK) // 2], LOAD, "s.xlsx: "),
    "parquet cut short": ("s.parquet", b"PAR1" + bytes(50), LOAD, "not a whole Parquet file"),
    "gzip cut short": ("s.csv.gz", gzip.compress(GOOD.encode())[:-12], LOAD, "not a whole gzip file"),
    "zip cut short": ("s.zip", archive(a__csv=GOOD)[:-30], LOAD, "no whole ZIP file"),
    "zip bomb": ("s.zip", archive(a__csv="0" * 9_000_000), LOAD, "200 times as large"),
    "zip of other files": ("s.zip", archive(a__csv=GOOD, b__exe="x"), LOAD, "no CSV (.exe)"),
    "zip without a table": ("s.zip", archive(a__pdf="x"), LOAD, "s.zip: "),
    # encodings, delimiters, headers
    "utf-16 without a mark": ("s.csv", GOOD.encode("utf-16-le"), LOAD, "UTF-16; save it as UTF-8"),
    "carriage returns": ("s.csv", GOOD.replace("\n", "\r"), LOAD, "carriage return"),
    "windows-1252": ("s.csv", (GOOD + "2,José,Díaz,\n" * 9).encode("cp1252"), LOAD, "not UTF-8"),
    "semicolons": ("s.csv", GOOD.replace(",", ";"), LOAD, "separated by a semicolon"),
    "tabs": ("s.csv", GOOD.replace(",", "\t"), LOAD, "separated by a tab"),
    "column twice": ("s.csv", GOOD.replace("last_name", "first_name"), LOAD, "have the same name"),
    "column without a name": ("s.csv", GOOD.replace("last_name", ""), LOAD, "column 3 of the header"),
    "no header": ("s.csv", f"1,{NAME},Ek,2010-05-06\n", LOAD, "is the first line a header?"),
    "own columns without a mapping": ("s.csv", OWN, LOAD, "mpi map proposes a mapping"),
    "SSN for ssn": ("s.csv", GOOD.replace("last_name", "SSN"), LOAD, "'SSN' (near 'ssn')"),
    "dob for birth_date": ("s.csv", GOOD.replace("birth_date", "dob"), LOAD, "(near 'birth_date')"),
    "surname for last_name": ("s.csv", GOOD.replace("last_name", "Surname"), LOAD, "(near 'last_name')"),
    "json array": ("s.json", f'[{{"local_id": "{NAME}"}}]', LOAD, "one object a line"),
    "several sheets": ("s.xlsx", workbook(["local_id"], ["1"], sheets=["B"]), LOAD, "'Sheet', 'B'"),
    "sheet that is not there": ("s.xlsx", WORKBOOK, (*LOAD, "--sheet", "C"), "no sheet 'C'"),
    "sheet of a csv file": ("s.csv", GOOD, (*LOAD, "--sheet", "C"), "only a workbook has sheets"),
    # options
    "unknown source": ("s.csv", GOOD, ("ingest", "{file}", "--source", "sos"), "sos"),
    "unknown format": ("s.csv", GOOD, (*LOAD, "--format", "pdf"), "--format"),
    "no such mapping": ("s.csv", OWN, (*LOAD, "--mapping", "none.toml"), "none.toml: cannot be opened"),
    "condition that is none": ("s.csv", GOOD, (*LOAD, "--where", "last_name"), "COLUMN=VALUE"),
    "condition on no column": ("s.csv", GOOD, (*LOAD, "--where", "name=x"), "'name'"),
    "as-of that is no time": ("s.csv", GOOD, (*LOAD, "--as-of", "Tuesday"), "2026"),
    "rejects into no folder": ("s.csv", GOOD, (*LOAD, "--rejects", "no/r.csv"), "there is no folder no"),
    "rejects over the file": ("s.csv", GOOD, (*LOAD, "--rejects", "s.csv"), "a file to read"),
    "file twice": ("s.csv", GOOD, ("ingest", "{file}", "{file}", "--source", "sis"), "the same name"),
    "only rejected rows": ("s.csv", GOOD.replace("\n1,", "\n,"), LOAD, "1 of 1 rows were rejected"),
    # proposals
    "map of an unknown starter": ("s.csv", OWN, (*PROPOSE, "--starter", "sap"), "there are powerschool"),
    "map of an unknown state": ("s.csv", OWN, (*PROPOSE, "--state", "XX"), "no state"),
    "map of an unknown column": ("s.csv", OWN, (*PROPOSE, "--column", "Stu=local_id"), "'Stu No'"),
    "map to an unknown field": ("s.csv", OWN, (*PROPOSE, "--column", "DOB=dob"), "'birth_date'"),
    "map of a header alone": ("s.csv", "Stu No,First\n", PROPOSE, "no row that can be read"),
    "map over its file": ("s.csv", OWN, (*PROPOSE, "--out", "s.csv"), "a file to read"),
}
MAPPINGS = {
    "not toml": ("local_id = \n", "not TOML"),
    "no local id": (mapped(a=('local_id = "Stu No"', "")), "local_id is missing"),
    "field dob": (mapped(a=("birth_date =", "dob =")), "did you mean 'birth_date'?"),
    "field SSN": (mapped(a=("last_name =", "SSN =")), "did you mean 'ssn'?"),
    "field surname": (mapped(a=("last_name =", "surname =")), "did you mean 'last_name'?"),
    "key formt": (mapped(a=("date_format", "date_formt")), "did you mean 'date_format'?"),
    "date without a year": (mapped(a=("%m/%d/%Y", "%m/%d")), "it has no year"),
    "unknown directive": (mapped(a=("%m/%d/%Y", "%j/%Y")), "%j is not one of"),
    "column that the file lacks": (mapped(a=('"Last"', '"Lst"')), "'Lst', which the file does not have"),
    "column left over": (mapped(a=('last_name = "Last"\n', "")), "does not account for 'Last'"),
    "header row below the file": (MAPPING + "[file]\nheader_row = 9\n", "it has no line 9"),
    "header row zero": (MAPPING + "[file]\nheader_row = 0\n", "from 1 to 100"),
    "encoding utf-7": (MAPPING + '[file]\nencoding = "utf-7"\n', "must be one of utf-8"),
    "never stored": (
        MAPPING + '[[flags]]\npopulation = "immigrant"\nvalue = "Last"\n',
        "which this index never stores",
    ),
}


def test_there_are_sixty_wrong_inputs():
    assert len(FILES) + len(MAPPINGS) >= 60


def check(result, message):
    assert result.code not in {0, 1, 70}
    assert message in result.err
    assert is_one_line(result.err) or result.code == 4
    assert NAME not in result.out + result.err
    assert "Value error" not in result.err


@pytest.mark.parametrize("case", sorted(FILES))
def test_wrong_file_or_option_is_refused_in_one_clear_line(mpi, home, tmp_path, case):
    name, content, command, message = FILES[case]
    if name is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    result = mpi(*(part.replace("{file}", name or "none.csv") for part in command))
    check(result, message)


@pytest.mark.parametrize("case", sorted(MAPPINGS))
def test_wrong_mapping_is_refused_in_one_clear_line(mpi, home, tmp_path, case):
    text, message = MAPPINGS[case]
    (tmp_path / "s.csv").write_text(OWN)
    (tmp_path / "m.toml").write_text(text)
    check(mpi(*(part.replace("{file}", "s.csv") for part in OWN_LOAD)), message)

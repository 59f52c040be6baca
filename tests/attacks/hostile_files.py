"""Files that a source could send: ordinary ones to change at random, and bombs."""

import io
import json
import tempfile
import zipfile
import zlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from mpi.connectors.connection import read_connection
from mpi.domain.errors import MpiError
from mpi.intake.mapping_reader import load_mapping
from mpi.intake.merges.merge_file import read_merge_file
from mpi.intake.reader import FORMATS, open_file
from tests.oneroster_bundles import Bundle

MARKER = "zz-read-from-outside"
"""Content of a file beside the one that is read, which no row may hold."""
_MEBIBYTE = 1024**2
_ROWS = [
    {"local_id": str(n), "first_name": "Ana", "birth_date": "2013-09-11", "city": "Lima"} for n in range(4)
]
_STUDENT = (
    "<Student><StudentUniqueId>1</StudentUniqueId><Name><FirstName>Ana</FirstName><LastSurname>Ruiz</LastSurname>"
    "</Name><BirthData><BirthDate>2013-09-11</BirthDate></BirthData></Student>"
)
_EDFI = (
    f'<?xml version="1.0"?><InterchangeStudent xmlns="http://ed-fi.org/0200">{_STUDENT}</InterchangeStudent>'
)
_AFCARS = (
    '<acf:data xmlns:acf="http://www.acf.hhs.gov"><E1_title_iv_agency>39</E1_title_iv_agency><records><record>'
    "<E4_child_record_number>R1</E4_child_record_number></record></records></acf:data>"
)
_EDFI_JSON = json.dumps([
    {"studentUniqueId": "1", "firstName": "Ana", "lastSurname": "Ruiz", "birthDate": "2013-09-11",
     "personReference": {"personId": "P1"}},
])  # fmt: skip
_CONNECTION = (
    'system = "oneroster"\nsource = "sis"\nurl = "https://sis.example.org"\n'
    '[sign_in]\nkind = "none"\n[options]\npage_size = 100\n'
)
_MAPPING = (
    'format = "csv"\nlocal_id = "id"\n[fields]\nbirth_date = {column = "b", date_format = ["%d/%m/%Y"]}\n'
    'first_name = "f"\n'
)


def _write_parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", store_schema=False, write_statistics=False)
    return file.getvalue()


def _write_csv() -> bytes:
    lines = [",".join(_ROWS[0]), *(",".join(row.values()) for row in _ROWS)]
    return "\n".join(lines).encode()


def _write_bundle() -> bytes:
    bundle = Bundle("1.2")
    bundle.add_student(1)
    with tempfile.TemporaryDirectory() as folder:
        return bundle.write_zip(Path(folder) / "oneroster.zip").read_bytes()


ORDINARY = {
    "f.csv": _write_csv(),
    "f.ndjson": b"\n".join(json.dumps(row).encode() for row in _ROWS),
    "f.parquet": _write_parquet(pa.Table.from_pylist(_ROWS)),
    "edfi.xml": _EDFI.encode(),
    "afcars.xml": _AFCARS.encode(),
    "mapping.toml": _MAPPING.encode(),
    "edfi.json": _EDFI_JSON.encode(),
    "oneroster.zip": _write_bundle(),
    "merges.csv": b"old_local_id,new_local_id,date,kind\n1,2,2026-03-02,merge\n3,,2026-03-03,reuse\n",
    "connection.toml": _CONNECTION.encode(),
}
"""Content of a small file of each format, by name."""

_SPLICES = st.one_of(
    st.binary(max_size=8),
    st.sampled_from([b"\0", b'"', b"\n", b"<", b"<!--", b"<![CDATA[", b"&#0;", b"{" * 50, b"\xff\xfe",
                     b"\xed\xa0\x80", b"1e999", b"-" * 99, b"9" * 400, "\u202e\u200b".encode()]),
)  # fmt: skip


_READ_AS_ANY = ("f.csv", "f.ndjson", "f.parquet", "edfi.xml", "edfi.json", "oneroster.zip")


@st.composite
def change_bytes(draw, content: bytes) -> bytes:
    """Return a file with bytes cut out, put in or doubled, in up to three places."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 9)))
        content = content[:start] + draw(_SPLICES) + content[end:]
    return content[: draw(st.integers(0, len(content)))] if draw(st.booleans()) else content


def list_bombs(outside: str) -> list[tuple[str, bytes]]:
    """Return name and content of files that ask for too much, or for another file.

    Args:
        outside: path of a file that nothing may read.
    """
    laughs = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10 if n else "ha" * 100}">' for n in range(10))
    bombs = []
    for name, text in (("edfi.xml", _EDFI), ("afcars.xml", _AFCARS)):
        body, root = (
            text.removeprefix('<?xml version="1.0"?>'),
            text.split("<")[1 + text.startswith("<?")].split()[0],
        )
        for entities in (
            laughs + '<!ENTITY e "&a9;">',
            f'<!ENTITY e SYSTEM "file://{outside}">',
            f'<!ENTITY % p SYSTEM "file://{outside}"> %p; <!ENTITY e "x">',
            f'<!ENTITY e "{"x" * 100_000}">',
        ):
            referring = body.replace("Ana", "&e;" * 1_000).replace("R1", "&e;")
            bombs.append((name, f"<!DOCTYPE {root} [{entities}]>{referring}".encode()))
        bombs.append((name, text.replace("Ana", "x" * 20_000_000).replace("R1", "x" * 20_000_000).encode()))
        bombs.append((name, (text.partition(">")[0] + ">" + "<a>" * 200_000).encode()))
    for columns in ("manifest.csv", "users.csv"):
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
            for name in ("manifest.csv", "users.csv", "demographics.csv"):
                file.writestr(name, b"a," * (100 * _MEBIBYTE if name == columns else 1))
        bombs.append(("oneroster.zip", archive.getvalue()))
    zeros = zlib.compress(bytes(200 * _MEBIBYTE), 9, 31)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../f.csv", bytes(50 * _MEBIBYTE))
    for content in (zeros, archive.getvalue()):
        bombs += [(name, content) for name in (*_READ_AS_ANY, "mapping.toml")]
    deep = b"[" * 200_000
    bombs += [("f.ndjson", b'{"local_id": "1", "addresses": ' + deep), ("mapping.toml", b"a = " + deep)]
    bombs += [("edfi.json", deep), ("edfi.json", b'[{"studentUniqueId": "' + b"x" * 20_000_000 + b'"}]')]
    bombs += [
        ("mapping.toml", b"[" + b"a." * 100_000 + b"b]\n"),
        ("mapping.toml", b"a." * 100_000 + b"b = 1\n"),
    ]
    bombs += [("f.ndjson", b'{"local_id": "' + b"x" * 20_000_000 + b'"}'), ("f.csv", b"," * 3_000_000)]
    bombs += [
        ("f.csv", b'local_id\n"' + b"x" * 20_000_000),
        ("f.ndjson", b'{"local_id": ' + b"9" * 1_000_000),
    ]
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 2_048, pa.int32()), pa.array(["x" * 2_000_000]))
    bombs.append(("f.parquet", _write_parquet(pa.table({"local_id": pa.array(range(2_048)), "city": text}))))
    return bombs


def read_hostile(path) -> str:
    """Read a file or mapping as a load does; return its fields as text, empty if it was refused."""
    try:
        if path.name == "connection.toml":
            return repr(read_connection(path, {}))
        if path.suffix == ".toml":
            return repr(load_mapping(path))
        if path.name == "merges.csv":
            return repr(read_merge_file(path, None, None, lambda *_: None))
        file_format = path.stem if path.suffix == ".xml" or path.stem in FORMATS else None
        texts = [repr(getattr(row, "fields", ""))[:10_000] for row in open_file(path, None, file_format)]
    except MpiError as error:
        return str(error) if MARKER in str(error) else ""
    return "".join(texts)

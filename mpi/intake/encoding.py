"""Which encoding a text file is in, judged from its beginning, before a row of it is believed.

Most of a Windows-1252 file is plain ASCII; only its accented names are not UTF-8. To reject those rows one
by one would lose just the children with such names, so the file is refused whole where its bad lines
outnumber the lines that are proper non-ASCII UTF-8.
"""

import codecs

from mpi.domain.errors import FileError

BOM = codecs.BOM_UTF8

SAMPLE_BYTES = 1_048_576
"""How much of a file's beginning is looked at before it is read."""

ENCODINGS = {"utf-8": "utf-8", "cp1252": "windows-1252", "iso8859-1": "iso-8859-1"}
"""Python's name of each encoding that a mapping may name: the name to write."""

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MIN_BAD_LINES = 3


def to_codec_name(encoding: str) -> str | None:
    """Python's own name of an encoding that files may be in; None for any other."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        return None
    name = "utf-8" if name == "utf-8-sig" else name
    return name if name in ENCODINGS else None


def check_encoding(name: str, sample: bytes, encoding: str, *, has_header: bool) -> None:
    """Refuse a file whose beginning is not in its encoding.

    Args:
        name: the file's name, for the message.
        sample: its first bytes, at least the header.
        encoding: Python's name of the encoding it should be in.
        has_header: whether its first line is a header, without which no other line can be read.

    Raises:
        FileError: it is empty, UTF-16, has only carriage returns, or is not UTF-8 throughout.
    """
    if not sample.removeprefix(BOM).strip():
        raise FileError(f"{name}: the file is empty; not even a header line is there")
    if sample.startswith(_UTF16_MARKS) or sample[:64].count(0) * 4 > len(sample[:64]):
        raise FileError(f"{name}: the file is UTF-16; save it as UTF-8")
    if b"\r" in sample and b"\n" not in sample:
        raise FileError(f"{name}: its lines end with a carriage return alone; save it with LF or CRLF")
    if encoding == "utf-8":
        _check_utf8(name, sample, has_header=has_header)


def _check_utf8(name: str, sample: bytes, *, has_header: bool) -> None:
    lines = sample.splitlines()
    if len(lines) > 1 and len(sample) == SAMPLE_BYTES:
        lines.pop()  # may end in the middle of a character
    bad = proper = 0
    for line in lines:
        if line.isascii():
            continue
        if is_utf8(line):
            proper += 1
        else:
            bad += 1
    header_is_bad = has_header and not is_utf8(lines[0])
    if header_is_bad or (bad > proper and (bad >= _MIN_BAD_LINES or bad * 2 > len(lines))):
        remedy = 'set encoding = "windows-1252" under [file] in its mapping'
        raise FileError(
            f"{name}: the file is not UTF-8 ({bad:,} of its first {len(lines):,} lines); if it is "
            f"Windows-1252, {remedy if has_header else 'save it as UTF-8, as JSON must be'}"
        )


def is_utf8(line: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True

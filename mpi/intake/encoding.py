"""Detection of text files in a wrong encoding.

The beginning of a file is judged before any row is read. Most of a Windows-1252 file is plain ASCII; only
its accented names are not UTF-8. To reject those rows one by one would lose just the children with such
names. So a file is refused whole where its bad lines outnumber the lines that are proper non-ASCII UTF-8.
"""

import codecs

from mpi.domain.errors import FileError

BOM = codecs.BOM_UTF8
"""UTF-8 byte order mark."""

SAMPLE_BYTES = 1_048_576
"""Bytes of a file's beginning that are judged before reading."""

ENCODINGS = {"utf-8": "utf-8", "cp1252": "windows-1252", "iso8859-1": "iso-8859-1"}
"""Python's name of each permitted encoding, with the name to write in a mapping."""

_MARKS = ((BOM, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MIN_BAD_LINES = 3


def to_codec_name(encoding: str) -> str | None:
    """Return Python's name of a permitted encoding; None for any other."""
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        return None
    name = "utf-8" if name == "utf-8-sig" else name
    return name if name in ENCODINGS else None


def find_marked_encoding(sample: bytes) -> str | None:
    """Return the encoding that a byte order mark states; None without one."""
    return next((encoding for mark, encoding in _MARKS if sample.startswith(mark)), None)


def check_encoding(name: str, sample: bytes, encoding: str, *, has_header: bool) -> None:
    """Raise where the beginning of a file is not in its encoding.

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
    """Raise where too many of a file's lines are not UTF-8."""
    lines = sample.splitlines()
    if len(lines) > 1 and len(sample) == SAMPLE_BYTES:
        lines.pop()  # may end in the middle of a character
    bad_lines = good_lines = 0
    for line in lines:
        if line.isascii():
            continue
        if is_utf8(line):
            good_lines += 1
        else:
            bad_lines += 1
    header_is_bad = has_header and not is_utf8(lines[0])
    if header_is_bad or (
        bad_lines > good_lines and (bad_lines >= _MIN_BAD_LINES or bad_lines * 2 > len(lines))
    ):
        remedy = 'set encoding = "windows-1252" under [file] in its mapping'
        raise FileError(
            f"{name}: the file is not UTF-8 ({bad_lines:,} of its first {len(lines):,} lines); if it is "
            f"Windows-1252, {remedy if has_header else 'save it as UTF-8, as JSON must be'}"
        )


def is_utf8(line: bytes) -> bool:
    """Return whether bytes are valid UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True

"""Files of the hashes of breached passwords."""

import hashlib

import pytest

from mpi.domain.errors import StoreError
from mpi.service.identity.breached_passwords import BreachedPasswordFile


def hash_of(password: str) -> str:
    return hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()


def write_file(path, passwords, end="\r\n"):
    """Write a file as it is downloaded: sorted, with counts of different lengths."""
    lines = [f"{hash_of(each)}:{10 ** (number % 9)}" for number, each in enumerate(passwords)]
    path.write_bytes((end.join(sorted(lines))).encode())
    return BreachedPasswordFile(path)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("count", [1, 2, 3, 1000])
def test_every_password_of_a_file_is_found_and_no_other(tmp_path, count, end):
    breached = [f"breached {number}" for number in range(count)]
    file = write_file(tmp_path / "hashes.txt", breached, end)
    assert all(file.contains(each) for each in breached)
    assert not any(file.contains(f"unknown {number}") for number in range(1000))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"password\n",
        b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8\n",
        b"5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:many\n",
        b"x" * 10_000,
        b"\x00" * 10_000,
        b"\x1f\x8b\x08" + b"\x00" * 300,
    ],
)
def test_a_file_of_another_format_is_an_error_and_never_a_miss(tmp_path, content):
    path = tmp_path / "hashes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        BreachedPasswordFile(path).contains("seventeen green kettles")
    with pytest.raises(StoreError):
        BreachedPasswordFile(path).check()


def test_a_missing_file_is_an_error(tmp_path):
    for path in (tmp_path / "missing.txt", tmp_path):
        with pytest.raises(StoreError, match="cannot be read"):
            BreachedPasswordFile(path).contains("seventeen green kettles")


def test_an_unsorted_file_is_refused_at_the_start(tmp_path):
    hashes = [hash_of(f"breached {number}") for number in range(50)]
    path = tmp_path / "hashes.txt"
    for lines in (hashes, sorted(hashes, reverse=True)):
        path.write_text("".join(f"{each}:1\n" for each in lines))
        with pytest.raises(StoreError, match="not sorted"):
            BreachedPasswordFile(path).check()
    write_file(path, [f"breached {number}" for number in range(50)]).check()

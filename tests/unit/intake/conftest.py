"""Fixtures that write small files for a test and read them.

``read_content`` takes a file's content and returns its rows; ``make_mapping`` makes a mapping from TOML text.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from mpi.intake.mapping_reader import FileMapping, load_mapping
from mpi.intake.reader import FileRows, open_file
from mpi.intake.rows import CanonicalRow, RejectedRow


@pytest.fixture
def open_content(tmp_path: Path) -> Callable[..., FileRows]:
    def open_file_content(
        content: bytes | str, name: str = "file.csv", mapping: FileMapping | None = None
    ) -> FileRows:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_file(path, mapping, None)

    return open_file_content


@pytest.fixture
def read_content(open_content: Callable[..., FileRows]) -> Callable[..., list[CanonicalRow | RejectedRow]]:
    return lambda *args, **kwargs: list(open_content(*args, **kwargs))


@pytest.fixture
def make_mapping(tmp_path: Path) -> Callable[[str], FileMapping]:
    def load(text: str) -> FileMapping:
        path = tmp_path / "layout.toml"
        path.write_text(text, encoding="utf-8")
        return load_mapping(path)

    return load

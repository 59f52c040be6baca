"""Small files of our own making, written for each test, and a short way to read them.

``read`` takes a file's content and gives its rows; ``mapped`` makes a mapping from TOML text.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from mpi.intake.mapping_reader import FileMapping, load_mapping
from mpi.intake.reader import FileRows, open_file
from mpi.intake.rows import CanonicalRow, RejectedRow


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., FileRows]:
    def open_content(
        content: bytes | str, name: str = "file.csv", mapping: FileMapping | None = None
    ) -> FileRows:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_file(path, mapping, None)

    return open_content


@pytest.fixture
def read(opened: Callable[..., FileRows]) -> Callable[..., list[CanonicalRow | RejectedRow]]:
    return lambda *args, **kwargs: list(opened(*args, **kwargs))


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[str], FileMapping]:
    def load(text: str) -> FileMapping:
        path = tmp_path / "layout.toml"
        path.write_text(text, encoding="utf-8")
        return load_mapping(path)

    return load

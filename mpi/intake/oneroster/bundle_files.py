"""CSV files of a OneRoster bundle: a folder or a ZIP file.

A ZIP file is read where it is, and nothing of it is written to disk.
"""

import zipfile
from functools import partial
from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.containers.zip_file import check_members, list_members, open_member
from mpi.intake.csv_file import CsvTable
from mpi.intake.tabular_file import open_binary

_SUFFIX = ".csv"


class BundleFiles:
    """CSV files of a bundle, by their name without its ending.

    Args:
        path: the folder or ZIP file. A ZIP file may hold them in a folder.

    Raises:
        FileError: it cannot be read, is encrypted, is a ZIP bomb, or has one name twice.

    Attributes:
        sizes: bytes of each file, after decompression.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, Path | zipfile.ZipInfo] = {}
        self.sizes: dict[str, int] = {}
        if path.is_dir():
            for file in sorted(path.iterdir()):
                if file.suffix.casefold() == _SUFFIX and file.is_file():
                    self._add(file.name, file, file.stat().st_size)
        else:
            self._read_directory()

    def open_table(self, name: str) -> CsvTable:
        """Open one of the files.

        Raises:
            FileError: it cannot be read, or its header is unusable.
        """
        member = self._members[name]
        opener = (
            partial(open_binary, member)
            if isinstance(member, Path)
            else partial(open_member, self._path, member)
        )
        return CsvTable(Path(f"{name}{_SUFFIX}"), ",", "utf-8", opener)

    def _read_directory(self) -> None:
        """Read a ZIP file's names, and check what it would become."""
        members = [
            (name, member)
            for name, member in list_members(self._path)
            if Path(name).suffix.casefold() == _SUFFIX
        ]
        check_members(self._path, members)
        for name, member in members:
            self._add(name, member, member.file_size)

    def _add(self, file_name: str, member: Path | zipfile.ZipInfo, size: int) -> None:
        name = file_name[: -len(_SUFFIX)]
        if name in self._members:
            raise FileError(f"{self._path.name}: {file_name} is in it twice")
        self._members[name] = member
        self.sizes[name] = size

"""CSV files of a OneRoster bundle: a folder or a ZIP file.

A ZIP file is read where it is, and nothing of it is written to disk.
"""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from mpi.domain.errors import FileError
from mpi.intake.csv_file import CsvTable
from mpi.intake.tabular_file import open_binary

MAX_BYTES = 20_000_000_000
"""Most bytes of a bundle's files, after decompression."""
MAX_RATIO = 200
"""Most bytes that a compressed byte may become; rosters have ten to thirty."""
MAX_MEMBERS = 1_000
"""Most files in a ZIP file."""
_SUFFIX = ".csv"
_IS_ENCRYPTED = 1


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

        @contextmanager
        def open_member() -> Iterator[BinaryIO]:
            if isinstance(member, Path):
                with open_binary(member) as file:
                    yield file
                return
            # The reader ends after the size that was checked, whatever follows.
            with (
                _explain_zip_errors(self._path),
                zipfile.ZipFile(self._path) as archive,
                archive.open(member) as file,
            ):
                yield cast("BinaryIO", file)

        return CsvTable(Path(f"{name}{_SUFFIX}"), ",", "utf-8", open_member)

    def _read_directory(self) -> None:
        """Read the names of a ZIP file, and check what it would become."""
        with _explain_zip_errors(self._path), zipfile.ZipFile(self._path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise FileError(f"{self._path.name}: more than {MAX_MEMBERS:,} files in it")
            for member in members:
                name = PurePosixPath(member.filename.replace("\\", "/"))
                if member.is_dir() or name.suffix.casefold() != _SUFFIX or name.name.startswith("."):
                    continue
                self._check_member(member, name.name)
                self._add(name.name, member, member.file_size)
        if sum(self.sizes.values()) > MAX_BYTES:
            raise FileError(f"{self._path.name}: it would become more than {MAX_BYTES:,} bytes")

    def _check_member(self, member: zipfile.ZipInfo, name: str) -> None:
        if member.flag_bits & _IS_ENCRYPTED:
            raise FileError(f"{self._path.name}: {name} is encrypted; decrypt it first")
        if member.file_size > MAX_RATIO * max(member.compress_size, MAX_RATIO):
            raise FileError(
                f"{self._path.name}: {name} would become more than {MAX_RATIO} times as large as "
                "it is, which no roster does"
            )

    def _add(self, file_name: str, member: Path | zipfile.ZipInfo, size: int) -> None:
        name = file_name[: -len(_SUFFIX)]
        if name in self._members:
            raise FileError(f"{self._path.name}: {file_name} is in it twice")
        self._members[name] = member
        self.sizes[name] = size


@contextmanager
def _explain_zip_errors(path: Path) -> Iterator[None]:
    """Raise FileError where a ZIP file cannot be read."""
    try:
        yield
    except OSError as error:
        raise FileError(f"{path.name}: cannot be opened: {error.strerror or 'it cannot be read'}") from None
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise FileError(f"{path.name}: this is no whole ZIP file ({type(error).__name__})") from None

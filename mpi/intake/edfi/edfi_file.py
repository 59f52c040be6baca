"""Reader of Ed-Fi files and folders, in XML and JSON.

Students are read as a stream. What other files of the folder say of a student (contacts, programs,
enrollments, characteristics) is read first and held in memory; a single file of students needs none.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from mpi.domain.errors import FileError
from mpi.intake.edfi.assembly import StudentAssembly
from mpi.intake.edfi.json_items import JsonFile
from mpi.intake.edfi.resources import RESOURCES, STUDENTS
from mpi.intake.edfi.xml_items import find_resource, make_item
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.xml_stream import XmlFile, XmlRecord

STUDENT_ROOT = "InterchangeStudent"
"""Root element of the XML files that hold students."""

JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})

_TOO_LARGE_DETAIL = "the record is longer than a row may be"
_RESOURCE_NAME = re.compile(r"[a-z0-9]+", re.IGNORECASE)
_RESOURCE_OF_NAME = {name.lower(): name for name in RESOURCES}


class EdfiFile:
    """Ed-Fi students, read as canonical rows.

    Args:
        path: one file of students, or a folder. In a folder, a JSON file holds the resource that its name
            begins with, such as ``students_1.json``.

    Raises:
        FileError: there are no students, or an XML file is no XML.
    """

    def __init__(self, path: Path) -> None:
        self._xml_students: list[XmlFile] = []
        self._xml_details: list[XmlFile] = []
        self._json_students: list[JsonFile] = []
        self._json_details: list[tuple[str, JsonFile]] = []
        for file in list_edfi_files(path):
            self._add_file(file, STUDENTS if file == path else _find_json_resource(file))
        self._assembly = StudentAssembly()
        if not self._xml_students and not self._json_students:
            raise FileError(
                f"{path.name}: no XML file of it has {STUDENT_ROOT} as its root element, and no JSON file is "
                f"named {STUDENTS}"
            )

    def _add_file(self, path: Path, json_resource: str | None) -> None:
        if not _is_json(path):
            file = XmlFile(path, record_depth=1)
            holds_students = file.read_root_name() == STUDENT_ROOT
            (self._xml_students if holds_students else self._xml_details).append(file)
        elif json_resource == STUDENTS:
            self._json_students.append(JsonFile(path))
        elif json_resource:
            self._json_details.append((json_resource, JsonFile(path)))

    @property
    def position(self) -> int:
        """Number of bytes read so far, over all files."""
        json_files = [*self._json_students, *(file for _, file in self._json_details)]
        xml_files = [*self._xml_students, *self._xml_details]
        return sum(file.position for file in json_files) + sum(file.position for file in xml_files)

    def rows(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield a canonical row for each Ed-Fi student.

        An object that cannot be read is a rejected row, in whichever JSON file it is.
        """
        yield from self._read_details()
        for xml_file in self._xml_students:
            for record in xml_file.records(frozenset(("Student",))):
                yield self._make_xml_row(record)
        for json_file in self._json_students:
            for found in json_file.objects():
                if isinstance(found.outcome, str):
                    yield found.reject()
                else:
                    yield CanonicalRow(found.line, found.offset, self._assembly.make_fields(found.outcome))

    def _read_details(self) -> Iterator[RejectedRow]:
        """Read other files; yield objects that cannot be read."""
        for xml_file in self._xml_details:
            for record in xml_file.records():
                if record.element is not None and (resource := find_resource(record.element)):
                    self._assembly.add(resource, make_item(record.element))
        for resource, json_file in self._json_details:
            for found in json_file.objects():
                if isinstance(found.outcome, str):
                    yield found.reject()
                else:
                    self._assembly.add(resource, found.outcome)

    def _make_xml_row(self, record: XmlRecord) -> CanonicalRow | RejectedRow:
        if record.element is None:
            return RejectedRow(record.line, record.offset, "field-too-large", _TOO_LARGE_DETAIL)
        return CanonicalRow(record.line, record.offset, self._assembly.make_fields(make_item(record.element)))


def list_edfi_files(path: Path) -> list[Path]:
    """Return the files to read of an Ed-Fi file or folder, sorted.

    JSON files of other resources are left out.
    """
    if not path.is_dir():
        return [path]
    return sorted(
        file
        for file in path.iterdir()
        if file.is_file() and (file.suffix == ".xml" or (_is_json(file) and _find_json_resource(file)))
    )


def _is_json(path: Path) -> bool:
    return path.suffix.lower() in JSON_SUFFIXES


def _find_json_resource(path: Path) -> str | None:
    """Return the resource that a JSON file's name begins with."""
    name = _RESOURCE_NAME.match(path.name)
    return _RESOURCE_OF_NAME.get(name[0].lower()) if name else None

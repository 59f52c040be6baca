"""Ed-Fi 5.2 interchange XML: a file of students, or a folder with what other files say about them.

Students stream. What the other files say of a student (contacts, programs, enrolments, characteristics)
is gathered first and held in memory, some 4 KB a student (two contacts each, measured on the Ed-Fi sample); a
single file of students needs none.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from mpi.domain.errors import FileError
from mpi.intake import edfi_student as edfi
from mpi.intake.rows import RejectedRow, SentRow
from mpi.intake.xml_stream import XmlFile, XmlRecord, child_text, descriptor

STUDENTS = "InterchangeStudent"
"""Root of the files that hold students."""

_TOO_LARGE = "the record is longer than a row may be"


class EdfiFile:
    """Ed-Fi students as canonical rows.

    Args:
        path: one interchange file of students, or a folder of interchange files.

    Raises:
        FileError: there are no students, or a file is no XML.
    """

    def __init__(self, path: Path) -> None:
        paths = sorted(path.glob("*.xml")) if path.is_dir() else [path]
        files = [(XmlFile(file, record_depth=1), file) for file in paths]
        roots = [(file, file.root()) for file, _ in files]
        self._students = [file for file, root in roots if root == STUDENTS]
        self._beside = [file for file, root in roots if root != STUDENTS]
        self._contacts: dict[str, edfi.Contact] = {}
        self._about: dict[str, edfi.About] = defaultdict(edfi.About)
        if not self._students:
            raise FileError(f"{path.name}: no file of it has {STUDENTS} as its root element")

    @property
    def position(self) -> int:
        """Bytes read, of all files together."""
        return sum(file.position for file in (*self._students, *self._beside))

    def rows(self) -> Iterator[SentRow | RejectedRow]:
        """Yield a row for each ``Student``."""
        for file in self._beside:
            for record in file.records():
                if record.element is not None:
                    self._gather(record.element)
        for file in self._students:
            for record in file.records(frozenset(("Student",))):
                yield self._row(record)

    def _row(self, record: XmlRecord) -> SentRow | RejectedRow:
        if record.element is None:
            return RejectedRow(record.line, record.offset, "field-too-large", _TOO_LARGE)
        key = child_text(record.element, "StudentUniqueId") or ""
        sent = edfi.student_fields(record.element, self._about.get(key), self._contacts)
        return SentRow(record.line, record.offset, sent)

    def _gather(self, element: Element) -> None:
        if element.tag == "Contact":
            found = edfi.contact(element)
            for key in (element.get("id"), child_text(element, "ContactUniqueId")):
                if key:
                    self._contacts[key] = found
            return
        student = child_text(element, "StudentReference", "StudentIdentity", "StudentUniqueId")
        if student is None:
            return
        if element.tag == "StudentContactAssociation":
            self._link(self._about[student], element)
        elif element.tag == "StudentEducationOrganizationAssociation":
            edfi.add(self._about[student].fields, edfi.description(element))
        elif element.tag == "StudentSchoolAssociation":
            self._about[student].enrollments.append(edfi.enrollment(element))
        elif flag := edfi.program_flag(element):
            self._about[student].flags.append(flag)

    def _link(self, about: edfi.About, element: Element) -> None:
        reference = element.find("ContactReference")
        key = None if reference is None else reference.get("ref")
        key = key or child_text(reference, "ContactIdentity", "ContactUniqueId")
        if key:
            relation = descriptor(child_text(element, "Relation"))
            about.contacts.append((key, relation, child_text(element, "LivesWith") == "true"))

"""Reader of Ed-Fi 5.2 interchange XML files and folders.

Students are read as a stream. What other files of the folder say of a student (contacts, programs,
enrollments, characteristics) is read first and held in memory, some 4 KB a student (two contacts each,
measured on the Ed-Fi sample); a single file of students needs none.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from mpi.domain.errors import FileError
from mpi.intake import edfi_student as edfi
from mpi.intake.rows import CanonicalRow, RejectedRow
from mpi.intake.xml_stream import XmlFile, XmlRecord, read_child_text, to_descriptor_code

STUDENT_ROOT = "InterchangeStudent"
"""Root element of the files that hold students."""

_TOO_LARGE_DETAIL = "the record is longer than a row may be"


class EdfiFile:
    """Ed-Fi students, read as canonical rows.

    Args:
        path: one interchange file of students, or a folder of interchange files.

    Raises:
        FileError: there are no students, or a file is no XML.
    """

    def __init__(self, path: Path) -> None:
        paths = sorted(path.glob("*.xml")) if path.is_dir() else [path]
        files = [(XmlFile(file, record_depth=1), file) for file in paths]
        roots = [(file, file.read_root_name()) for file, _ in files]
        self._student_files = [file for file, root in roots if root == STUDENT_ROOT]
        self._detail_files = [file for file, root in roots if root != STUDENT_ROOT]
        self._contacts: dict[str, edfi.StudentContact] = {}
        self._details_of: dict[str, edfi.StudentDetails] = defaultdict(edfi.StudentDetails)
        if not self._student_files:
            raise FileError(f"{path.name}: no file of it has {STUDENT_ROOT} as its root element")

    @property
    def position(self) -> int:
        """Number of bytes read so far, over all interchange files."""
        return sum(file.position for file in (*self._student_files, *self._detail_files))

    def rows(self) -> Iterator[CanonicalRow | RejectedRow]:
        """Yield a canonical row for each Ed-Fi student."""
        for file in self._detail_files:
            for record in file.records():
                if record.element is not None:
                    self._read_details(record.element)
        for file in self._student_files:
            for record in file.records(frozenset(("Student",))):
                yield self._make_row(record)

    def _make_row(self, record: XmlRecord) -> CanonicalRow | RejectedRow:
        if record.element is None:
            return RejectedRow(record.line, record.offset, "field-too-large", _TOO_LARGE_DETAIL)
        key = read_child_text(record.element, "StudentUniqueId") or ""
        fields = edfi.read_student(record.element, self._details_of.get(key), self._contacts)
        return CanonicalRow(record.line, record.offset, fields)

    def _read_details(self, element: Element) -> None:
        """Store what an XML element of another file says about a student."""
        if element.tag == "Contact":
            contact = edfi.read_contact(element)
            for key in (element.get("id"), read_child_text(element, "ContactUniqueId")):
                if key:
                    self._contacts[key] = contact
            return
        student = read_child_text(element, "StudentReference", "StudentIdentity", "StudentUniqueId")
        if student is None:
            return
        if element.tag == "StudentContactAssociation":
            self._read_contact_association(self._details_of[student], element)
        elif element.tag == "StudentEducationOrganizationAssociation":
            edfi.merge_fields(self._details_of[student].fields, edfi.read_description(element))
        elif element.tag == "StudentSchoolAssociation":
            self._details_of[student].enrollments.append(edfi.read_enrollment(element))
        elif flag := edfi.read_program_flag(element):
            self._details_of[student].flags.append(flag)

    def _read_contact_association(self, details: edfi.StudentDetails, element: Element) -> None:
        """Store a contact's relationship to a student."""
        reference = element.find("ContactReference")
        key = None if reference is None else reference.get("ref")
        key = key or read_child_text(reference, "ContactIdentity", "ContactUniqueId")
        if key:
            relation = to_descriptor_code(read_child_text(element, "Relation"))
            details.contacts.append((key, relation, read_child_text(element, "LivesWith") == "true"))

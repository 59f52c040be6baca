"""Assembly of a student's canonical fields from items about the student."""

from collections import defaultdict

from mpi.intake.edfi import resources
from mpi.intake.edfi.items import Item, read_code, read_object, read_text
from mpi.intake.edfi.student import (
    Fields,
    StudentContact,
    StudentDetails,
    merge_fields,
    read_contact,
    read_description,
    read_enrollment,
    read_identification_code,
    read_program_flag,
    read_student,
)


class StudentAssembly:
    """What items other than students say, held until their students come.

    It takes some 4 KB a student in memory (two contacts each, measured on the Ed-Fi sample).
    """

    def __init__(self) -> None:
        self._contacts: dict[str, StudentContact] = {}
        self._details_of: dict[str, StudentDetails] = defaultdict(StudentDetails)

    def add(self, resource: str, item: Item) -> None:
        """Store what an item says about a student, or a contact.

        Items of other resources, and items that name no student, say nothing.
        """
        if resource in resources.CONTACTS:
            contact = read_contact(item)
            for key in (read_text(item, "id"), resources.find_contact_id(item)):
                if key:
                    self._contacts[key] = contact
            return
        student = resources.find_student_id(item)
        if student is None or resource == resources.STUDENTS or resource not in resources.RESOURCES:
            return
        details = self._details_of[student]
        if resource in resources.CONTACT_ASSOCIATIONS:
            _add_contact(details, item)
        elif resource in resources.DESCRIPTIONS:
            merge_fields(details.fields, read_description(item))
        elif resource == resources.IDENTIFICATION_CODES:
            merge_fields(details.fields, read_identification_code(item))
        elif resource == resources.ENROLLMENTS:
            details.enrollments.append(read_enrollment(item))
        else:
            details.flags.append(read_program_flag(resource, item))

    def make_fields(self, student: Item) -> Fields:
        """Return a student's canonical fields from all that is stored."""
        key = resources.find_student_id(student) or ""
        return read_student(student, self._details_of.get(key), self._contacts)


def _add_contact(details: StudentDetails, item: Item) -> None:
    """Store a contact's relationship to a student."""
    reference = read_object(item, "contactReference") or read_object(item, "parentReference")
    key = read_text(reference, "ref") or resources.find_contact_id(item)
    if key:
        relation = read_code(item, "relationDescriptor")
        details.contacts.append((key, relation, read_text(item, "livesWith") == "true"))

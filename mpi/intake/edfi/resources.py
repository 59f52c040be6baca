"""Resources of the Ed-Fi API that tell of a student.

Until Data Standard 5 a contact is called a parent. From Data Standard 6 on, what
``studentEducationOrganizationAssociations`` said stands in three resources: demographics, directory
and identification codes.
"""

from mpi.intake.edfi.items import Item, read_text

STUDENTS = "students"
CONTACTS = frozenset({"contacts", "parents"})
CONTACT_ASSOCIATIONS = frozenset({"studentContactAssociations", "studentParentAssociations"})
ENROLLMENTS = "studentSchoolAssociations"
IDENTIFICATION_CODES = "studentIdentificationCodes"
DESCRIPTIONS = frozenset(
    {"studentEducationOrganizationAssociations", "studentDemographics", "studentDirectories"}
)
"""Resources that describe a student as one education organization knows the student."""

POPULATION_OF_PROGRAM = {
    "studentHomelessProgramAssociations": ("homeless", "McKinney-Vento"),
    "studentLanguageInstructionProgramAssociations": ("english_learner", "ESEA Title III"),
    "studentMigrantEducationProgramAssociations": ("migrant", "ESEA Title I-C"),
    "studentNeglectedOrDelinquentProgramAssociations": ("neglected_or_delinquent", "ESEA Title I-D"),
    "studentSection504ProgramAssociations": ("section_504", "Section 504"),
    "studentSpecialEducationProgramAssociations": ("disability", "IDEA"),
}
"""Program associations that mark a population, with the law that defines it."""

RESOURCES = frozenset({
    STUDENTS, ENROLLMENTS, IDENTIFICATION_CODES, *CONTACTS, *CONTACT_ASSOCIATIONS, *DESCRIPTIONS,
    *POPULATION_OF_PROGRAM,
})  # fmt: skip
"""All resources that are read."""


def find_student_id(item: Item) -> str | None:
    """Return the unique ID of the student whom an item names."""
    return read_text(item, "studentUniqueId") or read_text(item, "studentReference", "studentUniqueId")


def find_contact_id(item: Item) -> str | None:
    """Return the unique ID of the contact whom an item names."""
    for name in ("contact", "parent"):
        found = read_text(item, f"{name}UniqueId") or read_text(item, f"{name}Reference", f"{name}UniqueId")
        if found:
            return found
    return None

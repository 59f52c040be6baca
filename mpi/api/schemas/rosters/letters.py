"""API schemas of local match and of what an enrollment needs."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.request.json_body import JsonBody
from mpi.api.schemas.rosters.lists import CaseworkerOut, RosterRecordOut
from mpi.service.rosters.enroll_today import StatedBy
from mpi.service.rosters.local_match import LetterAnswer, PlacementLetter
from mpi.service.rosters.own_students import StudentQuery, StudentState

_STUDENT: dict[str, Any] = {"source": "D01-SIS", "local_id": "12345"}


class StudentBody(JsonBody):
    """The caller's own student: the student number, or names and birth date."""

    model_config = ConfigDict(json_schema_extra={"example": _STUDENT})

    source: str | None = Field(None, description="Code of the school's source. Default: any of one's own.")
    local_id: str | None = Field(None, description="The school's student number.")
    first_name: str | None = Field(None, description="First name, where no number is given.")
    last_name: str | None = Field(None, description="Last name, where no number is given.")
    birth_date: str | None = Field(None, description="Birth date, where no number is given.")

    def to_student(self) -> StudentQuery:
        """Return the student whom the body names."""
        return StudentQuery(self.local_id, self.source, self.first_name, self.last_name, self.birth_date)


class LocalMatchBody(StudentBody):
    """The caller's own student, and the number on a placement letter."""

    model_config = ConfigDict(json_schema_extra={"example": {**_STUDENT, "client_number": "10000180"}})

    client_number: str | None = Field(None, description="Child welfare's number of the child.")
    case_number: str | None = Field(
        None, description="Child welfare's number of the case, instead of the client number."
    )

    def to_letter(self) -> PlacementLetter:
        """Return the letter whose number the body holds."""
        return PlacementLetter(self.client_number, self.case_number)


class LocalMatchOut(BaseModel):
    """Whether the student is the child of the letter."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {"answer": "yes", "student": _STUDENT, "student_state": "found", "is_covered": True}
        },
    )

    answer: LetterAnswer = Field(
        description="`yes`: the student is this child, and in care today. `waiting`: the records are "
        "alike, and a steward has to decide. `no`: anything else."
    )
    student: RosterRecordOut | None = Field(
        description="The caller's own record; null where no single one is named."
    )
    student_state: StudentState | None = Field(
        description="Whether it is one of the caller's students; null where that would tell who is in care."
    )
    is_covered: bool = Field(
        description="Whether the agreement lets the caller know, for this purpose, who is in care."
    )


class SchoolOfficeOut(BaseModel):
    """Office of a school that sends a student's records."""

    model_config = ConfigDict(from_attributes=True)

    registrar: str | None = Field(description="Name of the registrar or the office.")
    phone: str | None = Field(description="Telephone number.")
    email: str | None = Field(description="Mail address.")


class LastSchoolOut(BaseModel):
    """The school that a student attended before the present one."""

    model_config = ConfigDict(from_attributes=True)

    school_id: str = Field(description="The school.")
    district_id: str | None = Field(description="Its district; null where the record does not say.")
    grade: str | None = Field(description="Grade there.")
    entry_date: str | None = Field(description="First day there.")
    exit_date: str | None = Field(description="First day after it.")
    stated_by: StatedBy = Field(description="Kind of agency whose record says so.")
    office: SchoolOfficeOut | None = Field(description="Office that sends the records.")


class EnrollmentStartOut(BaseModel):
    """What a school needs to enroll a student.

    What the agreement does not permit is null.
    """

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "day": "2026-12-01",
                "student": _STUDENT,
                "first_name": "Marisol",
                "last_name": "Quennell",
                "birth_date": "2013-07-04",
                "school_id": "2001",
                "district_id": "D01",
                "grade": "07",
                "entry_date": "2026-12-01",
                "last_school": {
                    "school_id": "1042",
                    "district_id": "D77",
                    "grade": "07",
                    "entry_date": "2025-08-20",
                    "exit_date": "2026-11-20",
                    "stated_by": "child-welfare",
                    "office": {
                        "registrar": "Ann Lee",
                        "phone": "614-555-0199",
                        "email": "a@d77.example",
                    },
                },
                "is_withheld": False,
                "caseworker": None,
            }
        },
    )

    day: str = Field(description="The day that it shows (UTC).")
    student: RosterRecordOut = Field(description="The caller's own record.")
    first_name: str | None = Field(description="First name on it.")
    last_name: str | None = Field(description="Last name on it.")
    birth_date: str | None = Field(description="Birth date on it.")
    school_id: str | None = Field(description="School where the student is enrolled.")
    district_id: str | None = Field(description="Its district.")
    grade: str | None = Field(description="Grade there.")
    entry_date: str | None = Field(description="First day there.")
    last_school: LastSchoolOut | None = Field(description="The school before; null where none may be told.")
    is_withheld: bool = Field(
        description="Whether the child's whereabouts are confidential, so that no record of another agency "
        "tells a school."
    )
    caseworker: CaseworkerOut | None = Field(description="The child's caseworker.")

"""API schemas of a district's students in care and a caseworker's children."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mpi.api.schemas.parameters import NoQuery
from mpi.api.schemas.rosters.contacts import CONTACT_EXAMPLE, ContactOut
from mpi.domain.children.items import ItemKind, ItemOwner
from mpi.service.rosters.children import MissingSchool
from mpi.service.rosters.students import PAGE_SIZE, Show

MAX_LIMIT = 500
_EID = "T7K3-M92Q-X0HN"
_CASEWORKER: dict[str, Any] = {
    "code": "cal", "name": "Cal Osei", "phone": "614-555-0100", "email": "cal@agency.example",
}  # fmt: skip
_ITEM: dict[str, Any] = {
    "kind": "best_interest_decision", "owner": "caseworker", "party": "CCWIS",
    "value": {"best_interest_decision": "stay", "best_interest_date": "2026-11-30"}, "as_of": "2026-12-01",
    "stated_by": "CCWIS", "due": None, "days_left": None,
}  # fmt: skip
_CLOCK: dict[str, Any] = {"known": 1, "median": 2, "p90": 2, "open_by_reason": {}, "limit": 3, "late": 0}


class StudentsQuery(NoQuery):
    """Query for a page of the students in care."""

    show: Show = Field(
        Show.ALL,
        description="`all` who are in care today, the `new` ones since the last visit, those who `entered` "
        "care this week, or who `left` it.",
    )
    first: int = Field(0, ge=0, lt=2**31, description="`next` of the page before; 0 from the beginning.")
    limit: int = Field(PAGE_SIZE, ge=1, le=MAX_LIMIT, description="Maximum number of students.")


class ChildrenQuery(NoQuery):
    """Query for the children of a caseworker."""

    caseworker: str | None = Field(
        None,
        max_length=200,
        description="Code of the caseworker, as the caseload names it. Default: the caller.",
    )


class RosterRecordOut(BaseModel):
    """A record on a list."""

    model_config = ConfigDict(from_attributes=True)

    source: str = Field(description="Code of the record's source.")
    local_id: str = Field(description="The source's own ID of the record.")


class CaseworkerOut(BaseModel):
    """A child's caseworker."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _CASEWORKER})

    code: str = Field(description="Code of the caseworker.")
    name: str = Field(description="Full name.")
    phone: str | None = Field(description="Telephone number.")
    email: str | None = Field(description="Mail address.")


class SchoolClockOut(BaseModel):
    """How soon the schools of children in care became known."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _CLOCK})

    known: int = Field(
        description="Number of children whose school is known, of stays that began within a year."
    )
    median: int | None = Field(description="Days within which half of these schools were known.")
    p90: int | None = Field(description="Days within which nine of ten were known.")
    open_by_reason: dict[str, int] = Field(description="Number of children without a school, by reason.")
    limit: int | None = Field(description="Days that the clock `school_known` of the agreement allows.")
    late: int = Field(
        description="Number of children without a school for longer than that. Those whose first day in care "
        "is not known do not count."
    )


class ChildItemOut(BaseModel):
    """One item that has to be known of a child."""

    model_config = ConfigDict(from_attributes=True, json_schema_extra={"example": _ITEM})

    kind: ItemKind = Field(description="What it is; also the field that the agreement names.")
    owner: ItemOwner = Field(description="Role of who answers for it.")
    party: str | None = Field(description="Code of the source whose office that is.")
    value: dict[str, str] | None = Field(
        description="Values by column of the file of items; null where nobody has stated it."
    )
    as_of: str | None = Field(description="Latest day for which it was stated.")
    stated_by: str | None = Field(description="Code of the source that states it.")
    due: str | None = Field(description="Day by which a missing item is due under the agreement's clock.")
    days_left: int | None = Field(description="Days until then, negative afterwards.")


class StudentOut(BaseModel):
    """A student in care. What the agreement does not permit is null."""

    model_config = ConfigDict(from_attributes=True)

    record: RosterRecordOut = Field(description="The school's own record.")
    enterprise_id: str = Field(description="Enterprise ID of the child.")
    first_name: str | None = Field(description="First name on the school's record.")
    last_name: str | None = Field(description="Last name on the school's record.")
    birth_date: str | None = Field(description="Birth date on the school's record.")
    school_id: str | None = Field(description="School where the child is enrolled.")
    grade: str | None = Field(description="Grade there.")
    entry_date: str | None = Field(description="First day there.")
    days_enrolled: int | None = Field(description="Days since then.")
    in_care_since: str | None = Field(description="First day in care; null for a child who has left.")
    is_new: bool = Field(description="Whether the child was not on the list at the last visit.")
    has_entered: bool = Field(description="Whether the child entered care this week.")
    has_left: bool = Field(description="Whether the child was on the list this week and has left it.")
    school_of_origin: str | None = Field(
        description="School of this district in which the child was enrolled when entering care."
    )
    caseworker: CaseworkerOut | None = Field(description="The child's caseworker.")
    items: list[ChildItemOut] = Field(description="What has to be known of the child.")


class StudentRosterOut(BaseModel):
    """A page of a district's students who are in care."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "day": "2026-12-01",
                "students": [
                    {
                        "record": {"source": "D01-SIS", "local_id": "12345"},
                        "enterprise_id": _EID,
                        "first_name": "Marisol",
                        "last_name": "Quennell",
                        "birth_date": "2013-07-04",
                        "school_id": "1042",
                        "grade": "07",
                        "entry_date": "2026-08-20",
                        "days_enrolled": 103,
                        "in_care_since": "2026-11-28",
                        "is_new": True,
                        "has_entered": True,
                        "has_left": False,
                        "school_of_origin": "1042",
                        "caseworker": _CASEWORKER,
                        "items": [_ITEM],
                    }
                ],
                "counts": {"all": 1, "new": 1, "entered": 1, "left": 0},
                "schools": ["D01-SIS"],
                "is_covered": True,
                "last_visit": "2026-11-30",
                "clock": _CLOCK,
                "next": None,
                "contacts": [{**CONTACT_EXAMPLE, "level": "agency", "code": "CCWIS"}],
            }
        },
    )

    day: str = Field(description="The day that the list shows (UTC).")
    students: list[StudentOut] = Field(description="The students, newest stay in care first.")
    counts: dict[str, int] = Field(description="Number of students of each part of the list.")
    schools: list[str] = Field(description="Codes of the sources whose students they are.")
    is_covered: bool = Field(
        description="Whether the agreement lets the caller know, for this purpose, who is in care."
    )
    last_visit: str | None = Field(description="Day of the caller's last visit before today.")
    clock: SchoolClockOut | None = Field(description="How soon the schools became known.")
    next: int | None = Field(description="`first` of the next page; null on the last.")
    contacts: list[ContactOut] = Field(
        description="Points of contact of the child-welfare agencies on the list, then the state's."
    )


class SchoolOut(BaseModel):
    """Where a child goes to school."""

    model_config = ConfigDict(from_attributes=True)

    record: RosterRecordOut = Field(description="The school's record.")
    school_id: str | None = Field(description="The school.")
    district_id: str | None = Field(description="Its district.")
    grade: str | None = Field(description="Grade there.")
    entry_date: str | None = Field(description="First day there.")
    days_enrolled: int | None = Field(description="Days since then.")
    contact: ContactOut | None = Field(description="The point of contact of the district.")


class SiblingOut(BaseModel):
    """A child in care, with the child's schools."""

    model_config = ConfigDict(from_attributes=True)

    record: RosterRecordOut = Field(description="The child-welfare record.")
    enterprise_id: str = Field(description="Enterprise ID of the child.")
    first_name: str | None = Field(description="First name on this record.")
    last_name: str | None = Field(description="Last name on this record.")
    birth_date: str | None = Field(description="Birth date on this record.")
    in_care_since: str | None = Field(description="First day in care.")
    schools: list[SchoolOut] = Field(description="Where the child is enrolled today; mostly one.")
    missing: MissingSchool | None = Field(description="Why there is no school; null where there is one.")


class ChildOut(SiblingOut):
    """A child of a caseworker."""

    siblings: list[SiblingOut] = Field(description="Children of the same household who are in care too.")
    items: list[ChildItemOut] = Field(description="What has to be known of the child.")


class ChildRosterOut(BaseModel):
    """The children of a caseworker."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "example": {
                "day": "2026-12-01",
                "caseworker": "cal",
                "children": [
                    {
                        "record": {"source": "CCWIS", "local_id": "10000180"},
                        "enterprise_id": _EID,
                        "first_name": "Marisol",
                        "last_name": "Quennell",
                        "birth_date": "2013-07-04",
                        "in_care_since": "2026-11-28",
                        "schools": [],
                        "missing": "no-candidate",
                        "siblings": [],
                        "items": [_ITEM],
                    }
                ],
                "clock": {
                    **_CLOCK,
                    "known": 0,
                    "median": None,
                    "p90": None,
                    "open_by_reason": {"no-candidate": 1},
                },
                "is_known": True,
                "contacts": [{**CONTACT_EXAMPLE, "level": "state", "code": ""}],
            }
        },
    )

    day: str = Field(description="The day that the list shows (UTC).")
    caseworker: str = Field(description="Code of the caseworker.")
    children: list[ChildOut] = Field(description="The children, those without a school first.")
    clock: SchoolClockOut | None = Field(description="How soon the schools became known.")
    is_known: bool = Field(description="Whether a caseload names the caseworker for any child.")
    contacts: list[ContactOut] = Field(description="The state's points of contact.")

"""Pages of a district's students in care, and of a caseworker's children."""

from collections.abc import Collection, Iterator, Mapping

from fastapi import APIRouter, Request
from starlette.responses import Response

from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.csv_file import render_csv
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.rosters.school_names import SchoolNamer
from mpi.api.pages.session.page_context import VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.service.rosters.case_plan import read_case_plan
from mpi.service.rosters.children import ChildInCare, ChildRoster, School, export_children, read_children
from mpi.service.rosters.item_file import ITEM_COLUMNS
from mpi.service.rosters.items import ChildItem
from mpi.service.rosters.school_directory import load_school_directory
from mpi.service.rosters.students import (
    PAGE_SIZE,
    Show,
    StudentInCare,
    export_students,
    read_students,
)

router = APIRouter(include_in_schema=False, route_class=PageRoute)
_STUDENT_COLUMNS = (
    "source", "local_id", "enterprise_id", "first_name", "last_name", "birth_date", "school_id", "grade",
    "entry_date", "days_enrolled", "in_care_since", "is_new", "has_entered", "has_left", "school_of_origin",
)  # fmt: skip
_CASEWORKER_COLUMNS = ("caseworker", "caseworker_phone", "caseworker_email")
_CHILD_COLUMNS = (
    "source", "local_id", "enterprise_id", "first_name", "last_name", "birth_date", "in_care_since",
    "school_source", "school_local_id", "school_id", "district_id", "grade", "entry_date", "reason",
    "siblings",
)  # fmt: skip
_ITEM_COLUMNS = (*(name for columns in ITEM_COLUMNS.values() for name in columns), "missing_items")
_CONTACT_COLUMNS = ("contact", "contact_phone", "contact_email")
_MAX_DIGITS = 7


@router.get("/students-in-care")
def show_students(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Show the district's own students who are in care today."""
    show = _read_show(request.query_params)
    first = _read_first(request.query_params)
    roster = read_students(index, visit.viewer, show, first)
    return render_page(
        "students_in_care.html",
        visit=visit,
        roster=roster,
        show=show,
        parts_of_list=tuple(Show),
        name_school=SchoolNamer(load_school_directory(index)),
        next_page=None if roster.next is None else f"/students-in-care?show={show}&first={roster.next}",
        first_page=None if first == 0 else f"/students-in-care?show={show}",
        range=(first + 1, first + len(roster.students)),
        page_size=PAGE_SIZE,
    )


@router.get("/students-in-care.csv")
def export_students_file(request: Request, index: IndexDep, visit: VisitDep) -> Response:
    """Send the list of students as a CSV file."""
    roster = export_students(index, visit.viewer, _read_show(request.query_params))
    header = (*_STUDENT_COLUMNS, *_CASEWORKER_COLUMNS, *map(_name_item_column, _ITEM_COLUMNS))
    return render_csv("students-in-care.csv", header, map(_to_student_cells, roster.students))


@router.get("/my-children")
def show_children(index: IndexDep, visit: VisitDep) -> Response:
    """Show the caseworker's children with their schools.

    For a child without a school, the page shows the reason.
    """
    return render_page(
        "my_children.html",
        visit=visit,
        roster=read_children(index, visit.viewer),
        name_school=SchoolNamer(load_school_directory(index)),
    )


@router.get("/my-children/{eid}/case-plan")
def show_case_plan(eid: str, index: IndexDep, visit: VisitDep) -> Response:
    """Show the education part of a child's case plan, to print."""
    return render_page(
        "case_plan.html",
        visit=visit,
        plan=read_case_plan(index, visit.viewer, eid),
        name_school=SchoolNamer(load_school_directory(index)),
    )


@router.get("/my-children.csv")
def export_children_file(index: IndexDep, visit: VisitDep) -> Response:
    """Send the list of children as a CSV file."""
    roster = export_children(index, visit.viewer)
    header = (*_CHILD_COLUMNS, *_CONTACT_COLUMNS, *map(_name_item_column, _ITEM_COLUMNS))
    return render_csv("my-children.csv", header, _list_child_cells(roster))


def _read_show(query: Mapping[str, str]) -> Show:
    """Return the wanted part of the list; the whole if unknown."""
    text = query.get("show", "")
    return Show(text) if text in set(Show) else Show.ALL


def _read_first(query: Mapping[str, str]) -> int:
    text = query.get("first", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else 0


def _to_student_cells(student: StudentInCare) -> tuple[str, ...]:
    values = {"source": student.record.source, "local_id": student.record.local_id}
    cells = tuple(
        _to_cell(values[name] if name in values else getattr(student, name)) for name in _STUDENT_COLUMNS
    )
    person = student.caseworker
    contact = ("", "", "") if person is None else (person.name, person.phone or "", person.email or "")
    return (*cells, *contact, *_to_item_cells(student.items))


def _list_child_cells(roster: ChildRoster) -> Iterator[tuple[str, ...]]:
    """Yield a row for each child and school."""
    for child in roster.children:
        for school in child.schools or (None,):
            yield _to_child_cells(child, school)


def _to_child_cells(child: ChildInCare, school: School | None) -> tuple[str, ...]:
    own = (
        child.record.source, child.record.local_id, child.enterprise_id, child.first_name, child.last_name,
        child.birth_date, child.in_care_since,
    )  # fmt: skip
    where: tuple[str | None, ...] = (None,) * 6
    if school is not None:
        where = (
            school.record.source, school.record.local_id, school.school_id, school.district_id, school.grade,
            school.entry_date,
        )  # fmt: skip
    siblings = " ".join(sibling.record.local_id for sibling in child.siblings)
    contact = None if school is None else school.contact
    call = (None,) * 3 if contact is None else (contact.name, contact.phone, contact.email)
    cells = tuple(map(_to_cell, (*own, *where, child.missing, siblings, *call)))
    return (*cells, *_to_item_cells(child.items))


def _name_item_column(name: str) -> str:
    """Return a heading for an item's column, distinct from all others."""
    return f"stated_{name}" if name in _STUDENT_COLUMNS else name


def _to_item_cells(items: Collection[ChildItem]) -> tuple[str, ...]:
    """Return the values of items by column, and which items are missing."""
    values = {name: cell for item in items for name, cell in (item.value or {}).items()}
    missing = " ".join(item.kind for item in items if item.is_missing)
    return tuple({**values, "missing_items": missing}.get(name, "") for name in _ITEM_COLUMNS)


def _to_cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)

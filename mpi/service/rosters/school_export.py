"""Schools of children in care, as a file for child welfare.

Each row has the agency's own local ID, the school of today and the values of two AFCARS elements. The file is
made for a client of the agency, with that client's rights, and is on the ledger under its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from mpi.domain import clock
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.source import CARE_KINDS
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.client_authentication import viewer_from_client
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.directory.contacts import ContactDirectory
from mpi.service.rosters.children import ChildInCare, ChildReader, MissingSchool, School
from mpi.service.rosters.school_directory import SchoolDirectory, load_school_directory
from mpi.service.statements.sources import require_owned_source
from mpi.storage.repositories.sources.records import RecordState

HEADER = (
    "local_id", "as_of", "school_id", "school", "district_id", "grade", "entry_date",
    "afcars_e35_school_enrollment", "afcars_e36_educational_level", "reason",
)  # fmt: skip
LAST_ELEMENTARY_GRADE = 6
"""Highest grade of an elementary school, where the state sets no other."""
_LEDGER_FIELDS = ("local_id", "enrollments")
_PAGE = 1_000
"""Children who are read at a time, each page with a line on the ledger."""
_NOT_ENROLLED, _NOT_SCHOOL_AGE, _ELEMENTARY, _SECONDARY = "0", "1", "2", "3"
_LEVEL_NOT_SCHOOL_AGE = "16"
_EARLY_GRADES = frozenset({"IT", "PR", "PK"})
_KINDERGARTEN = frozenset({"KG", "K", "TK"})
_LAST_GRADE = 12


@dataclass(frozen=True, slots=True)
class SchoolRow:
    """A child in care, with a school or the reason for none.

    Args:
        local_id: the agency's own ID of the child.
        as_of: the day that it shows.
        school_id: school where the child is enrolled.
        school: its name; empty where the directory of schools has none.
        district_id: its district.
        grade: grade there.
        entry_date: first day there.
        afcars_e35_school_enrollment: AFCARS element 35; empty where it is not known.
        afcars_e36_educational_level: AFCARS element 36, likewise.
        reason: why there is no school; empty where there is one.
    """

    local_id: str
    as_of: str
    school_id: str = ""
    school: str = ""
    district_id: str = ""
    grade: str = ""
    entry_date: str = ""
    afcars_e35_school_enrollment: str = ""
    afcars_e36_educational_level: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SchoolRequest:
    """What a file of schools is made for.

    Args:
        client: name of the agency's client that receives it.
        source: code of the child-welfare source.
        purpose: purpose of use.
        last_elementary_grade: highest grade of an elementary school in the state.
    """

    client: str
    source: str
    purpose: str = "case_planning"
    last_elementary_grade: int = LAST_ELEMENTARY_GRADE


def export_schools(index: Index, viewer: Viewer, request: SchoolRequest) -> Iterator[SchoolRow]:
    """Yield the children in care of a source with their schools.

    Args:
        index: the open index.
        viewer: who makes the file for the client.
        request: for whom it is.

    Raises:
        AccessDenied: the viewer may not administer clients, or the client may not take schools away.
        NotFoundError: there is no such client or source.
        InputError: the source is not one of the client's own child welfare, or there is no such grade.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    if not 1 <= request.last_elementary_grade < _LAST_GRADE:
        raise InputError(f"last elementary grade: give a number from 1 to {_LAST_GRADE - 1}")
    with index.database.read(viewer) as unit:
        clients = [each for each in unit.clients.active() if each.name == request.client]
        if not clients:
            raise NotFoundError(f"there is no client {request.client!r} whose key opens this index")
        recipient = viewer_from_client(index, unit, clients[0], request.purpose)
        source = require_owned_source(unit, request.source)
    for action in (Action.SCHOOL_EXPORT, Action.CASELOAD_READ, Action.PERSON_READ, Action.RECORD_READ):
        require_permission(recipient, action, source.code)
    if source.kind not in CARE_KINDS:
        raise InputError(f"source {source.code!r} is not one of child welfare, whose children are in care")
    return _iterate_rows(index, recipient, source.id, request.last_elementary_grade)


def _iterate_rows(
    index: Index, recipient: Viewer, source_id: int, last_elementary_grade: int
) -> Iterator[SchoolRow]:
    """Yield the rows by page, after the page's line on the ledger."""
    today = clock.today()
    schools = load_school_directory(index)
    with index.database.read(recipient) as unit:
        record_ids = iter(unit.records.ids_of_source(source_id, [RecordState.ACTIVE]))
        while page := list(islice(record_ids, _PAGE)):
            reader = ChildReader(unit, today, ContactDirectory())
            if source_id not in reader.care_source_ids:
                return
            children = sorted(reader.read_alone(page), key=lambda child: child.record.local_id)
            if children:
                disclose(index, recipient, Action.SCHOOL_EXPORT, reader.read_records, _LEDGER_FIELDS)
            for child in children:
                for school in child.schools or (None,):
                    yield _make_row(child, school, today, schools, last_elementary_grade)


def _make_row(
    child: ChildInCare,
    school: School | None,
    today: str,
    schools: SchoolDirectory,
    last_elementary_grade: int,
) -> SchoolRow:
    if school is None:
        enrollment, level = _classify_missing(child.missing)
        return SchoolRow(
            child.record.local_id,
            today,
            afcars_e35_school_enrollment=enrollment,
            afcars_e36_educational_level=level,
            reason="" if child.missing is None else child.missing.value,
        )
    enrollment, level = classify_grade(school.grade, last_elementary_grade)
    return SchoolRow(
        child.record.local_id,
        today,
        school.school_id or "",
        schools.find_name(school.school_id, school.district_id) or "",
        school.district_id or "",
        school.grade or "",
        school.entry_date or "",
        enrollment,
        level,
    )


def classify_grade(grade: str | None, last_elementary_grade: int) -> tuple[str, str]:
    """Return AFCARS elements 35 and 36 of a child in a grade.

    Element 36 is the level completed: the grade before. No code says that none is completed, so a child in
    kindergarten has none.

    Args:
        grade: grade as a school states it.
        last_elementary_grade: highest grade of an elementary school.

    Returns:
        School enrollment and educational level, each empty where the grade does not tell it.
    """
    text = (grade or "").strip().upper()
    if text in _EARLY_GRADES:
        return _NOT_SCHOOL_AGE, _LEVEL_NOT_SCHOOL_AGE
    if text in _KINDERGARTEN:
        return _ELEMENTARY, ""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(f"{_LAST_GRADE}") else 0
    if not 1 <= number <= _LAST_GRADE:
        return "", ""
    return (_ELEMENTARY if number <= last_elementary_grade else _SECONDARY), str(number - 1)


def _classify_missing(missing: MissingSchool | None) -> tuple[str, str]:
    """Return the two elements of a child without a school."""
    if missing is MissingSchool.NOT_OF_SCHOOL_AGE:
        return _NOT_SCHOOL_AGE, _LEVEL_NOT_SCHOOL_AGE
    return (_NOT_ENROLLED, "") if missing is MissingSchool.NOT_ENROLLED else ("", "")

"""A school's own student, by student number or name and birth date.

Only records of sources that the viewer's party owns are looked at.
"""

from dataclasses import dataclass
from enum import StrEnum

from mpi.domain import clock
from mpi.domain.errors import RecordError
from mpi.domain.features import Features
from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.source import Holdings, SourceKind
from mpi.domain.viewer import Viewer
from mpi.matching.model.blocking_keys import compute_keys
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features, split_into_batches
from mpi.service.core.visibility import find_visible_records, visible_labels
from mpi.service.indexing.reindex import find_candidates
from mpi.service.persons.search import read_query
from mpi.service.rosters.students import find_enrollment
from mpi.standardize.serialization import record_from_bytes
from mpi.standardize.shared_values import drop_shared_values
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

MAX_LENGTH = 200
"""Most characters of a number or name."""
_QUERY_NUMBER = 0
"""Record number of the typed student, which no stored record has."""


@dataclass(frozen=True, slots=True)
class StudentQuery:
    """What a school types about its own student.

    It is the number, or names and birth date.

    Args:
        local_id: the school's student number.
        source: code of the school's source; None for any of the viewer's own.
        first_name: first name.
        last_name: last name.
        birth_date: birth date.
    """

    local_id: str | None = None
    source: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    birth_date: str | None = None


class StudentState(StrEnum):
    """Whether a typed student is one of the viewer's own."""

    FOUND = "found"
    UNKNOWN = "unknown"
    SEVERAL = "several"
    NOT_ENROLLED = "not-enrolled"
    """The student's own record says that the student is not enrolled today."""


@dataclass(frozen=True, slots=True)
class OwnStudent:
    """A student of the viewer's own, or why there is none.

    Args:
        state: whether the student was found.
        record_id: number of the student's record; None where there is no single one.
        label: source and local ID of that record.
        record: its content.
        may_be_told: whether an answer may say the state. It may not where the index holds only those records
            of a school that are linked to a child in care: then the state would tell who is.
    """

    state: StudentState
    record_id: int | None = None
    label: RecordRef | None = None
    record: CanonicalRecord | None = None
    may_be_told: bool = True


def find_own_schools(unit: ReadUnit) -> dict[int, Source]:
    """Return the sources of schools that the viewer's party owns, by number."""
    return {
        source.id: source
        for source in unit.sources.all()
        if source.kind == SourceKind.SIS and _is_owned(unit.viewer, source.code)
    }


def list_own_schools(index: Index, viewer: Viewer) -> list[Source]:
    """Return the sources of schools that the viewer's party owns, by code."""
    with index.database.read(viewer) as unit:
        return sorted(find_own_schools(unit).values(), key=lambda school: school.code)


def find_own_student(unit: ReadUnit, index: Index, query: StudentQuery) -> OwnStudent:
    """Return the viewer's own student whom a query names.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        query: the student's number, or names and birth date.

    Raises:
        RecordError: the query names no student, or a value cannot be read.
    """
    schools = find_own_schools(unit)
    if query.source is not None:
        schools = {number: school for number, school in schools.items() if school.code == query.source}
    if query.local_id is not None:
        record_ids = _find_by_number(unit, schools, clean_text("local_id", query.local_id))
    else:
        record_ids = _find_by_name(unit, index, schools, query)
    may_be_told = all(school.holdings == Holdings.ALL for school in schools.values())
    payloads = unit.record_versions.payloads(sorted(record_ids))
    if len(payloads) != 1:
        state = StudentState.SEVERAL if payloads else StudentState.UNKNOWN
        return OwnStudent(state, may_be_told=may_be_told)
    [(record_id, (_, payload))] = payloads.items()
    record = record_from_bytes(payload)
    is_enrolled = find_enrollment(record, clock.today()) is not None
    return OwnStudent(
        state=StudentState.FOUND if is_enrolled else StudentState.NOT_ENROLLED,
        record_id=record_id,
        label=record_ids[record_id],
        record=record,
        may_be_told=may_be_told,
    )


def clean_text(field: str, text: str) -> str:
    """Return a typed number without blanks around it.

    Raises:
        RecordError: it is empty, too long, or holds characters that cannot be printed.
    """
    cleaned = text.strip()
    if not cleaned:
        raise RecordError(field, "missing", "is missing: type it as it is written")
    if len(cleaned) > MAX_LENGTH:
        raise RecordError(field, "too-long", f"has more than {MAX_LENGTH} characters: check it")
    if not cleaned.isprintable():
        raise RecordError(field, "not-text", "holds a character that cannot be printed: type it again")
    return cleaned


def _is_owned(viewer: Viewer, source: str) -> bool:
    return viewer.may_see(source) and (viewer.rights is None or viewer.rights.owns(source))


def _find_by_number(unit: ReadUnit, schools: dict[int, Source], number: str) -> dict[int, RecordRef]:
    return {
        record.id: RecordRef(school.code, number)
        for school_id, school in schools.items()
        for record in find_visible_records(unit, school_id, {number}).values()
        if record.state == RecordState.ACTIVE
    }


def _find_by_name(
    unit: ReadUnit, index: Index, schools: dict[int, Source], query: StudentQuery
) -> dict[int, RecordRef]:
    """Return the own records with these names and this birth date.

    They are compared as matching compares them.
    """
    values = {name: getattr(query, name) for name in ("first_name", "last_name", "birth_date")}
    typed = read_query(index, {name: clean_text(name, value or "") for name, value in values.items()})
    if None in _identity(typed):
        raise RecordError("birth_date", "too-little", "give first name, last name and the whole birth date")
    config_id = index.config_id(unit)
    features = drop_shared_values(typed, index.shared_values_of(unit, config_id), index.keyed_hash)
    keys = compute_keys(features, index.blocking_of(unit, config_id), index.keyed_hash)
    candidates = find_candidates(unit, config_id, {_QUERY_NUMBER: keys}, with_purged=True)[_QUERY_NUMBER]
    sources = unit.records.source_ids_of(candidates)
    own = sorted(record for record in candidates if sources.get(record) in schools)
    same: set[int] = set()
    for batch in split_into_batches(unit, own):
        loaded = load_features(unit, config_id, batch)
        same |= {record for record, each in loaded.items() if _identity(each) == _identity(typed)}
    return visible_labels(unit, same)


def _identity(features: Features) -> tuple[str | None, str | None, str | None]:
    return features.given, features.surname, features.birth_date

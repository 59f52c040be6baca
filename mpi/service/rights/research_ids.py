"""Pseudonymous research IDs, one set for each project.

The key of a project is derived from the secret of the index and from a salt of the project. Without both,
nobody tells which child an ID is of, nor joins the IDs of two projects. When a project ends, its salt is
destroyed, and with it the way to make or check its IDs.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.policy.cases.subject_rights import check_person
from mpi.service.core.confidential_addresses import find_restricted_records
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import sees_whole_source
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.access.research_projects import StoredProject
from mpi.storage.unit_of_work.units import ReadUnit

HEADER = ("research_id", "source", "record_id")
"""Columns of an export: the child, the source of a record, and the record, both by research IDs."""
MAX_CODE_LENGTH = 32
_CODE = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ID_LENGTH = 26
"""Characters of a research ID: 130 bits in base 32."""
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, in lower case."""


@dataclass(frozen=True, slots=True)
class ResearchRow:
    """A line of a project's export.

    Args:
        research_id: ID of the child in this project.
        source: code of the record's source.
        record_id: ID of the record in this project.
    """

    research_id: str
    source: str
    record_id: str


def open_project(index: Index, viewer: Viewer, code: str, title: str, opened_by: str) -> None:
    """Open a research project, which gets a key of its own.

    Args:
        index: the open index.
        viewer: who opens it.
        code: code of the project; never used before.
        title: name for people.
        opened_by: name of the person who answers for it.

    Raises:
        InputError: a text is wrong.
        ConflictError: a project has or had this code.
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
    """
    require_manager(viewer)
    if not _CODE.fullmatch(code):
        raise InputError("code: 1 to 32 of a-z, 0-9, '-' and '_', and the first is a letter")
    title, name = check_person("title", title), check_person("opened_by", opened_by)
    with index.database.write(viewer, "research-open") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        if unit.research_projects.find(code) is not None:
            raise ConflictError("a research project has or had this code: choose another one")
        unit.research_projects.add(StoredProject(code, title, secrets.token_hex(32), name, unit.commit_no))
        store_answer(unit, index, {}, ())


def end_project(index: Index, viewer: Viewer, code: str, ended_by: str) -> None:
    """End a research project, and destroy the salt of its IDs.

    Raises:
        NotFoundError: there is no such project.
        ConflictError: it has ended already.
        InputError: the name is wrong.
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
    """
    require_manager(viewer)
    name = check_person("ended_by", ended_by)
    with index.database.write(viewer, "research-end") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        require_project(unit, code)
        unit.research_projects.end(code, name, unit.commit_no)
        store_answer(unit, index, {}, ())


def list_projects(index: Index, viewer: Viewer) -> list[dict[str, Any]]:
    """Return the research projects as plain values for JSON, oldest first.

    Raises:
        AccessDenied: the viewer may neither export the whole index nor administer agreements.
    """
    require_manager(viewer)
    with index.database.read(viewer) as unit:
        return read_projects(unit)


def read_projects(unit: ReadUnit) -> list[dict[str, Any]]:
    """Return the research projects as plain values for JSON, oldest first."""
    projects = unit.research_projects.all()
    commits = unit.commit_info(
        {commit for each in projects for commit in (each.opened_commit, each.ended_commit) if commit}
    )
    return [
        {
            "code": each.code,
            "title": each.title,
            "opened_by": each.opened_by,
            "opened_on": commits[each.opened_commit][0][:10],
            "ended_by": each.ended_by,
            "ended_on": None if each.ended_commit is None else commits[each.ended_commit][0][:10],
        }
        for each in projects
    ]


def export_research_ids(index: Index, viewer: Viewer, code: str) -> Iterator[ResearchRow]:
    """Yield linked records by the research IDs of a project.

    Records that are opted out are left out, and sources that the viewer does not see as a whole. The order is
    that of the IDs, which tells nothing.

    Raises:
        NotFoundError: there is no such project.
        ConflictError: it has ended.
        AccessDenied: the viewer may not export the whole index.
    """
    require_permission(viewer, Action.CROSSWALK_EXPORT)
    with index.database.read(viewer) as unit:
        key = derive_key(index, require_project(unit, code))
        handle = f"all@{unit.last_commit()}"
        disclose(index, viewer, Action.CROSSWALK_EXPORT, (), (*HEADER, f"research:{code}"), handle)
        rows = list(_list_rows(unit, viewer, key))
    return iter(sorted(rows, key=lambda row: (row.research_id, row.record_id)))


def require_manager(viewer: Viewer) -> None:
    """Require the right to export the index, or to administer agreements.

    A study rests on a written agreement: 34 CFR 99.31(a)(6)(iii)(C) [K]. Who administers agreements opens and
    ends its project, and sees no ID.

    Raises:
        AccessDenied: the viewer has neither.
    """
    if not is_allowed(viewer, Action.AGREEMENT_ADMIN):
        require_permission(viewer, Action.CROSSWALK_EXPORT)


def _list_rows(unit: ReadUnit, viewer: Viewer, key: bytes) -> Iterator[ResearchRow]:
    persons = unit.persons.all_current_persons()
    eids = {person.id: person.eid for person in unit.persons.all()}
    labels = {
        record: label
        for record, label in unit.records.iterate_labels()
        if sees_whole_source(viewer, label.source)
    }
    for page in iter_chunks(labels):
        opted_out = find_restricted_records(unit, page).opted_out
        for record in page:
            if record not in opted_out:
                label = labels[record]
                yield ResearchRow(
                    make_id(key, "child", eids[persons[record]]),
                    label.source,
                    make_id(key, "record", f"{len(label.source)}|{label.source}|{label.local_id}"),
                )


def require_project(unit: ReadUnit, code: str) -> StoredProject:
    """Return a project that lasts.

    Raises:
        NotFoundError: there is none.
        ConflictError: it has ended.
    """
    project = unit.research_projects.find(code) if _CODE.fullmatch(code) else None
    if project is None:
        raise NotFoundError("there is no such research project: see mpi research list")
    if project.salt is None:
        raise ConflictError("this research project has ended, and its key is destroyed")
    return project


def derive_key(index: Index, project: StoredProject) -> bytes:
    """Return a project's key: a keyed hash of its salt."""
    halves = (index.keyed_hash.to_token("research-key", f"{half}|{project.salt}") for half in (1, 2))
    return bytes.fromhex("".join(halves))


def make_id(key: bytes, kind: str, text: str) -> str:
    """Return a research ID: HMAC-SHA-256 (RFC 2104), cut to 130 bits."""
    number = int.from_bytes(hmac.new(key, f"{kind}|{text}".encode(), hashlib.sha256).digest(), "big")
    return "".join(_DIGITS[(number >> 5 * place) & 31] for place in range(_ID_LENGTH))

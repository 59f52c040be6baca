"""Frozen reports: named, and repeated from what the index knew then.

A frozen report keeps its content until any record of the index is sealed or expunged. Then the contents of
all frozen reports are destroyed in the same transaction, and a repetition leaves the record out.
"""

import hashlib
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson

from mpi.domain.errors import ConflictError, FileError, InputError, NotFoundError
from mpi.domain.viewer import Viewer
from mpi.reports.report_table import Column, ReportTable
from mpi.service.core.index import Index
from mpi.service.reporting.report_set import (
    Moment,
    ReportRequest,
    build_report,
    check_request,
    find_moment,
    note_report,
    open_children,
    permit_child_reports,
)
from mpi.storage.repositories.review.report_snapshots import StoredSnapshot
from mpi.storage.unit_of_work.units import ReadUnit

_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def freeze_report(index: Index, viewer: Viewer, code: str, request: ReportRequest) -> ReportTable:
    """Make a report on children and freeze it under a code.

    Raises:
        InputError: the code, a day or the definition is wrong.
        ConflictError: a frozen report has this code.
        FileError: a file cannot be read.
        AccessDenied: the viewer may not read such reports.
    """
    permit_child_reports(viewer)
    check_request(request)
    if request.afcars is not None:
        raise InputError("a reconciliation cannot be frozen: write it to a file with --out")
    if not _CODE.fullmatch(code):
        raise InputError("code: 1 to 64 of a-z, 0-9, '-' and '_', and the first is a letter or digit")
    with index.database.read(viewer) as unit:
        if unit.report_snapshots.find(code) is not None:
            raise ConflictError("a frozen report has this code: choose another one")
        moment = find_moment(unit, request)
        moment = replace(moment, open_records=frozenset(unit.known_records.list_open_records()))
        with open_children(unit, request, moment) as tables:
            report = build_report(tables, request)
            asked = {
                row[0] for row in tables.count("SELECT record FROM open_record JOIN record USING (record)")
            }
        note_report(index, viewer, unit, request, report)
        seen = unit.last_commit()
    snapshot = StoredSnapshot(
        code=code,
        request=_write_request(request),
        made_by=viewer.client,
        known_on=moment.known_on,
        commit_no=moment.commit_no,
        education_digest=None if request.education is None else digest_file(request.education),
        open_records=orjson.dumps(sorted(asked)).decode(),
        content=None,
    )
    with index.database.write(viewer, "report-freeze") as unit:
        if unit.report_snapshots.find(code) is not None:
            raise ConflictError("a frozen report has this code: choose another one")
        # What was sealed since the report was read may be in it: then it is made again at the next reading.
        is_current = unit.commit_no == seen + 1
        unit.report_snapshots.add(replace(snapshot, content=write_report(report) if is_current else None))
    return report


def repeat_report(
    index: Index, viewer: Viewer, code: str, education: Path | None = None, *, anew: bool = False
) -> ReportTable:
    """Return a frozen report, made again if its content was destroyed.

    Args:
        index: the open index.
        viewer: who reads it.
        code: its code.
        education: the same education extract as before, if it has to be made again.
        anew: make it again in any case, to compare.

    Raises:
        NotFoundError: there is none of this code.
        InputError: the extract is needed, or is another one.
        FileError: the extract cannot be read.
        AccessDenied: the viewer may not read such reports.
    """
    permit_child_reports(viewer)
    with index.database.read(viewer) as unit:
        snapshot = unit.report_snapshots.find(code)
        if snapshot is None:
            raise NotFoundError("there is no frozen report of this code: see mpi report snapshots")
        request = _read_request(snapshot, education)
        if snapshot.content is not None and not anew:
            report = read_report(snapshot.content)
        else:
            report = _make_again(unit, snapshot, request)
        note_report(index, viewer, unit, request, report)
        seen = unit.last_commit()
    if snapshot.content is None:
        with index.database.write(viewer, "report-repeat") as write:
            if write.commit_no == seen + 1:
                write.report_snapshots.set_content(code, write_report(report))
    return report


def list_snapshots(index: Index, viewer: Viewer) -> list[StoredSnapshot]:
    """Return the frozen reports, oldest first.

    Raises:
        AccessDenied: the viewer may not read such reports.
    """
    permit_child_reports(viewer)
    with index.database.read(viewer) as unit:
        return unit.report_snapshots.all()


def _make_again(unit: ReadUnit, snapshot: StoredSnapshot, request: ReportRequest) -> ReportTable:
    """Make a frozen report again, from the same extract and what was known then."""
    if snapshot.education_digest is not None:
        if request.education is None:
            raise InputError(
                "this frozen report has to be made again: give --education with the same extract"
            )
        if digest_file(request.education) != snapshot.education_digest:
            raise InputError("--education is not the extract of this frozen report: give the same file")
    asked = frozenset(orjson.loads(snapshot.open_records))
    with open_children(unit, request, Moment(snapshot.commit_no, snapshot.known_on, asked)) as tables:
        return build_report(tables, request)


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file.

    Raises:
        FileError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from error


def write_report(report: ReportTable) -> str:
    """Return a report as JSON, equal for equal reports."""
    return orjson.dumps(asdict(report), option=orjson.OPT_SORT_KEYS).decode()


def read_report(content: str) -> ReportTable:
    """Return the report of a JSON text."""
    members: dict[str, Any] = orjson.loads(content)
    members["columns"] = tuple(Column(**column) for column in members["columns"])
    members["rows"] = tuple(tuple(row) for row in members["rows"])
    members["notes"] = tuple(members["notes"])
    return ReportTable(**members)


def _write_request(request: ReportRequest) -> str:
    members = asdict(request)
    members["definitions"] = None if request.definitions is None else str(request.definitions)
    members.pop("education")
    members.pop("afcars")
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()


def _read_request(snapshot: StoredSnapshot, education: Path | None) -> ReportRequest:
    members: dict[str, Any] = orjson.loads(snapshot.request)
    definitions = members.pop("definitions")
    return ReportRequest(
        **members, definitions=None if definitions is None else Path(definitions), education=education
    )

"""Frozen reports: named, and repeated from what the index knew then.

A frozen report keeps its content until any record of the index is sealed or expunged. Then the contents of
all frozen reports are destroyed in the same transaction, and a repetition leaves the record out.
"""

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import orjson

from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Viewer
from mpi.reports.report_table import ReportTable, read_report, write_report
from mpi.service.core.index import Index
from mpi.service.reporting.extract_file import digest_file
from mpi.service.reporting.releases import (
    RELEASE,
    Release,
    find_release,
    publish_anew,
    repeat_release,
    restore_release,
)
from mpi.service.reporting.report_set import (
    ALL,
    TREND,
    Moment,
    ReportRequest,
    build_exact_reports,
    check_request,
    choose_reports,
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
    if request.name == ALL:
        raise InputError("--freeze is for one report: name it")
    if request.name == TREND:
        raise InputError("a trend cannot be frozen: write it to a file with --out")
    if request.afcars is not None or request.edfacts:
        raise InputError("a reconciliation cannot be frozen: write it to a file with --out")
    if not _CODE.fullmatch(code):
        raise InputError("code: 1 to 64 of a-z, 0-9, '-' and '_', and the first is a letter or digit")
    with index.database.read(viewer) as unit:
        if unit.report_snapshots.find(code) is not None:
            raise ConflictError("a frozen report has this code: choose another one")
        moment = find_moment(unit, request)
        asked = unit.known_records.list_open_records()
        moment = replace(moment, open_records=frozenset(asked))
        exact = None if request.is_published else _build_exact(unit, request, moment)
        seen = unit.last_commit()
    release, report = None, exact
    if report is None:
        release = publish_anew(index, viewer, request, moment)
        [report] = choose_reports(release.reports, request)
        # The release is a commit of its own.
        seen += 1
    with index.database.read(viewer) as unit:
        note_report(index, viewer, unit, request, report)
    snapshot = StoredSnapshot(
        code=code,
        request=_write_request(request, release),
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
    if snapshot.content is None:
        _restore(index, viewer, snapshot, request)
    with index.database.read(viewer) as unit:
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


def _build_exact(unit: ReadUnit, request: ReportRequest, moment: Moment) -> ReportTable:
    with open_children(unit, request, moment) as children:
        [report] = build_exact_reports(children, request)
    return report


def _restore(index: Index, viewer: Viewer, snapshot: StoredSnapshot, request: ReportRequest) -> None:
    """Make the destroyed release of a frozen report again."""
    number = orjson.loads(snapshot.request).get(RELEASE)
    if number is not None:
        _check_extract(snapshot, request)
        restore_release(index, viewer, number, request, _read_moment(snapshot))


def _check_extract(snapshot: StoredSnapshot, request: ReportRequest) -> None:
    """Refuse to make a frozen report again from another extract than before."""
    if snapshot.education_digest is not None:
        if request.education is None:
            raise InputError(
                "this frozen report has to be made again: give --education with the same extract"
            )
        if digest_file(request.education) != snapshot.education_digest:
            raise InputError("--education is not the extract of this frozen report: give the same file")


def _read_moment(snapshot: StoredSnapshot) -> Moment:
    return Moment(snapshot.commit_no, snapshot.known_on, frozenset(orjson.loads(snapshot.open_records)))


def _make_again(unit: ReadUnit, snapshot: StoredSnapshot, request: ReportRequest) -> ReportTable:
    """Make a frozen report again, from what was known then.

    If it was made from an extract, the request has to give the same one.

    Raises:
        ConflictError: its release was destroyed again.
    """
    _check_extract(snapshot, request)
    moment = _read_moment(snapshot)
    number = orjson.loads(snapshot.request).get(RELEASE)
    if number is None:
        return _build_exact(unit, replace(request, is_published=False), moment)
    release = find_release(unit, number)
    if not release.reports:
        raise ConflictError("the records changed while the report was made: try again")
    is_stored = snapshot.content is None
    reports = release.reports if is_stored else repeat_release(unit, request, release, moment)
    [report] = choose_reports(reports, request)
    return report


def _write_request(request: ReportRequest, release: Release | None) -> str:
    members = asdict(request)
    members["definitions"] = None if request.definitions is None else str(request.definitions)
    members.pop("education")
    members.pop("afcars")
    members.pop("edfacts")
    members[RELEASE] = None if release is None else release.number
    return orjson.dumps(members, option=orjson.OPT_SORT_KEYS).decode()


def _read_request(snapshot: StoredSnapshot, education: Path | None) -> ReportRequest:
    members: dict[str, Any] = orjson.loads(snapshot.request)
    definitions = members.pop("definitions")
    members.pop(RELEASE, None)
    return ReportRequest(
        **members, definitions=None if definitions is None else Path(definitions), education=education
    )

"""Intake of a caseload: which caseworker has which child.

A caseload is no part of a record: it is about the agency's staff, changes more often than a child's record,
and is never evidence. Each file is the whole caseload of its source.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.source import CARE_KINDS
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.rosters.list_text import read_list_text
from mpi.service.statements.sources import require_owned_source
from mpi.storage.repositories.rosters.caseloads import Caseworker
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit

COLUMNS = ("local_id", "caseworker", "name", "phone", "email")
"""Columns of a caseload file; the last two may be missing."""
_REQUIRED = COLUMNS[:3]
MAX_ROWS = 500_000
_MAX_TEXT = 200
_MAX_BYTES = 64 << 20
_DROP_SHARE, _DROP_CHILDREN = 0.5, 20
"""A file that ends more of the assignments than this needs a confirmation."""


@dataclass(frozen=True, slots=True)
class CaseloadRow:
    """A child and the caseworker, as a file states them.

    Args:
        local_id: the child-welfare record.
        caseworker: the caseworker.
        line: line of the file.
    """

    local_id: str
    caseworker: Caseworker
    line: int = 0


@dataclass(frozen=True, slots=True)
class CaseloadReceipt:
    """What became of a caseload file.

    Args:
        rows: number of rows.
        caseworkers: number of caseworkers that it names.
        begun: number of children who came to a caseworker.
        ended: number of children who left one.
        unchanged: number of children whose caseworker stays.
        unknown_lines: lines whose child the index does not know, at most 100 of them.
        unknown: number of these lines.
    """

    rows: int
    caseworkers: int
    begun: int
    ended: int
    unchanged: int
    unknown_lines: tuple[int, ...] = ()
    unknown: int = 0


def read_caseload_path(path: Path) -> list[CaseloadRow]:
    """Return the rows of a caseload file on the disk.

    Args:
        path: a CSV file in UTF-8.

    Raises:
        InputError: the file cannot be read, is too large, or is not such a file.
    """
    return read_caseload_file(read_list_text(path, _MAX_BYTES))


def read_caseload_file(text: str) -> list[CaseloadRow]:
    """Return the rows of a caseload file.

    Args:
        text: CSV with the columns of ``COLUMNS``.

    Raises:
        InputError: a column is missing or unknown, or a row has no child or caseworker.
    """
    reader = csv.DictReader(StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        header = list(reader.fieldnames or ())
        missing = [name for name in _REQUIRED if name not in header]
        unknown = [name for name in header if name not in COLUMNS]
        if missing or unknown:
            fault = f"has no column {missing[0]}" if missing else "has a column that is not known"
            raise InputError(f"the caseload {fault}: its columns are {', '.join(COLUMNS)}")
        rows = [_read_row(row, line) for line, row in enumerate(reader, 2)]
    except csv.Error as error:
        raise InputError("the caseload is no CSV file that can be read") from error
    if len(rows) > MAX_ROWS:
        raise InputError(f"the caseload has over {MAX_ROWS:,} rows: is it the right file?")
    return rows


def _read_row(row: Mapping[str, str | None], line: int) -> CaseloadRow:
    cells = {name: (row.get(name) or "").strip() for name in COLUMNS}
    if None in row or any(len(cell) > _MAX_TEXT for cell in cells.values()):
        raise InputError(f"line {line} of the caseload has too many or too long cells")
    if not all(cells[name] for name in _REQUIRED):
        raise InputError(f"line {line} of the caseload lacks {', '.join(_REQUIRED[:-1])} or {_REQUIRED[-1]}")
    person = Caseworker(cells["caseworker"], cells["name"], cells["phone"] or None, cells["email"] or None)
    return CaseloadRow(cells["local_id"], person, line)


def replace_caseload(
    index: Index, viewer: Viewer, source_code: str, rows: Sequence[CaseloadRow], *, is_confirmed: bool = False
) -> CaseloadReceipt:
    """Replace the whole caseload of a source.

    The same file twice changes nothing. A child whom the index does not know is reported and left out: load
    the records first.

    Args:
        index: the open index.
        viewer: who sends the file.
        source_code: the child-welfare source.
        rows: the rows of the file.
        is_confirmed: whether a file may end most of the assignments.

    Raises:
        AccessDenied: the viewer may not load files of this source.
        InputError: the source is not one of child welfare, or a caseworker has two names.
        ConflictError: the file would end more than half of the assignments.
    """
    require_permission(viewer, Action.LOAD, source_code)
    with index.database.write(viewer, "caseload") as unit:
        source = require_owned_source(unit, source_code)
        if source.kind not in CARE_KINDS:
            raise InputError(f"source {source_code!r} is not one of child welfare, which has caseloads")
        numbers = _store_caseworkers(unit, source, rows)
        wanted, unknown = _resolve(unit, source, rows, numbers)
        present = unit.caseloads.current_pairs(source.id)
        ended, begun = present - wanted, wanted - present
        most = max(_DROP_CHILDREN, _DROP_SHARE * len(present))
        if (
            len({record for record, _ in ended} - {record for record, _ in wanted}) > most
            and not is_confirmed
        ):
            raise ConflictError(
                "the caseload leaves out most children who have a caseworker: confirm it if that is right"
            )
        if ended or begun:
            unit.caseloads.change(unit.commit_no, sorted(ended), sorted(begun))
    return CaseloadReceipt(
        rows=len(rows),
        caseworkers=len(numbers),
        begun=len(begun),
        ended=len(ended),
        unchanged=len(wanted & present),
        unknown_lines=tuple(unknown[:100]),
        unknown=len(unknown),
    )


def _store_caseworkers(unit: WriteUnit, source: Source, rows: Iterable[CaseloadRow]) -> dict[str, int]:
    """Store new and changed caseworkers; return their numbers by code."""
    people: dict[str, Caseworker] = {}
    for row in rows:
        code = row.caseworker.code
        if people.setdefault(code, row.caseworker) != row.caseworker:
            raise InputError(f"line {row.line} of the caseload gives a caseworker another name or address")
    stored = unit.caseloads.caseworkers(source.id)
    new = [person for code, person in sorted(people.items()) if code not in stored]
    numbers = {code: stored[code].id for code in people if code in stored}
    if new:
        first = unit.counters.take("caseworker", len(new))
        unit.caseloads.add_caseworkers(source.id, first, new)
        numbers |= {person.code: number for number, person in enumerate(new, first)}
    changed = {numbers[c]: p for c, p in people.items() if c in stored and stored[c].person != p}
    unit.caseloads.update_caseworkers(changed)
    return numbers


def _resolve(
    unit: WriteUnit, source: Source, rows: Sequence[CaseloadRow], numbers: Mapping[str, int]
) -> tuple[set[tuple[int, int]], list[int]]:
    """Return record and caseworker numbers of known children, and the other lines."""
    records = unit.records.find_by_local_ids(source.id, {row.local_id for row in rows})
    known = {name: r.id for name, r in records.items() if r.state != RecordState.SEALED}
    pairs = {(known[row.local_id], numbers[row.caseworker.code]) for row in rows if row.local_id in known}
    return pairs, [row.line for row in rows if row.local_id not in known]

"""Intake of items of children in care, from schools or child welfare.

A row states the items of its columns for one child, as of a day. The same twice changes nothing, and a file
that is older than what is stored changes nothing that is newer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mpi.domain.errors import InputError
from mpi.domain.source import CARE_KINDS, SourceKind
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.rosters.item_file import ItemRow
from mpi.service.statements.sources import require_owned_source
from mpi.storage.repositories.rosters.child_items import StoredItem
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import WriteUnit

MAX_LINES = 100
"""Most lines that a receipt names."""


@dataclass(frozen=True, slots=True)
class ItemReceipt:
    """What became of a file of items.

    Args:
        rows: number of rows.
        changed: number of items that are new or have another value.
        unchanged: number of items that stay.
        older: number of items that are left as they are, since the index has them as of a later day.
        unknown_lines: lines whose child the index does not know, at most ``MAX_LINES`` of them.
        unknown: number of these lines.
    """

    rows: int
    changed: int
    unchanged: int
    older: int
    unknown_lines: tuple[int, ...] = ()
    unknown: int = 0


def store_items(index: Index, viewer: Viewer, source_code: str, rows: Sequence[ItemRow]) -> ItemReceipt:
    """Store what a source states of items of its children.

    A child whom the index does not know is reported and left out: load the records first.

    Args:
        index: the open index.
        viewer: who sends the file.
        source_code: a source of child welfare or of a school.
        rows: the rows of the file, one for each child.

    Raises:
        AccessDenied: the viewer may not load files of this source.
        InputError: the source is neither of child welfare nor of a school.
    """
    require_permission(viewer, Action.LOAD, source_code)
    with index.database.write(viewer, "child-items") as unit:
        source = require_owned_source(unit, source_code)
        if source.kind not in CARE_KINDS and source.kind != SourceKind.SIS:
            raise InputError(f"source {source_code!r} is neither of child welfare nor of a school")
        record_by_row, unknown = _resolve(unit, source, rows)
        stored = {
            (each.record_id, each.kind): each
            for each in unit.child_items.current(set(record_by_row.values()))
        }
        ended, begun, confirmed, unchanged, older = [], [], [], 0, 0
        for new in _list_items(rows, record_by_row):
            old = stored.get((new.record_id, new.kind))
            if old is not None and new.as_of < old.as_of:
                older += 1
            elif old is not None and new.value == old.value:
                unchanged += 1
                confirmed += [new] if new.as_of > old.as_of else []
            elif old is None and new.value is None:
                unchanged += 1
            else:
                begun.append(new)
                ended += [] if old is None else [old]
        if begun:
            unit.child_items.replace(unit.commit_no, ended, begun)
        unit.child_items.confirm(confirmed)
    return ItemReceipt(
        rows=len(rows),
        changed=len(begun),
        unchanged=unchanged,
        older=older,
        unknown_lines=tuple(unknown[:MAX_LINES]),
        unknown=len(unknown),
    )


def _list_items(rows: Sequence[ItemRow], record_by_row: dict[str, int]) -> Iterator[StoredItem]:
    """Yield the items of known children."""
    for row in rows:
        record = record_by_row.get(row.local_id)
        if record is not None:
            for kind, value in row.items.items():
                yield StoredItem(record, kind.value, row.as_of, value)


def _resolve(unit: WriteUnit, source: Source, rows: Sequence[ItemRow]) -> tuple[dict[str, int], list[int]]:
    """Return records of known children by local ID, and the other lines."""
    records = unit.records.find_by_local_ids(source.id, {row.local_id for row in rows})
    known = {name: each.id for name, each in records.items() if each.state != RecordState.SEALED}
    return known, [row.line for row in rows if row.local_id not in known]

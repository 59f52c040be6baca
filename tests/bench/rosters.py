"""Caseloads, items of children and points of contact of the pages' benchmark."""

import csv
from collections import Counter
from pathlib import Path

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.viewer import make_operator
from mpi.service.core.index import Index
from mpi.service.directory.contact_file import COLUMNS, FILE_NAME
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.rosters.caseload_intake import CaseloadRow, read_caseload_path, replace_caseload
from mpi.service.rosters.item_file import ITEM_COLUMNS, ItemRow
from mpi.service.rosters.item_intake import store_items
from mpi.storage.repositories.rosters.caseloads import Caseworker
from tests.bench.environment import step

_VALUES = {
    "education_decision_maker": "Ana Ruiz",
    "decision_maker_role": "surrogate",
    "decision_maker_phone": "614-555-0143",
    "contact_restriction": "no",
    "best_interest_decision": "stay",
    "school_of_origin": "1042",
    "transport_owner": "North District transport desk",
}
_KNOWN_OF = 4
"""Of so many children, one has no items, which the lists show as missing."""
_CHILDREN = 40
"""Most children whose pages are asked for in turn."""


def add_rosters(index: Index, sources: tuple[str, ...], files: Path, code: str) -> list[str]:
    """Add what the two morning lists show; return children of one caseworker, by enterprise ID.

    A second call changes nothing.

    Args:
        index: the index of the state.
        sources: its sources; the first is child welfare.
        files: folder of the state, with its caseload.
        code: caseworker who gets the largest caseload of the state.
    """
    rows = read_caseload_path(files / "caseload.csv")
    largest = Counter(row.caseworker.code for row in rows).most_common(1)[0][0]
    person = Caseworker(code, "Cal Caseworker", "614-555-0100", "cal@agency.example")
    given = [
        CaseloadRow(row.local_id, person if row.caseworker.code == largest else row.caseworker)
        for row in rows
    ]
    replace_caseload(index, make_operator(), sources[0], given)
    items = [_state_items(row.local_id) for number, row in enumerate(rows) if number % _KNOWN_OF]
    receipt = store_items(index, make_operator(), sources[0], items)
    step(f"{len(rows):,} children with a caseworker, {len(items):,} with items ({receipt.changed:,} new)")
    _write_contacts(index.home / FILE_NAME, sources)
    own = [row.local_id for row in given if row.caseworker.code == code]
    step(f"the benchmark's caseworker has {len(own):,} children")
    return [eid for local_id in own[:_CHILDREN] if (eid := _find_eid(index, sources[0], local_id))]


def _find_eid(index: Index, source: str, local_id: str) -> str | None:
    """Return the enterprise ID of a record; None if a load refused it."""
    try:
        return look_up_crosswalk(index, make_operator(), source, local_id).enterprise_id
    except NotFoundError:
        return None


def _state_items(local_id: str) -> ItemRow:
    """Return every item of a child that child welfare knows."""
    days = dict.fromkeys(("best_interest_date", "transport_begins"), clock.today())
    values = _VALUES | days
    items = {
        kind: {name: values[name] for name in columns}
        for kind, columns in ITEM_COLUMNS.items()
        if values.keys() >= set(columns)
    }
    return ItemRow(local_id, clock.today(), items)


def _write_contacts(path: Path, sources: tuple[str, ...]) -> None:
    """Write a point of contact of each source and of 90 counties."""
    rows = [
        ("district", f"D{number:02}", source, "Pat Contact", "614-555-0101", "", source, "2047-06-30", source)
        for number, source in enumerate(sources)
    ]
    desk = ("Sam Desk", "614-555-0102", "", "State", "2047-06-30", "")
    rows += [("county", f"C{number:02}", f"County {number}", *desk) for number in range(90)]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])

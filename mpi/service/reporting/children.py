"""Reading of the children of the index as known after a commit."""

from collections.abc import Collection, Iterator
from typing import Any

import orjson

from mpi.domain.source import SourceKind
from mpi.reports.child_tables import ChildTables
from mpi.standardize.fields.dates import read_period, to_birth_day
from mpi.storage.unit_of_work.units import ReadUnit

_ROWS_PER_PART = 50_000


def read_children(
    unit: ReadUnit, commit_no: int, known_on: str, open_records: Collection[int] | None = None
) -> ChildTables:
    """Return the children of the index as known after a commit.

    Args:
        unit: the transaction.
        commit_no: the commit.
        known_on: its day, ``YYYY-MM-DD``.
        open_records: records about which a question was open then; None for those of now.
    """
    tables = ChildTables(known_on)
    sources = {source.id: source for source in unit.sources.all()}
    known = unit.known_records
    for page in known.iterate_records(commit_no):
        tables.add(
            "record",
            (
                (row.record_id, row.person_id, sources[row.source_id].code, sources[row.source_id].kind,
                 row.local_id)
                for row in page
            ),
        )  # fmt: skip
    agencies = [number for number, source in sources.items() if source.kind == SourceKind.CCWIS]
    _add_clients(tables, known.iterate_contents(commit_no, agencies))
    for flags in known.iterate_flags(commit_no):
        tables.add(
            "flag",
            (
                (flag.record_id, flag.population, flag.definition, *read_period(flag.begin, flag.end))
                for flag in flags
            ),
        )
    tables.add("decided", known.list_joining_decisions(commit_no))
    asked = known.list_open_records() if open_records is None else open_records
    tables.add("open_record", ((record,) for record in asked))
    return tables


def _add_clients(tables: ChildTables, contents: Iterator[tuple[int, bytes]]) -> None:
    """Add birth dates and placements from the contents of child-welfare records."""
    clients: list[tuple[Any, ...]] = []
    placements: list[tuple[Any, ...]] = []
    for record, payload in contents:
        members = orjson.loads(payload)
        clients.append((record, to_birth_day(members.get("birth_date"))))
        placements.extend(
            (record, stay.get("type") or "", *read_period(stay["begin"], stay.get("end")))
            for stay in members.get("placements") or ()
            if stay.get("begin")
        )
        if len(clients) >= _ROWS_PER_PART:
            tables.add("client", clients)
            tables.add("placement", placements)
            clients, placements = [], []
    tables.add("client", clients)
    tables.add("placement", placements)

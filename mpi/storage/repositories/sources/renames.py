"""Repository of re-keys: the local IDs records had before and after."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import RecordAliasRow, RenamedRow, table_of

_renamed = table_of(RenamedRow)
_alias = table_of(RecordAliasRow)


@dataclass(frozen=True, slots=True)
class Rename:
    """One record's change of local ID at its source.

    Args:
        record_id: number of the record.
        step_id: step that made the change, which can be undone.
        before: local ID before.
        after: local ID after.
    """

    record_id: int
    step_id: int
    before: str
    after: str


class Renames:
    """Repository of records' changes of local ID (re-keys), and former local IDs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, renames: Iterable[Rename]) -> None:
        """Add records' changes of local ID."""
        rows = [asdict(rename) for rename in renames]
        if rows:
            self._connection.execute(insert(_renamed), rows)

    def renames_of(self, record_ids: Collection[int]) -> dict[int, list[Rename]]:
        """Return every change of records' local IDs, oldest first, undone included."""
        renames: dict[int, list[Rename]] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_renamed)
                .where(is_in(_renamed.c.record_id, chunk))
                .order_by(_renamed.c.record_id, _renamed.c.step_id)
            )
            for row in rows:
                rename = Rename(row.record_id, row.step_id, row.before, row.after)
                renames.setdefault(rename.record_id, []).append(rename)
        return renames

    def add_alias(self, number: int, source_id: int, local_id: str, record_id: int, commit_no: int) -> None:
        """Record the former local ID of a record that got another."""
        self._connection.execute(
            delete(_alias).where(_alias.c.source_id == source_id, _alias.c.local_id == local_id)
        )
        self._connection.execute(
            insert(_alias).values(
                id=number,
                source_id=source_id,
                local_id=local_id,
                record_id=record_id,
                from_commit=0,
                to_commit=commit_no,
            )
        )

    def local_ids_until(self, record_ids: Collection[int], commit_no: int) -> dict[int, str]:
        """Return the local IDs that records lost at a given commit."""
        rows = self._connection.execute(
            select(_alias.c.record_id, _alias.c.local_id).where(
                _alias.c.record_id.in_(record_ids), _alias.c.to_commit == commit_no
            )
        )
        return {row.record_id: row.local_id for row in rows}

    def former_local_ids(self, record_ids: Collection[int]) -> dict[int, list[str]]:
        """Return the former local IDs of records that got another, by record."""
        former_ids: dict[int, list[str]] = {}
        for chunk in iter_chunks(record_ids):
            rows = self._connection.execute(
                select(_alias.c.record_id, _alias.c.local_id).where(is_in(_alias.c.record_id, chunk))
            )
            for row in rows:
                former_ids.setdefault(row.record_id, []).append(row.local_id)
        return former_ids

"""Repository of re-keys: the local IDs records had before and after."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select

from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.tables import RenamedRow, table_of

_renamed = table_of(RenamedRow)


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
    """Repository of records' changes of local ID (re-keys)."""

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

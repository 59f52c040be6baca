"""Repository of frozen reports on children."""

from collections.abc import Collection
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import ReportSnapshotRow, table_of

_snapshot = table_of(ReportSnapshotRow)


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A frozen report.

    Args:
        code: its code.
        request: JSON of what was asked.
        made_by: client that froze it.
        known_on: day whose knowledge it uses, ``YYYY-MM-DD``.
        commit_no: commit whose knowledge it uses.
        education_digest: digest of the education extract; None for none.
        open_records: JSON of the records about which a question was open.
        content: JSON of the report; None if it has to be made again.
    """

    code: str
    request: str
    made_by: str
    known_on: str
    commit_no: int
    education_digest: str | None
    open_records: str
    content: str | None


class ReportSnapshots:
    """Repository of frozen reports by code."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, code: str) -> StoredSnapshot | None:
        """Return a frozen report, or None."""
        row = self._connection.execute(select(_snapshot).where(_snapshot.c.code == code)).first()
        return None if row is None else StoredSnapshot(*row)

    def all(self) -> list[StoredSnapshot]:
        """Return every frozen report, oldest first."""
        rows = self._connection.execute(select(_snapshot).order_by(_snapshot.c.commit_no, _snapshot.c.code))
        return [StoredSnapshot(*row) for row in rows]

    def add(self, snapshot: StoredSnapshot) -> None:
        """Add a frozen report, whose code is new."""
        values = {name: getattr(snapshot, name) for name in StoredSnapshot.__slots__}
        self._connection.execute(insert(_snapshot).values(values))

    def set_content(self, code: str, content: str) -> None:
        """Store the content of a report that was made again."""
        self._connection.execute(update(_snapshot).where(_snapshot.c.code == code).values(content=content))

    def forget_records(self, record_ids: Collection[int]) -> None:
        """Destroy all frozen reports' contents, as records are sealed or destroyed.

        Those of all are destroyed, so that none tells that it held one of the records. The records are taken
        out of the lists of open questions too.
        """
        if not record_ids:
            return
        forgotten = set(record_ids)
        for snapshot in self.all():
            kept = [record for record in orjson.loads(snapshot.open_records) if record not in forgotten]
            self._connection.execute(
                update(_snapshot)
                .where(_snapshot.c.code == snapshot.code)
                .values(content=None, open_records=orjson.dumps(kept).decode())
            )

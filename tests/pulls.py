"""Stand-in for another system and its connector, whose records tests change."""

from mpi.connectors.connection import Connection, SignIn, SignInKind
from mpi.connectors.pull import PullResult


def make_connection(source: str = "sis", **changes: object) -> Connection:
    """Return a connection to a system that nobody calls."""
    values = {
        "name": "sis.toml",
        "system": "stand-in",
        "source": source,
        "url": "https://sis.example.org",
        "sign_in": SignIn(SignInKind.NONE),
    }
    return Connection(**values | changes)


class StandInSystem:
    """A system of records and the connector that pulls them.

    ``cursors`` holds the cursor of each pull. ``before_end`` is called when all was given, before the
    connector returns.
    """

    def __init__(self, *records: dict[str, object]) -> None:
        self.records = {str(record["local_id"]): dict(record) for record in records}
        self.changes: list[tuple[str, tuple[object, ...]]] = []
        self.rejects: list[tuple[str, ...]] = []
        self.cursors: list[str | None] = []
        self.before_end = lambda: None
        self.gives_all = True

    def put(self, record: dict[str, object]) -> None:
        """Add or change a record."""
        self.records[str(record["local_id"])] = dict(record)
        self.changes.append(("add", (dict(record),)))

    def delete(self, local_id: str) -> None:
        """Delete a record and tell so."""
        del self.records[local_id]
        self.changes.append(("remove", (local_id,)))

    def lose(self, local_id: str) -> None:
        """Delete a record without telling."""
        del self.records[local_id]

    def rename(self, old: str, new: str) -> None:
        """Give a record another local ID."""
        self.changes = [
            (method, arguments)
            if method != "add" or arguments[0]["local_id"] != old
            else ("add", (arguments[0] | {"local_id": new},))
            for method, arguments in self.changes
        ]
        record = self.records.pop(old) | {"local_id": new}
        self.records[new] = record
        self.changes += [("rename", (old, new)), ("add", (dict(record),))]

    def pull(self, cursor, sink, progress) -> PullResult:
        """Pull as a connector does."""
        self.cursors.append(cursor)
        changes = [("add", (record,)) for record in self.records.values()]
        if cursor is not None:
            changes = self.changes[int(cursor) :]
        for number, (method, arguments) in enumerate(changes):
            progress("students", number, len(changes))
            getattr(sink, method)(*arguments)
        for reject in self.rejects:
            sink.reject(*reject)
        self.before_end()
        return PullResult(str(len(self.changes)), is_full=cursor is None and self.gives_all)

"""Repository of what people have read, and of whom notes mention."""

from collections.abc import Collection

from sqlalchemy import Connection, insert
from sqlalchemy.dialects import postgresql, sqlite

from mpi.storage.repositories.notices.returned_answers import ReturnKey
from mpi.storage.tables import MentionRow, NoticeMarkRow, table_of

_mark = table_of(NoticeMarkRow)
_mention = table_of(MentionRow)


class NoticeMarks:
    """Repository of marks that a person has read something, and of mentions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def mark_read(self, person: str, keys: Collection[ReturnKey], now: str) -> None:
        """Mark answers to a person as read.

        A repeat changes nothing.
        """
        insertion = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        rows = [
            {"person": person, "kind": key.kind.value, "number": key.number, "part": key.part, "at": now}
            for key in keys
        ]
        if rows:
            self._connection.execute(insertion(_mark).values(rows).on_conflict_do_nothing())

    def mention(self, action_id: int, people: Collection[str]) -> None:
        """Store which people a note mentions."""
        rows = [{"action_id": action_id, "person": person} for person in sorted(people)]
        if rows:
            self._connection.execute(insert(_mention), rows)

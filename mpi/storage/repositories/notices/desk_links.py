"""Repository of short-lived links into the pages, keyed by token hash."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import DeskLinkRow, table_of

_link = table_of(DeskLinkRow)


@dataclass(frozen=True, slots=True)
class StoredLink:
    """Link into the pages, to a child or to a question.

    Args:
        record_id: record whose child it opens; None for a question.
        question: key of the question that it opens; None for a child.
        made_by: client that made it.
        expires_at: when it stops working (ISO, UTC).
    """

    record_id: int | None
    question: str | None
    made_by: str
    expires_at: str


class DeskLinks:
    """Repository of links into the pages."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, token_hash: str, link: StoredLink) -> None:
        """Add a link."""
        self._connection.execute(insert(_link).values(token_hash=token_hash, **asdict(link)))

    def find(self, token_hash: str, now: str) -> StoredLink | None:
        """Return the link of a token's hash that still works, or None."""
        row = self._connection.execute(
            select(_link).where(_link.c.token_hash == token_hash, _link.c.expires_at > now)
        ).first()
        return None if row is None else StoredLink(row.record_id, row.question, row.made_by, row.expires_at)

    def delete_expired(self, now: str) -> None:
        """Delete the links that work no longer."""
        self._connection.execute(delete(_link).where(_link.c.expires_at <= now))

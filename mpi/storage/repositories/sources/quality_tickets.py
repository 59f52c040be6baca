"""Repository of quality tickets: requests to correct one kind of issue."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import QualityTicketRow, table_of

_ticket = table_of(QualityTicketRow)


@dataclass(frozen=True, slots=True)
class StoredTicket:
    """A request to a source to correct one kind of quality issue.

    Args:
        id: number of the ticket.
        source_id: number of the source.
        field: canonical field of the issue.
        kind: code of the issue.
        owner: name of the account that sees to it.
        due_on: day by which it is due (ISO).
        record_count: records with the issue when the ticket was opened.
        opened_commit: commit number of its opening.
        closed_commit: commit number of its end; None while it is open.
        closed_batch: load that corrected the last record; None where a person closed it.
    """

    id: int
    source_id: int
    field: str
    kind: str
    owner: str
    due_on: str
    record_count: int
    opened_commit: int
    closed_commit: int | None = None
    closed_batch: int | None = None


class QualityTickets:
    """Repository of quality tickets; a closed one is kept."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of_source(self, source_id: int) -> list[StoredTicket]:
        """Return the tickets of a source, newest first."""
        query = select(_ticket).where(_ticket.c.source_id == source_id).order_by(_ticket.c.id.desc())
        return [StoredTicket(**row._mapping) for row in self._connection.execute(query)]  # noqa: SLF001 - SQLAlchemy's documented name

    def add(self, ticket: StoredTicket) -> None:
        """Add a ticket."""
        self._connection.execute(insert(_ticket).values(**asdict(ticket)))

    def close(self, number: int, commit_no: int, batch_id: int | None) -> None:
        """Close a ticket, by a load or a person."""
        values = {"closed_commit": commit_no, "closed_batch": batch_id}
        self._connection.execute(update(_ticket).where(_ticket.c.id == number).values(**values))

    def reopen(self, batch_id: int) -> None:
        """Open tickets again that a load had closed, since it is undone."""
        values = {"closed_commit": None, "closed_batch": None}
        self._connection.execute(update(_ticket).where(_ticket.c.closed_batch == batch_id).values(**values))

"""Repository of who is mailed counts, and when that was done last."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mpi.storage.tables import DigestRow, table_of

_digest = table_of(DigestRow)
SENDING, SENT, FAILED = "sending", "sent", "failed"
"""States of a person's mail of a day."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Mail with counts that a person wants.

    Args:
        person: name of the account.
        address: mail address.
        mailed_on: last day (UTC) on which a mail was begun; None for never.
        state: state of that mail; ``sending`` after an interruption.
    """

    person: str
    address: str
    mailed_on: str | None = None
    state: str | None = None


class Digests:
    """Repository of people who want a mail with counts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Digest]:
        """Return everybody who wants mail, by name."""
        rows = self._connection.execute(select(_digest).order_by(_digest.c.person))
        return [Digest(row.person, row.address, row.mailed_on, row.state) for row in rows]

    def find(self, person: str) -> Digest | None:
        """Return the mail that a person wants; None for none."""
        row = self._connection.execute(select(_digest).where(_digest.c.person == person)).first()
        return None if row is None else Digest(row.person, row.address, row.mailed_on, row.state)

    def save_address(self, person: str, address: str) -> None:
        """Store a person's mail address and keep the last mail's day."""
        insertion = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        statement = insertion(_digest).values(person=person, address=address)
        self._connection.execute(
            statement.on_conflict_do_update(index_elements=[_digest.c.person], set_={"address": address})
        )

    def delete(self, person: str) -> None:
        """Forget a person's address."""
        self._connection.execute(delete(_digest).where(_digest.c.person == person))

    def begin(self, person: str, day: str) -> bool:
        """Mark a person's mail of a day as begun.

        The mark is set before the mail is sent.

        Returns:
            False if it was begun before and did not certainly fail. Of two runs at once, one gets true.
        """
        is_new = or_(_digest.c.mailed_on.is_(None), _digest.c.mailed_on < day)
        may_begin = or_(is_new, _digest.c.state == FAILED)
        statement = (
            update(_digest)
            .where(_digest.c.person == person, may_begin)
            .values(mailed_on=day, state=SENDING)
            .returning(_digest.c.person)
        )
        return self._connection.execute(statement).first() is not None

    def end(self, person: str, state: str) -> None:
        """Store the outcome of a person's mail that was begun."""
        self._connection.execute(update(_digest).where(_digest.c.person == person).values(state=state))

"""Repository of requests about accounts that need a second person."""

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, insert, select, update

from mpi.storage.driver.chunks import MAX_BIGINT
from mpi.storage.tables import AccountRequestRow, AnyRow, table_of

_request = table_of(AccountRequestRow)


@dataclass(frozen=True, slots=True)
class StoredAccountRequest:
    """A request about an account.

    Args:
        id: number of the request.
        kind: ``add``, ``change`` or ``password``.
        name: name of the account.
        full_name: full name of the person.
        role: role that the account would have.
        sources: codes of the sources that it would see; None for all.
        version: state of the account that the request is about; None for a new account.
        asked_commit: commit number of the request.
        answered_commit: commit number of its answer; None while it waits.
        answer: ``approved``, ``refused`` or ``withdrawn``; None while it waits.
    """

    id: int
    kind: str
    name: str
    full_name: str
    role: str
    sources: frozenset[str] | None
    version: str | None
    asked_commit: int
    answered_commit: int | None = None
    answer: str | None = None


class AccountRequests:
    """Repository of requests about accounts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, request: StoredAccountRequest) -> None:
        """Add a request about an account."""
        values = {name: getattr(request, name) for name in request.__slots__}
        sources = None if request.sources is None else orjson.dumps(sorted(request.sources)).decode()
        self._connection.execute(insert(_request).values(**values | {"sources": sources}))

    def get(self, number: int) -> StoredAccountRequest | None:
        """Return a request about an account by number, or None."""
        if abs(number) > MAX_BIGINT:
            return None
        row = self._connection.execute(select(_request).where(_request.c.id == number)).first()
        return None if row is None else _request_of(row)

    def waiting(self) -> list[StoredAccountRequest]:
        """Return the requests that wait for an answer, oldest first."""
        query = select(_request).where(_request.c.answer.is_(None)).order_by(_request.c.id)
        return [_request_of(row) for row in self._connection.execute(query)]

    def answer(self, number: int, answer: str, commit_no: int) -> None:
        """Record the answer to a request."""
        self._connection.execute(
            update(_request).where(_request.c.id == number).values(answer=answer, answered_commit=commit_no)
        )


def _request_of(row: AnyRow) -> StoredAccountRequest:
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    sources = None if row.sources is None else frozenset(orjson.loads(row.sources))
    return StoredAccountRequest(**values | {"sources": sources})

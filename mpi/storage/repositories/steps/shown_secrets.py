"""Repository of who was shown the password or key of a login.

Changes of accounts and clients are steps (``mpi.service.access.administration_log``), made by whoever is
shown the secret.
"""

from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, select

from mpi.storage.tables import StepRow, table_of

_step = table_of(StepRow)

LOGIN_KINDS = ("account", "client")
"""Kinds of the steps that log changes of logins."""
NAME = "name"
"""First member of such a step's detail: the login."""
FORMER_UNTIL = "former_until"
"""Member of such a step's detail: until when the key before it still works (ISO, UTC)."""
_SECRET_ACTS = ("add", "password", "rotate")
"""Acts that show a password or key."""
_VALID_AT_ONCE = 2
"""Most keys that open one client at a time: the present and the former one."""


@dataclass(frozen=True, slots=True)
class ShownSecret:
    """Password or key of a login, which was shown to somebody.

    Args:
        commit_no: commit in which it was made and shown.
        former_until: until when the secret before it still works (ISO, UTC); None if it ended with this one.
    """

    commit_no: int
    former_until: str | None


class ShownSecrets:
    """Repository of who was shown the password or key of a login."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last_shown(self, login: str, before: int | None) -> list[ShownSecret]:
        """Return a login's secrets that may be valid, newest first.

        Args:
            login: name of the account or client.
            before: only earlier commits count; None for all.
        """
        query = select(_step.c.commit_no, _step.c.detail).where(
            _step.c.kind.in_(LOGIN_KINDS),
            _step.c.reason.in_(_SECRET_ACTS),
            _step.c.detail.startswith(orjson.dumps({NAME: login}).decode()[:-1], autoescape=True),
        )
        if before is not None:
            query = query.where(_step.c.commit_no < before)
        rows = self._connection.execute(query.order_by(_step.c.id.desc()).limit(_VALID_AT_ONCE))
        return [ShownSecret(row.commit_no, orjson.loads(row.detail).get(FORMER_UNTIL)) for row in rows]

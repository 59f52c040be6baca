"""Repository of named filters of the review queue."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import SavedViewRow

_view = SavedViewRow.__table__  # type: ignore[attr-defined]


class SavedViews:
    """Repository of each person's named queue filters."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def views_of(self, actor: str) -> dict[str, Mapping[str, Any]]:
        """Return a person's filters by name, in order of names."""
        rows = self._connection.execute(select(_view).where(_view.c.actor == actor).order_by(_view.c.name))
        return {row.name: orjson.loads(row.filters) for row in rows}

    def save(self, actor: str, name: str, filters: Mapping[str, Any]) -> None:
        """Store a filter under a name, replacing an earlier one."""
        self.delete(actor, name)
        self._connection.execute(
            insert(_view).values(actor=actor, name=name, filters=orjson.dumps(filters).decode())
        )

    def delete(self, actor: str, name: str) -> bool:
        """Delete a named filter; return whether it existed."""
        mine = (_view.c.actor == actor) & (_view.c.name == name)
        dropped = delete(_view).where(mine).returning(_view.c.name)
        return self._connection.execute(dropped).first() is not None

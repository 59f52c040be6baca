"""Repository of named filters of the review queue."""

from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import SavedViewRow, table_of

_view = table_of(SavedViewRow)


class SavedViews:
    """Repository of each person's named filters of the review queue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def views_of(self, actor: str) -> dict[str, Mapping[str, Any]]:
        """Return a person's review-queue filters by name, in order of names."""
        rows = self._connection.execute(select(_view).where(_view.c.actor == actor).order_by(_view.c.name))
        return {row.name: orjson.loads(row.filters) for row in rows}

    def save(self, actor: str, name: str, filters: Mapping[str, Any]) -> None:
        """Store a person's review-queue filter, replacing one of that name."""
        self.delete(actor, name)
        self._connection.execute(
            insert(_view).values(actor=actor, name=name, filters=orjson.dumps(filters).decode())
        )

    def delete(self, actor: str, name: str) -> bool:
        """Delete a person's named review-queue filter; return whether it existed."""
        is_named_view = (_view.c.actor == actor) & (_view.c.name == name)
        deletion = delete(_view).where(is_named_view).returning(_view.c.name)
        return self._connection.execute(deletion).first() is not None

"""Repository of named filters of the review queue."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select

from mpi.storage.tables import SavedViewRow, table_of

_view = table_of(SavedViewRow)


@dataclass(frozen=True, slots=True)
class StoredView:
    """A shared view as it is stored.

    Args:
        actor: who has shared it.
        name: its name.
        filters: the filters, by name.
        sources: codes of the sources that a reader must see; None for all.
    """

    actor: str
    name: str
    filters: Mapping[str, Any]
    sources: frozenset[str] | None


class SavedViews:
    """Repository of each person's named filters of the review queue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def views_of(self, actor: str) -> dict[str, Mapping[str, Any]]:
        """Return a person's review-queue filters by name, in order of names."""
        rows = self._connection.execute(select(_view).where(_view.c.actor == actor).order_by(_view.c.name))
        return {row.name: orjson.loads(row.filters) for row in rows}

    def shared_views(self, limit: int, offset: int = 0) -> list[StoredView]:
        """Return the shared review-queue filters of all people, in order of names."""
        statement = (
            select(_view)
            .where(_view.c.shared_with.is_not(None))
            .order_by(_view.c.name, _view.c.actor)
            .limit(limit)
            .offset(offset)
        )
        return [
            StoredView(row.actor, row.name, orjson.loads(row.filters), _read_sources(row.shared_with))
            for row in self._connection.execute(statement)
        ]

    def save(
        self, actor: str, name: str, filters: Mapping[str, Any], shared_with: Collection[str] | None = ()
    ) -> None:
        """Store a person's review-queue filter, replacing one of that name.

        Args:
            actor: the person.
            name: name of the filter.
            filters: the filter.
            shared_with: codes of the sources that a reader must see; None for all; empty if it is not shared.
        """
        self.delete(actor, name)
        shared = "*" if shared_with is None else orjson.dumps(sorted(shared_with)).decode()
        self._connection.execute(
            insert(_view).values(
                actor=actor,
                name=name,
                filters=orjson.dumps(filters).decode(),
                shared_with=shared if shared_with is None or shared_with else None,
            )
        )

    def delete(self, actor: str, name: str) -> bool:
        """Delete a person's named review-queue filter; return whether it existed."""
        is_named_view = (_view.c.actor == actor) & (_view.c.name == name)
        deletion = delete(_view).where(is_named_view).returning(_view.c.name)
        return self._connection.execute(deletion).first() is not None


def _read_sources(shared_with: str) -> frozenset[str] | None:
    """Return the sources that a reader of a shared view must see.

    None stands for all sources.
    """
    return None if shared_with == "*" else frozenset(orjson.loads(shared_with))

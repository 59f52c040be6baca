"""Items of one pull, in an unnamed temporary file."""

import sqlite3
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import orjson

from mpi.intake.edfi import resources
from mpi.intake.edfi.items import Item, read_text

_VOLATILE = ("_etag", "_lastModifiedDate", "_changeVersion", "link")
"""Properties of items that say nothing of a student."""


class ItemStore:
    """Items by resource and owner, used as a context.

    SQLite keeps an unnamed database in memory as far as its cache goes, and otherwise in a file that it
    deletes as soon as it is open.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(
            "CREATE TABLE item (resource TEXT, id TEXT, owner TEXT, body BLOB, PRIMARY KEY (resource, id)) "
            "WITHOUT ROWID"
        )
        self._database.execute("CREATE INDEX of_owner ON item (owner, resource)")
        self._database.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def put(self, resource: str, item: Item) -> bool:
        """Store an item in place of an earlier one with its ID.

        Returns:
            False where it names no student, or no contact, and is not stored.
        """
        owner = find_owner(resource, item)
        if owner is None:
            return False
        body = orjson.dumps({name: value for name, value in item.items() if name not in _VOLATILE})
        key = read_text(item, "id") or body.decode()
        self._database.execute(
            "INSERT OR REPLACE INTO item VALUES (?, ?, ?, ?)", (resource, key, owner, body)
        )
        return True

    def remove(self, resource: str, item_id: str) -> None:
        """Remove an item by its ID."""
        self._database.execute("DELETE FROM item WHERE resource = ? AND id = ?", (resource, item_id))

    def count(self, resource: str) -> int:
        """Return the number of items of a resource."""
        return int(
            self._database.execute("SELECT count(*) FROM item WHERE resource = ?", (resource,)).fetchone()[0]
        )

    def students(self) -> Iterator[tuple[str, Item]]:
        """Yield each student's unique ID and item, by ID."""
        rows = self._database.execute(
            "SELECT owner, body FROM item WHERE resource = ? ORDER BY owner", (resources.STUDENTS,)
        )
        for owner, body in rows:
            yield owner, orjson.loads(body)

    def owners(self, resource: str) -> Iterator[str]:
        """Yield the owners of a resource's items, in the order of IDs."""
        rows = self._database.execute(
            "SELECT DISTINCT owner FROM item WHERE resource = ? ORDER BY owner", (resource,)
        )
        return (row[0] for row in rows)

    def items_of(self, owner: str) -> Iterator[tuple[str, Item]]:
        """Yield all items of a student or contact, with their resources.

        Their order follows from what they say, so that it is the same in each pull.
        """
        found = [
            (resource, orjson.loads(body))
            for resource, body in self._database.execute(
                "SELECT resource, body FROM item WHERE owner = ?", (owner,)
            )
        ]
        yield from sorted(found, key=_make_order)


def find_owner(resource: str, item: Item) -> str | None:
    """Return the unique ID of an item's contact or student."""
    if resource in resources.CONTACTS:
        return resources.find_contact_id(item)
    return resources.find_student_id(item)


def _make_order(found: tuple[str, Item]) -> tuple[str, str, bytes]:
    resource, item = found
    organization = read_text(item, "educationOrganizationReference", "educationOrganizationId") or ""
    content = {name: value for name, value in item.items() if name != "id"}
    return resource, organization, orjson.dumps(content, option=orjson.OPT_SORT_KEYS)

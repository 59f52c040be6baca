"""The ledger of disclosures: what left the index, to whom, for what purpose; never a value."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Row, insert, select

from mpi.storage.repositories.chunks import chunked
from mpi.storage.tables import DisclosureRow

_disclosure = DisclosureRow.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One answer that left the index.

    Args:
        at: when (ISO, UTC).
        client: who received it.
        purpose: the purpose of use that the call named.
        action: what was asked.
        record_ids: the records that the answer was about, ascending.
        fields: names of the fields that it held.
        handle: what stands for the records where they are too many to list.
    """

    at: str
    client: str
    purpose: str | None
    action: str
    record_ids: tuple[int, ...]
    fields: tuple[str, ...]
    handle: str | None = None


class Disclosures:
    """Who received what."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, number: int, disclosure: Disclosure) -> None:
        """Write a disclosure to the ledger."""
        self._connection.execute(
            insert(_disclosure).values(
                id=number,
                at=disclosure.at,
                client=disclosure.client,
                purpose=disclosure.purpose,
                action=disclosure.action,
                record_ids=orjson.dumps(disclosure.record_ids).decode(),
                fields=orjson.dumps(disclosure.fields).decode(),
                handle=disclosure.handle,
            )
        )

    def all(self) -> list[Disclosure]:
        """Every disclosure, oldest first."""
        rows = self._connection.execute(select(_disclosure).order_by(_disclosure.c.id))
        return [_disclosure_of(row) for row in rows]

    def since(self, at: str, record_ids: Collection[int]) -> list[Disclosure]:
        """Disclosures from a moment on of any of the records, or of records that a handle stands for.

        Reads the ledger from that moment on: some microseconds a line.
        """
        one_of = re.compile(rf"\b({'|'.join(map(str, sorted(record_ids)))})\b").search
        lines = select(_disclosure.c.id, _disclosure.c.record_ids, _disclosure.c.handle)
        rows = self._connection.execute(lines.where(_disclosure.c.at >= at))
        wanted = [number for number, records, handle in rows if handle is not None or one_of(records)]
        found: list[Disclosure] = []
        for chunk in chunked(wanted):
            rows_of = select(_disclosure).where(_disclosure.c.id.in_(chunk)).order_by(_disclosure.c.id)
            found += [_disclosure_of(row) for row in self._connection.execute(rows_of)]
        return found


def _disclosure_of(row: Row[Any]) -> Disclosure:
    return Disclosure(
        row.at,
        row.client,
        row.purpose,
        row.action,
        tuple(orjson.loads(row.record_ids)),
        tuple(orjson.loads(row.fields)),
        row.handle,
    )

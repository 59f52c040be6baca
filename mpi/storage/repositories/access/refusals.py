"""Repository of refused requests, counted by minute.

No row names a record or a person.
"""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from mpi.storage.tables import AnyRow, RefusalRow, table_of

_refusal = table_of(RefusalRow)
_KEY = tuple(column for column in _refusal.c if column.primary_key)
MAX_ROWS_PER_MINUTE = 20
"""Most different refusals of one client in one minute; others are counted together."""
OTHER = "other"
"""Action and reason of refusals above ``MAX_ROWS_PER_MINUTE``."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Refused requests of one client for one reason in one minute.

    Args:
        minute: minute of the requests (ISO, UTC, such as ``2026-11-29T07:25``).
        client: name of the client or account.
        action: action that was asked for.
        purpose: purpose of use that was named; None for none.
        agreement: code of the agreement that the client acts under; None for none.
        reason: stable reason code.
        count: number of requests.
    """

    minute: str
    client: str
    action: str
    purpose: str | None
    agreement: str | None
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class RefusalFilter:
    """Which refused requests are asked for.

    Args:
        since: first minute.
        until: minute before which the requests were refused.
        client: name of the client or account; None for all.
        purpose: purpose of use that was named; None for all.
        agreement: code of the agreement; None for all.
        action: action that was asked for; None for all.
    """

    since: str
    until: str
    client: str | None = None
    purpose: str | None = None
    agreement: str | None = None
    action: str | None = None


class Refusals:
    """Repository of refused requests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, refusal: Refusal) -> None:
        """Count a refusal; equal ones of one minute are one row.

        A client that is refused in many ways within a minute cannot fill the disk: from
        ``MAX_ROWS_PER_MINUTE`` rows on, its further refusals are one row with the action ``OTHER``.
        """
        if self._is_full(refusal):
            refusal = replace(refusal, action=OTHER, purpose=None, agreement=None, reason=OTHER)
        insertion = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        statement = insertion(_refusal).values(**_key_values(refusal), count=refusal.count)
        self._connection.execute(
            statement.on_conflict_do_update(
                index_elements=_KEY, set_={"count": _refusal.c.count + statement.excluded.count}
            )
        )

    def since(self, minute: str) -> list[Refusal]:
        """Return the refusals from a minute on, oldest first."""
        rows = self._connection.execute(
            select(_refusal).where(_refusal.c.minute >= minute).order_by(_refusal.c.minute, *_KEY)
        )
        return [_refusal_of(row) for row in rows]

    def latest(self, wanted: RefusalFilter, limit: int) -> list[Refusal]:
        """Return the latest wanted refusals, newest minute first."""
        conditions = [_refusal.c.minute >= wanted.since, _refusal.c.minute < wanted.until]
        for column, value in (
            (_refusal.c.client, wanted.client),
            (_refusal.c.purpose, wanted.purpose),
            (_refusal.c.agreement, wanted.agreement),
            (_refusal.c.action, wanted.action),
        ):
            if value is not None:
                conditions.append(column == value)
        rows = self._connection.execute(
            select(_refusal).where(*conditions).order_by(_refusal.c.minute.desc(), *_KEY).limit(limit)
        )
        return [_refusal_of(row) for row in rows]

    def _is_full(self, refusal: Refusal) -> bool:
        """Return whether a new row of this minute would exceed the limit."""
        values = _key_values(refusal)
        own_minute = (_refusal.c.client == refusal.client, _refusal.c.minute == refusal.minute)
        row_count = self._connection.execute(
            select(func.count()).select_from(_refusal).where(*own_minute)
        ).scalar()
        if (row_count or 0) < MAX_ROWS_PER_MINUTE:
            return False
        is_equal = (column == values[column.name] for column in _KEY)
        return self._connection.execute(select(_refusal.c.minute).where(*is_equal)).first() is None


def _refusal_of(row: AnyRow) -> Refusal:
    return Refusal(
        minute=row.minute,
        client=row.client,
        action=row.action,
        purpose=row.purpose or None,
        agreement=row.agreement or None,
        reason=row.reason,
        count=row[-1],
    )


def _key_values(refusal: Refusal) -> dict[str, str]:
    return {
        "client": refusal.client,
        "minute": refusal.minute,
        "action": refusal.action,
        "purpose": refusal.purpose or "",
        "agreement": refusal.agreement or "",
        "reason": refusal.reason,
    }

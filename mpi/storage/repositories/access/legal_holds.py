"""Repository of legal holds."""

from dataclasses import asdict, dataclass

import orjson
from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import AnyRow, LegalHoldRow, table_of

_hold = table_of(LegalHoldRow)


@dataclass(frozen=True, slots=True)
class StoredLegalHold:
    """A legal hold.

    Args:
        code: code of the hold.
        target: ``child``, ``source`` or ``agreement``.
        record_id: a record of the child; None for another target.
        source_id: number of the source; None for another target.
        agreement: code of the agreement; None for another target.
        sources: codes of the sources that it reaches; None for all.
        reference: number of the paper that asks for it.
        reason: why, without a name of a child.
        placed_by: name of the person who answers for it.
        placed_commit: commit number of its placing.
        lifted_by: name of the person who lifted it; None while it stands.
        lift_reason: why it was lifted.
        lifted_commit: commit number of its lifting.
    """

    code: str
    target: str
    record_id: int | None
    source_id: int | None
    agreement: str | None
    sources: tuple[str, ...] | None
    reference: str
    reason: str
    placed_by: str
    placed_commit: int
    lifted_by: str | None = None
    lift_reason: str | None = None
    lifted_commit: int | None = None


class LegalHolds:
    """Repository of legal holds, standing and lifted."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, hold: StoredLegalHold) -> None:
        """Add a hold."""
        values = asdict(hold)
        values["sources"] = None if hold.sources is None else orjson.dumps(hold.sources).decode()
        self._connection.execute(insert(_hold).values(values))

    def lift(self, code: str, lifted_by: str, reason: str, commit_no: int) -> None:
        """Lift a hold."""
        self._connection.execute(
            update(_hold)
            .where(_hold.c.code == code)
            .values(lifted_by=lifted_by, lift_reason=reason, lifted_commit=commit_no)
        )

    def all(self) -> list[StoredLegalHold]:
        """Return every hold, oldest first."""
        rows = self._connection.execute(select(_hold).order_by(_hold.c.placed_commit))
        return [_to_hold(row) for row in rows]

    def all_in_force(self) -> list[StoredLegalHold]:
        """Return the holds that were not lifted."""
        rows = self._connection.execute(select(_hold).where(_hold.c.lifted_commit.is_(None)))
        return [_to_hold(row) for row in rows]


def _to_hold(row: AnyRow) -> StoredLegalHold:
    return StoredLegalHold(
        code=row.code,
        target=row.target,
        record_id=row.record_id,
        source_id=row.source_id,
        agreement=row.agreement,
        sources=None if row.sources is None else tuple(orjson.loads(row.sources)),
        reference=row.reference,
        reason=row.reason,
        placed_by=row.placed_by,
        placed_commit=row.placed_commit,
        lifted_by=row.lifted_by,
        lift_reason=row.lift_reason,
        lifted_commit=row.lifted_commit,
    )

"""Repository of running clocks of agreements, and of attested destructions."""

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, select, update

from mpi.storage.tables import AgreementClockRow, DestructionRow, table_of

_clock = table_of(AgreementClockRow)
_destruction = table_of(DestructionRow)


@dataclass(frozen=True, slots=True)
class StoredClock:
    """A clock of an agreement that began to run.

    Args:
        code: code of the running clock.
        agreement: code of the agreement.
        name: name of the clock, such as ``inspection``.
        party: code of the party that has to act.
        begun: day on which it began (ISO).
        due: day by which the party has to act (ISO).
        reference: number under which the parties file it; None where there is none.
        begun_commit: commit number of its beginning.
        met_on: day on which the party acted (ISO); None while it runs.
        met_by: name of the person who attests it.
        met_commit: commit number of the attestation.
    """

    code: str
    agreement: str
    name: str
    party: str
    begun: str
    due: str
    reference: str | None
    begun_commit: int
    met_on: str | None = None
    met_by: str | None = None
    met_commit: int | None = None


@dataclass(frozen=True, slots=True)
class StoredDestruction:
    """An attestation that a party destroyed what it received.

    Args:
        commit_no: commit number of its recording.
        agreement: code of the agreement.
        party: code of the party.
        through: last day whose answers are destroyed (ISO).
        attested_by: name of the person who attests it.
        method: how it was destroyed.
    """

    commit_no: int
    agreement: str
    party: str
    through: str
    attested_by: str
    method: str


class AgreementDuties:
    """Repository of running clocks and attested destructions."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, running: StoredClock) -> None:
        """Add a clock that began to run."""
        self._connection.execute(insert(_clock).values(asdict(running)))

    def meet(self, code: str, day: str, person: str, commit_no: int) -> None:
        """Record who attests that a party acted."""
        self._connection.execute(
            update(_clock)
            .where(_clock.c.code == code)
            .values(met_on=day, met_by=person, met_commit=commit_no)
        )

    def find(self, code: str) -> StoredClock | None:
        """Return a clock by its code, or None."""
        if not code.isascii() or "\0" in code:
            return None  # no code has such a character, and PostgreSQL refuses some
        row = self._connection.execute(select(_clock).where(_clock.c.code == code)).first()
        return None if row is None else StoredClock(*row)

    def running(self) -> list[StoredClock]:
        """Return the clocks that run, the earliest due day first."""
        rows = self._connection.execute(
            select(_clock).where(_clock.c.met_commit.is_(None)).order_by(_clock.c.due, _clock.c.begun_commit)
        )
        return [StoredClock(*row) for row in rows]

    def met_since(self, day: str) -> list[StoredClock]:
        """Return the clocks met on a day or later, earliest first."""
        rows = self._connection.execute(
            select(_clock).where(_clock.c.met_on >= day).order_by(_clock.c.met_on, _clock.c.begun_commit)
        )
        return [StoredClock(*row) for row in rows]

    def attest(self, destruction: StoredDestruction) -> None:
        """Add an attestation that a party destroyed what it received."""
        self._connection.execute(insert(_destruction).values(asdict(destruction)))

    def destructions(self) -> list[StoredDestruction]:
        """Return every attested destruction, oldest first."""
        rows = self._connection.execute(select(_destruction).order_by(_destruction.c.commit_no))
        return [StoredDestruction(*row) for row in rows]

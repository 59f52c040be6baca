"""Repository of the networks that people sign in from, account by account."""

from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Connection, Text, delete, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mpi.storage.tables import AccountRow, SignInNetworkRow, table_of

_network = table_of(SignInNetworkRow)
_account = table_of(AccountRow)


@dataclass(frozen=True, slots=True)
class NetworkState:
    """What is known of the attempts on an account from one network.

    Args:
        failed: attempts in a row that failed.
        locked_until: moment (ISO, UTC) until which no password is accepted from there; None for none.
        succeeded_at: when the person last signed in from there (ISO, UTC); None for never.
    """

    failed: int = 0
    locked_until: str | None = None
    succeeded_at: str | None = None


class SignInNetworks:
    """Repository of networks with their attempts on an account."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, account_id: int, network: str) -> NetworkState:
        """Return the known attempts on an account from a network."""
        row = self._connection.execute(
            select(_network.c.failed, _network.c.locked_until, _network.c.succeeded_at).where(
                *_at(account_id, network)
            )
        ).first()
        return NetworkState() if row is None else NetworkState(*row)

    def count_attempt(self, account_id: int, network: str, now: str) -> int:
        """Count an attempt from a network; return those in a row.

        Args:
            account_id: number of the account; an unknown one counts nothing.
            network: keyed hash of the network.
            now: present moment (ISO, UTC).
        """
        insertion = postgresql.insert if self._connection.dialect.name == "postgresql" else sqlite.insert
        values = select(
            _account.c.id, literal(network, Text), literal(1, BigInteger), literal(now, Text)
        ).where(_account.c.id == account_id)
        statement = (
            insertion(_network)
            .from_select(["account_id", "network", "failed", "seen_at"], values)
            .on_conflict_do_update(
                index_elements=[_network.c.account_id, _network.c.network],
                set_={"failed": _network.c.failed + 1, "locked_until": None, "seen_at": now},
            )
            .returning(_network.c.failed)
        )
        return self._connection.execute(statement).scalar() or 0

    def lock(self, account_id: int, network: str, until: str) -> None:
        """Lock a network out of an account until a moment (UTC)."""
        self._connection.execute(update(_network).where(*_at(account_id, network)).values(locked_until=until))

    def record_sign_in(self, account_id: int, network: str, now: str) -> None:
        """Record a right password from a network, which becomes known."""
        self._connection.execute(
            update(_network)
            .where(*_at(account_id, network))
            .values(failed=0, locked_until=None, succeeded_at=now, seen_at=now)
        )

    def unlock(self, account_id: int) -> None:
        """Reset an account's failed attempts and locks of all networks."""
        self._connection.execute(
            update(_network).where(_network.c.account_id == account_id).values(failed=0, locked_until=None)
        )

    def forget(
        self, account_id: int, most_known: int, unknown_before: str, known_before: str, now: str
    ) -> None:
        """Delete what no limit needs any more.

        Args:
            account_id: the account of which only the latest known networks are kept.
            most_known: how many.
            unknown_before: networks without a sign-in are forgotten that were last seen before (ISO, UTC).
            known_before: the same, for known ones.
            now: present moment (ISO, UTC); a network that is locked is kept.
        """
        is_open = _network.c.locked_until.is_(None) | (_network.c.locked_until <= now)
        is_known = _network.c.succeeded_at.is_not(None)
        latest = (
            select(_network.c.network)
            .where(_network.c.account_id == account_id, is_known)
            .order_by(_network.c.succeeded_at.desc())
            .limit(most_known)
        )
        self._connection.execute(
            delete(_network).where(
                (~is_known & is_open & (_network.c.seen_at < unknown_before))
                | (is_known & is_open & (_network.c.seen_at < known_before))
                | ((_network.c.account_id == account_id) & is_known & _network.c.network.not_in(latest))
            )
        )

    def delete(self, account_id: int) -> None:
        """Delete an account's networks."""
        self._connection.execute(delete(_network).where(_network.c.account_id == account_id))


def _at(account_id: int, network: str) -> tuple[ColumnElement[bool], ...]:
    return (_network.c.account_id == account_id, _network.c.network == network)

"""Repository of open sign-ins, keyed by the hash of their cookie."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from mpi.storage.repositories.access.accounts import Account, account_of
from mpi.storage.tables import AccountRow, SignInRow, table_of

_sign_in = table_of(SignInRow)
_account = table_of(AccountRow)

# A module constant, since every page runs it.
_BY_TOKEN = (
    select(
        _sign_in.c.purpose,
        _sign_in.c.begun_at,
        _sign_in.c.seen_at,
        _sign_in.c.emergency_at,
        _sign_in.c.address,
        _sign_in.c.method,
        _account,
    )
    .join(_account, _account.c.id == _sign_in.c.account_id)
    .where(_sign_in.c.token_hash == bindparam("token_hash"))
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """An open sign-in of a person.

    Args:
        account: account that signed in.
        purpose: purpose of use for everything done in it.
        begun_at: when the person signed in (ISO, UTC).
        seen_at: when the last page was requested, to about a minute (ISO, UTC).
        emergency_at: when the emergency access began that is used in it (ISO, UTC); None for none.
        address: shortened network address that it began from; None if unknown.
        method: ``provider`` after a sign-in with an identity provider; None after one with a password.
    """

    account: Account
    purpose: str
    begun_at: str
    seen_at: str
    emergency_at: str | None = None
    address: str | None = None
    method: str | None = None


@dataclass(frozen=True, slots=True)
class SignInSummary:
    """An open sign-in in a list of its person's.

    Args:
        token_hash: hash of its token.
        begun_at: when the person signed in (ISO, UTC).
        seen_at: when the last page was requested, to about a minute (ISO, UTC).
        address: shortened network address that it began from; None if unknown.
    """

    token_hash: str
    begun_at: str
    seen_at: str
    address: str | None


class SignIns:
    """Repository of people's open sign-ins to the pages."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        token_hash: str,
        account_id: int,
        purpose: str,
        moment: str,
        address: str | None = None,
        method: str | None = None,
    ) -> None:
        """Begin a person's sign-in."""
        self._connection.execute(
            insert(_sign_in).values(
                token_hash=token_hash,
                account_id=account_id,
                purpose=purpose,
                begun_at=moment,
                seen_at=moment,
                address=address,
                method=method,
            )
        )

    def find_by_token(self, token_hash: str) -> SignIn | None:
        """Return the sign-in with a token's hash, even if expired, or None."""
        row = self._connection.execute(_BY_TOKEN, {"token_hash": token_hash}).first()
        if row is None:
            return None
        return SignIn(account_of(row[6:]), *row[:6])

    def touch(self, token_hash: str, moment: str) -> None:
        """Note the time of a sign-in's page request, unless later than this."""
        self._connection.execute(
            update(_sign_in)
            .where(_sign_in.c.token_hash == token_hash, _sign_in.c.seen_at < moment)
            .values(seen_at=moment)
        )

    def set_emergency(self, token_hash: str, begun_at: str | None) -> None:
        """Set when the emergency access began that is used in a sign-in."""
        self._connection.execute(
            update(_sign_in).where(_sign_in.c.token_hash == token_hash).values(emergency_at=begun_at)
        )

    def end(self, token_hash: str) -> None:
        """End one of a person's sign-ins."""
        self._connection.execute(delete(_sign_in).where(_sign_in.c.token_hash == token_hash))

    def list_of_account(self, account_id: int, begun_after: str, seen_after: str) -> list[SignInSummary]:
        """Return an account's sign-ins since given moments, newest first."""
        query = (
            select(_sign_in.c.token_hash, _sign_in.c.begun_at, _sign_in.c.seen_at, _sign_in.c.address)
            .where(
                _sign_in.c.account_id == account_id,
                _sign_in.c.begun_at > begun_after,
                _sign_in.c.seen_at > seen_after,
            )
            .order_by(_sign_in.c.begun_at.desc(), _sign_in.c.token_hash)
        )
        return [SignInSummary(*row) for row in self._connection.execute(query)]

    def end_others_of_account(
        self, account_id: int, kept_token_hash: str, begun_at: str | None = None
    ) -> int:
        """End an account's sign-ins but one; return how many.

        Args:
            account_id: number of the account.
            kept_token_hash: hash of the token of the sign-in that goes on.
            begun_at: end only what began at this moment (ISO, UTC); None for all.
        """
        query = delete(_sign_in).where(
            _sign_in.c.account_id == account_id, _sign_in.c.token_hash != kept_token_hash
        )
        if begun_at is not None:
            query = query.where(_sign_in.c.begun_at == begun_at)
        return self._connection.execute(query).rowcount

    def end_all_of_account(self, account_id: int) -> None:
        """End every sign-in of an account."""
        self._connection.execute(delete(_sign_in).where(_sign_in.c.account_id == account_id))

    def end_all(self) -> None:
        """End every sign-in of all accounts."""
        self._connection.execute(delete(_sign_in))

    def delete_expired(self, begun_before: str, seen_before: str) -> None:
        """Delete sign-ins begun or last used before given moments."""
        self._connection.execute(
            delete(_sign_in).where((_sign_in.c.begun_at < begun_before) | (_sign_in.c.seen_at < seen_before))
        )

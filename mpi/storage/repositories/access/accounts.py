"""Repository of people's accounts and failed sign-in attempts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, update

from mpi.domain.viewer import Action
from mpi.storage.tables import AccountRow, table_of

_account = table_of(AccountRow)


@dataclass(frozen=True, slots=True)
class Account:
    """A person's account for signing in to the pages.

    Args:
        id: number of the account.
        name: sign-in name, also stored with commits.
        full_name: name of the person.
        role: role of the account.
        sources: codes of the sources that the person may see; None for all.
        password_hash: argon2id hash with its parameters and salt.
        password_set_at: when the password was set (ISO, UTC).
        must_change: whether somebody else knows the password, so that it only serves to set another.
        failed: attempts since the last right password.
        locked_until: moment (ISO, UTC) until which no password is accepted from the network that failed last.
        created_commit: commit number of its creation.
        ended_commit: commit number of its end; None while the person may sign in.
        agreement: code of the agreement that the person acts under; None for none.
        party: code of the agreement's party for which the person acts; None where the sources name it.
        granted: actions granted by name, beyond those of the role.
        external_id: the person's subject at the identity provider; None for none.
    """

    id: int
    name: str
    full_name: str
    role: str
    sources: frozenset[str] | None
    password_hash: str
    password_set_at: str
    must_change: bool
    failed: int
    locked_until: str | None
    created_commit: int
    ended_commit: int | None
    agreement: str | None = None
    party: str | None = None
    granted: frozenset[Action] = frozenset()
    external_id: str | None = None


class Accounts:
    """Repository of accounts with which people sign in."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, account: Account) -> None:
        """Add a person's account."""
        self._connection.execute(
            insert(_account).values(
                id=account.id,
                name=account.name,
                full_name=account.full_name,
                role=account.role,
                sources=_sources_json(account.sources),
                password_hash=account.password_hash,
                password_set_at=account.password_set_at,
                must_change=account.must_change,
                failed=account.failed,
                locked_until=account.locked_until,
                created_commit=account.created_commit,
                ended_commit=account.ended_commit,
                agreement=account.agreement,
                party=account.party,
                granted=_granted_json(account.granted),
            )
        )

    def find_by_name(self, name: str) -> Account | None:
        """Return the account with a sign-in name, even if ended, or None."""
        row = self._connection.execute(select(_account).where(_account.c.name == name)).first()
        return None if row is None else account_of(row)

    def find_by_external_id(self, subject: str) -> Account | None:
        """Return the open account of a provider's person, or None."""
        row = self._connection.execute(
            select(_account).where(_account.c.external_id == subject, _account.c.ended_commit.is_(None))
        ).first()
        return None if row is None else account_of(row)

    def set_external_id(self, number: int, subject: str | None) -> None:
        """Set whom an account stands for at the identity provider."""
        self._connection.execute(update(_account).where(_account.c.id == number).values(external_id=subject))

    def all(self) -> list[Account]:
        """Return every account ever added, by name."""
        return [
            account_of(row) for row in self._connection.execute(select(_account).order_by(_account.c.name))
        ]

    def hold_open(self, name: str) -> Account | None:
        """Return and lock the open account with a sign-in name."""
        row = self._connection.execute(
            update(_account)
            .where(_account.c.name == name, _account.c.ended_commit.is_(None))
            .values(failed=_account.c.failed)
            .returning(*_account.c)
        ).first()
        return None if row is None else account_of(row)

    def count_attempt(self, number: int) -> Account | None:
        """Count an attempt on an account; return the account after it."""
        row = self._connection.execute(
            update(_account)
            .where(_account.c.id == number)
            .values(failed=_account.c.failed + 1)
            .returning(*_account.c)
        ).first()
        return None if row is None else account_of(row)

    def lock(self, number: int, until: str) -> None:
        """Store until when (ISO, UTC) a network is locked out."""
        self._connection.execute(update(_account).where(_account.c.id == number).values(locked_until=until))

    def unlock(self, number: int) -> None:
        """Reset an account's failed attempts and lock."""
        self._connection.execute(
            update(_account).where(_account.c.id == number).values(failed=0, locked_until=None)
        )

    def record_sign_in(self, account: Account, password_hash: str) -> bool:
        """Reset failed attempts after a right password, and store its newest hash.

        Returns:
            False if the account was ended, or its password changed, since it was read.
        """
        return self._update_unchanged(account, failed=0, locked_until=None, password_hash=password_hash)

    def hold_unchanged(self, account: Account) -> bool:
        """Hold an account until the transaction ends, and keep its failed attempts.

        Returns:
            False if the account was ended, or its password changed, since it was read.
        """
        return self._update_unchanged(account, failed=_account.c.failed)

    def _update_unchanged(self, account: Account, **values: object) -> bool:
        """Update an open account whose password is as it was read."""
        result = self._connection.execute(
            update(_account)
            .where(
                _account.c.id == account.id,
                _account.c.password_hash == account.password_hash,
                _account.c.ended_commit.is_(None),
            )
            .values(**values)
        )
        return result.rowcount == 1

    def set_password(self, number: int, password_hash: str, moment: str, *, must_change: bool) -> None:
        """Set an account's password hash; reset failed attempts and lock."""
        self._connection.execute(
            update(_account)
            .where(_account.c.id == number)
            .values(
                password_hash=password_hash,
                password_set_at=moment,
                must_change=must_change,
                failed=0,
                locked_until=None,
            )
        )

    def set_rights(self, number: int, role: str, sources: frozenset[str] | None) -> None:
        """Set an account's role and sources."""
        self._connection.execute(
            update(_account).where(_account.c.id == number).values(role=role, sources=_sources_json(sources))
        )

    def set_agreement(self, number: int, agreement: str, party: str | None = None) -> None:
        """Set the agreement, and its party, that an account's person acts for."""
        self._connection.execute(
            update(_account).where(_account.c.id == number).values(agreement=agreement, party=party)
        )

    def set_granted(self, number: int, granted: frozenset[Action]) -> None:
        """Set the actions that an account is granted by name."""
        self._connection.execute(
            update(_account).where(_account.c.id == number).values(granted=_granted_json(granted))
        )

    def close(self, number: int, commit_no: int) -> None:
        """End an account; its name is never used again."""
        self._connection.execute(
            update(_account).where(_account.c.id == number).values(ended_commit=commit_no)
        )


def _sources_json(sources: frozenset[str] | None) -> str | None:
    return None if sources is None else orjson.dumps(sorted(sources)).decode()


def _granted_json(granted: frozenset[Action]) -> str | None:
    return orjson.dumps(sorted(granted)).decode() if granted else None


def account_of(row: Sequence[Any]) -> Account:
    """Build the account that a complete table row holds."""
    values = dict(zip((column.name for column in _account.c), row, strict=True))
    sources, granted = values.pop("sources"), values.pop("granted")
    return Account(
        **values,
        sources=None if sources is None else frozenset(orjson.loads(sources)),
        granted=frozenset(Action(action) for action in orjson.loads(granted or "[]")),
    )

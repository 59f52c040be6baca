"""Repository of the second factors of accounts."""

from collections.abc import Collection
from dataclasses import dataclass

import orjson
from sqlalchemy import Connection, delete, insert, select, update

from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import SecondFactorRow, table_of

_factor = table_of(SecondFactorRow)


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """The second factor of an account.

    Args:
        account_id: number of the account.
        secret: secret of the authenticator app, in base32.
        last_step: time step of the last code that was used.
        recovery_hashes: hashes of the recovery codes that were not used.
        set_at: when it was set up (ISO, UTC).
    """

    account_id: int
    secret: str
    last_step: int
    recovery_hashes: tuple[str, ...]
    set_at: str


class SecondFactors:
    """Repository of second factors, one an account; their secrets are stored encrypted."""

    def __init__(self, connection: Connection, keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = keys

    def add(self, factor: SecondFactor) -> None:
        """Add the second factor of an account that has none."""
        self._connection.execute(
            insert(_factor).values(
                account_id=factor.account_id,
                secret=self._keys.encrypt_text(secret_place(factor.account_id), factor.secret),
                last_step=factor.last_step,
                recovery_hashes=_to_json(factor.recovery_hashes),
                set_at=factor.set_at,
            )
        )

    def find(self, account_id: int) -> SecondFactor | None:
        """Return the second factor of an account, or None.

        Raises:
            StoreError: its secret was altered, or its key is missing.
        """
        row = self._connection.execute(select(_factor).where(_factor.c.account_id == account_id)).first()
        if row is None:
            return None
        secret = self._keys.decrypt_text(secret_place(account_id), row.secret)
        return SecondFactor(
            row.account_id, secret, row.last_step, tuple(orjson.loads(row.recovery_hashes)), row.set_at
        )

    def account_ids(self) -> frozenset[int]:
        """Return the numbers of the accounts that have a second factor."""
        return frozenset(self._connection.execute(select(_factor.c.account_id)).scalars())

    def exists(self, account_id: int) -> bool:
        """Return whether an account has a second factor."""
        query = select(_factor.c.account_id).where(_factor.c.account_id == account_id)
        return self._connection.execute(query).first() is not None

    def use_step(self, account_id: int, step: int) -> bool:
        """Use up the code of a time step; False if used."""
        result = self._connection.execute(
            update(_factor)
            .where(_factor.c.account_id == account_id, _factor.c.last_step < step)
            .values(last_step=step)
        )
        return result.rowcount == 1

    def use_recovery_code(self, account_id: int, before: Collection[str], after: Collection[str]) -> bool:
        """Use a recovery code; return False if another was used meanwhile."""
        result = self._connection.execute(
            update(_factor)
            .where(_factor.c.account_id == account_id, _factor.c.recovery_hashes == _to_json(before))
            .values(recovery_hashes=_to_json(after))
        )
        return result.rowcount == 1

    def delete(self, account_id: int) -> None:
        """Delete the second factor of an account, if it has one."""
        self._connection.execute(delete(_factor).where(_factor.c.account_id == account_id))


def secret_place(account_id: int) -> str:
    """Return the place of an account's secret, which binds its ciphertext."""
    return f"second_factor.secret|{account_id}"


def _to_json(hashes: Collection[str]) -> str:
    return orjson.dumps(list(hashes)).decode()

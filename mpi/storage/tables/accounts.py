"""Tables of accounts and sign-ins of people.

Clients' keys are elsewhere (``ClientRow``): a person never signs in with a key.
"""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class AccountRow(SQLModel, table=True):
    """A person's local account.

    ``password_hash`` is argon2id with its parameters and salt. ``failed`` counts attempts since the last
    right password; ``locked_until`` ends a lock-out. ``sources`` are the codes of the sources that the
    person may see, as JSON; None for all. ``agreement`` is the code of the agreement that the person acts
    under, and ``party`` the code of its party for which the person acts; None where the sources name it.
    ``granted`` are actions granted by name, beyond those of the role, as JSON; None for none.
    """

    __tablename__ = "account"
    id: int = primary_key()
    name: str = text(unique=True)
    full_name: str = text()
    role: str = text()
    sources: str | None = text(default=None)
    password_hash: str = text()
    password_set_at: str = text()
    must_change: bool = True
    failed: int = bigint(default=0)
    locked_until: str | None = text(default=None)
    created_commit: int = bigint()
    ended_commit: int | None = bigint(default=None)
    agreement: str | None = text(default=None)
    party: str | None = text(default=None)
    granted: str | None = text(default=None)


class AccountRequestRow(SQLModel, table=True):
    """A request about an account that needs a second person.

    ``kind`` is ``add``, ``change`` or ``password``. ``role`` and ``sources`` are those that the account would
    have. ``version`` names the state of the account that the request is about; None for a new account.
    ``answer`` is ``approved``, ``refused`` or ``withdrawn``; None while the request waits.
    """

    __tablename__ = "account_request"
    id: int = primary_key()
    kind: str = text()
    name: str = text()
    full_name: str = text()
    role: str = text()
    sources: str | None = text(default=None)
    version: str | None = text(default=None)
    asked_commit: int = bigint()
    answered_commit: int | None = bigint(default=None)
    answer: str | None = text(default=None)


class SignInRow(SQLModel, table=True):
    """An open sign-in for one purpose of use.

    The cookie is stored as a hash. ``emergency_at`` is when the emergency access began that the person uses
    in it; None for none.
    """

    __tablename__ = "sign_in"
    token_hash: str = text(primary_key=True)
    account_id: int = bigint(foreign_key="account.id", index=True)
    purpose: str = text()
    begun_at: str = text()
    seen_at: str = text(index=True)
    emergency_at: str | None = text(default=None)

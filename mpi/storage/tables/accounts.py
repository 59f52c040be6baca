"""Tables of accounts and sign-ins of people.

Clients' keys are elsewhere (``ClientRow``): a person never signs in with a key.
"""

from sqlmodel import SQLModel

from mpi.storage.columns import bigint, primary_key, text


class AccountRow(SQLModel, table=True):
    """A person's local account.

    ``password_hash`` is argon2id with its parameters and salt. ``failed`` counts attempts since the last
    right password; ``locked_until`` ends the latest lock-out of a network. ``sources`` are the codes of the
    sources that the person may see, as JSON; None for all. ``agreement`` is the code of the agreement that
    the person acts under, and ``party`` the code of its party for which the person acts; None where the
    sources name it. ``granted`` are actions granted by name, beyond those of the role, as JSON; None for
    none.
    ``external_id`` is the person's subject at the identity provider; None for none.
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
    external_id: str | None = text(default=None, index=True)


class PastPasswordsRow(SQLModel, table=True):
    """Passwords that an account had before the present one.

    ``hashes`` are argon2id hashes, newest first, as JSON.
    """

    __tablename__ = "past_passwords"
    account_id: int = primary_key(foreign_key="account.id")
    hashes: str = text()


class SecondFactorRow(SQLModel, table=True):
    """One-time codes of an account (TOTP).

    ``secret`` is encrypted. ``last_step`` is the time step of the last code that was used.
    ``recovery_hashes`` are the hashes of the recovery codes that were not used, as JSON.
    """

    __tablename__ = "second_factor"
    account_id: int = primary_key(foreign_key="account.id")
    secret: str = text()
    last_step: int = bigint()
    recovery_hashes: str = text()
    set_at: str = text()


class AccountRequestRow(SQLModel, table=True):
    """A request about an account that needs a second person.

    ``kind`` is ``add``, ``change``, ``password`` or ``factor-removed``. ``role`` and ``sources`` are those
    that the account would have. ``version`` names the state of the account that the request is about; None
    for a new account.
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
    in it; None for none. ``address`` is the shortened network address that it began from; None if unknown.
    ``method`` is ``provider`` after a sign-in with an identity provider, and None after one with a password.
    """

    __tablename__ = "sign_in"
    token_hash: str = text(primary_key=True)
    account_id: int = bigint(foreign_key="account.id", index=True)
    purpose: str = text()
    begun_at: str = text()
    seen_at: str = text(index=True)
    emergency_at: str | None = text(default=None)
    address: str | None = text(default=None)
    method: str | None = text(default=None)


class SignInNetworkRow(SQLModel, table=True):
    """A network with attempts on an account, named by a keyed hash.

    ``failed`` counts attempts in a row; ``locked_until`` ends a lock-out. ``succeeded_at`` is when the person
    last signed in from it; None for never.
    """

    __tablename__ = "sign_in_network"
    account_id: int = primary_key(foreign_key="account.id")
    network: str = text(primary_key=True)
    failed: int = bigint()
    locked_until: str | None = text(default=None)
    succeeded_at: str | None = text(default=None)
    seen_at: str = text(index=True)


class FirstLinkRow(SQLModel, table=True):
    """The one-time link with which the first administrator's account is made.

    The link's token is stored as a hash. ``expires_at`` (ISO, UTC) is when it is refused.
    """

    __tablename__ = "first_link"
    token_hash: str = text(primary_key=True)
    expires_at: str = text()


class UsedFlowRow(SQLModel, table=True):
    """An ended sign-in with an identity provider, so none ends twice.

    ``expires_at`` (ISO, UTC) is when the flow token is refused in any case.
    """

    __tablename__ = "used_flow"
    token_hash: str = text(primary_key=True)
    expires_at: str = text(index=True)

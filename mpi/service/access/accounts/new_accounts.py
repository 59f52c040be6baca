"""User accounts, added under names that are never given again.

The first password is random and shown once, or typed by the administrator, and serves only to set another.
"""

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.roles import Role
from mpi.domain.viewer import RESERVED_NAMES, Action, Viewer, require_permission
from mpi.service.access import passwords
from mpi.service.access.account_rules import MAX_NAME_LENGTH, is_valid_name, require_rights_within
from mpi.service.access.accounts.account_rights import log_rights, require_sources
from mpi.service.access.accounts.sign_in_resets import choose_one_time_password
from mpi.service.agreements.register import choose_agreement, choose_party
from mpi.service.core.index import Index
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_FULL_NAME_LENGTH = 200


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A user account to add.

    Args:
        name: 1 to 64 lower-case letters, digits, ``_``, ``-`` or ``.``; never given again.
        full_name: full name of the person.
        role: role of the account.
        sources: codes of the sources that the person may see; None for all, including later ones.
        agreement: code of the agreement that the person acts under; None for the operator's own rule.
        party: code of the party for which the person acts; None where the sources name one party alone.
    """

    name: str
    full_name: str
    role: Role
    sources: Collection[str] | None
    agreement: str | None = None
    party: str | None = None


def add_account(index: Index, viewer: Viewer, new_account: NewAccount, password: str | None = None) -> str:
    """Add a user account and return its one-time password.

    Args:
        index: the open index.
        viewer: who adds the account; grants no more than the viewer has.
        new_account: the account.
        password: the one-time password; None for a random one.

    Returns:
        The password, which serves only to set another.

    Raises:
        InputError: the name, full name or password is invalid, a source owner is given all sources, or the
            shared index of several scopes needs an agreement.
        NotFoundError: a source, the agreement or the party does not exist.
        ConflictError: an account or a client has, or had, that name; the agreement has ended; or the party
            does not fit role and sources.
        AccessDenied: the viewer may not administer accounts, or would grant more than the viewer has.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    check_names(new_account)
    sources = None if new_account.sources is None else frozenset(new_account.sources)
    require_rights_within(viewer, new_account.role, sources)
    one_time_password = choose_one_time_password(index, password, new_account.name, new_account.full_name)
    password_hash = passwords.hash_password(one_time_password)
    with index.database.write(viewer, "account-add") as unit:
        insert_account(unit, viewer, new_account, password_hash)
        log_rights(unit, new_account.name, "add", new_account.role, sources)
    return one_time_password


def insert_account(
    unit: WriteUnit, viewer: Viewer, new_account: NewAccount, password_hash: str, *, must_change: bool = True
) -> None:
    """Add a user account in a transaction, after its rights were checked.

    Args:
        unit: the transaction.
        viewer: who adds it.
        new_account: the account.
        password_hash: hash of its password.
        must_change: whether the password serves only to set another.

    Raises:
        InputError: the shared index of several scopes needs an agreement.
        NotFoundError: a source, the agreement or the party does not exist.
        ConflictError: an account or a client has, or had, that name; the agreement has ended; or the party
            does not fit role and sources.
    """
    sources = None if new_account.sources is None else frozenset(new_account.sources)
    require_sources(unit, sources)
    require_free_name(unit, new_account.name)
    agreement = choose_agreement(unit, viewer, new_account.agreement)
    unit.accounts.add(
        Account(
            id=unit.counters.take("account"),
            name=new_account.name,
            full_name=new_account.full_name.strip(),
            role=new_account.role,
            sources=sources,
            password_hash=password_hash,
            password_set_at=clock.format_timestamp(clock.now()),
            must_change=must_change,
            failed=0,
            locked_until=None,
            created_commit=unit.commit_no,
            ended_commit=None,
            agreement=agreement,
            party=choose_party(unit, viewer, agreement, new_account.party, new_account.role, sources),
        )
    )


def require_free_name(unit: ReadUnit, name: str) -> None:
    """Refuse a name that an account or a client has, or had.

    Raises:
        ConflictError: one does.
    """
    client_names = {client.name.casefold() for client, _, _ in unit.clients.all_with_commits()}
    if unit.accounts.find_by_name(name) is not None or name in client_names:
        raise ConflictError(f"there is or was an account or a client {name!r}: take another name")


def check_names(new_account: NewAccount) -> None:
    """Refuse an invalid name or full name of a new account.

    Raises:
        InputError: one is invalid.
    """
    if not is_valid_name(new_account.name):
        raise InputError(
            f"an account's name has 1 to {MAX_NAME_LENGTH} lower-case letters, digits, '_', '-' or '.'"
        )
    if new_account.name in RESERVED_NAMES:
        raise InputError(f"{new_account.name!r} stands for something else on commits: take another name")
    full_name = new_account.full_name.strip()
    has_invisible = any(unicodedata.category(letter) in ("Cc", "Cs", "Cf") for letter in full_name)
    if not full_name or len(full_name) > MAX_FULL_NAME_LENGTH or has_invisible:
        raise InputError(f"a full name has 1 to {MAX_FULL_NAME_LENGTH} characters that can be seen")

"""One-time link with which the first administrator makes an account.

A link is random, stored as a hash, valid for a day and once, and only while the index has no account. So
nobody needs a password that somebody else chose, and no default password exists.
"""

import secrets
from datetime import timedelta

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import FIRST_START, make_operator
from mpi.policy.agreement import HOUSE
from mpi.service.access import passwords
from mpi.service.access.accounts.account_rights import log_rights
from mpi.service.access.accounts.new_accounts import NewAccount, check_names, insert_account
from mpi.service.access.own_account.new_password import require_unbreached
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit

LINK_LIFETIME = timedelta(hours=24)
"""How long a link is valid."""
_NO_LINK = (
    "this link is not valid: it was used, has expired, or was replaced at a later start of the server; "
    "or the index has an account already"
)


def make_first_link(index: Index) -> str | None:
    """Return the token of a new link, or None if needless.

    The links of earlier starts end. An index needs none that has, or had, an account, or whose people sign in
    with an identity provider alone.
    """
    if not index.settings.has_local_sign_in:
        return None
    with index.database.read(make_operator(FIRST_START)) as unit:
        if unit.accounts.all():
            return None
    token = secrets.token_urlsafe(32)
    expires_at = clock.format_timestamp(clock.now() + LINK_LIFETIME)
    with index.database.write(make_operator(FIRST_START), "first-link") as unit:
        if unit.accounts.all():
            return None
        unit.first_links.replace(hash_token(token), expires_at)
    return token


def require_first_link(index: Index, token: str) -> None:
    """Check the token of a link.

    Raises:
        NotFoundError: it is not valid.
    """
    with index.database.read(make_operator(FIRST_START)) as unit:
        _require_valid(index, unit, token)


def use_first_link(index: Index, token: str, name: str, full_name: str, password: str) -> None:
    """Make the account of the first administrator, who sees all sources.

    Args:
        index: the open index.
        token: token of the link, which ends.
        name: name of the account.
        full_name: full name of the person.
        password: the person's password for lasting use.

    Raises:
        NotFoundError: the link is not valid.
        InputError: name, full name or password is invalid.
        ConflictError: a client has, or had, that name.
        StoreError: the file of breached passwords cannot be read.
    """
    require_first_link(index, token)
    account = NewAccount(name.strip(), full_name, Role.OPERATOR, None, HOUSE)
    check_names(account)
    passwords.check_password(password, account.name, account.full_name)
    require_unbreached(index, password)
    password_hash = passwords.hash_password(password)
    viewer = make_operator(FIRST_START)
    with index.database.write(viewer, "account-add") as unit:
        _require_valid(index, unit, token)
        unit.ensure_commit()
        insert_account(unit, viewer, account, password_hash, must_change=False)
        unit.first_links.delete()
        log_rights(unit, account.name, "add", account.role, None)


def _require_valid(index: Index, unit: ReadUnit, token: str) -> None:
    now = clock.format_timestamp(clock.now())
    # An earlier start may have made the link while people signed in with passwords.
    if not index.settings.has_local_sign_in:
        raise NotFoundError(_NO_LINK)
    if not unit.first_links.is_valid(hash_token(token), now) or unit.accounts.all():
        raise NotFoundError(_NO_LINK)

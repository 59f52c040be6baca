"""Requests for accounts that need a second person.

An operator administers accounts, and reads no record. An approver reads records, and administers no account.
To give somebody the right to read records takes both: the operator asks, and an approver, who has every right
of the account, confirms. So nobody alone gives more than they have. The one-time password is shown
to the approver, who is no second person for later steps of that account (``mpi.service.core.second_person``).
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError, StaleError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.service.access import passwords
from mpi.service.access.account_rules import (
    covers,
    find_givable,
    has_rights,
    make_version,
    require_other_operator,
    require_rights_of,
    require_rights_within,
)
from mpi.service.access.accounts.account_rights import require_sources, write_rights
from mpi.service.access.accounts.new_accounts import (
    NewAccount,
    check_names,
    insert_account,
    require_free_name,
)
from mpi.service.access.accounts.open_accounts import find_account_to_change
from mpi.service.access.accounts.sign_in_resets import write_factor_reset, write_password
from mpi.service.access.administration_log import Subject, log_change
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.storage.repositories.access.account_requests import StoredAccountRequest
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

ROLES_TO_CONFIRM = tuple(
    role for role in Role if ACTIONS_BY_ROLE[role] <= find_givable(ACTIONS_BY_ROLE[Role.APPROVER])
)
"""Roles that an approver can confirm, since an approver may learn all that they may."""


class RequestKind(StrEnum):
    """What a request asks for."""

    ADD = "add"
    CHANGE = "change"
    PASSWORD = "password"  # noqa: S105 - a kind, no password
    FACTOR = "factor-removed"
    """Remove the one-time codes of somebody who lost them."""


class RequestAnswer(StrEnum):
    """How a request ended."""

    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class AccountRequest:
    """A request about an account that waits for a second person.

    Args:
        number: number of the request.
        kind: what it asks for.
        name: name of the account.
        full_name: full name of the person.
        role: role that the account would have.
        sources: codes of the sources that it would see; None for all.
        asked_by: who asks.
        asked_at: since when (ISO, UTC).
        may_answer: whether the viewer may confirm or refuse it.
    """

    number: int
    kind: RequestKind
    name: str
    full_name: str
    role: Role
    sources: tuple[str, ...] | None
    asked_by: str
    asked_at: str
    may_answer: bool


@dataclass(frozen=True, slots=True)
class ConfirmedAccount:
    """Outcome of a confirmed request.

    Args:
        name: name of the account.
        password: its one-time password, to be shown once; None where none was set.
    """

    name: str
    password: str | None


def request_account(index: Index, viewer: Viewer, new_account: NewAccount) -> None:
    """Ask a second person for a new account.

    Raises:
        InputError: the name or full name is invalid.
        NotFoundError: a source does not exist.
        ConflictError: the name is taken, or a request about it waits.
        AccessDenied: the viewer may not administer accounts or sees fewer sources; or no approver can
            confirm the role.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    check_names(new_account)
    sources = None if new_account.sources is None else frozenset(new_account.sources)
    _require_confirmable(viewer, new_account.role, sources)
    with index.database.write(viewer, "account-ask") as unit:
        require_sources(unit, sources)
        require_free_name(unit, new_account.name)
        stored = _build(unit, RequestKind.ADD, new_account.name, new_account.role, sources)
        _store(unit, replace(stored, full_name=new_account.full_name.strip()))


def request_change(
    index: Index, viewer: Viewer, name: str, role: Role, sources: Collection[str] | None, version: str | None
) -> None:
    """Ask a second person to change an account's role and sources.

    Raises:
        NotFoundError: the account or a source does not exist, or the account has ended.
        ConflictError: the account is the viewer's own, or a request about it waits.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: as for ``request_account``.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    codes = None if sources is None else frozenset(sources)
    _require_confirmable(viewer, role, codes)
    with index.database.write(viewer, "account-ask") as unit:
        account = find_account_to_change(unit, viewer, name, version)
        require_sources(unit, codes)
        _store(unit, _about(account, _build(unit, RequestKind.CHANGE, name, role, codes)))


def request_password(index: Index, viewer: Viewer, name: str, version: str | None) -> None:
    """Ask a second person to set a one-time password for an account.

    Raises:
        NotFoundError: the account does not exist or has ended.
        ConflictError: the account is the viewer's own, or a request about it waits.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: as for ``request_account``.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.write(viewer, "account-ask") as unit:
        account = find_account_to_change(unit, viewer, name, version)
        role = Role(account.role)
        _require_confirmable(viewer, role, account.sources)
        _store(unit, _about(account, _build(unit, RequestKind.PASSWORD, name, role, account.sources)))


def request_factor_reset(index: Index, viewer: Viewer, name: str, version: str | None) -> None:
    """Ask a second person to remove the one-time codes of an account.

    Raises:
        NotFoundError: the account does not exist or has ended.
        ConflictError: the account is the viewer's own or has no such codes, or a request about it waits.
        StaleError: the account has changed since the viewer read it.
        AccessDenied: as for ``request_account``.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    with index.database.write(viewer, "account-ask") as unit:
        account = find_account_to_change(unit, viewer, name, version)
        if not unit.second_factors.exists(account.id):
            raise ConflictError(f"the account {name!r} has no one-time codes")
        role = Role(account.role)
        _require_confirmable(viewer, role, account.sources)
        _store(unit, _about(account, _build(unit, RequestKind.FACTOR, name, role, account.sources)))


def list_account_requests(index: Index, viewer: Viewer) -> list[AccountRequest]:
    """Return the requests about accounts that wait, oldest first.

    Raises:
        AccessDenied: the viewer neither administers accounts nor approves.
    """
    if not is_allowed(viewer, Action.ACCOUNT_ADMIN):
        require_permission(viewer, Action.APPROVE)
    with index.database.read(viewer) as unit:
        stored = [each for each in unit.account_requests.waiting() if covers(viewer.sources, each.sources)]
        commits = unit.commit_info({each.asked_commit for each in stored})
        return [_build_view(unit, each, commits[each.asked_commit]) for each in stored]


def confirm_request(index: Index, viewer: Viewer, number: int) -> ConfirmedAccount:
    """Confirm a request about an account, as a second person.

    Raises:
        NotFoundError: there is no such request that the viewer may know of.
        ConflictError: it was answered before, it is the viewer's own, its name was taken meanwhile, or it
            would take the rights of the last operator.
        StaleError: the account has changed since the request.
        AccessDenied: the viewer may not approve, or has less than the account has or would have.
    """
    require_permission(viewer, Action.APPROVE)
    password = passwords.generate_one_time_password()
    password_hash = passwords.hash_password(password)
    with index.database.write(viewer, "account-confirm") as unit:
        request = _require_waiting(unit, number)
        asked_by = _require_second_person(unit, request)
        require_rights_within(viewer, Role(request.role), request.sources)
        unit.ensure_commit()
        _apply(index, unit, viewer, request, password_hash)
        unit.account_requests.answer(number, RequestAnswer.APPROVED, unit.commit_no)
        facts: dict[str, object] = {"asked_by": asked_by}
        if request.kind in (RequestKind.ADD, RequestKind.CHANGE):
            facts |= {"role": request.role, "sources": _sort(request.sources)}
        log_change(unit, Subject.ACCOUNT, request.name, request.kind, **facts)
    has_password = request.kind in (RequestKind.ADD, RequestKind.PASSWORD)
    return ConfirmedAccount(request.name, password if has_password else None)


def refuse_request(index: Index, viewer: Viewer, number: int) -> None:
    """Refuse a request about an account, or withdraw it.

    An administrator of accounts withdraws it; an approver refuses it.

    Raises:
        NotFoundError: there is no such request that the viewer may know of.
        ConflictError: it was answered before.
        AccessDenied: the viewer neither administers accounts nor approves.
    """
    is_admin = is_allowed(viewer, Action.ACCOUNT_ADMIN)
    if not is_admin:
        require_permission(viewer, Action.APPROVE)
    with index.database.write(viewer, "account-refuse") as unit:
        request = _require_waiting(unit, number)
        answer = RequestAnswer.WITHDRAWN if is_admin else RequestAnswer.REFUSED
        unit.ensure_commit()
        unit.account_requests.answer(number, answer, unit.commit_no)
        log_change(unit, Subject.ACCOUNT, request.name, answer)


def _require_confirmable(viewer: Viewer, role: Role, sources: frozenset[str] | None) -> None:
    """Refuse a request that no approver can confirm.

    Refuse it also if the viewer's sources do not cover its sources.

    Raises:
        AccessDenied: it is so.
    """
    if role not in ROLES_TO_CONFIRM:
        raise AccessDenied(f"no approver may do all that a {role} may: add the account on the command line")
    if not covers(viewer.sources, sources):
        raise AccessDenied("an account can be asked for by somebody who may see all its sources")


def _build(
    unit: WriteUnit, kind: RequestKind, name: str, role: Role, sources: frozenset[str] | None
) -> StoredAccountRequest:
    """Build a request that waits, unless one about the account does.

    Raises:
        ConflictError: one does.
    """
    if any(each.name == name for each in unit.account_requests.waiting()):
        raise ConflictError(f"a request about the account {name!r} waits already: withdraw it first")
    return StoredAccountRequest(
        id=unit.counters.take("account_request"),
        kind=kind,
        name=name,
        full_name="",
        role=role,
        sources=sources,
        version=None,
        asked_commit=unit.commit_no,
    )


def _about(account: Account, request: StoredAccountRequest) -> StoredAccountRequest:
    """Return a request with the present state of its account.

    Raises:
        AccessDenied: the account has rights that no approver has.
    """
    if account.granted or account.role not in ROLES_TO_CONFIRM:
        raise AccessDenied("no approver may do all that this account may: change it on the command line")
    return replace(request, full_name=account.full_name, version=make_version(account))


def _store(unit: WriteUnit, request: StoredAccountRequest) -> None:
    """Store a request and record it in the account's log."""
    unit.account_requests.add(request)
    facts = {"asked": request.kind, "role": request.role, "sources": _sort(request.sources)}
    log_change(unit, Subject.ACCOUNT, request.name, "ask", **facts)


def _require_waiting(unit: ReadUnit, number: int) -> StoredAccountRequest:
    """Return a waiting request that the viewer may know of."""
    request = unit.account_requests.get(number)
    if request is None or not covers(unit.viewer.sources, request.sources):
        raise NotFoundError("there is no such request")
    if request.answer is not None:
        raise ConflictError(f"this request is {request.answer} already")
    return request


def _require_second_person(unit: ReadUnit, request: StoredAccountRequest) -> str:
    """Return who asked; refuse a request by or about the viewer.

    Raises:
        ConflictError: the viewer is no second person, or the account is the viewer's own.
    """
    obstacle = _find_obstacle(unit, request)
    if obstacle is not None:
        raise ConflictError(f"this request is {obstacle}: somebody else has to answer it")
    return unit.commit_info({request.asked_commit})[request.asked_commit][1]


def _find_obstacle(unit: ReadUnit, request: StoredAccountRequest) -> str | None:
    """Return why the viewer is no second person, or None."""
    if unit.viewer.client == request.name:
        return "about your own account"
    return find_obstacle(unit, request.asked_commit)


def _apply(
    index: Index, unit: WriteUnit, viewer: Viewer, request: StoredAccountRequest, password_hash: str
) -> None:
    """Do what a confirmed request asks for."""
    role = Role(request.role)
    if request.kind == RequestKind.ADD:
        insert_account(
            unit, viewer, NewAccount(request.name, request.full_name, role, request.sources), password_hash
        )
        return
    account = find_account_to_change(unit, viewer, request.name, None)
    if make_version(account) != request.version:
        raise StaleError("the account has changed since the request: refuse it, and have it asked again")
    require_rights_of(viewer, account)
    if request.kind == RequestKind.PASSWORD:
        write_password(unit, account, password_hash)
        return
    if request.kind == RequestKind.FACTOR:
        write_factor_reset(unit, account)
        return
    require_other_operator(unit, viewer, account)
    write_rights(index, unit, account, role, request.sources)


def _build_view(unit: ReadUnit, request: StoredAccountRequest, asked: tuple[str, str, str]) -> AccountRequest:
    """Build the view of a request that waits."""
    role = Role(request.role)
    return AccountRequest(
        number=request.id,
        kind=RequestKind(request.kind),
        name=request.name,
        full_name=request.full_name,
        role=role,
        sources=None if request.sources is None else tuple(sorted(request.sources)),
        asked_by=asked[1],
        asked_at=asked[0],
        may_answer=is_allowed(unit.viewer, Action.APPROVE)
        and has_rights(unit.viewer, role, request.sources)
        and _find_obstacle(unit, request) is None,
    )


def _sort(sources: frozenset[str] | None) -> list[str] | None:
    return None if sources is None else sorted(sources)

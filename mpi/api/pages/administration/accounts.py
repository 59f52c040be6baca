"""Pages of accounts: list, add, change, reset, unlock and end them.

What gives more rights than the operator has is asked of an approver (``account_requests``).
"""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from mpi.api.pages.administration.source_choice import list_choices, read_sources
from mpi.api.pages.page_route import PageRoute
from mpi.api.pages.rendering.render import render_page
from mpi.api.pages.session.authentication import FormDep
from mpi.api.pages.session.page_context import Visit, VisitDep
from mpi.api.request.authentication import IndexDep
from mpi.api.request.forms import Form, make_button_error
from mpi.api.request.problems import find_status
from mpi.domain.errors import AccessDenied, ConflictError, InputError, MpiError, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.access.account_requests import (
    ROLES_TO_CONFIRM,
    list_account_requests,
    request_account,
    request_change,
    request_factor_reset,
    request_password,
)
from mpi.service.access.account_rules import MAX_NAME_LENGTH
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_list import find_account, list_accounts
from mpi.service.access.accounts.account_rights import change_account, list_grantable_roles
from mpi.service.access.accounts.new_accounts import MAX_FULL_NAME_LENGTH, NewAccount, add_account
from mpi.service.access.accounts.sign_in_resets import reset_second_factor, set_password, unlock_account
from mpi.service.access.sign_in import ONE_TIME_PASSWORD_LIFETIME
from mpi.service.core.index import Index

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/accounts")
def list_page(index: IndexDep, visit: VisitDep) -> Response:
    """Show all user accounts, with a form that adds one."""
    return _render_list(index, visit)


@router.post("/accounts")
def add(index: IndexDep, visit: VisitDep, form: FormDep) -> Response:
    """Add a user account, or ask an approver to add it.

    The one-time password of an added account is shown once.
    """
    require_permission(visit.viewer, Action.ACCOUNT_ADMIN)
    try:
        name = form.text("name")
        new = NewAccount(name, form.text("full_name"), _read_role(form), read_sources(form))
        if new.role in list_grantable_roles(visit.viewer):
            return show_password(visit, name, add_account(index, visit.viewer, new))
        request_account(index, visit.viewer, new)
    except (InputError, ConflictError, NotFoundError, AccessDenied) as error:
        return _render_list(index, visit, error, form)
    return RedirectResponse("/accounts?done=account_asked", HTTPStatus.SEE_OTHER)


@router.get("/accounts/{name}")
def show_account(index: IndexDep, visit: VisitDep, name: str) -> Response:
    """Show one user account, with forms that change it.

    Raises:
        NotFoundError: there is no such account.
    """
    return _render_account(index, visit, name)


@router.get("/accounts/{name}/end")
def confirm_end(index: IndexDep, visit: VisitDep, name: str) -> Response:
    """Show the consequences of ending an account, before it is ended.

    Raises:
        NotFoundError: there is no such account.
    """
    return _render_end(index, visit, name)


@router.post("/accounts/{name}")
def change(index: IndexDep, visit: VisitDep, name: str, form: FormDep) -> Response:
    """Change, reset, unlock or end a user account.

    Raises:
        InputError: the form names another action.
        NotFoundError: there is no such account.
    """
    require_permission(visit.viewer, Action.ACCOUNT_ADMIN)
    action = form.button()
    if action == "end" and not form.is_checked("confirm"):
        return _render_end(index, visit, name)
    try:
        is_within = find_account(index, visit.viewer, name).is_within_rights
        if action == "password" and is_within:
            password = set_password(index, visit.viewer, name, version=form.text("version"))
            return show_password(visit, name, password)
        done = _change(index, visit.viewer, name, action, form, is_within=is_within)
    except (InputError, ConflictError, AccessDenied) as error:
        return _render_account(index, visit, name, error, form)
    place = "/accounts" if action == "end" else f"/accounts/{quote(name, safe='')}"
    return RedirectResponse(f"{place}?done={done}", HTTPStatus.SEE_OTHER)


def _change(index: Index, viewer: Viewer, name: str, action: str, form: Form, *, is_within: bool) -> str:
    """Do or request one action on an account; return the message's code."""
    match action:
        case "password":
            request_password(index, viewer, name, form.text("version"))
            return "account_asked"
        case "factor":
            reset = reset_second_factor if is_within else request_factor_reset
            reset(index, viewer, name, form.text("version"))
            return "account_changed" if is_within else "account_asked"
        case "unlock":
            unlock_account(index, viewer, name)
            return "unlocked"
        case "change":
            role, sources, version = _read_role(form), read_sources(form), form.text("version")
            if is_within and role in list_grantable_roles(viewer):
                change_account(index, viewer, name, role, sources, version)
                return "account_changed"
            request_change(index, viewer, name, role, sources, version)
            return "account_asked"
        case "end":
            end_account(index, viewer, name, form.text("version"))
            return "ended"
        case _:
            raise make_button_error()


def _read_role(form: Form) -> Role:
    role = form.text("role")
    if role not in set(Role):
        raise InputError("role: choose one of the list")
    return Role(role)


def _render_list(
    index: Index, visit: Visit, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render the accounts, with what was typed for a new one."""
    accounts = list_accounts(index, visit.viewer)
    return render_page(
        "accounts.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        accounts=accounts,
        requests=list_account_requests(index, visit.viewer),
        own_roles=list_grantable_roles(visit.viewer),
        asked_roles=ROLES_TO_CONFIRM,
        sources=list_choices(index, visit.viewer),
        form=form or Form({}),
        longest=(MAX_NAME_LENGTH, MAX_FULL_NAME_LENGTH),
        problems=[] if error is None else [("", str(error))],
    )


def _render_account(
    index: Index, visit: Visit, name: str, error: MpiError | None = None, form: Form | None = None
) -> Response:
    """Render one account, with what was chosen in its form."""
    detail = find_account(index, visit.viewer, name)
    account = detail.account
    return render_page(
        "account.html",
        HTTPStatus.OK if error is None else find_status(error)[0],
        visit=visit,
        detail=detail,
        account=account,
        own_roles=list_grantable_roles(visit.viewer) if detail.is_within_rights else (),
        asked_roles=ROLES_TO_CONFIRM,
        is_confirmable=account.role in ROLES_TO_CONFIRM and not account.granted,
        request=next((one for one in list_account_requests(index, visit.viewer) if one.name == name), None),
        sources=list_choices(index, visit.viewer),
        role=account.role if form is None else form.optional_text("role") or account.role,
        chosen=account.sources if form is None else form.texts("source"),
        problems=[] if error is None else [("", str(error))],
    )


def _render_end(index: Index, visit: Visit, name: str) -> Response:
    """Render the page that asks whether to end an account."""
    detail = find_account(index, visit.viewer, name)
    return render_page("account_end.html", visit=visit, detail=detail, account=detail.account)


def show_password(visit: Visit, name: str, password: str, back: str | None = None) -> Response:
    """Render the page that shows a one-time password, this once."""
    return render_page(
        "secret.html",
        visit=visit,
        kind="password",
        here="accounts",
        name=name,
        back=back or f"/accounts/{quote(name, safe='')}",
        secret=password,
        days=ONE_TIME_PASSWORD_LIFETIME.days,
    )

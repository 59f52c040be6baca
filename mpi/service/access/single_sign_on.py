"""Sign-in of people with an OpenID Connect provider.

The browser carries a random flow token. State, nonce and PKCE verifier follow from it under the secret of the
index, so an answer counts only in the browser that asked, once, and for ten minutes. The role follows from
the person's groups at each sign-in, where the configuration maps them.
"""

import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, MpiError, NotAuthenticated, NotFoundError
from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.security_events import SIGN_IN, SIGN_IN_REFUSED, mark_event
from mpi.domain.viewer import SINGLE_SIGN_ON, Action, Viewer, make_operator, require_permission
from mpi.service.access.account_rules import require_rights_of
from mpi.service.access.accounts.account_rights import log_rights, require_sources, write_rights
from mpi.service.access.accounts.new_accounts import NewAccount, check_names, insert_account
from mpi.service.access.accounts.open_accounts import find_open_account
from mpi.service.access.administration_log import Subject, log_change
from mpi.service.access.own_account.sessions import shorten_address
from mpi.service.access.passwords import NO_PASSWORD
from mpi.service.access.session_authentication import PROVIDER
from mpi.service.access.setup import hash_token
from mpi.service.access.sign_in import begin_session
from mpi.service.core.index import Index
from mpi.service.identity.group_roles import GroupRole, GroupRoles
from mpi.service.identity.oidc_provider import FlowSecrets, OidcProvider
from mpi.storage.repositories.access.accounts import Account
from mpi.storage.unit_of_work.units import WriteUnit

FLOW_LIFETIME = timedelta(minutes=10)
"""How long a person may take at the provider."""
MAX_SUBJECT_LENGTH = 255
_MAX_CODE_LENGTH = 4_096
_ANSWER_REFUSED = "this answer of the identity provider belongs to no sign-in of this browser: sign in again"
_NOT_PERMITTED = "you are known to the identity provider, but have no access to this index: ask its operator"

_log = logging.getLogger("mpi.access")
_ANONYMOUS = Viewer("nobody")


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider sends back through the browser.

    Args:
        code: the authorization code; None if it refused.
        state: the state.
        issuer: who answers (RFC 9207); None where the provider does not say.
    """

    code: str | None
    state: str | None
    issuer: str | None = None


def begin_flow(index: Index) -> tuple[str, str]:
    """Begin a sign-in with the provider.

    Returns:
        The URL to send the browser to, and the flow token that the browser keeps.

    Raises:
        NotFoundError: no provider is configured.
        StoreError: the provider cannot be reached.
    """
    provider = require_provider(index)
    begun_at = int(clock.now().timestamp())
    token = f"{begun_at}.{secrets.token_urlsafe(32)}"
    return provider.build_authorization_url(_flow_secrets(index, token)), token


def finish_flow(
    index: Index,
    token: str | None,
    answer: ProviderAnswer,
    replaced_token: str | None = None,
    address: str | None = None,
) -> str:
    """Sign in the person whom the provider confirms.

    Args:
        index: the open index.
        token: flow token of the browser.
        answer: what the provider sent through the browser.
        replaced_token: token of the browser's earlier session, which ends.
        address: network address of the browser; None if unknown. It is stored shortened.

    Returns:
        The token of the new session.

    Raises:
        NotAuthenticated: the answer belongs to another browser, came before or late, is not accepted, or the
            person has no access.
        NotFoundError: no provider is configured.
        StoreError: the provider cannot be reached.
    """
    provider = require_provider(index)
    flow = _check_answer(index, provider, token, answer)
    claims = provider.fetch_claims(answer.code or "", flow)
    try:
        session = _sign_in(index, token or "", claims, replaced_token, shorten_address(address or ""))
    except MpiError as error:
        _log.info(
            "single sign-on refused: %s",
            type(error).__name__,
            extra=mark_event(SIGN_IN_REFUSED, address=address, method="single-sign-on"),
        )
        raise
    return session


def require_provider(index: Index) -> OidcProvider:
    """Return the provider that people sign in with.

    Raises:
        NotFoundError: none is configured.
    """
    provider = index.settings.oidc_provider
    if provider is None:
        raise NotFoundError("people do not sign in here with an identity provider")
    return provider


def link_account(index: Index, viewer: Viewer, name: str, subject: str | None) -> None:
    """Set whom an account stands for at the provider; end its sessions.

    Args:
        index: the open index.
        viewer: who sets it, and has every right of the account: the person gets them.
        name: name of the account.
        subject: the person's ``sub`` at the provider; None for nobody.

    Raises:
        InputError: the subject is invalid.
        NotFoundError: the account does not exist or has ended.
        ConflictError: another account stands for that person, or the account is the viewer's own.
        AccessDenied: the viewer may not administer accounts, or has less than the account has.
    """
    require_permission(viewer, Action.ACCOUNT_ADMIN)
    if subject is not None and not _is_subject(subject):
        raise InputError(f"a subject has 1 to {MAX_SUBJECT_LENGTH} printable characters")
    with index.database.write(viewer, "account-link") as unit:
        account = find_open_account(unit, name)
        require_rights_of(viewer, account)
        other = None if subject is None else unit.accounts.find_by_external_id(subject)
        if other is not None and other.name != name:
            raise ConflictError(f"the account {other.name!r} stands for that person")
        unit.ensure_commit()
        unit.accounts.set_external_id(account.id, subject)
        if subject is not None and account.must_change:
            # Somebody else knows the one-time password, which is of no use now.
            moment = clock.format_timestamp(clock.now())
            unit.accounts.set_password(account.id, NO_PASSWORD, moment, must_change=False)
        unit.sign_ins.end_all_of_account(account.id)
        log_change(unit, Subject.ACCOUNT, name, "link", external_id=subject)


def _flow_secrets(index: Index, token: str) -> FlowSecrets:
    """Return the secrets of a flow, which follow from its token."""
    derive = index.keyed_hash.to_token
    # A verifier has at least 43 characters (RFC 7636, section 4.1).
    verifier = derive("oidc-verifier-1", token) + derive("oidc-verifier-2", token)
    return FlowSecrets(derive("oidc-state", token), derive("oidc-nonce", token), verifier)


def _check_answer(
    index: Index, provider: OidcProvider, token: str | None, answer: ProviderAnswer
) -> FlowSecrets:
    """Return the secrets of the flow that an answer belongs to.

    Raises:
        NotAuthenticated: it belongs to none of this browser, or comes too late.
    """
    if not token or not _is_recent(token) or not answer.code or len(answer.code) > _MAX_CODE_LENGTH:
        raise NotAuthenticated(_ANSWER_REFUSED)
    flow = _flow_secrets(index, token)
    is_own = secrets.compare_digest((answer.state or "").encode(), flow.state.encode())
    if not is_own or answer.issuer not in (None, provider.settings.issuer):
        raise NotAuthenticated(_ANSWER_REFUSED)
    return flow


def _is_recent(token: str) -> bool:
    """Return whether a flow token's time is at most ten minutes ago."""
    begun_at = token.partition(".")[0]
    if not (begun_at.isascii() and begun_at.isdigit() and len(begun_at) <= len(str(int(time.time())))):
        return False
    age = clock.now().timestamp() - int(begun_at)
    return -1 <= age < FLOW_LIFETIME.total_seconds()


def _sign_in(
    index: Index, token: str, claims: Mapping[str, Any], replaced_token: str | None, address: str | None
) -> str:
    """Begin the session of the person whom claims name, once a flow."""
    roles = index.settings.group_roles
    role = None if roles is None else roles.find_role(claims)
    subject = str(claims["sub"])
    if not _is_subject(subject):
        raise NotAuthenticated(_NOT_PERMITTED)
    session: str | None = None
    with index.database.write(make_operator(SINGLE_SIGN_ON), "single-sign-on") as unit:
        now = clock.now()
        unit.used_flows.delete_before(clock.format_timestamp(now))
        if not unit.used_flows.add(hash_token(token), clock.format_timestamp(now + FLOW_LIFETIME)):
            raise NotAuthenticated(_ANSWER_REFUSED)
        account = unit.accounts.find_by_external_id(subject)
        if account is None:
            account = _create_account(unit, roles, role, claims)
        else:
            account = _renew_role(index, unit, account, roles, role)
        if account is not None:
            if replaced_token is not None:
                unit.sign_ins.end(hash_token(replaced_token))
            purpose = PURPOSES_BY_ROLE[Role(account.role)][0]
            session = begin_session(index, unit, account, purpose, address, PROVIDER)
    # A refusal is raised after the commit, so that the sessions of a person without a role have ended.
    if session is None or account is None:
        raise NotAuthenticated(_NOT_PERMITTED)
    _log.info(
        "signed in by single sign-on: %s",
        account.name,
        extra=mark_event(SIGN_IN, account.name, address, method="single-sign-on"),
    )
    return session


def _renew_role(
    index: Index, unit: WriteUnit, account: Account, roles: GroupRoles | None, role: GroupRole | None
) -> Account | None:
    """Give an account the role of its person's groups, if any.

    Without configured roles, an account keeps the role that an operator gave it.
    """
    if account.ended_commit is not None or unit.splits.scope_of_account(account.name) is not None:
        return None
    if roles is None:
        return account
    if role is None:
        unit.sign_ins.end_all_of_account(account.id)
        return None
    if (account.role, account.sources) != (role.role, role.sources):
        require_sources(unit, role.sources)
        write_rights(index, unit, account, role.role, role.sources)
        log_rights(unit, account.name, "change", role.role, role.sources)
        return find_open_account(unit, account.name)
    return account


def _create_account(
    unit: WriteUnit, roles: GroupRoles | None, role: GroupRole | None, claims: Mapping[str, Any]
) -> Account | None:
    """Add the account of a new person, if configured.

    An existing account is never taken over by its name: an operator links it.
    """
    if roles is None or role is None or not roles.creates_accounts:
        return None
    name = str(claims.get(roles.name_claim, "")).partition("@")[0].casefold()
    new_account = NewAccount(name, _full_name(claims, name), role.role, role.sources, role.agreement)
    check_names(new_account)
    unit.ensure_commit()
    insert_account(unit, make_operator(SINGLE_SIGN_ON), new_account, NO_PASSWORD, must_change=False)
    log_rights(unit, name, "add", role.role, role.sources)
    account = find_open_account(unit, name)
    unit.accounts.set_external_id(account.id, str(claims["sub"]))
    return account


def _full_name(claims: Mapping[str, Any], name: str) -> str:
    full_name = claims.get("name")
    return full_name if isinstance(full_name, str) and full_name.strip() else name


def _is_subject(subject: str) -> bool:
    return subject.isprintable() and 0 < len(subject) <= MAX_SUBJECT_LENGTH

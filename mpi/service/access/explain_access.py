"""Explanation of the policy's decision on one request."""

from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.access_request import AccessDecision, BreakGlassState
from mpi.policy.rights import Rights, Subject
from mpi.service.access.viewers import find_scope_kind
from mpi.service.agreements.terms import find_terms
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class SupposedRequest:
    """A request to explain; nobody has made it.

    Args:
        action: the action.
        purpose: purpose of use; None where none is named.
        source: code of the record's source; None before a record is known.
        populations: populations of the child.
        has_consent: whether a consent to disclose the record is in force.
    """

    action: Action
    purpose: str | None = None
    source: str | None = None
    populations: frozenset[str] = frozenset()
    has_consent: bool = False


def explain_client_access(
    index: Index, viewer: Viewer, name: str, request: SupposedRequest
) -> AccessDecision:
    """Return the decision on a request of an API client.

    The conditions on the child are taken as met, and emergency access as open.

    Raises:
        NotFoundError: there is no such client whose key opens the index.
        AccessDenied: the viewer may not read agreements.
    """
    require_permission(viewer, Action.AGREEMENT_READ)
    with index.database.read(viewer) as unit:
        client = next((client for client in unit.clients.active() if client.name == name), None)
        if client is None:
            raise NotFoundError(f"there is no client {name!r} whose key opens the index")
        subject = Subject(
            request.purpose,
            client.actions,
            None,
            client.sources,
            BreakGlassState.OPEN,
            find_scope_kind(index),
            client.party,
        )
        return _decide(unit, subject, client.agreement, request)


def explain_account_access(
    index: Index, viewer: Viewer, name: str, request: SupposedRequest
) -> AccessDecision:
    """Return the decision on a request of a person's account.

    The conditions on the child are taken as met, and emergency access as open.

    Raises:
        NotFoundError: there is no such account, or it has ended.
        AccessDenied: the viewer may not read agreements.
    """
    require_permission(viewer, Action.AGREEMENT_READ)
    with index.database.read(viewer) as unit:
        account = unit.accounts.find_by_name(name)
        if account is None or account.ended_commit is not None:
            raise NotFoundError(f"there is no account {name!r}, or it has ended")
        subject = Subject(
            request.purpose,
            account.granted,
            Role(account.role),
            account.sources,
            BreakGlassState.OPEN,
            find_scope_kind(index),
            account.party,
        )
        return _decide(unit, subject, account.agreement, request)


def _decide(
    unit: ReadUnit, subject: Subject, agreement: str | None, request: SupposedRequest
) -> AccessDecision:
    day = clock.now().date()
    terms = None if agreement is None else find_terms(unit, agreement, day)
    rights = Rights(subject, terms, day)
    consents = rights.suppose_consent() if request.has_consent else frozenset()
    return rights.decide(request.action, request.source, request.populations, consents)

"""Viewers: the rights of a client or person for one purpose.

The policy decides what the viewer may do and be shown, under the agreement and for the purpose of use. The
decision is kept per caller, purpose and day until a step changes the agreement.
"""

from dataclasses import dataclass
from datetime import date

from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import Action, Viewer
from mpi.policy.access_request import BreakGlassState, ScopeKind
from mpi.policy.agreement import Agreement
from mpi.policy.rights import Rights, Subject
from mpi.service.agreements.terms import find_terms
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit

_MAX_VIEWERS = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """A client or a person, before the policy decides.

    Args:
        name: name on commits and on the ledger.
        granted: actions granted to the client, or to the person by name.
        sources: codes of the sources that the caller was granted; None for all.
        agreement: code of the agreement that the caller acts under; None for none.
        terms_no: commit number of the agreement's last step.
        role: role of a person; None for a client.
        break_glass: state of the caller's emergency access.
        party: code of the agreement's party for which the caller acts; None where the sources name it.
    """

    name: str
    granted: frozenset[Action]
    sources: frozenset[str] | None
    agreement: str | None
    terms_no: int | None
    role: Role | None = None
    break_glass: BreakGlassState = BreakGlassState.NONE
    party: str | None = None


def make_viewer(index: Index, unit: ReadUnit, caller: Caller, purpose: str | None) -> Viewer:
    """Return a caller as viewer for a purpose of use today.

    A purpose that the policy does not permit gives a viewer who may do nothing, so that the refusal names the
    action that was asked for.

    Args:
        index: the open index, which keeps the decision.
        unit: the transaction that reads the agreement.
        caller: who asks.
        purpose: purpose of use as sent; None where the call names none.
    """
    day = clock.now().date()
    key = (caller, purpose, day)
    viewer = index.caches.viewers.get(key)
    if viewer is None:
        terms = None if caller.agreement is None else find_terms(unit, caller.agreement, day)
        viewer = build_viewer(caller, purpose, terms, day, find_scope_kind(index))
        # Purposes that nobody knows are made up by the caller, and would fill the cache.
        if purpose is None or viewer.purpose is not None:
            _keep(index.caches.viewers, key, viewer)
    return viewer


def find_scope_kind(index: Index) -> ScopeKind:
    """Return whether the index is of one scope or shared."""
    return ScopeKind.SHARED if index.settings.scope == SHARED_SCOPE else ScopeKind.HOME


def build_viewer(
    caller: Caller,
    purpose: str | None,
    terms: Agreement | None,
    day: date,
    scope: ScopeKind = ScopeKind.SHARED,
) -> Viewer:
    """Return the viewer of a caller under given terms."""
    subject = Subject(
        purpose, caller.granted, caller.role, caller.sources, caller.break_glass, scope, caller.party
    )
    rights = Rights(subject, terms, day)
    return Viewer(
        client=caller.name,
        purpose=rights.known_purpose,
        actions=rights.actions,
        sources=rights.sources,
        agreement=caller.agreement,
        rights=rights,
    )


def _keep(viewers: dict[tuple[object, ...], Viewer], key: tuple[object, ...], viewer: Viewer) -> None:
    if len(viewers) >= _MAX_VIEWERS:
        viewers.clear()
    viewers[key] = viewer

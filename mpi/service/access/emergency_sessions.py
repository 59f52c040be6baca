"""Emergency access of people in a sign-in session.

The form with the reason begins a use. Until it is over, everything in that sign-in session is asked for the
purpose ``emergency_breakglass``. Then the session has its own purpose again by itself.
"""

from mpi.domain.errors import AccessDenied, ConflictError, RefusedCall
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.access_request import BREAK_GLASS
from mpi.service.access.break_glass import UseState, begin_use, check_reason, end_use, find_open_use
from mpi.service.access.session_authentication import authenticate_session, make_emergency_viewer
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.database import Lock

ENDED = "your emergency access is over: somebody else has to review it before you can begin another"


def find_own_use(index: Index, viewer: Viewer) -> UseState | None:
    """Return the viewer's own use that is not reviewed yet, or None.

    Raises:
        AccessDenied: the viewer was not granted emergency access.
    """
    require_permission(viewer, Action.BREAK_GLASS)
    with index.database.read(viewer) as unit:
        return find_open_use(index, unit, viewer.client)


def begin_emergency(index: Index, token: str, reason: str) -> None:
    """Begin emergency access in a person's session, or join an open use.

    Args:
        index: the open index.
        token: token of the sign-in session.
        reason: why, without a name of a child.

    Raises:
        NotAuthenticated: the session is unknown, expired or ended.
        InputError: the reason is empty or too long.
        ConflictError: the person's last use is over and not reviewed yet.
        AccessDenied: the person was not granted emergency access, or the agreement does not permit it.
        StoreError: the ledger cannot be written; nothing has begun.
    """
    person = authenticate_session(index, token).viewer
    require_permission(person, Action.BREAK_GLASS)
    stated_reason = check_reason(reason)
    with index.database.read(person) as unit:
        use = find_open_use(index, unit, person.client)
        if use is not None and use.is_over:
            raise ConflictError(ENDED)
        viewer = make_emergency_viewer(index, unit, token)
    _require_emergency(viewer)
    begun_at = begin_use(index, viewer, stated_reason)
    with index.database.write(viewer, "emergency", Lock.NONE) as unit:
        unit.sign_ins.set_emergency(hash_token(token), begun_at)


def end_emergency(index: Index, token: str) -> None:
    """End a person's emergency access before its time.

    Nothing happens if the session uses none.

    Raises:
        NotAuthenticated: the session is unknown, expired or ended.
        StoreError: the ledger cannot be written.
    """
    signed_in = authenticate_session(index, token)
    if signed_in.emergency is None:
        return
    end_use(index, signed_in.viewer)
    with index.database.write(signed_in.viewer, "emergency", Lock.NONE) as unit:
        unit.sign_ins.set_emergency(hash_token(token), None)


def _require_emergency(viewer: Viewer) -> None:
    """Raise unless the agreement permits emergency access.

    Raises:
        AccessDenied: it does not.
    """
    refusal = None if viewer.rights is None else viewer.rights.find_refusal(Action.PERSON_READ)
    if refusal is not None:
        raise AccessDenied(
            refusal.sentence,
            refusal.code,
            RefusedCall(viewer.client, Action.PERSON_READ.value, BREAK_GLASS, viewer.agreement),
        )

"""Emergency access: stated reason, time limit, alert and later review.

A *use* begins with the first request of a client that was granted ``break.glass`` by name and states a
reason. It ends after the time limit, or once its answers were about many children. The client gets no
further use until somebody else has reviewed this one. Uses and reviews are lines of the disclosure ledger
about no record: the reason, or the reviewer's note, stands in place of the fields.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.decision_table import BREAK_GLASS, BreakGlassState
from mpi.service.core.index import Index
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.units import ReadUnit

MAX_REASON_LENGTH = 500
_REVIEW = "break.glass.review"
_log = logging.getLogger("mpi.policy")
_ANONYMOUS = Viewer("nobody")


@dataclass(frozen=True, slots=True)
class BreakGlassUse:
    """One use of emergency access.

    Args:
        client: who used it.
        reason: reason that was stated.
        begun_at: when it began (ISO, UTC).
        ends_at: when its time is over.
        reviewed_at: when it was reviewed; None while the review is open.
        review: name of the reviewer, and the note.
    """

    client: str
    reason: str
    begun_at: str
    ends_at: str
    reviewed_at: str | None = None
    review: str | None = None


def find_break_glass_state(index: Index, unit: ReadUnit, client: str, reason: str | None) -> BreakGlassState:
    """Return the state of a client's emergency access.

    Args:
        index: the open index, with the limits.
        unit: the transaction that reads the ledger.
        client: name of the client.
        reason: reason as sent.
    """
    if not _is_reason(reason):
        return BreakGlassState.NONE
    begun_at = _find_open_use(unit, client)
    if begun_at is None:
        return BreakGlassState.OPEN
    is_late = clock.now() >= _end_of(index, begun_at)
    if is_late or _count_children(unit, client, begun_at) >= index.settings.break_glass_children:
        return BreakGlassState.ENDED
    return BreakGlassState.OPEN


def begin_use(index: Index, viewer: Viewer, reason: str) -> None:
    """Record and announce the beginning of a use, unless one runs.

    Raises:
        StoreError: the ledger cannot be written; nothing may be answered.
    """
    with index.database.read(viewer) as unit:
        if _find_open_use(unit, viewer.client) is not None:
            return
    index.store.ledger.write(index.database, viewer, _make_line(viewer.client, Action.BREAK_GLASS, reason))
    _log.warning(
        "emergency access by %s has begun: review it with mpi break-glass review %s",
        viewer.client,
        viewer.client,
    )


def list_uses(index: Index, viewer: Viewer) -> list[BreakGlassUse]:
    """Return every use of emergency access, oldest first.

    Raises:
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.read(viewer) as unit:
        lines = unit.disclosures.of_actions((Action.BREAK_GLASS, _REVIEW))
    uses: list[BreakGlassUse] = []
    for line in lines:
        if line.action == Action.BREAK_GLASS:
            uses.append(_to_use(index, line))
        else:
            uses = [_close(use, line) for use in uses]
    return uses


def review_use(index: Index, viewer: Viewer, client: str, note: str) -> None:
    """Close the open use of a client, as somebody else.

    Args:
        index: the open index.
        viewer: the reviewer.
        client: name of the client.
        note: what the review found, without a name of a child.

    Raises:
        InputError: the note is empty or too long.
        NotFoundError: the client has no open use.
        ConflictError: the reviewer is the client.
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    if not _is_reason(note):
        raise InputError(f"note: 1 to {MAX_REASON_LENGTH} characters that can be seen, in one line")
    if viewer.client == client:
        raise ConflictError("you used this emergency access: somebody else has to review it")
    with index.database.read(viewer) as unit:
        if _find_open_use(unit, client) is None:
            raise NotFoundError(f"client {client!r} has no emergency access that waits for review")
    line = _make_line(client, _REVIEW, f"{viewer.client}: {note}")
    index.store.ledger.write(index.database, viewer, line)


def _find_open_use(unit: ReadUnit, client: str) -> str | None:
    """Return when the client's use began that is not reviewed, or None."""
    begun = unit.disclosures.times_of_answers(client, Action.BREAK_GLASS, "")
    reviewed = unit.disclosures.times_of_answers(client, _REVIEW, "")
    if not begun or (reviewed and reviewed[-1] >= begun[-1]):
        return None
    # Two first requests at once may both have begun the use: the earlier one counts.
    return next(at for at in begun if not reviewed or at > reviewed[-1])


def _count_children(unit: ReadUnit, client: str, begun_at: str) -> int:
    """Return how many children the answers of a use were about."""
    records = unit.disclosures.records_answered(client, BREAK_GLASS, begun_at)
    persons = unit.persons.current_persons(records)
    return len(set(persons.values())) + len(records - persons.keys())


def _end_of(index: Index, begun_at: str) -> datetime:
    return datetime.fromisoformat(begun_at) + timedelta(minutes=index.settings.break_glass_minutes)


def _is_reason(text: str | None) -> bool:
    return text is not None and 0 < len(text.strip()) <= MAX_REASON_LENGTH and text.isprintable()


def _make_line(client: str, action: str, text: str) -> Disclosure:
    return Disclosure(
        at=clock.format_timestamp(clock.now()),
        client=client,
        purpose=BREAK_GLASS,
        action=action,
        record_ids=(),
        fields=(text.strip(),),
    )


def _to_use(index: Index, line: Disclosure) -> BreakGlassUse:
    return BreakGlassUse(
        client=line.client,
        reason=line.fields[0],
        begun_at=line.at,
        ends_at=clock.format_timestamp(_end_of(index, line.at)),
    )


def _close(use: BreakGlassUse, review: Disclosure) -> BreakGlassUse:
    if use.client != review.client or use.reviewed_at is not None:
        return use
    return BreakGlassUse(use.client, use.reason, use.begun_at, use.ends_at, review.at, review.fields[0])

"""Emergency access: stated reason, time limit, alert and later review.

A *use* begins with the first request of a client that was granted ``break.glass`` by name and states a
reason, or with the form of a person who was granted it. It ends after the time limit, once its answers were
about many children, or when the person ends it. Nobody gets a further use until somebody else has reviewed
this one. A further session joins a use that is open, and its reason is noted for the reviewer. Uses, further
reasons, ends and reviews are lines of the disclosure ledger about no record: the reason, or the reviewer's
note, stands in place of the fields.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.access_request import BREAK_GLASS, BreakGlassState
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle_to_person
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.units import ReadUnit

MAX_REASON_LENGTH = 500
_REVIEW = "break.glass.review"
_END = "break.glass.end"
_JOIN = "break.glass.join"
_log = logging.getLogger("mpi.policy")


@dataclass(frozen=True, slots=True)
class BreakGlassUse:
    """One use of emergency access.

    Args:
        client: name of the client or account that used it.
        reason: reason that was stated.
        begun_at: when it began (ISO, UTC).
        ends_at: when its time is over.
        reviewed_at: when it was reviewed; None while the review is open.
        review: name of the reviewer, and the note.
        ended_at: when the person ended it; None where nobody did.
        children: number of children that its answers were about; None where nobody counted.
        further_reasons: other reasons stated while it was open, such as by another session of the person.
    """

    client: str
    reason: str
    begun_at: str
    ends_at: str
    reviewed_at: str | None = None
    review: str | None = None
    ended_at: str | None = None
    children: int | None = None
    further_reasons: tuple[str, ...] = ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every reason stated, oldest first."""
        return (self.reason, *self.further_reasons)


@dataclass(frozen=True, slots=True)
class UseState:
    """How far one use of emergency access is.

    Args:
        begun_at: when it began (ISO, UTC).
        ends_at: when its time is over (ISO, UTC).
        is_over: whether it permits nothing any more.
        children_left: number of further children that its answers may be about.
    """

    begun_at: str
    ends_at: str
    is_over: bool
    children_left: int


def find_break_glass_state(index: Index, unit: ReadUnit, client: str, reason: str | None) -> BreakGlassState:
    """Return the state of a client's emergency access.

    Args:
        index: the open index, with the limits.
        unit: the transaction that reads the ledger.
        client: name of the client or account.
        reason: reason as sent.
    """
    if not _is_reason(reason):
        return BreakGlassState.NONE
    begun_at = _find_open_use(unit, client)
    if begun_at is not None and find_use_state(index, unit, client, begun_at).is_over:
        return BreakGlassState.ENDED
    return BreakGlassState.OPEN


def find_use_state(index: Index, unit: ReadUnit, client: str, begun_at: str) -> UseState:
    """Return how far a use is that began at a moment.

    Args:
        index: the open index, with the limits.
        unit: the transaction that reads the ledger.
        client: name of the client or account.
        begun_at: when the use began (ISO, UTC).
    """
    ends_at = _end_of(index, begun_at)
    if clock.now() >= ends_at or _is_closed(unit, client, begun_at):
        return UseState(begun_at, clock.format_timestamp(ends_at), is_over=True, children_left=0)
    children_left = index.settings.break_glass_children - _count_children(unit, client, begun_at)
    return UseState(
        begun_at,
        clock.format_timestamp(ends_at),
        is_over=children_left <= 0,
        children_left=max(children_left, 0),
    )


def find_open_use(index: Index, unit: ReadUnit, client: str) -> UseState | None:
    """Return the use that is not reviewed yet, or None."""
    begun_at = _find_open_use(unit, client)
    return None if begun_at is None else find_use_state(index, unit, client, begun_at)


def begin_use(index: Index, viewer: Viewer, reason: str) -> str:
    """Record and announce the beginning of a use, unless one runs.

    Of a use that runs, a reason that was not stated yet is recorded.

    Returns:
        When the use began (ISO, UTC).

    Raises:
        StoreError: the ledger cannot be written; nothing may be answered.
    """
    with index.database.read(viewer) as unit:
        begun_at = _find_open_use(unit, viewer.client)
        stated = set() if begun_at is None else _find_reasons(unit, viewer.client, begun_at)
    if begun_at is not None:
        if reason.strip() not in stated:
            index.store.ledger.write(index.database, viewer, _make_line(viewer.client, _JOIN, reason))
        return begun_at
    line = _make_line(viewer.client, Action.BREAK_GLASS, reason)
    index.store.ledger.write(index.database, viewer, line)
    _log.warning(
        "emergency access by %s has begun: review it with mpi break-glass review %s",
        viewer.client,
        viewer.client,
    )
    return line.at


def end_use(index: Index, viewer: Viewer) -> None:
    """Record that a person ends their own use before its time.

    Nothing happens if no use of the viewer is open.

    Raises:
        StoreError: the ledger cannot be written.
    """
    with index.database.read(viewer) as unit:
        state = find_open_use(index, unit, viewer.client)
    if state is not None and not state.is_over:
        index.store.ledger.write(index.database, viewer, _make_line(viewer.client, _END, "ended"))


def check_reason(text: str | None) -> str:
    """Return a stated reason after checking its form.

    Raises:
        InputError: it is empty, too long, or has a character that cannot be seen.
    """
    if text is None or not _is_reason(text):
        raise InputError(f"reason: 1 to {MAX_REASON_LENGTH} characters that can be seen, in one line")
    return text.strip()


def list_uses(index: Index, viewer: Viewer, *, counted: bool = False) -> list[BreakGlassUse]:
    """Return every use of emergency access, oldest first.

    Args:
        index: the open index.
        viewer: who reads them.
        counted: whether the children of the uses that wait for review are counted.

    Raises:
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.read(viewer) as unit:
        lines = unit.disclosures.of_actions((Action.BREAK_GLASS, *_CHANGES))
        uses = _build_uses(index, lines)
        if not counted:
            return uses
        return [
            use
            if use.reviewed_at is not None
            else replace(use, children=_count_children(unit, use.client, use.begun_at))
            for use in uses
        ]


def _build_uses(index: Index, lines: Sequence[Disclosure]) -> list[BreakGlassUse]:
    """Build the uses that lines of the ledger tell of, oldest first."""
    uses: list[BreakGlassUse] = []
    for line in lines:
        if line.action == Action.BREAK_GLASS:
            uses.append(_to_use(index, line))
        else:
            uses = [_CHANGES[line.action](use, line) for use in uses]
    return uses


def review_use(index: Index, viewer: Viewer, client: str, note: str, begun_at: str | None = None) -> None:
    """Close the open use of a client or account, as somebody else.

    Args:
        index: the open index.
        viewer: the reviewer.
        client: name of the client or account.
        note: what the review found, without a name of a child.
        begun_at: beginning of the use that the reviewer has read; None for the open one.

    Raises:
        InputError: the note is empty or too long.
        NotFoundError: the client has no open use.
        ConflictError: the reviewer is no second person for the client, or has read another use.
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    if not _is_reason(note):
        raise InputError(f"note: 1 to {MAX_REASON_LENGTH} characters that can be seen, in one line")
    with index.database.read(viewer) as unit:
        obstacle = find_obstacle_to_person(unit, client)
        open_use = _find_open_use(unit, client)
    if obstacle is not None:
        raise ConflictError(f"this emergency access is {obstacle}: somebody else has to review it")
    if open_use is None:
        raise NotFoundError(f"{client!r} has no emergency access that waits for review")
    if begun_at not in (None, open_use):
        raise ConflictError("this use is reviewed already, and another has begun: read that first")
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


def _find_reasons(unit: ReadUnit, client: str, begun_at: str) -> set[str]:
    """Return the reasons stated of a use."""
    lines = unit.disclosures.lines_of_client(client, (Action.BREAK_GLASS, _JOIN), begun_at)
    return {line.fields[0] for line in lines}


def _is_closed(unit: ReadUnit, client: str, begun_at: str) -> bool:
    """Return whether a use was ended by its person, or reviewed."""
    return any(unit.disclosures.times_of_answers(client, action, begun_at) for action in (_END, _REVIEW))


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


def _end(use: BreakGlassUse, end: Disclosure) -> BreakGlassUse:
    if use.client != end.client or use.reviewed_at is not None or use.ended_at is not None:
        return use
    return replace(use, ended_at=end.at)


def _close(use: BreakGlassUse, review: Disclosure) -> BreakGlassUse:
    if use.client != review.client or use.reviewed_at is not None:
        return use
    return replace(use, reviewed_at=review.at, review=review.fields[0])


def _join(use: BreakGlassUse, further: Disclosure) -> BreakGlassUse:
    if use.client != further.client or use.reviewed_at is not None:
        return use
    return replace(use, further_reasons=(*use.further_reasons, further.fields[0]))


_CHANGES = {_JOIN: _join, _END: _end, _REVIEW: _close}
"""What a line of the ledger changes about the uses before it, by its action."""

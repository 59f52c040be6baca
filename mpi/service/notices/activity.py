"""Activity list: who did what with questions and records, newest first.

An entry is shown to whom may see everything that it is about now, as in the history of a question. So it
never tells that another agency holds a record.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mpi.domain import eid as eids
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import visible_labels
from mpi.service.gates.sent_back import ADDRESSED, ADDRESSEE
from mpi.service.notices.colleagues import find_team, load_full_names
from mpi.service.notices.visible_steps import find_visible_steps
from mpi.service.resolution.work_log_visibility import is_visible
from mpi.storage.repositories.notices.activity_log import LogLine, LogPosition, Stream
from mpi.storage.unit_of_work.units import ReadUnit

PAGE_SIZE = 50
"""Entries on a page."""
MAX_CHILD_RECORDS = 300
"""Most records of a child whose activity is read."""
_SEPARATOR = "~"
_MAX_CURSOR_LENGTH = 80
_CURSOR_PARTS = 3
_MAX_DIGITS = 18


class ActivityScope(StrEnum):
    """Whose activity is listed."""

    MINE = "mine"
    TEAM = "team"
    CHILD = "child"


@dataclass(frozen=True, slots=True)
class ActivityEntry:
    """One thing that a person did, which the viewer may see whole.

    Args:
        at: when (ISO, UTC).
        actor: name of the account or client.
        full_name: full name of the person; the account's name if there is none.
        act: code of the act, such as ``answer``, ``escalate``, ``merge`` or ``approved``.
        question: key of the question that it was done on; None for none.
        records: the records that it is about.
        assigned_to: who was assigned; None for another act.
        outcome: code of the response or of an owner's answer; None for another act.
        note: free text; None where the viewer may not read it.
    """

    at: str
    actor: str
    full_name: str
    act: str
    question: str | None
    records: tuple[RecordRef, ...]
    assigned_to: str | None
    outcome: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class ActivityPage:
    """Page of the activity list.

    Args:
        entries: newest first, at most ``PAGE_SIZE``.
        before: cursor of the next page; None on the last one.
    """

    entries: tuple[ActivityEntry, ...]
    before: str | None


def list_activity(
    index: Index,
    viewer: Viewer,
    scope: ActivityScope,
    enterprise_id: str | None = None,
    before: str | None = None,
) -> ActivityPage:
    """Return a page of the activity of one scope.

    The scope is the viewer, a team, or anybody who did something with a child.

    Args:
        index: the open index.
        viewer: who asks.
        scope: whose activity.
        enterprise_id: the child, for ``CHILD``.
        before: cursor of the page; None for the first.

    Raises:
        InputError: the cursor is invalid, or the ID is none.
        NotFoundError: there is no such child for this viewer.
        AccessDenied: the viewer may not read questions, or persons for a child's activity.
        StoreError: the ledger cannot be written; the page must not leave.
    """
    require_permission(viewer, Action.TASK_READ)
    if scope is ActivityScope.CHILD:
        require_permission(viewer, Action.PERSON_READ)
    position = None if before is None else _parse_cursor(before)
    with index.database.read(viewer) as unit:
        read = _make_reader(unit, scope, enterprise_id)
        shown, next_position = _fill_page(unit, read, position)
        records = {record for _, numbers in shown for record in numbers}
        entries = _build_entries(unit, shown)
    disclose(index, viewer, Action.TASK_READ, records, ("source", "local_id"))
    return ActivityPage(entries, None if next_position is None else _format_cursor(next_position))


_Reader = Callable[[LogPosition | None, int], list[LogLine]]
"""Reads lines before a place, at most so many."""
_Shown = tuple[LogLine, frozenset[int]]
"""Line with the records that it is about."""


def _make_reader(unit: ReadUnit, scope: ActivityScope, enterprise_id: str | None) -> _Reader:
    """Return what reads the lines of a scope."""
    if scope is not ActivityScope.CHILD:
        actors = [unit.viewer.client] if scope is ActivityScope.MINE else find_team(unit)
        return lambda before, limit: unit.activity_log.lines_by(actors, before, limit)
    lines = _read_child_lines(unit, _find_child_records(unit, enterprise_id))
    return lambda before, limit: [
        line for line in lines if before is None or line.position < before
    ][:limit]  # fmt: skip


def _find_child_records(unit: ReadUnit, enterprise_id: str | None) -> set[int]:
    """Return the records of a child that the viewer may see.

    Raises:
        InputError: the text is no enterprise ID.
        NotFoundError: there is no such child for this viewer.
    """
    person = unit.persons.find_by_eid(eids.parse_eid(enterprise_id or ""))
    members = [] if person is None else unit.persons.members([person.id]).get(person.id, [])
    records = visible_labels(unit, sorted(members)[:MAX_CHILD_RECORDS]).keys()
    if not records:
        raise NotFoundError("there is no such child")
    return set(records)


def _read_child_lines(unit: ReadUnit, records: Collection[int]) -> list[LogLine]:
    """Return everything that was done about a child's records, newest first."""
    decisions = unit.decisions.of_records(records).values()
    steps = {decision.step_id for decision in decisions if decision.step_id is not None}
    questions = {task.question or task.key for task in unit.tasks.about_records(records)}
    lines = unit.activity_log.lines_about(steps, questions)
    return [
        line
        for line in lines
        if line.position.stream != Stream.ACTION or set(records) & set(line.detail.get("records", ()))
    ]


def _fill_page(
    unit: ReadUnit, read: _Reader, position: LogPosition | None
) -> tuple[list[_Shown], LogPosition | None]:
    """Return a page's visible lines and the position of the next page.

    One more visible line is sought, so that no page is empty and no place is that of a hidden line.
    """
    shown: list[_Shown] = []
    while True:
        lines = read(position, PAGE_SIZE + 1)
        shown += _keep_visible(unit, lines)
        if len(shown) > PAGE_SIZE:
            return shown[:PAGE_SIZE], shown[PAGE_SIZE - 1][0].position
        if len(lines) <= PAGE_SIZE:
            return shown, None
        position = lines[-1].position


def _keep_visible(unit: ReadUnit, lines: Sequence[LogLine]) -> list[_Shown]:
    """Return the lines that the viewer may see whole, with their records."""
    steps = find_visible_steps(
        unit, {line.step for line in lines if line.position.stream != Stream.ACTION and line.step is not None}
    )
    shown = []
    for line in lines:
        if line.position.stream != Stream.ACTION:
            records = steps.get(line.step or 0)
            shown += [] if records is None else [(line, records)]
        elif _is_visible_action(unit, line):
            shown.append((line, frozenset(line.detail.get("records", ()))))
    return shown


def _is_visible_action(unit: ReadUnit, line: LogLine) -> bool:
    """Return whether the viewer may see an action.

    The rule is that of the history of its question.
    """
    is_own = line.actor == unit.viewer.client and not line.detail.get("records")
    return is_own or is_visible(unit, line.detail)


def _build_entries(unit: ReadUnit, shown: Sequence[_Shown]) -> tuple[ActivityEntry, ...]:
    """Build the entries of visible lines."""
    labels = visible_labels(unit, {record for _, records in shown for record in records})
    names = load_full_names(unit, {line.actor for line, _ in shown})
    return tuple(_build_entry(unit.viewer, line, records, labels, names) for line, records in shown)


def _build_entry(
    viewer: Viewer,
    line: LogLine,
    records: frozenset[int],
    labels: Mapping[int, RecordRef],
    names: Mapping[str, str],
) -> ActivityEntry:
    """Build the entry of one line.

    Others' notes are for viewers of all sources, and for the person to whom they were written.
    """
    is_addressed = line.act in ADDRESSED and line.detail.get(ADDRESSEE) == viewer.client
    is_own = line.actor == viewer.client
    is_note_visible = viewer.sources is None or is_own or is_addressed or line.act == "answered"
    outcome = line.detail.get("response") or line.detail.get("answer")
    return ActivityEntry(
        at=line.position.at,
        actor=line.actor,
        full_name=names.get(line.actor, line.actor),
        act=line.act,
        question=line.question,
        records=tuple(labels[record] for record in sorted(records) if record in labels),
        assigned_to=line.detail.get("to"),
        outcome=outcome if isinstance(outcome, str) else None,
        note=line.note if is_note_visible else None,
    )


def _format_cursor(position: LogPosition) -> str:
    return _SEPARATOR.join((position.at, str(position.stream), str(position.id)))


def _parse_cursor(text: str) -> LogPosition:
    """Return the place that a cursor names.

    Raises:
        InputError: it names none.
    """
    parts = text.split(_SEPARATOR) if len(text) <= _MAX_CURSOR_LENGTH and text.isascii() else []
    is_valid = len(parts) == _CURSOR_PARTS and all(
        part.isdecimal() and len(part) <= _MAX_DIGITS for part in parts[1:]
    )
    if not is_valid or not text.isprintable():
        raise InputError("before: give the cursor that the page before returned")
    return LogPosition(parts[0], int(parts[1]), int(parts[2]))

"""History of a review question, as the viewer may see it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain.record_ref import RecordRef
from mpi.service.core.visibility import visible_labels
from mpi.service.gates.sent_back import ADDRESSED, ADDRESSEE
from mpi.service.resolution.work_log_visibility import DOUBTS, is_visible
from mpi.storage.repositories.review.task_work import QuestionAction
from mpi.storage.unit_of_work.units import ReadUnit

_INTERNAL_KEYS = frozenset(
    {"records", "decisions", DOUBTS, "verdicts", "record", "claims", "asked", "rest", "bulk", "before"}
)
"""Keys of a history line's detail that are not shown.

They hold record or decision numbers, or what a bulk act can be undone with.
"""


@dataclass(frozen=True, slots=True)
class ActionView:
    """One line of a review question's history.

    Args:
        at: when (ISO, UTC).
        actor: account or client that acted.
        action: ``claim``, ``release``, ``defer``, ``assign``, ``escalate``, ``answer``, ``undo``, ``ask``,
            ``answered`` (by a source owner), ``sent-back`` (by an approver or owner), ``reply``,
            ``escalation-answered``, ``closed`` or ``reopened``.
        detail: codes and days.
        note: free text; a viewer of some sources sees only notes by themselves or for them.
        step: number of the step that the act made, which undo takes.
    """

    at: str
    actor: str
    action: str
    detail: Mapping[str, Any]
    note: str | None
    step: int | None


def load_history(unit: ReadUnit, key: str) -> tuple[ActionView, ...]:
    """Load the part of a question's history that the viewer may see."""
    acts = unit.task_work.actions_on(key)
    labels = visible_labels(unit, {record for act in acts for record in _list_action_records(act)})
    return tuple(_build_action(unit, act, labels) for act in acts if _is_visible_action(unit, act))


def _is_visible_action(unit: ReadUnit, act: QuestionAction) -> bool:
    """Return whether the viewer may see a line of a question's history.

    A viewer sees a line if every record and decision of the act is visible, or if the line is the viewer's
    own and names no records.
    """
    is_own = act.actor == unit.viewer.client and not act.detail.get("records")
    return is_own or is_visible(unit, act.detail)


def _list_action_records(act: QuestionAction) -> list[int]:
    """Return the record numbers that a stored line of history names."""
    record_ids = act.detail.get("records", [])
    return [record for record in record_ids if isinstance(record, int)]


def _build_action(unit: ReadUnit, act: QuestionAction, labels: Mapping[int, RecordRef]) -> ActionView:
    """Build the view of one line of a review question's history."""
    # A note by somebody else may mention hidden records; an owner has seen only the one record.
    is_note_visible = (
        unit.viewer.sources is None
        or act.actor == unit.viewer.client
        or act.action == "answered"
        or (act.action in ADDRESSED and act.detail.get(ADDRESSEE) == unit.viewer.client)
    )
    detail: dict[str, object] = {
        name: value for name, value in act.detail.items() if name not in _INTERNAL_KEYS
    }
    if "verdicts" in act.detail:
        detail["verdicts"] = [
            {"left": labels[lo], "right": labels[hi], "kind": kind} for lo, hi, kind in act.detail["verdicts"]
        ]
    if "record" in act.detail:
        detail["record"] = labels[act.detail["record"]]
    return ActionView(
        at=act.at,
        actor=act.actor,
        action=act.action,
        detail=detail,
        note=act.note if is_note_visible else None,
        step=act.step,
    )

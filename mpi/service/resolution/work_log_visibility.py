"""Visibility of a question's work log to other viewers.

The work log of a question notes its records, decisions and doubts as the worker saw them. A viewer may see an
entry who may see all of these and may be asked all doubts, judged as for an open question. An entry without
notes is visible only to viewers of all sources.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mpi.domain.viewer import Viewer
from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.contradictions import find_contradiction
from mpi.service.decisions.decision_log import is_wholly_visible, to_visible_decisions, visible_groups
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, CONFLICT, RECHECK, may_be_asked
from mpi.storage.repositories.review.task_work import QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit

ASSIGNED, DATED = "given", "dated"
"""Members of stored notes: a question's content when assigned, or snoozed."""
DOUBTS = "doubts"
"""Member of stored notes: kind and reason of each task of the question."""
_ABOUT_DECISIONS = frozenset({APPROVAL, CLAIM, CONFLICT, RECHECK})


def select_known_scope(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is noted of a question; empty without records or decisions.

    Args:
        about: notes of a question. ``records``: record numbers. ``decisions``: decision numbers by task key;
            without it no task is about decisions. ``tasks``: task keys. ``doubts``: kind and reason of each
            task; without it, ``kind`` and ``reason`` of a question's own notes are taken.
    """
    records = about.get("records")
    has_decision_task = any(_parse_kind(key) in _ABOUT_DECISIONS for key in about.get("tasks", ()))
    if not records or ("decisions" not in about and (has_decision_task or "decision" in about)):
        return {}
    return {"records": records, "decisions": about.get("decisions", {}), **select_doubts(about)}


def select_doubts(about: Mapping[str, Any]) -> dict[str, Any]:
    """Return the doubts noted for a question, as a member of notes.

    It is empty if none are noted.
    """
    if DOUBTS in about:
        return {DOUBTS: about[DOUBTS]}
    # The detail of an act may have a reason of its own; only notes of a question name its tasks.
    return {DOUBTS: [[about["kind"], about.get("reason", "")]]} if {"kind", "tasks"} <= about.keys() else {}


class ScopeVisibility:
    """Tells which of some questions a viewer may see whole.

    The records of all of them are read at once.

    Args:
        unit: the viewer's transaction.
        scopes: notes of the questions, as for ``select_known_scope``.
    """

    def __init__(self, unit: ReadUnit, scopes: Iterable[Mapping[str, Any]]) -> None:
        self._unit = unit
        records = {record for scope in scopes for record in scope.get("records") or ()}
        self._labels = visible_labels(unit, records) if records else {}

    def is_visible(self, about: Mapping[str, Any]) -> bool:
        """Return whether the viewer may see all that a question covers.

        The question is one of those whose notes are the ``scopes`` of the class.
        """
        known_scope = select_known_scope(about)
        if not set(about.get("records") or ()) <= self._labels.keys():
            return False
        if DOUBTS not in known_scope and self._unit.viewer.sources is not None:
            return False
        if not all(may_be_asked(self._unit.viewer, *doubt) for doubt in known_scope.get(DOUBTS, ())):
            return False
        return all(
            _is_decision_task_visible(self._unit, task_key, decision_ids)
            for task_key, decision_ids in known_scope.get("decisions", {}).items()
        )


def is_visible(unit: ReadUnit, about: Mapping[str, Any]) -> bool:
    """Return whether the viewer may see all that a question covers.

    Args:
        unit: the viewer's transaction.
        about: notes of the question, as for ``select_known_scope``.
    """
    return ScopeVisibility(unit, [about]).is_visible(about)


def sees_question(unit: ReadUnit, person: Viewer, about: Mapping[str, Any]) -> bool:
    """Return whether another person may see all that a question covers.

    Args:
        unit: a transaction of anybody.
        person: the other person's rights.
        about: notes of the question, as for ``select_known_scope``.
    """
    return is_visible(ReadUnit(unit.connection, person), about)


def keep_assignment_scopes(work: QuestionWork) -> dict[str, Any]:
    """Return what a question covered when it was assigned or dated.

    These notes must be kept while the question is assigned or has a due day.
    """
    current_values = ((ASSIGNED, work.assigned_to), (DATED, work.due_on))
    return {
        member: work.about.get(member, select_known_scope(work.about))
        for member, value in current_values
        if value is not None
    }


def redact_work(unit: ReadUnit, work: QuestionWork) -> QuestionWork:
    """Remove from a question names and days hidden from the viewer.

    Whoever claims a question claims all of it (ADR 0028): that somebody holds it is not hidden.
    """
    return redact_works(unit, [work])[work.question]


def redact_works(unit: ReadUnit, works: Sequence[QuestionWork]) -> dict[str, QuestionWork]:
    """Return the work states of questions as ``redact_work`` does, by question."""
    noted = [
        about
        for work in works
        for about in (work.about, work.about.get(ASSIGNED, {}), work.about.get(DATED, {}))
    ]
    scopes = ScopeVisibility(unit, noted)
    return {work.question: _redact(unit, work, scopes) for work in works}


def _redact(unit: ReadUnit, work: QuestionWork, scopes: ScopeVisibility) -> QuestionWork:
    own_or_nobody = {None, unit.viewer.client}
    if work.claimed_by not in own_or_nobody and not scopes.is_visible(work.about):
        work = replace(work, claimed_by=None, lease_until=None)
    if work.assigned_to not in own_or_nobody and not scopes.is_visible(work.about.get(ASSIGNED, work.about)):
        work = replace(work, assigned_to=None)
    if work.due_on is not None and not scopes.is_visible(work.about.get(DATED, work.about)):
        work = replace(work, due_on=None)
    return work


def find_escalator(unit: ReadUnit, work: QuestionWork) -> str | None:
    """Return who else has escalated a question, if the viewer may know."""
    if work.escalated_by in {None, unit.viewer.client}:
        return None
    return work.escalated_by if is_visible(unit, work.about.get(ASSIGNED, work.about)) else None


def _is_decision_task_visible(unit: ReadUnit, task_key: str, decision_ids: Collection[int]) -> bool:
    """Return whether the viewer may see a review task about decisions."""
    kind, decision_id, *undo_steps = task_key.split(":")
    decisions = unit.decisions.by_ids(decision_ids)
    decision = decisions[int(decision_id)]
    if kind == RECHECK:
        return visible_groups(unit, decision) is not None
    if kind == CONFLICT:
        other_decisions = [
            other_decision for other_decision in decisions.values() if other_decision is not decision
        ]
        visible = to_visible_decisions(unit, [decision])
        return (
            bool(visible)
            and find_contradiction(visible[0], to_visible_decisions(unit, other_decisions)) is not None
        )
    return all(
        is_wholly_visible(unit, decision, step_id) for step_id in (decision.step_id, *map(int, undo_steps))
    )


def _parse_kind(task_key: str) -> str:
    """Return the kind that a review-task key begins with."""
    return task_key.partition(":")[0]

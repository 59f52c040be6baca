"""What was worked on of a question: its records and decisions as its worker saw them, and who may know of it.

A reader knows of it who may see all of it, judged as a question is while it is open. Where it was not noted
what it was, it is known to readers of all sources.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from mpi.service.core.visibility import visible_labels
from mpi.service.decisions.contradictions import find_contradiction
from mpi.service.decisions.decision_log import is_wholly_visible, to_visible_decisions, visible_groups
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, CONFLICT, RECHECK
from mpi.storage.repositories.review.task_work import QuestionWork
from mpi.storage.unit_of_work.unit import ReadUnit

ASSIGNED, DATED = "given", "dated"
"""What a question was about for whoever gave it to somebody, and for whoever gave it its day."""
_ABOUT_DECISIONS = frozenset({APPROVAL, CLAIM, CONFLICT, RECHECK})


def select_known_scope(about: Mapping[str, Any]) -> dict[str, Any]:
    """The records and decisions of what is kept with a question; nothing where they were not noted whole.

    Args:
        about: ``records``, numbers; ``decisions``, by task of a decision the numbers of those that it is
            about, without which no task is about any; ``tasks``, by key.
    """
    records = about.get("records")
    unknown = any(_parse_kind(key) in _ABOUT_DECISIONS for key in about.get("tasks", ()))
    if not records or ("decisions" not in about and (unknown or "decision" in about)):
        return {}
    return {"records": records, "decisions": about.get("decisions", {})}


def is_visible(unit: ReadUnit, about: Mapping[str, Any]) -> bool:
    """Whether the reader may see all that was worked on.

    Args:
        unit: the reader's transaction.
        about: as for ``select_known_scope``.
    """
    what = select_known_scope(about)
    records = set(about.get("records") or ())
    if not records <= visible_labels(unit, records).keys():
        return False
    if not what:
        return unit.viewer.sources is None
    return all(_is_decision_task_visible(unit, key, numbers) for key, numbers in what["decisions"].items())


def keep_assignment_scopes(work: QuestionWork) -> dict[str, Any]:
    """What is to be kept of who gave a question to somebody, and a day, when others work on it since."""
    stand = ((ASSIGNED, work.assigned_to), (DATED, work.due_on))
    return {name: work.about.get(name, select_known_scope(work.about)) for name, value in stand if value is not None}


def redact_work(unit: ReadUnit, work: QuestionWork) -> QuestionWork:
    """Where a question stands, without a name or day that was given to what the reader may not see.

    Who claims a question claims all of it (ADR 0028): that somebody has it is not hidden.
    """
    mine = {None, unit.viewer.client}
    if work.claimed_by not in mine and not is_visible(unit, work.about):
        work = replace(work, claimed_by=None, lease_until=None)
    if work.assigned_to not in mine and not is_visible(unit, work.about.get(ASSIGNED, work.about)):
        work = replace(work, assigned_to=None)
    if work.due_on is not None and not is_visible(unit, work.about.get(DATED, work.about)):
        work = replace(work, due_on=None)
    return work


def _is_decision_task_visible(unit: ReadUnit, task: str, numbers: Collection[int]) -> bool:
    """Whether the reader knows what a task asked of decisions, however they stand since."""
    kind, number, *step = task.split(":")
    found = unit.decisions.by_ids(numbers)
    about = found[int(number)]
    if kind == RECHECK:
        return visible_groups(unit, about) is not None
    if kind == CONFLICT:
        others = [one for one in found.values() if one is not about]
        mine = to_visible_decisions(unit, [about])
        return bool(mine) and find_contradiction(mine[0], to_visible_decisions(unit, others)) is not None
    return all(is_wholly_visible(unit, about, each) for each in (about.step_id, *map(int, step)))


def _parse_kind(task: str) -> str:
    return task.partition(":")[0]

"""What was worked on of a question: its records and decisions as its worker saw them, and who may know of it.

A reader knows of it who may see all of it, judged as a question is while it is open. Where it was not noted
what it was, it is known to readers of all sources.
"""

from collections.abc import Collection, Mapping
from typing import Any

from mpi.service.chains import contradicted
from mpi.service.deciding import as_seen, projected, seen_whole
from mpi.service.named import visible
from mpi.service.questions import APPROVAL, CLAIM, CONFLICT, RECHECK
from mpi.storage.unit import ReadUnit

_ABOUT_DECISIONS = frozenset({APPROVAL, CLAIM, CONFLICT, RECHECK})


def noted(about: Mapping[str, Any]) -> dict[str, Any]:
    """The records and decisions of what is kept with a question; nothing where they were not noted whole.

    Args:
        about: ``records``, numbers; ``decisions``, by task of a decision the numbers of those that it is
            about, without which no task is about any; ``tasks``, by key.
    """
    records = about.get("records")
    unknown = any(_kind_of(key) in _ABOUT_DECISIONS for key in about.get("tasks", ()))
    if not records or ("decisions" not in about and (unknown or "decision" in about)):
        return {}
    return {"records": records, "decisions": about.get("decisions", {})}


def may_know(unit: ReadUnit, about: Mapping[str, Any]) -> bool:
    """Whether the reader may see all that was worked on.

    Args:
        unit: the reader's transaction.
        about: as for ``noted``.
    """
    what = noted(about)
    records = set(about.get("records") or ())
    if not records <= visible(unit, records).keys():
        return False
    if not what:
        return unit.viewer.sources is None
    return all(_knows(unit, key, numbers) for key, numbers in what["decisions"].items())


def _knows(unit: ReadUnit, task: str, numbers: Collection[int]) -> bool:
    """Whether the reader knows what a task asked of decisions, however they stand since."""
    kind, number, *step = task.split(":")
    found = unit.decisions.get(numbers)
    about = found[int(number)]
    if kind == RECHECK:
        return projected(unit, about) is not None
    if kind == CONFLICT:
        others = [one for one in found.values() if one is not about]
        mine = as_seen(unit, [about])
        return bool(mine) and contradicted(mine[0], as_seen(unit, others)) is not None
    return all(seen_whole(unit, about, each) for each in (about.step_id, *map(int, step)))


def _kind_of(task: str) -> str:
    return task.partition(":")[0]

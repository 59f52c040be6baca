"""New unique IDs of students, found in an API's key changes."""

from collections import defaultdict
from collections.abc import Callable, Iterable

from mpi.intake.edfi.items import Item, read_text

Rename = tuple[str, str]
"""Unique ID that a student had, and the one that the student has now."""


def find_renames(changes: Iterable[Item], is_held: Callable[[str], bool]) -> list[Rename]:
    """Return who has another unique ID, in an order in which each new ID is free.

    Each ID that a student had is paired with the one that the student has now, as an earlier pull may have
    seen some of the changes. A change whose old ID a student has (again) is none: who has it is another
    student, and both are read anew.

    Args:
        changes: key changes of students, the oldest first.
        is_held: whether a student has a unique ID now.
    """
    old_ids_of: dict[str, dict[str, None]] = defaultdict(dict)
    last_of: dict[str, str] = {}
    for change in changes:
        student = read_text(change, "id") or ""
        old_id = read_text(change, "oldKeyValues", "studentUniqueId")
        new_id = read_text(change, "newKeyValues", "studentUniqueId")
        if old_id and new_id:
            old_ids_of[student][old_id] = None
            last_of[student] = new_id
    return _order([
        (old_id, last_of[student])
        for student, old_ids in old_ids_of.items()
        for old_id in old_ids
        if old_id != last_of[student] and not is_held(old_id)
    ])  # fmt: skip


def _order(renames: list[Rename]) -> list[Rename]:
    """Return renames so that an ID is given up before another student gets it."""
    ordered: list[Rename] = []
    waiting = dict(renames)
    while waiting:
        ready = [(old_id, new_id) for old_id, new_id in waiting.items() if new_id not in waiting]
        if not ready:
            break
        ordered += ready
        for old_id, _ in ready:
            del waiting[old_id]
    return ordered

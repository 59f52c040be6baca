"""New unique IDs of students, found in an API's key changes."""

from collections.abc import Iterable, Mapping

from mpi.intake.edfi.items import Item, read_text

Rename = tuple[str, str]
"""Unique ID that a student had, and the one that the student has now."""

_TEMPORARY_ID = "exchanged-{}"


def find_renames(changes: Iterable[Item]) -> list[Rename]:
    """Return changed unique IDs, ordered so that each is free.

    Several changes of one student are one. Students who exchange their IDs pass through a temporary one.

    Args:
        changes: key changes of students, the oldest first.
    """
    first_of: dict[str, str] = {}
    last_of: dict[str, str] = {}
    for change in changes:
        student = read_text(change, "id") or ""
        old_id = read_text(change, "oldKeyValues", "studentUniqueId")
        new_id = read_text(change, "newKeyValues", "studentUniqueId")
        if old_id and new_id:
            first_of.setdefault(student, old_id)
            last_of[student] = new_id
    return _order(
        {first_of[student]: new_id for student, new_id in last_of.items() if first_of[student] != new_id}
    )


def _order(renames: Mapping[str, str]) -> list[Rename]:
    """Return renames in an order in which each new ID is free."""
    ordered: list[Rename] = []
    waiting = dict(renames)
    while waiting:
        ready = [(old_id, new_id) for old_id, new_id in waiting.items() if new_id not in waiting]
        if not ready:
            old_id, new_id = next(iter(waiting.items()))
            temporary_id = _TEMPORARY_ID.format(len(ordered))
            ready = [(old_id, temporary_id)]
            waiting[temporary_id] = new_id
        ordered += ready
        for old_id, _ in ready:
            del waiting[old_id]
    return ordered

"""New name and retirement of a source.

The code of a source never changes: tie-breaking, agreements, clients and the labels of records name it.
"""

from dataclasses import dataclass, replace

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.statements.sources import require_data_source
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit

MAX_NAME_LENGTH = 200
REFUSED = ("records", "loads", "pulls")
"""What a retired source may not send any more."""
STILL_TAKEN = ("withdrawals", "seals", "expunge-requests")
"""What is still taken of a retired source."""


@dataclass(frozen=True, slots=True)
class Retirement:
    """What a retirement does, or the return from it.

    The records of the source are kept, with their persons, enterprise IDs and links. A source that returns
    takes everything again, so that its lists are empty.

    Args:
        source: the source as it is now, in a preview as it is before.
        unfinished_loads: numbers of loads that are at work or interrupted; they have to end first.
        refused: what is not taken any more once it is retired.
        still_taken: what is.
    """

    source: Source
    unfinished_loads: tuple[int, ...] = ()
    refused: tuple[str, ...] = ()
    still_taken: tuple[str, ...] = ()


def rename_source(index: Index, viewer: Viewer, code: str, name: str) -> Source:
    """Set the name of a source for people; its code stays.

    Args:
        index: the open index.
        viewer: who asks.
        code: code of the source.
        name: the new name.

    Returns:
        The source with its new name.

    Raises:
        InputError: the name is empty, too long, or cannot be printed.
        NotFoundError: no such source.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, code)
    clean = " ".join(name.split())
    if not clean or len(clean) > MAX_NAME_LENGTH or not clean.isprintable():
        raise InputError(f"a source's name has 1 to {MAX_NAME_LENGTH} characters that can be printed")
    with index.database.write(viewer, "source-rename") as unit:
        source = unit.sources.get_by_code(code)
        unit.ensure_commit()
        unit.sources.set_name(source.id, clean)
    return replace(source, name=clean)


def describe_retirement(
    source: Source, *, is_retired: bool, unfinished_loads: tuple[int, ...] = ()
) -> Retirement:
    """Return what the retirement of a source does, or its return."""
    if not is_retired:
        return Retirement(source)
    return Retirement(source, unfinished_loads, REFUSED, STILL_TAKEN)


def preview_retirement(index: Index, viewer: Viewer, code: str, *, is_retired: bool = True) -> Retirement:
    """Return what the retirement or the return of a source would do.

    Errors as for ``retire_source``, but for loads that are unfinished: they are listed.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(code)
        require_data_source(source)
        loads = tuple(unit.batches.unfinished_ids(source.id))
    return describe_retirement(source, is_retired=is_retired, unfinished_loads=loads)


def retire_source(index: Index, viewer: Viewer, code: str, *, is_retired: bool = True) -> Source:
    """Take no further record of a source, or take them again.

    Its records stay, with their persons and links; withdrawals, seals and requests to expunge are still
    taken. To withdraw all of them, load an empty full snapshot first.

    Args:
        index: the open index.
        viewer: who asks.
        code: code of the source.
        is_retired: whether it is retired from now on.

    Returns:
        The source as it is now.

    Raises:
        NotFoundError: no such source.
        ConflictError: the records are sent to a scope, the source takes stewards' corrections, or a load of
            it is at work or interrupted.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, code)
    act = "retire" if is_retired else "return"
    with index.database.write(viewer, f"source-{act}") as unit:
        source = unit.sources.get_by_code(code)
        require_data_source(source)
        if source.is_retired != is_retired:
            if is_retired:
                _require_no_load(unit, source)
            unit.ensure_commit()
            unit.sources.set_retired(source.id, is_retired=is_retired)
    return replace(source, is_retired=is_retired)


def _require_no_load(unit: ReadUnit, source: Source) -> None:
    """Refuse to retire a source while its load is unfinished.

    Raises:
        ConflictError: one is.
    """
    if loads := unit.batches.unfinished_ids(source.id):
        named = f"load {loads[0]}" if len(loads) == 1 else f"loads {', '.join(map(str, loads))}"
        raise ConflictError(
            f"{named} of source {source.code!r} is at work or interrupted: wait for its end, send the same "
            "file again, or take it back with mpi load undo; then retire the source"
        )

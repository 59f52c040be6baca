"""Changes of enterprise IDs by day, and IDs that stayed.

The figures are exact and follow from links, so they are for who holds the database.
"""

from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.errors import AccessDenied
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.storage.repositories.persons.id_changes import LostIds, StableIds

FIELDS = ("id_churn",)


@dataclass(frozen=True, slots=True)
class ChurnDay:
    """Changes of enterprise IDs on one day by one cause.

    Args:
        day: the day, ``YYYY-MM-DD``.
        cause: kind of the change, such as ``load``.
        created: IDs that were created.
        merged: IDs that retired, with all records at one other ID.
        divided: IDs that retired, with records at several others.
        emptied: IDs whose records were all withdrawn.
        split: IDs that stayed in force and gave records to others.
        moved: records that went from one ID to another.
    """

    day: str
    cause: str
    created: int
    merged: int
    divided: int
    emptied: int
    split: int
    moved: int


@dataclass(frozen=True, slots=True)
class IdChurn:
    """Changes of enterprise IDs since a day.

    Args:
        since: the day; changes after its end count, ``YYYY-MM-DD``.
        stable: the IDs of that day, and how many of them changed.
        unchanged: share of the IDs of that day that hold the same records but for new and withdrawn ones;
            None if there were none.
        days: changes by day and cause, earliest first.
    """

    since: str
    stable: StableIds
    unchanged: float | None
    days: tuple[ChurnDay, ...]


def report_churn(index: Index, viewer: Viewer, since: str) -> IdChurn:
    """Return exactly how enterprise IDs have changed since a day.

    Args:
        index: the open index.
        viewer: who holds the database.
        since: the day, ``YYYY-MM-DD``.

    Raises:
        InputError: the day is wrong.
        AccessDenied: the viewer does not hold the database.
    """
    require_permission(viewer, Action.REPORT)
    if viewer.rights is not None or viewer.sources is not None:
        raise AccessDenied("exact figures about links are for who holds the database")
    clock.parse_day(since, "--since")
    with index.database.read(viewer) as unit:
        commit_no = unit.commit_at(f"{since}T23:59:59.999999Z")
        created = unit.id_changes.count_created(commit_no)
        lost = {(each.day, each.cause): each for each in unit.id_changes.count_lost(commit_no)}
        stable = unit.id_changes.count_stable(commit_no)
    disclose(index, viewer, Action.REPORT, (), FIELDS)
    return IdChurn(
        since=since,
        stable=stable,
        unchanged=None if not stable.ids else 1 - stable.changed / stable.ids,
        days=tuple(
            _build_day(key, created.get(key, 0), lost.get(key))
            for key in sorted(created.keys() | lost.keys())
        ),
    )


def _build_day(key: tuple[str, str], created: int, lost: LostIds | None) -> ChurnDay:
    if lost is None:
        return ChurnDay(*key, created, 0, 0, 0, 0, 0)
    return ChurnDay(*key, created, lost.merged, lost.divided, lost.emptied, lost.split, lost.moved)

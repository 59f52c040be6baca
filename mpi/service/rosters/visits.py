"""Visits to a list: who is new, and who has left it.

A visit counts for a list of the same coverage alone: another would have shown other children.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.rosters.coverage import Coverage
from mpi.storage.repositories.rosters.care_rosters import RosterRow
from mpi.storage.repositories.rosters.caseloads import Visit
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import ReadUnit

RECENT_DAYS = 7
"""Days that count as "this week"."""
KEPT_DAYS = 60
"""Days for which visits are kept."""


@dataclass(frozen=True, slots=True)
class VisitHistory:
    """Earlier visits of a viewer to a list.

    Args:
        today: the present day (``YYYY-MM-DD``).
        list_name: name of the list, with the coverage.
        visits: earlier visits, oldest first; that of today is the last where there is one.
    """

    today: str
    list_name: str
    visits: tuple[Visit, ...]

    @property
    def last(self) -> Visit | None:
        """The last visit before today."""
        earlier = [visit for visit in self.visits if visit.day < self.today]
        return earlier[-1] if earlier else None

    @property
    def is_due(self) -> bool:
        """Whether today's visit is not stored yet."""
        return not self.visits or self.visits[-1].day != self.today

    @property
    def week_ago(self) -> str:
        """The day before this week's first day."""
        return (date.fromisoformat(self.today) - timedelta(RECENT_DAYS)).isoformat()

    def is_new(self, row: RosterRow) -> bool:
        """Return whether a row is new since the last visit, if any."""
        last = self.last
        return last is not None and not _was_listed(row, last)

    def was_shown(self, row: RosterRow) -> bool:
        """Return whether a row was on the list at an earlier visit."""
        return any(_was_listed(row, visit) for visit in self.visits)


def read_visits(unit: ReadUnit, name: str, coverage: Coverage, today: str) -> VisitHistory:
    """Return the viewer's earlier visits to a list of the same coverage."""
    covered = f"{name}:{coverage.fingerprint}"
    return VisitHistory(today, covered, tuple(unit.caseloads.visits(unit.viewer.client, covered)))


def record_visit(index: Index, viewer: Viewer, history: VisitHistory, commit_no: int) -> None:
    """Store today's visit to a list, if it is not stored yet.

    Args:
        index: the open index.
        viewer: who reads the list.
        history: earlier visits.
        commit_no: last commit that the list shows.
    """
    if not history.is_due:
        return
    kept_since = (date.fromisoformat(history.today) - timedelta(KEPT_DAYS)).isoformat()
    with index.database.write(viewer, "roster-visit", Lock.NONE) as unit:
        unit.caseloads.add_visit(
            viewer.client, history.list_name, Visit(history.today, commit_no), kept_since
        )


def _was_listed(row: RosterRow, visit: Visit) -> bool:
    is_in_care = row.care_begin <= visit.day < row.care_end
    return (
        row.since_commit <= visit.commit_no
        and is_in_care
        and row.enrolled_begin <= visit.day < row.enrolled_end
    )

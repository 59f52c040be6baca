"""Counts of the lists of children in care, for the daily mail.

They name no child. They follow from what the person's own list shows.
"""

from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.notices.menu_counts import MAX_COUNTED
from mpi.service.rosters.children import count_children
from mpi.service.rosters.students import Show, count_students


@dataclass(frozen=True, slots=True)
class ListCounts:
    """How much is new or overdue on a list of children.

    Args:
        new_students: students who were not on the list at the last visit.
        entered_students: students who entered care this week.
        children_without_school: children whose school is not known.
        late_items: items of children that are overdue.
    """

    new_students: int = 0
    entered_students: int = 0
    children_without_school: int = 0
    late_items: int = 0


def count_lists(index: Index, viewer: Viewer) -> ListCounts:
    """Count what is new or overdue on the viewer's list.

    Nothing is counted for who has none.
    """
    if not all(is_allowed(viewer, action) for action in (Action.PERSON_READ, Action.RECORD_READ)):
        return ListCounts()
    if is_allowed(viewer, Action.ROSTER_READ):
        counts, late = count_students(index, viewer)
        return ListCounts(_limit(counts[Show.NEW]), _limit(counts[Show.ENTERED]), 0, _limit(late))
    if is_allowed(viewer, Action.CASELOAD_READ):
        without_school, late = count_children(index, viewer)
        return ListCounts(0, 0, _limit(without_school), _limit(late))
    return ListCounts()


def _limit(number: int) -> int:
    return min(number, MAX_COUNTED + 1)

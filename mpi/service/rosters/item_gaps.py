"""Items that children of a source lack, for *Who owes what*."""

from collections.abc import Collection

from mpi.domain import clock
from mpi.domain.children.items import ItemKind
from mpi.service.rosters.items import STAY
from mpi.storage.repositories.rosters.child_items import ItemGap
from mpi.storage.unit_of_work.units import ReadUnit


def find_item_gaps(unit: ReadUnit, kinds: Collection[ItemKind]) -> list[ItemGap]:
    """Return which items each source's children lack, with the oldest day.

    Children count who are in care today and whose school is known. The day is the one since which the first
    of them needs the item: first day in care, first day in the new school, or day of the decision.

    Args:
        unit: the read unit.
        kinds: kinds of items that are sought.
    """
    today = clock.today()
    gaps = unit.child_items.find_gaps(today, kinds)
    return gaps if ItemKind.TRANSPORT not in kinds else [*gaps, *_find_transport_gaps(unit, today)]


def _find_transport_gaps(unit: ReadUnit, today: str) -> list[ItemGap]:
    """Return the gaps of transport for children who stay in their school.

    The day of each is that of the oldest decision of its source.
    """
    days: dict[int, str] = {}
    for source, decision in unit.child_items.find_decisions_without_transport(today):
        value = decision.value or {}
        if value.get("best_interest_decision") == STAY:
            day = value["best_interest_date"]
            days[source] = min(day, days.get(source, day))
    return [ItemGap(source, ItemKind.TRANSPORT, day) for source, day in days.items()]

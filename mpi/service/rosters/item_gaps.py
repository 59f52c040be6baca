"""Items that children of a source lack, for the list of who owes what."""

from mpi.domain import clock
from mpi.domain.children.items import ItemKind
from mpi.service.rosters.items import STAY
from mpi.storage.repositories.rosters.child_items import ItemGap
from mpi.storage.unit_of_work.units import ReadUnit


def find_item_gaps(unit: ReadUnit) -> list[ItemGap]:
    """Return which items the children of each source lack, with the oldest day.

    Children count who are in care today and whose school is known. The day is the one since which the first
    of them needs the item: first day in care, first day in the new school, or day of the decision.
    """
    today = clock.today()
    transport: dict[int, str] = {}
    for source, decision in unit.child_items.find_decisions_without_transport(today):
        value = decision.value or {}
        if value.get("best_interest_decision") == STAY:
            day = value["best_interest_date"]
            transport[source] = min(day, transport.get(source, day))
    gaps = [ItemGap(source, ItemKind.TRANSPORT, day) for source, day in transport.items()]
    return [*unit.child_items.find_gaps(today), *gaps]

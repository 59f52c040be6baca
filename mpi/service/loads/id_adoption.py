"""Adopting: enterprise IDs of an earlier index go on being borne by who held them.

Only IDs of this index's own form can be: checked, and of a test index only in a test index. The person whose
records an old ID linked bears it from then on; the ID that they had until then is retired and says so.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from mpi.domain import eid as eids
from mpi.domain.errors import EidError
from mpi.service.resolution.settlement import ClusterAssignment, Settlement
from mpi.storage.unit_of_work.unit import WriteUnit


def find_adoptable_ids(old_ids: Collection[str], *, test: bool) -> dict[str, str]:
    """Those old IDs that are enterprise IDs of such an index, in their one written form."""
    found = {}
    for old in old_ids:
        try:
            eid = eids.parse(old)
        except EidError:
            continue
        if eids.is_test(eid) == test:
            found[old] = eid
    return found


def adopt_old_ids(
    unit: WriteUnit, settlement: Settlement, members: Mapping[str, Collection[int]], *, test: bool
) -> tuple[Settlement, int]:
    """Let persons of a settlement that is not published yet bear old IDs.

    An old ID goes to who would hold most of its records; of several at one person the first does, by the
    most of its records and then by its text. One that this index gave out already stays as it is.

    Args:
        unit: the transaction that will publish it.
        settlement: what settling would change.
        members: the records that each old ID linked.
        test: whether this is a test index.

    Returns:
        The settlement with the old IDs, and how many were adopted.
    """
    bearer_of = {record: n for n, bearer in enumerate(settlement.bearers) for record in bearer.records}
    wanted: dict[int, list[tuple[int, str]]] = {}
    for old, eid in find_adoptable_ids(members, test=test).items():
        held: dict[int, int] = {}
        for record in members[old]:
            if record in bearer_of:
                held[bearer_of[record]] = held.get(bearer_of[record], 0) + 1
        if held and unit.persons.by_eid(eid) is None:
            place = max(held, key=lambda n: (held[n], -n))
            wanted.setdefault(place, []).append((-held[place], eid))
    chosen = {place: min(claims)[1] for place, claims in wanted.items()}
    if not chosen:
        return settlement, 0
    first = unit.counters.take("person", len(chosen))
    numbers = {place: first + n for n, place in enumerate(sorted(chosen))}
    unit.persons.mint(
        [
            {"id": numbers[place], "eid": chosen[place], "minted_commit": unit.commit_no}
            for place in sorted(chosen)
        ]
    )
    return _assign_ids(settlement, numbers), len(chosen)


def _assign_ids(settlement: Settlement, numbers: Mapping[int, int]) -> Settlement:
    bearers = tuple(
        ClusterAssignment(bearer.records, numbers[place], revived=False) if place in numbers else bearer
        for place, bearer in enumerate(settlement.bearers)
    )
    replaced = {settlement.bearers[place].person for place in numbers} - {None}
    # One that would have lived again stays as it was.
    retiring = replaced - set(settlement.awakened)
    return replace(
        settlement,
        bearers=bearers,
        retired=tuple(sorted({*settlement.retired, *(person for person in retiring if person is not None)})),
        awakened=tuple(person for person in settlement.awakened if person not in replaced),
    )

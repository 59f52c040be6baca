"""Adoption of an earlier index's enterprise IDs at a crosswalk import.

Only IDs in this index's form can be adopted: they pass the check, and test IDs go to test indexes only. The
person whose records an old ID linked gets that ID; the ID that the person had is retired.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from mpi.domain import eid as eids
from mpi.domain.errors import EidError
from mpi.service.resolution.settlement import ClusterAssignment, Settlement
from mpi.storage.unit_of_work.units import WriteUnit


def find_adoptable_ids(old_ids: Collection[str], *, test: bool) -> dict[str, str]:
    """Return the old person IDs that are valid enterprise IDs here.

    Args:
        old_ids: IDs as written in the old crosswalk.
        test: whether this is a test index, whose IDs have a form of their own.

    Returns:
        The canonical form of each adoptable ID, by its old form.
    """
    adoptable = {}
    for old_id in old_ids:
        try:
            eid = eids.parse_eid(old_id)
        except EidError:
            continue
        if eids.is_test_eid(eid) == test:
            adoptable[old_id] = eid
    return adoptable


def adopt_old_ids(
    unit: WriteUnit, settlement: Settlement, members: Mapping[str, Collection[int]], *, test: bool
) -> tuple[Settlement, int]:
    """Give the person IDs of another system to newly computed persons.

    An old ID goes to the person that would hold most of its records. A person that could get several gets the
    one with the most of its records, then the first by text. An ID that this index already gave out is left
    alone.

    Args:
        unit: the transaction that will publish the settlement.
        settlement: the computed but unpublished assignment of records to persons.
        members: the records that each old ID linked.
        test: whether this is a test index.

    Returns:
        The settlement with the old IDs, and the number of adopted IDs.
    """
    bearer_of = {
        record: number for number, bearer in enumerate(settlement.assignments) for record in bearer.records
    }
    claims_of_bearer: dict[int, list[tuple[int, str]]] = {}
    for old_id, eid in find_adoptable_ids(members, test=test).items():
        record_counts: dict[int, int] = {}
        for record in members[old_id]:
            if record in bearer_of:
                record_counts[bearer_of[record]] = record_counts.get(bearer_of[record], 0) + 1
        if record_counts and unit.persons.find_by_eid(eid) is None:
            bearer_number = max(record_counts, key=lambda number: (record_counts[number], -number))
            claims_of_bearer.setdefault(bearer_number, []).append((-record_counts[bearer_number], eid))
    id_of_bearer = {bearer_number: min(claims)[1] for bearer_number, claims in claims_of_bearer.items()}
    if not id_of_bearer:
        return settlement, 0
    first_id = unit.counters.take("person", len(id_of_bearer))
    person_ids = {
        bearer_number: first_id + number for number, bearer_number in enumerate(sorted(id_of_bearer))
    }
    unit.persons.mint(
        [
            {
                "id": person_ids[bearer_number],
                "eid": id_of_bearer[bearer_number],
                "minted_commit": unit.commit_no,
            }
            for bearer_number in sorted(id_of_bearer)
        ]
    )
    return _assign_ids(settlement, person_ids), len(id_of_bearer)


def _assign_ids(settlement: Settlement, person_ids: Mapping[int, int]) -> Settlement:
    """Give the persons of an unpublished assignment other IDs; retire earlier ones."""
    bearers = tuple(
        ClusterAssignment(bearer.records, person_ids[bearer_number], revived=False)
        if bearer_number in person_ids
        else bearer
        for bearer_number, bearer in enumerate(settlement.assignments)
    )
    replaced = {settlement.assignments[bearer_number].person for bearer_number in person_ids} - {None}
    # A person that would have been revived stays retired.
    retiring = replaced - set(settlement.reactivated)
    return replace(
        settlement,
        assignments=bearers,
        retired=tuple(sorted({*settlement.retired, *(person for person in retiring if person is not None)})),
        reactivated=tuple(person for person in settlement.reactivated if person not in replaced),
    )

"""Search for stored records that a source's holdings do not cover."""

from collections.abc import Collection

from mpi.domain.decision import Authority
from mpi.domain.source import Holdings
from mpi.service.core.index import Index
from mpi.service.core.legal_holds import find_kept_records
from mpi.service.holdings.care import find_persons_in_care, find_records_in_care, find_related
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


def list_judged_records(unit: ReadUnit, source: Source) -> list[int]:
    """List the records of a source that may be surplus, ascending.

    A record that is sealed, or held because its source is paused, is never surplus.
    """
    if source.holdings is Holdings.ALL:
        return []
    return unit.records.ids_of_source(source.id, (RecordState.ACTIVE, RecordState.WITHDRAWN))


def find_all_surplus(unit: ReadUnit, index: Index, source: Source) -> set[int]:
    """Return all surplus records of a source."""
    records = list_judged_records(unit, source)
    return {record for page in iter_chunks(records) for record in find_surplus(unit, index, page)}


def find_surplus(unit: ReadUnit, index: Index, records: Collection[int]) -> set[int]:
    """Return the records that are unrelated to any child in care.

    A record is held if its person is a child in care; if it makes a stored pair with a record of a child in
    care, so that it is in review; if it is a rival of such a pair (see ``Related``); if a steward ever
    decided about it; while a legal hold or an open request keeps it; and while a version of it or its search
    for candidates waits. A withdrawn record is held if the person that it was of is in care.

    Args:
        unit: the transaction.
        index: the open index.
        records: active and withdrawn records of a source that holds linked records only.
    """
    stored = unit.records.get(records)
    active = {number for number, record in stored.items() if record.state == RecordState.ACTIVE}
    surplus = active - find_records_in_care(unit, active)
    floor = index.matcher.model.thresholds.storage_floor
    edges = unit.derived_data.edges_of(index.config_id(unit), surplus, floor)
    surplus -= find_related(unit, index, edges).held
    surplus |= _find_withdrawn_surplus(unit, stored.keys() - active)
    surplus -= {number for number in surplus if stored[number].overlaid}
    if unit.large_blocks.count_pending():
        surplus -= {number for number in surplus if unit.large_blocks.is_pending(number)}
    surplus -= _find_unpaired(unit, index, surplus)
    surplus -= _find_decided(unit, surplus)
    return surplus - find_kept_records(unit, surplus)


def _find_unpaired(unit: ReadUnit, index: Index, records: Collection[int]) -> set[int]:
    """Return records that a due check of a key may pair.

    They are judged by the next run, since a pair may keep them.
    """
    config_id = index.config_id(unit)
    if not unit.keys.purged_blocks.count_due(config_id):
        return set()
    due = unit.keys.purged_blocks.list_due(config_id).keys()
    return {
        record
        for record, keys in unit.keys.forward.keys_of(config_id, records).items()
        if not due.isdisjoint(keys)
    }


def _find_withdrawn_surplus(unit: ReadUnit, records: Collection[int]) -> set[int]:
    """Return the withdrawn records whose last person is no child in care."""
    last_persons = {
        record: max(memberships, key=lambda membership: membership.from_commit).person_id
        for record, memberships in unit.persons.memberships_of(records).items()
        if memberships
    }
    in_care = find_persons_in_care(unit, set(last_persons.values()))
    return {record for record in records if last_persons.get(record) not in in_care}


def _find_decided(unit: ReadUnit, records: Collection[int]) -> set[int]:
    """Return the records about which a steward ever decided."""
    return {
        record
        for decision in unit.decisions.of_records(records).values()
        if decision.authority >= Authority.STEWARD
        for record in decision.seen
    }

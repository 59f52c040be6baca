"""Restrictions in force that a record's current version leaves out.

A confidential address, a protective order or an opt-out ends only if a later version says so: by an entry of
the same kind whose end has come. Which ones stay is a function of all versions that count, in their order of
as-of and receipt, and not of the order in which they arrived.
"""

from collections.abc import Collection, Iterable, Mapping

import orjson

from mpi.domain.record import Restriction
from mpi.service.statements.statement import CARRIED_KINDS, names_carried_restriction
from mpi.standardize.fields.dates import to_iso_day
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.record_assertions import RecordAssertion
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.unit_of_work.units import WriteUnit

_Key = tuple[str, str | None]
"""Kind and reference of a restriction."""


def update_carried_restrictions(
    unit: WriteUnit,
    records: Mapping[int, StoredRecord],
    assertions_by_record: Mapping[int, Collection[RecordAssertion]],
) -> set[int]:
    """Compute again which restrictions of records stay in force, and store them.

    Args:
        unit: the transaction.
        records: the records as stored, none of them sealed.
        assertions_by_record: all assertions about each record.

    Returns:
        The records for which other restrictions stay in force than before.
    """
    restricted = {
        record_id: sorted(
            (assertion for assertion in assertions if not assertion.is_held),
            key=lambda assertion: assertion.sort_key,
        )
        for record_id, assertions in assertions_by_record.items()
        if any(names_carried_restriction(assertion.content_hash) for assertion in assertions)
    }
    payloads = unit.record_versions.payloads_of_versions(
        {
            assertion.version_id
            for assertions in restricted.values()
            for assertion in assertions
            if assertion.version_id is not None
        }
    )
    restrictions_by_version = {
        version_id: record_from_bytes(payload).restrictions for version_id, payload in payloads.items()
    }
    changed: dict[int, str | None] = {}
    for record_id, record in records.items():
        carried = _to_json(_list_carried(restricted.get(record_id, ()), restrictions_by_version))
        if carried != record.carried_restrictions:
            changed[record_id] = carried
    unit.records.set_carried_restrictions(changed)
    return set(changed)


def _list_carried(
    assertions: Collection[RecordAssertion], restrictions_by_version: Mapping[int, tuple[Restriction, ...]]
) -> list[Restriction]:
    """Return the restrictions that earlier versions of a record leave in force.

    An entry without a reference replaces all earlier entries of its kind. An entry with a reference replaces
    those with this reference only: another order of a court is another restriction.

    Args:
        assertions: the assertions about the record that count, in their order.
        restrictions_by_version: the restrictions that each version names.
    """
    in_force: dict[_Key, tuple[int, list[Restriction]]] = {}
    current_version: int | None = None
    day = ""
    for assertion in assertions:
        day = assertion.as_of[:10]
        version_id = assertion.version_id
        if version_id is None:
            continue
        current_version = version_id
        named = _group_by_key(restrictions_by_version[version_id])
        whole_kinds = {kind for kind, reference in named if reference is None}
        in_force = {key: entry for key, entry in in_force.items() if key[0] not in whole_kinds}
        in_force.update({key: (version_id, entries) for key, entries in named.items()})
    return [
        restriction
        for _, (stating_version, entries) in sorted(
            in_force.items(), key=lambda item: (item[0][0], item[0][1] or "")
        )
        if stating_version != current_version
        for restriction in entries
        if not _has_ended(restriction, day)
    ]


def _group_by_key(restrictions: Iterable[Restriction]) -> dict[_Key, list[Restriction]]:
    """Return the entries that can stay in force, by kind and reference."""
    groups: dict[_Key, list[Restriction]] = {}
    for restriction in restrictions:
        if restriction.kind in CARRIED_KINDS:
            groups.setdefault((restriction.kind, restriction.reference), []).append(restriction)
    return groups


def _has_ended(restriction: Restriction, day: str) -> bool:
    """Return whether a restriction has ended; an unreadable end never comes."""
    end = to_iso_day(restriction.end)
    return end is not None and end <= day


def _to_json(restrictions: list[Restriction]) -> str | None:
    """Return restrictions as JSON of a record's content; None for none."""
    if not restrictions:
        return None
    entries = [
        {name: value for name, value in restriction._asdict().items() if value is not None}
        for restriction in restrictions
    ]
    return orjson.dumps(entries).decode()

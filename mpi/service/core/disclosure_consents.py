"""Consents to disclose single records, and records that are opted out.

A grant on the basis of consent discloses a record only while a consent for this record is in force, and no
opt-out of the record is (34 CFR 99.30).
"""

from collections.abc import Collection, Mapping

from mpi.domain import clock
from mpi.domain.viewer import ConsentScope
from mpi.standardize.restrictions import is_opted_out
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.unit_of_work.units import ReadUnit


def read_consents(unit: ReadUnit, record_ids: Collection[int]) -> dict[int, frozenset[ConsentScope]]:
    """Return the consents in force today to disclose records, by record.

    A record that is opted out or not active has none. Empty where no decision of the viewer's policy depends
    on a consent.
    """
    rights, agreement = unit.viewer.rights, unit.viewer.agreement
    if rights is None or not rights.needs_consents or agreement is None:
        return {}
    consents = unit.disclosure_consents.in_force(record_ids, agreement, clock.today())
    excluded = _find_excluded_records(unit, consents)
    return {record: scopes for record, scopes in consents.items() if record not in excluded}


def find_opted_out_records(unit: ReadUnit, record_ids: Collection[int]) -> set[int]:
    """Return the active records that are opted out today."""
    day = clock.today()
    return {
        record
        for chunk in iter_chunks(record_ids)
        for record, (_, payload) in unit.record_versions.payloads(chunk).items()
        if _is_opted_out(payload, day)
    }


def _find_excluded_records(unit: ReadUnit, consents: Mapping[int, object]) -> set[int]:
    """Return the records of which a consent discloses nothing."""
    payloads = unit.record_versions.payloads(consents)
    day = clock.today()
    return {
        record for record in consents if record not in payloads or _is_opted_out(payloads[record][1], day)
    }


def _is_opted_out(payload: bytes, day: str) -> bool:
    # Few records have the restriction; parsing all would take most of the time of an export.
    return b'"opt_out"' in payload and is_opted_out(record_from_bytes(payload), day)

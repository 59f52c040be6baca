"""Destruction of all that the index stores about a record."""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from mpi.service.core.index import Index
from mpi.service.statements.boundary_orders import record_orders
from mpi.service.statements.correction_records import forget_in_reports, list_corrections_ever_made
from mpi.service.statements.statement import find_seal_reference
from mpi.service.statements.tombstones import bury_records, is_buried
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.boundary_orders import OrderKind
from mpi.storage.repositories.sources.record_erasure import ERASED_PAYLOAD
from mpi.storage.repositories.steps.idempotent_answers import BATCH_PREFIX
from mpi.storage.unit_of_work.units import WriteUnit

NO_REFERENCES: Mapping[int, str | None] = MappingProxyType({})


def destroy_records(
    unit: WriteUnit,
    index: Index,
    record_ids: Collection[int],
    references: Mapping[int, str | None] = NO_REFERENCES,
) -> None:
    """Destroy the content of sealed records, and of their corrections.

    Tombstones remain, so that the records are refused if they are sent again. What was destroyed before is
    left as it is.

    Args:
        unit: the transaction.
        index: the open index.
        record_ids: sealed records. They take part in no person any more.
        references: reference of the order, by record, where the content need not tell it.
    """
    stored = unit.records.get(record_ids)
    present = [record_id for record_id in record_ids if not is_buried(stored[record_id])]
    orders = {
        record_id: references.get(record_id) or _find_reference(unit, record_id) for record_id in present
    }
    record_orders(unit, index, OrderKind.EXPUNGE, orders)
    erase_records(unit, index, present)


def erase_records(unit: WriteUnit, index: Index, present: Collection[int]) -> None:
    """Destroy the content of records, without an order of their own.

    Args:
        unit: the transaction.
        index: the open index.
        present: sealed records that were not destroyed before.
    """
    erase_contents(unit, present)
    bury_records(unit, index, present)


def erase_contents(unit: WriteUnit, record_ids: Collection[int]) -> None:
    """Destroy what records and their corrections state, without tombstones.

    Args:
        unit: the transaction.
        record_ids: sealed records.
    """
    destroyed = [*record_ids, *list_corrections_ever_made(unit, record_ids)]
    unit.keys.segments.erase(destroyed)
    forget_in_reports(unit, destroyed)
    for record in destroyed:
        unit.record_erasure.erase(record)
        unit.idempotent_answers.delete_about_record(record)
        unit.steps.erase_notes(record)
        unit.task_work.erase_notes(record)
        unit.owner_questions.erase_notes(record)
        unit.disclosure_consents.erase(record)
        unit.rights_cases.erase_texts(record)
    # A list of searches may name the child, and belongs to no record.
    unit.idempotent_answers.delete_prefixed(BATCH_PREFIX)


def _find_reference(unit: WriteUnit, record_id: int) -> str | None:
    """Return the reference of the order to expunge a record, if any."""
    references = [
        find_seal_reference(record_from_bytes(version.payload))
        for version in unit.record_versions.versions(record_id)
        if version.payload != ERASED_PAYLOAD
    ]
    return next((reference for reference in reversed(references) if reference), None)

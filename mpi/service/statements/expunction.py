"""Destruction of all that the index stores about a record."""

from collections.abc import Collection

from mpi.service.statements.correction_records import list_corrections_ever_made
from mpi.storage.unit_of_work.units import WriteUnit


def destroy_records(unit: WriteUnit, record_ids: Collection[int]) -> None:
    """Destroy the content of sealed records and of their corrections.

    Empty rows remain, so that the records are refused if they are sent again.

    Args:
        unit: the transaction.
        record_ids: sealed records. They take part in no person any more.
    """
    destroyed = [*record_ids, *list_corrections_ever_made(unit, record_ids)]
    unit.keys.segments.erase(destroyed)
    for record in destroyed:
        unit.records.erase(record)
        unit.idempotent_answers.delete_about_record(record)
        unit.steps.erase_notes(record)
        unit.task_work.erase_notes(record)
        unit.owner_questions.erase_notes(record)

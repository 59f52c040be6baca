"""Restored: tell those who follow the feed of events that the index has gone back in time."""

import secrets

from mpi.domain.viewer import Viewer
from mpi.storage.unit_of_work.database import Database


def begin_generation_after_restore(database: Database, viewer: Viewer) -> str:
    """Begin another generation of the feed after a backup was restored; returns it.

    What was acknowledged after the backup is not in the index, and its commit numbers are given again to
    other things: a cursor of the generation before would skip them unseen. Sign-ins that were ended since are
    open in the backup: all end. The ledger may name records that came after the backup: their numbers are
    given to no others.

    Args:
        database: of the index; the program is not at work on it.
        viewer: who restored it.
    """
    with database.write(viewer, "restored") as unit:
        generation = secrets.token_hex(8)
        unit.configs.set_generation(generation)
        unit.sign_ins.end_all()
        unit.counters.reserve_up_to("record", unit.disclosures.max_record_id())
        unit.ensure_commit()
        return generation

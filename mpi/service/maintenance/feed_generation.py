"""Begin a new generation of the change feed after a restore.

A client that reads another generation starts over: its cursor may point to commits that the restored index
does not have. All sign-in sessions end too.
"""

import secrets

from mpi.domain.viewer import Viewer
from mpi.storage.unit_of_work.database import Database


def begin_generation_after_restore(database: Database, viewer: Viewer) -> str:
    """Begin a new generation of the change feed after restoring a backup.

    Commits acknowledged after the backup are not in the index, and their numbers are given again: a cursor of
    the earlier generation would skip the new ones unseen. Sessions that ended since the backup are open in
    it, so all sessions end. The ledger may name records that came after the backup; their numbers are not
    given again.

    Args:
        database: database of the index; no server is running on it.
        viewer: who restored it.

    Returns:
        The new generation, 16 hex digits.
    """
    with database.write(viewer, "restored") as unit:
        generation = secrets.token_hex(8)
        unit.configs.set_generation(generation)
        unit.sign_ins.end_all()
        unit.access_tokens.end_all()
        unit.counters.reserve_up_to("record", unit.disclosures.max_record_id())
        unit.ensure_commit()
        return generation

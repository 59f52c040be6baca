"""Take destroyed records out of the disclosure ledger; every proof still verifies.

The hash of a line stays, and with it a commitment to what the line named. A line of its own states that the
line lost records, so that nobody can erase unseen.
"""

import orjson

from mpi.domain import clock
from mpi.domain.ledger.line_hash import ERASED, REDACT_ACTION, PersonalPart, commit_to, draw_nonce
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.repositories.access.ledger_tree import StoredLine
from mpi.storage.unit_of_work.database import Lock
from mpi.storage.unit_of_work.units import WriteUnit

LINE_FIELD, COMMITMENT_FIELD = "line:", "commitment:"
"""Begin the fields of a line that states which line lost records, and the commitment to what it has now."""


def redact_destroyed_records(index: Index, viewer: Viewer) -> int:
    """Take every destroyed record out of the ledger's lines.

    What an interrupted call left is done by the next one.

    Args:
        index: the open index.
        viewer: who destroyed the records, or who signs the ledger.

    Returns:
        How many lines lost a record.

    Raises:
        StoreError: the ledger cannot be written.
    """
    with index.database.read(viewer) as unit:
        destroyed = unit.ledger_tree.find_destroyed_records()
    if not destroyed:
        return 0
    with index.database.ledger.write(viewer, "redact", Lock.NONE) as ledger:
        # Two that redact or sign at once do so in turn: the row is locked until the end.
        ledger.counters.take("ledger_root", 0)
        lines = ledger.ledger_tree.find_lines_about(destroyed)
        if not lines:
            return 0
        fields = [_redact_line(ledger, line, destroyed) for line in lines]
        at = clock.format_timestamp(clock.now())
        statements = [
            Disclosure(at, viewer.client, viewer.purpose, REDACT_ACTION, (), stated, None, viewer.agreement)
            for stated in fields
        ]
        ledger.disclosures.add_all(ledger.counters.take("disclosure", len(statements)), statements)
    return len(lines)


def _redact_line(unit: WriteUnit, line: StoredLine, destroyed: set[int]) -> tuple[str, ...]:
    """Take destroyed records out of one line; return what states it."""
    named = orjson.loads(line.personal.record_ids)
    kept_ids = [record for record in named if record not in destroyed]
    commitment = line.commitment or commit_to(line.nonce, line.personal)
    gone = destroyed.intersection(named)
    number = f"{LINE_FIELD}{line.number}"
    if not kept_ids and line.personal.handle is None:
        unit.ledger_tree.redact(line, ERASED, b"", commitment, gone)
        return (number,)
    kept = PersonalPart(orjson.dumps(kept_ids).decode(), line.personal.fields, line.personal.handle)
    nonce = draw_nonce()
    unit.ledger_tree.redact(line, kept, nonce, commitment, gone)
    return number, f"{COMMITMENT_FIELD}{commit_to(nonce, kept).hex()}"

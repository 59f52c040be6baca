"""References to source records by source and local ID."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordRef:
    """A reference to a source record by source code and local ID."""

    source: str
    local_id: str

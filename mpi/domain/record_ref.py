"""The reference of a record: its source and its local ID there."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecordRef:
    """A record named by its source and local ID."""

    source: str
    local_id: str

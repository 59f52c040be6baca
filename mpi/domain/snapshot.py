"""What the absence of a record from a file means."""

from enum import StrEnum


class Snapshot(StrEnum):
    """Whether a file holds all of a source's records or only changes."""

    FULL = "full"
    DELTA = "delta"

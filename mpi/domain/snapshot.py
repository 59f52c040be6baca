"""Kinds of input file: full snapshot or changes only."""

from enum import StrEnum


class Snapshot(StrEnum):
    """Whether a file holds all of a source's records or only changes."""

    FULL = "full"
    DELTA = "delta"

"""Statements of a source about its local IDs: merges, splits and reuse."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_STATEMENTS = 20_000
"""Most statements of one call or file; a longer file is sent in parts."""
MAX_LISTED_ERRORS = 20
"""Most wrong statements that an error names."""


class MergeKind(StrEnum):
    """What a source states about its local IDs.

    ``merge``: the old local ID is now the new one. ``split``: two local IDs that it had merged are two again.
    ``reuse``: one local ID was used for two children.
    """

    MERGE = "merge"
    SPLIT = "split"
    REUSE = "reuse"


@dataclass(frozen=True, slots=True)
class MergeStatement:
    """What a source states about one or two of its local IDs.

    Args:
        kind: ``merge``, ``split`` or ``reuse``, as sent.
        old_local_id: the local ID that was merged into another, split from it, or used twice.
        new_local_id: the other local ID; None for a reuse.
        date: day (``YYYY-MM-DD``) on which it happened at the source; None where it does not say.
        place: where it was stated, for errors, such as ``line 3``.
    """

    kind: str
    old_local_id: str
    new_local_id: str | None = None
    date: str | None = None
    place: str = "statement"


def join_errors(errors: Sequence[str]) -> str:
    """Return the first errors as one text.

    The text ends with the number of the others.
    """
    listed = list(errors[:MAX_LISTED_ERRORS])
    if len(errors) > MAX_LISTED_ERRORS:
        listed.append(f"and {len(errors) - MAX_LISTED_ERRORS:,} more")
    return "; ".join(listed)

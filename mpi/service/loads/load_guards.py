"""Guards that hold a file which looks truncated or mistaken.

Pure functions of counts.
"""

from dataclasses import dataclass

LARGEST_LOST_SHARE = 0.05
"""Largest share of active records that a load may remove.

It applies to withdrawn records, and to sealed and expunged ones.
"""
LARGEST_CHANGED_SHARE = 0.02
LARGEST_REJECTED_SHARE = 0.1
"""Largest share of a file's rows that may be rejected."""
SMALLEST_COUNT = 20
SMALL_SOURCE_LOST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class LoadEffect:
    """Counts of what a load would do to its source.

    Args:
        active: active records of the source before the load.
        withdrawn: records that the load would withdraw.
        renamed: records whose name or birth date the load would change.
        sealed: active records that the load would seal or expunge.
        received: rows of the file.
        rejected: rows that would be rejected.
    """

    active: int
    withdrawn: int
    renamed: int
    sealed: int
    received: int = 0
    rejected: int = 0


def find_hold_reason(effect: LoadEffect) -> str | None:
    """Return why a load needs confirmation, or None if it needs none.

    A load is held if it withdraws over 5 % of the source's active records, or seals or expunges over 5 %, or
    changes name or birth date in over 2 %, and at least 20 records each time. A small source has no 20
    records to lose, so withdrawing or sealing half of it or more also holds the load. A load that rejects
    over 10 % of its rows, and at least 20, is held too, unless it rejects all: then nothing would be loaded.
    Of several reasons, the one that no undo can reverse comes first.

    Args:
        effect: counts of what the load would do.
    """
    if effect.active and (reason := _find_loss_reason(effect)) is not None:
        return reason
    return _find_reject_reason(effect.received, effect.rejected)


@dataclass(frozen=True, slots=True)
class RowChange:
    """Row counts of a file and of its source's last full file.

    Args:
        earlier: rows of the source's last full file, of its largest file without one; 0 if it sent none.
        lost: rows of that file which this one lacks, as far as numbers of rows tell.
        sealed: rows that seal or expunge their records.
        received: rows of the file.
        rejected: rows that would be rejected.
    """

    earlier: int
    lost: int
    sealed: int
    received: int
    rejected: int


def find_row_hold_reason(change: RowChange) -> str | None:
    """Return why row counts make a load need confirmation, or None.

    This is for sources with minimum holdings. The limits are those of ``find_hold_reason``. Stored records do
    not count: a load held or not held would tell which pupils are stored, and so who is in care.

    Args:
        change: counts of rows.
    """
    if change.earlier and _is_loss_suspicious(change.sealed, change.earlier):
        return (
            f"{change.sealed:,} rows seal or expunge their records, and the file before had "
            f"{change.earlier:,} rows: this cannot be undone. Are its restrictions on the right rows?"
        )
    if change.earlier and _is_loss_suspicious(change.lost, change.earlier):
        return (
            f"it has {change.lost:,} fewer rows than the file before, which had {change.earlier:,} "
            f"({change.lost / change.earlier:.1%}): is the file whole?"
        )
    return _find_reject_reason(change.received, change.rejected)


def _find_reject_reason(received: int, rejected: int) -> str | None:
    """Return why a load would reject too many rows, or None."""
    if SMALLEST_COUNT <= rejected < received and rejected > LARGEST_REJECTED_SHARE * received:
        return (
            f"it would reject {rejected:,} of {received:,} rows ({rejected / received:.1%}): "
            "do the file and its mapping fit?"
        )
    return None


def _find_loss_reason(effect: LoadEffect) -> str | None:
    """Return why a load would lose or change too many stored records."""
    if _is_loss_suspicious(effect.sealed, effect.active):
        return (
            f"it would seal or expunge {effect.sealed:,} of {effect.active:,} active records "
            f"({effect.sealed / effect.active:.1%}), which cannot be undone: are its restrictions "
            "on the right rows?"
        )
    if _is_loss_suspicious(effect.withdrawn, effect.active):
        return (
            f"it would withdraw {effect.withdrawn:,} of {effect.active:,} active records "
            f"({effect.withdrawn / effect.active:.1%}): is the file whole?"
        )
    renamed = effect.renamed / effect.active
    if renamed > LARGEST_CHANGED_SHARE and effect.renamed >= SMALLEST_COUNT:
        return (
            f"it would change name or birth date of {effect.renamed:,} of {effect.active:,} active "
            f"records ({renamed:.1%}): is every column where it should be?"
        )
    return None


def _is_loss_suspicious(lost_count: int, active_count: int) -> bool:
    """Return whether a load would lose too many of a source's records."""
    share = lost_count / active_count
    return share >= SMALL_SOURCE_LOST_SHARE or (share > LARGEST_LOST_SHARE and lost_count >= SMALLEST_COUNT)

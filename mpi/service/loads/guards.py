"""Load guards: what a file would do that is likelier a mistake than a fact. Pure."""

from dataclasses import dataclass

LARGEST_LOST_SHARE = 0.05
"""Of the active records: withdrawn, or sealed and expunged."""
LARGEST_CHANGED_SHARE = 0.02
SMALLEST_COUNT = 20
SMALL_SOURCE_LOST_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class LoadEffect:
    """What a load would do to a source.

    Args:
        active: active records of the source before it.
        withdrawn: records that it would withdraw.
        renamed: records whose name or birth date it would change.
        sealed: active records that it would seal or expunge.
    """

    active: int
    withdrawn: int
    renamed: int
    sealed: int


def find_hold_reason(effect: LoadEffect) -> str | None:
    """Why the load is to be held whole until somebody confirms it; None where it is not.

    Held: over 5 % of the source's active records withdrawn, or sealed or expunged, or name or birth date
    changed in over 2 %, and at least 20 records each way. A small source has no 20 records to lose, so
    withdrawing or sealing half of it or more is held too. Of several reasons the one of which no undo takes
    back what it did is said.
    """
    if effect.active == 0:
        return None
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
    share = lost_count / active_count
    return share >= SMALL_SOURCE_LOST_SHARE or (share > LARGEST_LOST_SHARE and lost_count >= SMALLEST_COUNT)

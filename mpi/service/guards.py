"""Load guards: what a file would do that is likelier a mistake than a fact. Pure."""

from dataclasses import dataclass

LARGEST_WITHDRAWN_SHARE = 0.05
LARGEST_CHANGED_SHARE = 0.02
SMALLEST_COUNT = 20
HALF = 0.5


@dataclass(frozen=True, slots=True)
class Effect:
    """What a load would do to a source.

    Args:
        active: active records of the source before it.
        withdrawn: records that it would withdraw.
        renamed: records whose name or birth date it would change.
    """

    active: int
    withdrawn: int
    renamed: int


def held_because(effect: Effect) -> str | None:
    """Why the load is to be held whole until somebody confirms it; None where it is not.

    Held: over 5 % of the source's active records withdrawn, or name or birth date changed in over 2 %, and
    at least 20 records either way. A small source has no 20 records to lose, so withdrawing half of it or
    more is held too.
    """
    if effect.active == 0:
        return None
    withdrawn, renamed = effect.withdrawn / effect.active, effect.renamed / effect.active
    many_withdrawn = withdrawn > LARGEST_WITHDRAWN_SHARE and effect.withdrawn >= SMALLEST_COUNT
    if many_withdrawn or withdrawn >= HALF:
        return (
            f"it would withdraw {effect.withdrawn:,} of {effect.active:,} active records "
            f"({withdrawn:.1%}): is the file whole?"
        )
    if renamed > LARGEST_CHANGED_SHARE and effect.renamed >= SMALLEST_COUNT:
        return (
            f"it would change name or birth date of {effect.renamed:,} of {effect.active:,} active "
            f"records ({renamed:.1%}): is every column where it should be?"
        )
    return None

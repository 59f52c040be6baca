"""Overlay: whether a new version of a record says that it is another child, by the model's own levels."""

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import OnlineScorer, compute_level_bits
from mpi.matching.model.levels import NULL_LEVEL

OPPOSING_COMPARISONS = (frozenset({"given", "birth_date"}), frozenset({"given", "surname", "sex"}))
"""Comparisons that, all speaking against, say that it is another child."""


def is_another_child(scorer: OnlineScorer, before: Features, after: Features) -> bool:
    """Whether two versions of one record are of two children.

    They are where the given name *and* the birth date speak against one child, or the given name, the surname
    and the sex. A level speaks against where it takes from the weight; a value that is missing on either side
    never does, nor does a nickname, another name that the record bears, or a slip of the pen. So an adoption
    with new names, a corrected birth date, or a change of given name and sex are the same child.

    A model without one of these comparisons never says so by it. Where the given name is the same nothing
    else is looked at, and need not be known.

    Args:
        scorer: the model.
        before: the version that stands.
        after: the version that would take its place.
    """
    if before.given is None or after.given is None or before.given == after.given:
        return False
    scored = scorer.score(before, after)
    against = {
        comparison.name
        for comparison, value in zip(scorer.parameters.comparisons, scored.levels, strict=True)
        if value != NULL_LEVEL
        and any(level.value == value and compute_level_bits(level) < 0 for level in comparison.levels)
    }
    return any(told <= against for told in OPPOSING_COMPARISONS)

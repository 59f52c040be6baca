"""Overlay detection: does a record's new version describe another child?

The model's own comparison levels decide.
"""

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import OnlineScorer, compute_level_bits
from mpi.matching.model.scoring_parameters import NULL_LEVEL

OPPOSING_COMPARISONS = (frozenset({"given", "birth_date"}), frozenset({"given", "surname", "sex"}))
"""Sets of comparisons that, all negative, mean another child."""


def is_another_child(scorer: OnlineScorer, before: Features, after: Features) -> bool:
    """Return whether a record's new version seems to describe another child.

    So it does where the given name *and* the birth date speak against one child, or the given name, the
    surname and the sex. A level speaks against where its weight is negative; a value that is missing on
    either side never does, nor does a nickname, another name of the record, or a typing error. So an adoption
    with new names, a corrected birth date, or a change of given name and sex are the same child.

    A model without one of these comparisons never decides by it. Where the given name is the same nothing
    else is read, and need not be loaded.

    Args:
        scorer: scorer of the model.
        before: features of the present version.
        after: features of the version that would replace it.
    """
    if before.given is None or after.given is None or before.given == after.given:
        return False
    scored = scorer.score(before, after)
    negative = {
        comparison.name
        for comparison, value in zip(scorer.parameters.comparisons, scored.levels, strict=True)
        if value != NULL_LEVEL
        and any(level.value == value and compute_level_bits(level) < 0 for level in comparison.levels)
    }
    return any(names <= negative for names in OPPOSING_COMPARISONS)

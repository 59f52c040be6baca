"""Dependence between the comparison levels of a match.

It tells how much more often the levels go together than independent ones would. A model weighs each
comparison by itself. Errors are not independent: where a clerk's copy has one slip, two are rarer than
chance, and where a form was filled in by another person, everything differs at once. So the share of matches
with a combination of levels is not the product of the shares of each level. Strangers are near enough to
independent. The observed share over the product is a factor of the odds that the pairs are one person. It
corrects the expected number of false links; weights stay as they are.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mpi.matching.model.scoring_parameters import NULL_LEVEL

FloatArray = npt.NDArray[np.float64]

PSEUDO_MATCHES = 5.0
"""Matches that count as seen in proportion to independent levels, for each combination."""
MOST_BITS = 2.0
"""Most bits of the correction, either way."""


def measure_joint_bits(
    patterns: npt.NDArray[np.int8], matches: FloatArray, rates: Sequence[FloatArray]
) -> FloatArray:
    """Measure, by combination of levels, the bits that independence misses.

    Combinations of the same known fields are compared with each other, among the compared pairs alone.

    Args:
        patterns: distinct combinations of levels, one column for each comparison.
        matches: expected matches with each.
        rates: by comparison and level, the share of matches with the level; NaN where it is not learned.

    Returns:
        Bits by combination; 0 for one with a level that is not learned.
    """
    is_learned = [bool(np.isfinite(shares).any()) for shares in rates]
    columns = [column for column, is_used in enumerate(is_learned) if is_used]
    if not columns:
        return np.zeros(len(patterns))
    learned, group_of = np.unique(patterns[:, columns], axis=0, return_inverse=True)
    group_of = group_of.reshape(-1)
    observed = np.bincount(group_of, weights=matches, minlength=len(learned)).astype(np.float64)
    product = np.ones(len(learned))
    for place, column in enumerate(columns):
        product *= np.append(rates[column], 1.0)[learned[:, place]]  # the null level is last
    usable = np.isfinite(product)
    _, mask_of = np.unique(learned == NULL_LEVEL, axis=0, return_inverse=True)
    mask_of = mask_of.reshape(-1)
    totals, products = (
        np.bincount(mask_of, weights=np.where(usable, values, 0.0)) for values in (observed, product)
    )
    expected = product * totals[mask_of] / np.maximum(products[mask_of], 1e-300)
    bits = np.log2((observed + PSEUDO_MATCHES) / (np.where(usable, expected, 0.0) + PSEUDO_MATCHES))
    return np.asarray(np.where(usable, np.clip(bits, -MOST_BITS, MOST_BITS), 0.0)[group_of])

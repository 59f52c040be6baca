"""Sources that list hardly anyone twice, as the fit estimates.

Two records of one source that share a name and a birth date are one person listed twice, or two people.
Names cannot tell which: the doubt is about the source, and no weight of a pair removes it. Where a source
lists people twice, most such pairs are duplicates. Where it does not, all of them are namesakes, and a fit
that knows names and dates alone takes the rarest of them for duplicates. So such a pair is left to a person
where a source has so few that a person can be asked about each.
"""

from collections import Counter
from collections.abc import Mapping

import pyarrow as pa

MOST_DUPLICATES = 0.005
"""Most links per record within a source that lists each person once.

It is a sixth of the questions that people are asked at most, so that a person can be asked about each.
"""
MAX_SINGLE_LISTS = 500
"""Most sources that a model names; with more it names none."""


def find_single_lists(
    links: pa.Table, sources: Mapping[int, str], sampled_share: float = 1.0
) -> tuple[str, ...]:
    """Find the sources that list hardly anyone twice.

    Args:
        links: pairs that would link, ``lo`` and ``hi``.
        sources: source of each record; empty for one source.
        sampled_share: share of the candidate pairs that were drawn.

    Returns:
        Codes of the sources, sorted. None of them where there is one source: duplicates are then all that
        there is to find.
    """
    sizes = Counter(sources.values())
    if len(sizes) < 2:  # noqa: PLR2004 - one source has no other to be linked with
        return ()
    ends = zip(links["lo"].to_pylist(), links["hi"].to_pylist(), strict=True)
    within = Counter(sources.get(lo) for lo, hi in ends if sources.get(lo) == sources.get(hi))
    most = {source: MOST_DUPLICATES * size * sampled_share for source, size in sizes.items()}
    found = tuple(source for source in sorted(sizes) if within[source] <= most[source])
    return found if len(found) <= MAX_SINGLE_LISTS else ()

"""Noise, rounding and suppression of published counts.

Each day a count gets new noise from Laplace's distribution (Dwork et al., *Calibrating noise to sensitivity*,
2006). What is published follows from the noisy count alone. So a record that changes the exact count by one
changes the probability of no publication by more than the factor ``exp(1 / scale)`` a day. The count as
published stays the same until the noisy count is far from it, and is a multiple of the base.

Neither rounding nor noise that depends on the records alone would do. A reader who adds one record at a time
sees the rounded count move exactly when a child was found.
"""

import math
from collections.abc import Mapping

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.quality_rules import PublicationRules
from mpi.domain.statistics.sampling import NORMAL_DEVIATE_95, Estimate, estimate_share

_NOISE_DOMAIN = "figure-noise"
_DROPPED_BITS = 11
_UNIT = 2.0**-53


def draw_noise(keyed_hash: KeyedHash, name: str, day: str, count: int, scale: float) -> float:
    """Draw a count's noise of one day from Laplace's distribution.

    The same day, name and count always get the same noise, so that a repeated measurement tells nothing new.
    Another count gets other noise, so that a restored index tells no difference.

    Args:
        keyed_hash: keyed hash of the index; whoever lacks its secret cannot predict the noise.
        name: name of the count.
        day: day of the measurement.
        count: the exact count.
        scale: scale of the distribution.
    """
    bits = keyed_hash.to_int64(_NOISE_DOMAIN, f"{day}|{count}|{name}") >> _DROPPED_BITS
    # 53 bits, so that the sum is exact and never reaches one half, whose logarithm is infinite.
    centered = (bits + 0.5) * _UNIT
    return -scale * math.copysign(math.log1p(-2 * abs(centered)), centered)


def publish_count(noisy_count: float, previous: int | None, rules: PublicationRules) -> int:
    """Return the published count that follows from a noisy one.

    Args:
        noisy_count: exact count with noise.
        previous: count as published the day before; None if there is none.
        rules: base and distances.
    """
    if previous is not None and abs(noisy_count - previous) < rules.hold_distance:
        return previous
    return max(rules.base * round(noisy_count / rules.base), 0)


def publish_counts(
    keyed_hash: KeyedHash,
    day: str,
    exact: Mapping[str, int],
    previous: Mapping[str, int],
    rules: PublicationRules,
) -> dict[str, int]:
    """Return the published counts of one day.

    Args:
        keyed_hash: keyed hash of the index.
        day: day of the measurement.
        exact: exact counts by name. A name that only ``previous`` has counts as 0.
        previous: counts as published before.
        rules: base and distances.
    """
    counts = {}
    for name in sorted(exact.keys() | previous.keys()):
        count = exact.get(name, 0)
        noise = draw_noise(keyed_hash, name, day, count, rules.noise_scale)
        counts[name] = publish_count(count + noise, previous.get(name), rules)
    return counts


def show_count(count: int | None, smallest: int) -> int | None:
    """Return a published count, or None if too small to show."""
    return None if count is None or count < smallest else count


def estimate_published_share(part: int, whole: int, rules: PublicationRules) -> Estimate:
    """Estimate a proportion of two independently published counts, in whole percents.

    The interval allows for the error of the counts as well as for chance.

    Args:
        part: published count; the noise may take it above ``whole``.
        whole: published count above 0.
        rules: rules by which the counts were published.
    """
    share = estimate_share(min(part, whole), whole)
    return _widen(share, rules.count_error / whole * math.hypot(1, share.value))


def estimate_share_of_parts(part: int, rest: int, rules: PublicationRules) -> Estimate:
    """Estimate a count's share of a sum, in whole percents.

    Both counts that make up the sum are published.

    The sum has the noise of both, so a part moves the share by less than in ``estimate_published_share``: by
    1 - share, and the rest by the share.

    Args:
        part: published count.
        rest: published count of the others; one of the two is above 0.
        rules: rules by which the counts were published.
    """
    whole = part + rest
    share = estimate_share(part, whole)
    return _widen(share, rules.count_error / whole * math.hypot(1 - share.value, share.value))


def _widen(share: Estimate, deviation: float) -> Estimate:
    """Return a share in whole percents, with a wider interval.

    The interval allows for one more standard deviation.
    """
    error = NORMAL_DEVIATE_95 * deviation
    low = share.value - math.hypot(share.value - share.low, error)
    high = share.value + math.hypot(share.high - share.value, error)
    return Estimate(round(share.value, 2), round(max(low, 0.0), 2), round(min(high, 1.0), 2))


def round_estimate(estimate: Estimate | None) -> Estimate | None:
    """Round an estimate and its interval to whole percents."""
    if estimate is None:
        return None
    return Estimate(round(estimate.value, 2), round(estimate.low, 2), round(estimate.high, 2))

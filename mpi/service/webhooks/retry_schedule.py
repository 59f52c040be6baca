"""Schedule of attempts: the one that the Standard Webhooks specification gives."""

import random
from datetime import datetime, timedelta

PAUSES_S = (5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600)
"""Seconds before each further attempt. The first is made at once, so that there are ten over three days."""
JITTER = 0.2
"""Share of a pause that is added to it at most, at random, so that receivers are not called in step."""


def plan_attempt(failures: int, now: datetime, retry_after_s: float | None) -> datetime | None:
    """Return when a message is tried again; None if never.

    Args:
        failures: attempts of the message that failed, at least 1.
        now: time of the last of them.
        retry_after_s: seconds for which the receiver asked to wait, which count up to the longest pause.
    """
    if failures > len(PAUSES_S):
        return None
    pause_s = max(PAUSES_S[failures - 1], min(retry_after_s or 0.0, PAUSES_S[-1]))
    return now + timedelta(seconds=pause_s * random.uniform(1, 1 + JITTER))  # noqa: S311 - no secret

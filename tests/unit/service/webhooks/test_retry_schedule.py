from datetime import UTC, datetime

import pytest

from mpi.service.webhooks.retry_schedule import JITTER, PAUSES_S, plan_attempt

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def pause_after(failures, retry_after_s=None):
    moment = plan_attempt(failures, NOW, retry_after_s)
    return None if moment is None else (moment - NOW).total_seconds()


def test_there_are_ten_attempts_over_three_days():
    pauses = [pause_after(failures) for failures in range(1, 11)]
    assert pauses[-1] is None
    for pause, planned in zip(pauses, PAUSES_S, strict=False):
        assert planned <= pause <= planned * (1 + JITTER)
    assert sum(PAUSES_S) == (75 * 60 + 35) * 60 + 5


def test_pauses_differ_by_chance():
    assert len({pause_after(3) for _ in range(20)}) > 10


@pytest.mark.parametrize(("asked", "least"), [(3600, 3600), (1, 5), (10**9, 86_400), (None, 5)])
def test_a_longer_pause_is_granted_up_to_a_day(asked, least):
    assert least <= pause_after(1, asked) <= least * (1 + JITTER)

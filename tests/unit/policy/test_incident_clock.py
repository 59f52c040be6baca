"""Clocks of incidents: to send corrections, and to acknowledge them."""

from datetime import date

import pytest

from mpi.policy.cases.incident_clock import IncidentDays, find_deadline

OPENED, SENT = date(2026, 11, 2), date(2026, 11, 4)


@pytest.mark.parametrize(
    ("sent", "agreement_days", "name", "due"),
    [
        (None, [], "send", date(2026, 11, 5)),
        (None, [date(2026, 11, 3), date(2026, 12, 1)], "send", date(2026, 11, 3)),
        (None, [date(2026, 12, 1)], "send", date(2026, 11, 5)),
        (SENT, [], "acknowledge", date(2026, 11, 18)),
        (SENT, [date(2026, 11, 3)], "acknowledge", date(2026, 11, 3)),
    ],
)
def test_the_first_of_the_days_counts(sent, agreement_days, name, due):
    deadline = find_deadline(IncidentDays(), OPENED, sent, agreement_days)
    assert (deadline.name, deadline.due) == (name, due)


def test_a_clock_ends_with_the_calendar():
    assert find_deadline(IncidentDays(send=366), date.max, None).due == date.max

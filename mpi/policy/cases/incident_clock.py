"""Clocks of an incident: until when corrections are sent, and acknowledged.

The days are configuration. No law that we know of sets them for a wrong link, so that the defaults are our
own choice [?]: three days (72 hours) to tell those who were told, as many agreements ask for a breach, and
two weeks until all of them have corrected their copies.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from mpi.policy.cases.subject_rights import Deadline, add_days

SEND = "send"
"""Name of the clock that runs until the corrections are sent."""
ACKNOWLEDGE = "acknowledge"
"""Name of the clock that runs until each correction is acknowledged."""


@dataclass(frozen=True, slots=True)
class IncidentDays:
    """Days within which an incident is handled.

    Args:
        send: days from the separation until the corrections are sent.
        acknowledge: days from the sending until each recipient has acknowledged its correction.
    """

    send: int = 3
    acknowledge: int = 14


def find_deadline(
    days: IncidentDays, opened: date, sent: date | None, agreement_days: Collection[date] = ()
) -> Deadline:
    """Return the clock that runs: the configured or an earlier agreement's.

    Args:
        days: the configured days.
        opened: day of the separation.
        sent: day on which the corrections were sent; None before.
        agreement_days: last days by the clocks of the recipients' agreements.
    """
    name = SEND if sent is None else ACKNOWLEDGE
    own = add_days(opened, days.send) if sent is None else add_days(sent, days.acknowledge)
    return Deadline(name, min((own, *agreement_days)))

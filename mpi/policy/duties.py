"""Duties under an agreement: clocks that run, and copies to destroy.

The index cannot reach another party's copy. It says what is due, and keeps who attests that it was done.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from mpi.policy.agreement import Agreement
from mpi.policy.parties import Party


class DutyKind(StrEnum):
    """Kind of a duty."""

    CLOCK = "clock"
    """To do what an agreement's clock is about."""
    DESTRUCTION = "destruction"
    """To destroy what was received, and attest it."""


@dataclass(frozen=True, slots=True)
class Duty:
    """What a party has to do by a day.

    Args:
        kind: kind of the duty.
        agreement: code of the agreement.
        party: code of the party.
        name: name of the clock, or ``destruction``.
        begun: day on which the clock began, or of the first answer whose copy is still to be destroyed.
        due: day by which it is to be done.
        code: code of the running clock; None for a destruction.
        reference: number under which the parties file it; None where there is none.
    """

    kind: DutyKind
    agreement: str
    party: str
    name: str
    begun: date
    due: date
    code: str | None = None
    reference: str | None = None

    def days_left(self, today: date) -> int:
        """Return the days until it is due, negative afterwards."""
        return (self.due - today).days


def find_destruction(agreement: Agreement, party: str, received: Iterable[date]) -> Duty | None:
    """Return a party's duty to destroy what it received, if any.

    Args:
        agreement: the terms.
        party: code of the party.
        received: days of answers whose copies it has not attested to be destroyed, the first among them.
    """
    first = min(received, default=None)
    if first is None or agreement.retention_days is None:
        return None
    due = first + timedelta(days=agreement.retention_days)
    return Duty(DutyKind.DESTRUCTION, agreement.code, party, DutyKind.DESTRUCTION.value, first, due)


def receives_from_others(agreement: Agreement, party: str, sources: frozenset[str] | None) -> bool:
    """Return whether a caller of a party may receive another party's records.

    Args:
        agreement: the terms.
        party: code of the caller's party.
        sources: sources that the caller was granted; None for all.
    """
    return any(
        bool(discloser.sources) if sources is None else any(discloser.owns(source) for source in sources)
        for discloser in _list_disclosers(agreement, party)
    )


def _list_disclosers(agreement: Agreement, recipient: str) -> list[Party]:
    """Return the other parties that disclose to a party."""
    codes = {grant.discloser for grant in agreement.grants if grant.recipient == recipient} - {recipient}
    return [party for party in agreement.parties if party.code in codes]

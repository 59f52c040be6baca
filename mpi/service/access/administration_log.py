"""Log of changes to accounts and clients: who changed what, and when."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mpi.service.core.undoable_steps import add_step
from mpi.storage.repositories.steps.shown_secrets import NAME
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_SHOWN = 50
"""Most changes that are listed of one account or client."""
_MAX_READ = 10_000


class Subject(StrEnum):
    """Kind of thing that an administrator changed."""

    ACCOUNT = "account"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an account or a client.

    Args:
        act: what was done, such as ``password``.
        at: when (ISO, UTC).
        by: name of the account, or ``operator`` for the command line.
        facts: what it became, such as role and sources; never a password or key.
    """

    act: str
    at: str
    by: str
    facts: dict[str, Any]


def log_change(unit: WriteUnit, subject: Subject, name: str, act: str, **facts: object) -> None:
    """Record a change of an account or client in its own commit.

    Args:
        unit: the transaction of the change.
        subject: what was changed.
        name: name of the account or client.
        act: what was done.
        facts: what it became; never a password or key.
    """
    add_step(unit, subject, act, {NAME: name, **facts})


def list_changes(unit: ReadUnit, subject: Subject, name: str) -> tuple[Change, ...]:
    """Return the latest changes of an account or client, newest first."""
    steps = [step for step in unit.steps.latest_of_kinds((subject,), _MAX_READ) if step.detail[NAME] == name][
        :MAX_SHOWN
    ]
    commits = unit.commit_info({step.commit_no for step in steps})
    return tuple(
        Change(
            act=step.reason,
            at=commits[step.commit_no][0],
            by=commits[step.commit_no][1],
            facts={key: value for key, value in step.detail.items() if key != NAME},
        )
        for step in steps
    )

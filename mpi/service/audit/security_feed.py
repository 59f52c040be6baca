"""Recorded security events, from one position to the next.

Changed rights, keys, cases and incidents are commits; emergency access and exports are lines of the
disclosure ledger; refused calls are counted by minute.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mpi.domain import clock
from mpi.domain.security_events import (
    ACCESS_REFUSED,
    COMMIT_EVENTS,
    INCIDENT_OPENED,
    LINE_EVENTS,
    SecurityEvent,
)
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.storage.repositories.access.refusals import Refusal
from mpi.storage.repositories.steps.shown_secrets import LOGIN_KINDS, NAME
from mpi.storage.unit_of_work.units import ReadUnit

_COMMITS_AT_ONCE = 100_000
"""Commits that one reading looks through at most, and ledger lines likewise."""
_SETTLED = timedelta(minutes=2)
"""Age from which on the refusals of a minute grow no more."""
_MINUTE_LENGTH = len("2026-11-29T07:25")
_TOLD_FACTS = ("role", "granted", "agreement", "expires_on", "webhook")
"""Facts of a changed login that an event tells."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far the security events were read.

    Args:
        commit: number of the last commit.
        line: number of the last line of the disclosure ledger.
        minute: minute (ISO, UTC) before which refusals were read.
    """

    commit: int
    line: int
    minute: str


def find_position(index: Index, viewer: Viewer, since: datetime) -> Position:
    """Return the position before the events of a moment and later.

    Raises:
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    moment = clock.format_timestamp(since)
    with index.database.read(viewer) as unit:
        commit = unit.commit_at(moment)
    with index.database.ledger.read(viewer) as ledger:
        first = ledger.security_log.first_line_since(moment)
        line = first - 1 if first else ledger.disclosures.last_number()
    return Position(commit, line, moment[:_MINUTE_LENGTH])


def read_events(index: Index, viewer: Viewer, after: Position) -> tuple[list[SecurityEvent], Position, bool]:
    """Return the next security events, in the order of their times.

    Args:
        index: the open index.
        viewer: who reads.
        after: the position of the last reading.

    Returns:
        The events, the position behind them, and whether there is more to read at once.

    Raises:
        AccessDenied: the viewer may not read the ledger.
    """
    require_permission(viewer, Action.LEDGER_READ)
    with index.database.read(viewer) as unit:
        last = unit.last_commit()
        commit = min(last, after.commit + _COMMITS_AT_ONCE)
        events = [*_read_commits(unit, after.commit, commit), *_read_incidents(unit, after.commit, commit)]
    with index.database.ledger.read(viewer) as ledger:
        last_line = ledger.disclosures.last_number()
        line = min(last_line, after.line + _COMMITS_AT_ONCE)
        events += _read_lines(ledger, after.line, line)
        minute = max(after.minute, clock.format_timestamp(clock.now() - _SETTLED)[:_MINUTE_LENGTH])
        events += _read_refusals(ledger, after.minute, minute)
    has_more = commit < last or line < last_line
    return sorted(events, key=lambda event: event.at), Position(commit, line, minute), has_more


def _read_commits(unit: ReadUnit, after: int, until: int) -> list[SecurityEvent]:
    """Return the events that commits are, with the login that was changed."""
    commits = unit.security_log.list_commits(after, until, COMMIT_EVENTS)
    steps = unit.steps.steps_in_commits([commit.no for commit in commits])
    # A change of rights logs the rights that it takes away, too: a commit may have several steps of a login.
    details: dict[int, dict[str, Any]] = {}
    for step in steps:
        if step.kind in LOGIN_KINDS:
            details.setdefault(step.commit_no, {}).update(step.detail)
    return [
        SecurityEvent(
            commit.kind.replace(" ", "-"),
            f"commit-{commit.no}",
            commit.at,
            commit.client,
            target=details.get(commit.no, {}).get(NAME),
            facts=_tell_facts(details.get(commit.no, {})),
        )
        for commit in commits
    ]


def _tell_facts(detail: dict[str, Any]) -> dict[str, str | int]:
    """Return the facts of a changed login as text."""
    told = {name: detail[name] for name in _TOLD_FACTS if detail.get(name)}
    return {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in told.items()
    }


def _read_incidents(unit: ReadUnit, after: int, until: int) -> list[SecurityEvent]:
    """Return the incidents of wrong links that were opened."""
    opened = [each for each in unit.incidents.all() if after < each.opened_commit <= until]
    commits = unit.commit_info({incident.opened_commit for incident in opened})
    return [
        SecurityEvent(
            INCIDENT_OPENED,
            f"incident-{incident.code}",
            commits[incident.opened_commit][0],
            commits[incident.opened_commit][1],
            facts={"incident": incident.code},
        )
        for incident in opened
    ]


def _read_lines(ledger: ReadUnit, after: int, until: int) -> list[SecurityEvent]:
    """Return the events that ledger lines are; nothing of their records."""
    return [
        SecurityEvent(
            LINE_EVENTS[line.action][0],
            f"line-{line.number}",
            line.at,
            line.client,
            facts={
                name: value
                for name, value in (("purpose", line.purpose), ("agreement", line.agreement))
                if value is not None
            },
        )
        for line in ledger.security_log.list_lines(after, until, LINE_EVENTS)
    ]


def _read_refusals(ledger: ReadUnit, since: str, until: str) -> list[SecurityEvent]:
    """Return the calls that the policy refused, counted by minute."""
    return [_tell_refusal(each) for each in ledger.refusals.since(since) if each.minute < until]


def _tell_refusal(refusal: Refusal) -> SecurityEvent:
    """Return the event of equal refusals in one minute."""
    facts: dict[str, str | int] = {
        "action": refusal.action, "reason": refusal.reason, "count": refusal.count
    }  # fmt: skip
    facts |= {
        name: value
        for name, value in (("purpose", refusal.purpose), ("agreement", refusal.agreement))
        if value is not None
    }
    named = "\n".join(str(facts.get(name, "")) for name in ("action", "purpose", "agreement", "reason"))
    number = hashlib.sha256(f"{refusal.client}\n{named}".encode()).hexdigest()[:16]
    return SecurityEvent(
        ACCESS_REFUSED,
        f"refusal-{refusal.minute}-{number}",
        f"{refusal.minute}:00.000000Z",
        refusal.client,
        facts=facts,
    )

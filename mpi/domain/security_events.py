"""Security events: their names, and how a SIEM classes them.

The classes are those of the Elastic Common Schema (ECS), which other schemas map. An event names clients,
accounts of staff, agreements and codes of cases, never a child, a record or what was typed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_network


class Severity(IntEnum):
    """Severity of an event, as syslog numbers it (RFC 5424, 6.2.1)."""

    ALERT = 1
    WARNING = 4
    NOTICE = 5
    INFO = 6


@dataclass(frozen=True, slots=True)
class EventClass:
    """How a SIEM classes the events of one name.

    Args:
        category: ECS ``event.category``.
        kind: ECS ``event.type``.
        severity: how urgent it is.
        is_success: whether what was attempted was done.
    """

    category: str
    kind: str
    severity: Severity = Severity.NOTICE
    is_success: bool = True


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """One security event.

    Args:
        name: key of ``EVENT_CLASSES``.
        id: name of this event, the same each time it is read.
        at: when (ISO, UTC).
        actor: client, account or ``operator`` that acted; None for nobody known.
        target: client or account that it was done to; None for none.
        address: network address that the call came from; None if it is not known.
        facts: further facts, such as ``agreement`` and ``purpose``.
    """

    name: str
    id: str
    at: str
    actor: str | None = None
    target: str | None = None
    address: str | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)


def _iam(kind: str, severity: Severity = Severity.NOTICE) -> EventClass:
    return EventClass("iam", kind, severity)


def _configuration(kind: str, severity: Severity = Severity.NOTICE) -> EventClass:
    return EventClass("configuration", kind, severity)


COMMIT_EVENTS: Mapping[str, EventClass] = {
    "account-add": _iam("creation"),
    "account-ask": _iam("change"),
    "account-bind": _iam("change"),
    "account-change": _iam("change"),
    "account-confirm": _iam("change"),
    "account-end": _iam("deletion"),
    "account-grant": _iam("change", Severity.WARNING),
    "account-link": _iam("change"),
    "account-password": _iam("change"),
    "account-refuse": _iam("change"),
    "account-unlock": _iam("change"),
    "second-factor": _iam("change"),
    "client-add": _iam("creation"),
    "client-bind": _iam("change"),
    "client-expiry": _iam("change"),
    "client-revoke": _iam("deletion"),
    "client-rotate": _iam("change"),
    "client-subject": _iam("change"),
    "agreement-add": _configuration("creation"),
    "agreement-approve": _configuration("change"),
    "agreement-end": _configuration("deletion"),
    "agreement-resume": _configuration("change"),
    "agreement-suspend": _configuration("change", Severity.WARNING),
    "purpose-add": _configuration("creation"),
    "scope-add": _configuration("creation"),
    "source-add": _configuration("creation"),
    "source-rename": _configuration("change"),
    "source-retire": _configuration("deletion"),
    "source-return": _configuration("change"),
    "split-plan": _configuration("change"),
    "split-approve": _configuration("change", Severity.WARNING),
    "keys": _configuration("change", Severity.WARNING),
    "restored": _configuration("change", Severity.WARNING),
    "unseal requested": _configuration("change", Severity.WARNING),
    "unseal approved": _configuration("change", Severity.WARNING),
    "expunge approved": _configuration("deletion", Severity.WARNING),
    "destruction-approve": _configuration("change", Severity.WARNING),
    "destroy": _configuration("deletion", Severity.WARNING),
    "legal-hold": _configuration("change"),
    "legal-hold-lift": _configuration("change"),
    "subpoena-open": _configuration("creation"),
    "subpoena-decide": _configuration("change"),
    "subpoena-release": EventClass("database", "access", Severity.WARNING),
    "rights-release": EventClass("database", "access"),
    "research-open": _configuration("creation"),
    "research-end": _configuration("deletion"),
    "incident-send": EventClass("database", "info", Severity.WARNING),
    "incident-acknowledge": EventClass("database", "info"),
    "incident-close": EventClass("database", "end"),
}
"""Events that a commit of this kind is."""

LINE_EVENTS: Mapping[str, tuple[str, EventClass]] = {
    "break.glass": ("emergency-begin", EventClass("iam", "start", Severity.ALERT)),
    "break.glass.join": ("emergency-join", EventClass("iam", "change", Severity.WARNING)),
    "break.glass.end": ("emergency-end", EventClass("iam", "end")),
    "break.glass.review": ("emergency-review", EventClass("iam", "info")),
    "crosswalk.export": ("export-crosswalk", EventClass("database", "access", Severity.WARNING)),
    "roster.export": ("export-roster", EventClass("database", "access", Severity.WARNING)),
    "ledger.read": ("ledger-read", EventClass("database", "access")),
}
"""Events that a line of the disclosure ledger with this action is."""

INCIDENT_OPENED = "incident-open"
ACCESS_REFUSED = "access-refused"
SIGN_IN, SIGN_IN_REFUSED = "sign-in", "sign-in-refused"
SESSIONS_ENDED = "sessions-ended"
CREDENTIAL_REFUSED, LIMIT_EXCEEDED, HOST_REFUSED = "credential-refused", "limit-exceeded", "host-refused"

_REFUSED_SIGN_IN = EventClass("authentication", "start", Severity.WARNING, is_success=False)
EVENT_CLASSES: Mapping[str, EventClass] = {
    **{name.replace(" ", "-"): described for name, described in COMMIT_EVENTS.items()},
    **dict(LINE_EVENTS.values()),
    INCIDENT_OPENED: EventClass("database", "start", Severity.ALERT),
    ACCESS_REFUSED: EventClass("iam", "denied", Severity.WARNING, is_success=False),
    SIGN_IN: EventClass("authentication", "start", Severity.INFO),
    SIGN_IN_REFUSED: _REFUSED_SIGN_IN,
    SESSIONS_ENDED: EventClass("session", "end", Severity.INFO),
    CREDENTIAL_REFUSED: _REFUSED_SIGN_IN,
    LIMIT_EXCEEDED: EventClass("intrusion_detection", "denied", Severity.WARNING, is_success=False),
    HOST_REFUSED: EventClass("intrusion_detection", "denied", Severity.WARNING, is_success=False),
}
"""Every security event by its name (docs/reference/security-events.md)."""

MARK = "security"
"""Attribute of a line of the log that is a security event too."""


@dataclass(frozen=True, slots=True)
class EventMark:
    """Facts of a security event on a line of the log.

    Args:
        name: key of ``EVENT_CLASSES``.
        actor: client or account; None for nobody known.
        address: network address that the call came from; None if it is not known.
        facts: further facts, without anything of a person.
    """

    name: str
    actor: str | None = None
    address: str | None = None
    facts: Mapping[str, str | int] = field(default_factory=dict)


def mark_event(
    name: str, actor: str | None = None, address: str | None = None, **facts: str | int
) -> dict[str, object]:
    """Return the argument ``extra`` that makes a log line a security event.

    Args:
        name: key of ``EVENT_CLASSES``.
        actor: client or account; None for nobody known.
        address: address or network that the call came from; what is none, such as the text of a forged
            header, is left out.
        facts: further facts, without anything of a person.
    """
    return {MARK: EventMark(name, actor, address if _is_network(address or "") else None, facts)}


def _is_network(text: str) -> bool:
    """Return whether a text is an IP address or network."""
    try:
        ip_network(text)
    except ValueError:
        return False
    return True

"""Security events as lines for a SIEM.

A line is JSON with ECS fields, or syslog (RFC 5424).
"""

import re

import orjson

from mpi.domain.security_events import EVENT_CLASSES, SecurityEvent

ECS_VERSION = "8.17.0"
SERVICE = "master-person-index"
_SECURITY_FACILITY = 13
"""Facility "log audit" of syslog (RFC 5424, 6.2.1)."""
_STRUCTURED = "mpi@32473"
"""Name of the structured data; 32473 is the enterprise number for documentation (RFC 5612)."""
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_TO_ESCAPE = re.compile(r'([\\"\]])')


def to_ecs(event: SecurityEvent, scope: str) -> bytes:
    """Return an event as a line of JSON with ECS fields.

    ECS is the Elastic Common Schema.

    Args:
        event: the event.
        scope: code of the scope whose index it is of.
    """
    described = EVENT_CLASSES[event.name]
    fields: dict[str, object] = {
        "@timestamp": event.at,
        "ecs.version": ECS_VERSION,
        "event.id": event.id,
        "event.kind": "event",
        "event.category": [described.category],
        "event.type": [described.kind],
        "event.action": event.name,
        "event.outcome": "success" if described.is_success else "failure",
        "event.severity": int(described.severity),
        "event.dataset": "mpi.security",
        "service.name": SERVICE,
        "user.name": event.actor,
        "user.target.name": event.target,
        "source.address": event.address,
        "labels": {"scope": scope, **event.facts},
    }
    return orjson.dumps({name: value for name, value in fields.items() if value is not None})


def to_syslog(event: SecurityEvent, scope: str, host: str) -> bytes:
    """Return an event as a syslog message (RFC 5424).

    Its text is the JSON line.

    Args:
        event: the event.
        scope: code of the scope whose index it is of.
        host: name of the sender.
    """
    priority = _SECURITY_FACILITY * 8 + int(EVENT_CLASSES[event.name].severity)
    known = {"id": event.id, "actor": event.actor, "target": event.target, "scope": scope}
    pairs = " ".join(f'{name}="{_escape(value)}"' for name, value in known.items() if value is not None)
    name = _UNPRINTABLE.sub("?", host)[:255] or "-"
    head = f"<{priority}>1 {event.at} {name} mpi - {event.name} [{_STRUCTURED} {pairs}]"
    return head.encode() + b" \xef\xbb\xbf" + to_ecs(event, scope)


def _escape(value: str) -> str:
    """Escape the value of a parameter (RFC 5424, 6.3.3)."""
    return _TO_ESCAPE.sub(r"\\\1", value)

"""The open sign-in sessions of a person: list them and end them."""

import logging
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.security_events import SESSIONS_ENDED, mark_event
from mpi.domain.viewer import Viewer
from mpi.service.access.setup import hash_token
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.database import Lock

_log = logging.getLogger("mpi.access")
_SHOWN_BITS_V4, _SHOWN_BITS_V6 = 24, 48
"""Leading bits of an address that are stored: enough to know one's own network, not a device."""


@dataclass(frozen=True, slots=True)
class OwnSession:
    """One of a person's open sign-in sessions.

    Args:
        begun_at: when it began (ISO, UTC); it names the session.
        seen_at: when its last page was requested, to about a minute (ISO, UTC).
        address: network from which it began, such as ``203.0.113.0/24``; None if unknown.
        is_this: whether it is the session of the request.
    """

    begun_at: str
    seen_at: str
    address: str | None
    is_this: bool


def list_sessions(index: Index, viewer: Viewer, token: str) -> tuple[OwnSession, ...]:
    """Return a person's open sessions, newest first.

    Args:
        index: the open index.
        viewer: the signed-in person.
        token: token of the session of the request.
    """
    now, limits = clock.now(), index.settings.sign_in_limits
    with index.database.read(viewer) as unit:
        account = unit.accounts.find_by_name(viewer.client)
        if account is None:
            return ()
        sessions = unit.sign_ins.list_of_account(
            account.id,
            clock.format_timestamp(now - limits.longest),
            clock.format_timestamp(now - limits.idle),
        )
    own_hash = hash_token(token)
    return tuple(
        OwnSession(each.begun_at, each.seen_at, each.address, each.token_hash == own_hash)
        for each in sessions
    )


def end_other_sessions(index: Index, viewer: Viewer, token: str, begun_at: str | None = None) -> int:
    """End a person's sessions but that of the request; return their number.

    Args:
        index: the open index.
        viewer: the signed-in person.
        token: token of the session of the request, which goes on.
        begun_at: when the one session began that ends (ISO, UTC); None for all.

    Raises:
        NotFoundError: no other session of this person began then.
    """
    with index.database.write(viewer, "sign-out", Lock.NONE) as unit:
        account = unit.accounts.find_by_name(viewer.client)
        count = (
            0
            if account is None
            else unit.sign_ins.end_others_of_account(account.id, hash_token(token), begun_at)
        )
    if begun_at is not None and not count:
        raise NotFoundError("this session has ended already, or is not one of your other ones")
    _log.info(
        "%s ended %d of their other sessions",
        viewer.client,
        count,
        extra=mark_event(SESSIONS_ENDED, viewer.client, sessions=count),
    )
    return count


def shorten_address(host: str) -> str | None:
    """Return the network of an address that is stored with a session.

    Args:
        host: IPv4 or IPv6 address, or network, of the sender.

    Returns:
        None if it is no address.
    """
    try:
        address = ip_address(host.partition("/")[0])
    except ValueError:
        return None
    bits = _SHOWN_BITS_V6 if isinstance(address, IPv6Address) else _SHOWN_BITS_V4
    return str(ip_network(f"{address}/{bits}", strict=False))

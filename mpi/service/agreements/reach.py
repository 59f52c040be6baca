"""Callers under the operator's own rule who reach several agencies.

``house`` permits almost everything, because it is meant for the records of one agency. Whoever sees sources
of several agencies under it is bound by no agreement between them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.agreement import HOUSE
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit

_Holder = tuple[str | None, frozenset[str] | None]
"""Agreement and sources of a client or account; None for all sources."""


@dataclass(frozen=True, slots=True)
class HouseReach:
    """How many act under ``house`` over sources of several agencies.

    Args:
        clients: number of clients whose key opens the index.
        accounts: number of accounts that have not ended.
    """

    clients: int
    accounts: int


def lacks_agreement(index: Index, viewer: Viewer, name: str) -> bool:
    """Return whether a client acts under ``house`` over sources of several agencies.

    A client of all sources does: later sources count.

    Raises:
        AccessDenied: the viewer may not administer clients.
    """
    require_permission(viewer, Action.CLIENT_ADMIN)
    with index.database.read(viewer) as unit:
        agencies = _find_agencies(unit)
        return any(
            client.agreement == HOUSE and (client.sources is None or _spans(client.sources, agencies))
            for client in unit.clients.active()
            if client.name == name
        )


def measure_house_reach(index: Index, viewer: Viewer) -> HouseReach:
    """Count who acts under ``house`` over sources of several agencies.

    Raises:
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.read(viewer) as unit:
        agencies = _find_agencies(unit)
        clients = [(client.agreement, client.sources) for client in unit.clients.active()]
        accounts = [
            (account.agreement, account.sources)
            for account in unit.accounts.all()
            if account.ended_commit is None
        ]
    return HouseReach(_count(clients, agencies), _count(accounts, agencies))


def _find_agencies(unit: ReadUnit) -> dict[str, str]:
    return {source.code: source.agency for source in unit.sources.all()}


def _count(holders: Iterable[_Holder], agencies: Mapping[str, str]) -> int:
    return sum(agreement == HOUSE and _spans(sources, agencies) for agreement, sources in holders)


def _spans(sources: frozenset[str] | None, agencies: Mapping[str, str]) -> bool:
    """Return whether sources are of more than one agency."""
    return len({agency for code, agency in agencies.items() if sources is None or code in sources}) > 1

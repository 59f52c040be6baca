"""What keeps logins and orders from a split of their sources.

A login of the scope acts under the operator's own rule, since agreements of the shared index do not hold
there. A split must not give a login more than it may do here. Orders about records stay in the shared index:
what rests on an order alone cannot be moved. So do consents and subpoena cases, which must be over first.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.viewer import Viewer
from mpi.policy.agreement import HOUSE
from mpi.service.core.index import Index
from mpi.storage.repositories.access.agreements import StepKind
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class Login:
    """A client or an account with sources of its own.

    Args:
        name: kind and name, for messages.
        sources: codes of its sources.
        agreement: code of the agreement that it acts under; None for none.
    """

    name: str
    sources: frozenset[str]
    agreement: str | None


def find_login_blockers(own: frozenset[str], logins: Collection[Login]) -> Iterator[str]:
    """Name clients and accounts that hold sources inside and outside the scope."""
    for login in logins:
        if login.sources & own and not login.sources <= own:
            outside = ", ".join(sorted(login.sources - own))
            yield (
                f"{login.name} also holds {outside}: give it one login for the scope and another for the rest"
            )


def find_agreement_blockers(unit: ReadUnit, own: frozenset[str], logins: Collection[Login]) -> Iterator[str]:
    """Name logins whose agreement does not go along.

    Only the operator's own rule, as it was made with the index, is in a scope too.
    """
    moved = [login for login in logins if login.sources & own]
    for login in moved:
        if login.agreement != HOUSE:
            yield (
                f"{login.name} acts under the agreement {login.agreement or 'none'}, which no scope has: "
                "revoke or bind it first"
            )
    if moved and has_changed_rule(unit):
        yield (
            f"the operator's own rule ({HOUSE}) was changed, suspended or ended, and a new scope has it as "
            "it was first: revoke the clients and end the accounts of these sources, and add them in the "
            "scope"
        )


def find_scope_blockers(
    scope_index: Index,
    viewer: Viewer,
    sources: Collection[str],
    clients: Collection[str],
    accounts: Collection[str],
) -> list[str]:
    """Name what keeps sources and their logins from an existing scope.

    Args:
        scope_index: the open index of the scope.
        viewer: who asks.
        sources: codes of the sources.
        clients: names of the clients that go along.
        accounts: names of the accounts that go along.
    """
    with scope_index.database.read(viewer) as unit:
        blockers = list(find_taken_names(unit, sources, clients, accounts))
        if (clients or accounts) and has_changed_rule(unit):
            blockers.append(
                f"the operator's own rule ({HOUSE}) of the scope was changed, suspended or ended: revoke the "
                "clients and end the accounts of these sources, and add them in the scope"
            )
    return blockers


def find_taken_names(
    unit: ReadUnit, sources: Collection[str], clients: Collection[str], accounts: Collection[str]
) -> Iterator[str]:
    """Name sources, clients and accounts that a scope has already.

    Clients and accounts share their names, and keep them when they are revoked or ended.
    """
    codes = {source.code for source in unit.sources.all()}
    yield from (f"the scope has a source {code} already" for code in sorted(codes.intersection(sources)))
    logins = {client.name.casefold() for client, _, _ in unit.clients.all_with_commits()}
    logins |= {account.name.casefold() for account in unit.accounts.all()}
    for name in sorted((*clients, *accounts)):
        if name.casefold() in logins:
            yield f"the scope has a client or an account {name} already"


def has_changed_rule(unit: ReadUnit) -> bool:
    """Return whether the operator's own rule is not as it was first."""
    history = unit.agreements.find(HOUSE)
    return history is None or [step.kind for step in history.steps] != [StepKind.APPROVE]


def find_legal_blockers(unit: ReadUnit, sources: Collection[Source]) -> Iterator[str]:
    """Name sources whose records are subject to a consent or a case.

    Neither goes along, and the owner of a moved source could not revoke or close it any more.
    """
    with_consents = unit.disclosure_consents.sources_in_force(clock.today())
    with_cases = {case.subpoena.source_id for case in unit.subpoenas.all() if case.is_open}
    for source in sources:
        if source.id in with_consents:
            yield f"consents to disclose records of {source.code} are in force: revoke them first"
        if source.id in with_cases:
            yield f"subpoena cases about records of {source.code} are open: refuse or release them first"
    yield from _find_rights_blockers(unit, sources)


def _find_rights_blockers(unit: ReadUnit, sources: Collection[Source]) -> Iterator[str]:
    """Name sources with open requests, legal holds or destruction runs."""
    with_cases = {case.source_id for case, steps in unit.rights_cases.all() if not steps}
    with_holds = {hold.source_id for hold in unit.legal_holds.all_in_force()}
    with_runs = {run.source_id for run in unit.destruction_runs.all() if run.finished_commit is None}
    for source in sources:
        if source.id in with_cases:
            yield f"requests about records of {source.code} are open: decide them first (mpi rights list)"
        if source.id in with_holds:
            yield f"legal holds on records of {source.code} stand: lift them first (mpi legal-hold list)"
        if source.id in with_runs:
            yield f"a destruction run of {source.code} is not done: finish it first (mpi destruction list)"


def find_order_blockers(unit: ReadUnit, sources: Collection[Source]) -> Iterator[str]:
    """Name what a scope could not know of orders about records."""
    waiting = {row.source_code for row in unit.boundary_orders.open_unseal_requests()}
    for source in sources:
        if source.code in waiting:
            yield f"records of {source.code} wait to be unsealed: answer with mpi unseal"
        count = unit.tombstones.count_without_content(source.id)
        if count:
            yield (
                f"{count} records of {source.code} are known by their orders alone, and a scope could not "
                "tell which of them were destroyed: this source cannot be moved"
            )

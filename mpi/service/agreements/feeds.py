"""Quarantine of a source's feed while its agreement is not in force."""

from mpi.domain import clock
from mpi.domain.errors import AgreementLapsed
from mpi.policy.agreement import Agreement, AgreementState, choose_terms, find_lapses
from mpi.service.agreements.terms import build_versions
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit

_WHAT_HAPPENED = {
    AgreementState.SUSPENDED: "is suspended",
    AgreementState.EXPIRED: "has expired",
    AgreementState.ENDED: "has ended",
}


def require_open_feed(unit: ReadUnit, index: Index, source: str) -> None:
    """Refuse what a source sends while its party's agreement has lapsed.

    Nothing is lost: the same file or record can be sent once the agreement is in force again. A withdrawal is
    never refused.

    Args:
        unit: the caller's transaction.
        index: the open index.
        source: code of the source.

    Raises:
        AgreementLapsed: every agreement that covers the source has lapsed; the message names them.
    """
    day = clock.now().date()
    terms = [
        version
        for versions in _read_agreements(unit, index)
        if (version := choose_terms(versions, day)) is not None
    ]
    lapses = find_lapses(terms, source, day)
    if lapses:
        reasons = ", ".join(f"{lapse.code!r} {_WHAT_HAPPENED[lapse.state(day)]}" for lapse in lapses)
        raise AgreementLapsed(
            f"source {source!r} is quarantined: the agreement {reasons}. Nothing was stored: renew or resume "
            "it (mpi agreement), then send the same again"
        )


def _read_agreements(unit: ReadUnit, index: Index) -> list[list[Agreement]]:
    """Return every version of each agreement, read again only after a new step."""
    cached, last_step = index.caches.agreements, unit.sources.last_agreement_step
    if last_step not in cached:
        cached.clear()
        cached[last_step] = [build_versions(history) for history in unit.agreements.all()]
    return cached[last_step]

"""Quarantine of a source's feed while its agreement is not in force."""

from datetime import date

from mpi.domain import clock
from mpi.domain.errors import AgreementLapsed, RefusedCall
from mpi.domain.viewer import Action
from mpi.policy.agreement import Agreement, AgreementState, choose_terms, find_lapses
from mpi.service.agreements.terms import build_versions
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit

_WHAT_HAPPENED = {
    AgreementState.SUSPENDED: "is suspended",
    AgreementState.EXPIRED: "has expired",
    AgreementState.ENDED: "has ended",
}


def require_open_feed(unit: ReadUnit, index: Index, source: str, action: Action) -> None:
    """Refuse what a source sends while its party's agreement has lapsed.

    Nothing is lost: the same file or record can be sent once the agreement is in force again. A withdrawal is
    never refused.

    Args:
        unit: the caller's transaction.
        index: the open index.
        source: code of the source.
        action: what the caller does, for the record of refusals.

    Raises:
        AgreementLapsed: every agreement that covers the source has lapsed; the message names them.
    """
    day = clock.now().date()
    lapses = _find_lapses(unit, index, source, day)
    if lapses:
        reasons = ", ".join(f"{lapse.code!r} {_WHAT_HAPPENED[lapse.state(day)]}" for lapse in lapses)
        raise AgreementLapsed(
            f"source {source!r} is quarantined: the agreement {reasons}. Nothing was stored: renew or resume "
            "it (mpi agreement), then send the same again",
            f"agreement-{lapses[0].state(day)}",
            RefusedCall(unit.viewer.client, action, unit.viewer.purpose, unit.viewer.agreement),
        )


def _find_lapses(unit: ReadUnit, index: Index, source: str, day: date) -> tuple[Agreement, ...]:
    """Return a source's lapsed agreements, cached for the day."""
    cached, moment = index.caches.lapses, (unit.sources.last_agreement_step, day)
    lapses_by_source = cached.get(moment)
    if lapses_by_source is None:
        cached.clear()
        lapses_by_source = cached.setdefault(moment, {})
    if source not in lapses_by_source:
        terms = [choose_terms(build_versions(history), day) for history in unit.agreements.all()]
        lapses_by_source[source] = find_lapses([each for each in terms if each is not None], source, day)
    return lapses_by_source[source]

"""Papers for counsel and the public, made from the running configuration.

They are read anew at each call: no paper can be older than what the program does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mpi.domain import clock
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.agreement import HOUSE, Agreement, AgreementState, Grant, choose_terms
from mpi.policy.papers import PaperRow, list_paper_rows
from mpi.policy.parties import ALL, PartyKind
from mpi.policy.purposes import EXCLUDED_USES, ExcludedUse, Purpose
from mpi.service.agreements.purposes import list_purposes, read_purposes
from mpi.service.agreements.terms import build_versions
from mpi.service.agreements.views import list_agreements
from mpi.service.core.index import Index

_ANYBODY = Viewer("public")


@dataclass(frozen=True, slots=True)
class PublicUse:
    """What an agreement permits, without any name, for the public.

    Args:
        discloser: kind of the party that discloses.
        recipient: kind of the party that receives.
        is_own: whether a party uses its own records.
        population: population of the children; ``ALL`` for every child.
        purposes: what it is used for.
        fields: canonical fields, or ``ALL``.
        law: title and citation of the legal basis, with the mark of how far it was checked.
        until: last day (ISO); None where the agreement has none.
        retention_days: days after which the recipient destroys it; None where it is not limited.
        redisclosure: whether the recipient may pass it on.
    """

    discloser: PartyKind
    recipient: PartyKind
    is_own: bool
    population: str
    purposes: tuple[Purpose, ...]
    fields: tuple[str, ...]
    law: tuple[str, str, str]
    until: str | None
    retention_days: int | None
    redisclosure: bool


@dataclass(frozen=True, slots=True)
class PublicPaper:
    """What the public is told of the index.

    Args:
        uses: what agreements in force permit.
        excluded: uses that no agreement can permit.
        smallest_count: smallest count above 0 that each of the agreements lets the public be told.
    """

    uses: tuple[PublicUse, ...]
    excluded: tuple[ExcludedUse, ...]
    smallest_count: int


def list_papers(index: Index, viewer: Viewer) -> list[PaperRow]:
    """Return the rows of the agreements that the viewer may read.

    Raises:
        AccessDenied: the viewer may not read agreements.
    """
    require_permission(viewer, Action.AGREEMENT_READ)
    terms = [view.terms for view in list_agreements(index, viewer)]
    purposes = [purpose.code for purpose in list_purposes(index, viewer)]
    return list(list_paper_rows(terms, index.settings.legal_bases, purposes, clock.now().date()))


def describe_row(row: PaperRow) -> dict[str, Any]:
    """Return a row as plain values for JSON."""
    return {
        "agreement": row.agreement.code,
        "who": row.role or "program",
        "acts_for": row.recipient.name,
        "purpose": row.purpose,
        "records_of": row.discloser.name,
        "children": row.population,
        "fields": sorted(row.fields),
        "flags": sorted(row.populations),
        "if": sorted([*row.conditions, *(["consent"] if row.needs_consent else [])]),
        "under": [f"{basis.title} ({basis.citation}) [{basis.mark}]" for basis in row.legal_bases],
        "until": None if row.agreement.ends is None else row.agreement.ends.isoformat(),
    }


def read_public_paper(index: Index) -> PublicPaper:
    """Return what the public is told, which names no party.

    The operator's own rule, under which records are kept, is there as a use of the operator.
    """
    today = clock.now().date()
    with index.database.read(_ANYBODY) as unit:
        purposes = read_purposes(unit)
        terms = [choose_terms(build_versions(history), today) for history in unit.agreements.all()]
    in_force = [each for each in terms if each is not None and each.state(today) is AgreementState.ACTIVE]
    uses = {use for agreement in in_force for use in _list_public_uses(index, agreement, purposes.values())}
    smallest_count = max((agreement.small_cell for agreement in in_force), default=1)
    return PublicPaper(tuple(sorted(uses, key=_order)), tuple(EXCLUDED_USES.values()), smallest_count)


def _list_public_uses(index: Index, agreement: Agreement, known: Iterable[Purpose]) -> Iterator[PublicUse]:
    """Yield the uses of an agreement, one for each grant."""
    kinds = {party.code: party.kind for party in agreement.parties}
    for grant in agreement.grants:
        basis = index.settings.legal_bases.get(grant.legal_basis)
        yield PublicUse(
            discloser=kinds[grant.discloser],
            recipient=kinds[grant.recipient],
            is_own=grant.discloser == grant.recipient,
            population=grant.population,
            purposes=tuple(purpose for purpose in known if _has_purpose(grant, purpose)),
            fields=tuple(sorted(grant.output_fields)),
            law=("", "", "?") if basis is None else (basis.title, basis.citation, basis.mark),
            until=None if agreement.ends is None else agreement.ends.isoformat(),
            retention_days=agreement.retention_days,
            redisclosure=agreement.redisclosure,
        )


def _has_purpose(grant: Grant, purpose: Purpose) -> bool:
    return purpose.code in grant.purposes or ALL in grant.purposes


def _order(use: PublicUse) -> tuple[str, str, str, tuple[str, ...]]:
    return use.discloser, use.recipient, use.population, use.fields


def list_shared(rows: Iterable[PaperRow]) -> list[PaperRow]:
    """Return the rows of agreements between parties, without the operator's own rule."""
    return [row for row in rows if row.agreement.code != HOUSE]

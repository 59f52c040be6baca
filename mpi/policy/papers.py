"""What each party and role may be shown, under which law.

Every row is made by asking the decision table itself, so that the paper cannot say anything else than what
the program does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import Action, ConsentScope
from mpi.policy.access_request import AccessDecision, AccessRequest, BreakGlassState, ScopeKind
from mpi.policy.agreement import OUTPUT_FIELDS, Agreement, AgreementState, Grant
from mpi.policy.decision_table import decide
from mpi.policy.legal_bases import LegalBasis
from mpi.policy.parties import ALL, Party
from mpi.policy.role_rules import Condition, rule_of

_ANY_SOURCE = "any source"
"""Stands for each source of a party that owns all."""


@dataclass(frozen=True, slots=True)
class PaperRow:
    """What a caller may be shown of a party for a purpose.

    Args:
        agreement: the agreement that permits it.
        recipient: the party for which the caller acts.
        role: role of the person; None for a program.
        purpose: code of the purpose.
        discloser: the party whose records are shown.
        population: population of the children; ``ALL`` for every child.
        fields: canonical fields that an answer may hold.
        populations: populations whose flags it may hold.
        conditions: what has to be true of the child on the day.
        legal_bases: the legal bases of the grants, each with its mark.
        needs_consent: whether a consent has to be in force for the record.
    """

    agreement: Agreement
    recipient: Party
    role: Role | None
    purpose: str
    discloser: Party
    population: str
    fields: frozenset[str]
    populations: frozenset[str]
    conditions: frozenset[Condition]
    legal_bases: tuple[LegalBasis, ...]
    needs_consent: bool


def list_paper_rows(
    agreements: Iterable[Agreement],
    legal_bases: Mapping[str, LegalBasis],
    purposes: Iterable[str],
    day: date,
) -> Iterator[PaperRow]:
    """Yield the rows of the agreements in force.

    Args:
        agreements: terms of agreements; those that are not in force on the day are left out.
        legal_bases: the table of legal bases, by code.
        purposes: codes of all registered purposes.
        day: the day.
    """
    known = tuple(purposes)
    for agreement in agreements:
        if agreement.state(day) is not AgreementState.ACTIVE:
            continue
        seen = set()
        for grant in agreement.grants:
            for role in (None, *Role):
                for purpose in _list_purposes(grant, role, known):
                    key = (grant.recipient, role, purpose, grant.discloser, grant.population)
                    if key not in seen:
                        seen.add(key)
                        yield from _ask_row(agreement, grant, role, purpose, legal_bases, day)


def _list_purposes(grant: Grant, role: Role | None, known: tuple[str, ...]) -> list[str]:
    granted = known if ALL in grant.purposes else tuple(sorted(grant.purposes))
    return [purpose for purpose in granted if role is None or purpose in PURPOSES_BY_ROLE[role]]


def _ask_row(
    agreement: Agreement,
    grant: Grant,
    role: Role | None,
    purpose: str,
    legal_bases: Mapping[str, LegalBasis],
    day: date,
) -> Iterator[PaperRow]:
    """Yield the row of a grant and caller, if anything is permitted."""
    recipient, discloser = agreement.find_party(grant.recipient), agreement.find_party(grant.discloser)
    rule = rule_of(role)
    if (
        recipient is None
        or discloser is None
        or (rule.party_kinds and recipient.kind not in rule.party_kinds)
    ):
        return
    decision = ask_table(agreement, grant, role, purpose, day)
    if not (decision.permitted_fields or decision.permitted_populations):
        return
    bases = {
        each.legal_basis
        for each in agreement.grants
        if (each.recipient, each.discloser) == (grant.recipient, grant.discloser)
        and each.population in {ALL, grant.population}
        and (purpose in each.purposes or ALL in each.purposes)
    }
    yield PaperRow(
        agreement=agreement,
        recipient=recipient,
        role=role,
        purpose=purpose,
        discloser=discloser,
        population=grant.population,
        fields=decision.permitted_fields & OUTPUT_FIELDS,
        populations=decision.permitted_populations,
        conditions=rule.conditions,
        legal_bases=tuple(legal_bases[code] for code in sorted(bases) if code in legal_bases),
        needs_consent=grant.needs_consent,
    )


def ask_table(
    agreement: Agreement, grant: Grant, role: Role | None, purpose: str, day: date
) -> AccessDecision:
    """Decide whether a caller may read a record that a grant covers.

    The conditions on the child are taken as met, a consent as in force, and emergency access as open.
    """
    discloser = agreement.find_party(grant.discloser)
    sources = sorted(discloser.sources - {ALL}) if discloser else []
    request = AccessRequest(
        action=Action.RECORD_READ,
        purpose=purpose,
        granted=frozenset(Action) if role is None else frozenset(),
        role=role,
        party=grant.recipient,
        sources=None,
        scope=ScopeKind.SHARED,
        source=sources[0] if sources else _ANY_SOURCE,
        populations=frozenset() if grant.population == ALL else frozenset({grant.population}),
        consents=frozenset({
            ConsentScope(agreement.code, grant.recipient, frozenset({purpose}), OUTPUT_FIELDS)
        }),
        met_conditions=frozenset(Condition),
        break_glass=BreakGlassState.OPEN,
    )  # fmt: skip
    return decide(request, agreement, day)

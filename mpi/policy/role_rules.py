"""What each role may be shown, and of which children.

Source: the default visibility matrix in docs/reference/policy.md, after 20 USC 1232g(b)(1)(L) for caseworkers
and ESSA section 1112(c)(5)(A) for points of contact. State and tribal law may say more.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from mpi.domain.roles import Role
from mpi.policy.parties import CARE_KINDS, PartyKind
from mpi.policy.tiers import COURT_POPULATIONS, PLACEMENTS_FIELD, POPULATIONS


class Condition(StrEnum):
    """Conditions on a child before anything of it is shown."""

    LEGAL_RESPONSIBILITY = "legal-responsibility"
    """The viewer's agency is legally responsible for the child today."""
    CASE_PLAN_ACCESS = "case-plan-access"
    """The viewer has a right of access to the child's case plan."""
    ENROLLMENT = "enrollment"
    """The child is enrolled in the viewer's district today."""


@dataclass(frozen=True, slots=True)
class RoleRule:
    """What a role may be shown.

    Args:
        populations: populations whose flags other parties may disclose to the role.
        own_populations: populations whose flags of the viewer's own sources it may read.
        named_fields: fields that only an agreement which names them discloses.
        is_reviewer: whether flags are shown only where the agreement names them for review.
        conditions: what must be true of the child.
        party_kinds: kinds of the party for which the role acts; empty for any.
    """

    populations: frozenset[str] = frozenset()
    own_populations: frozenset[str] = frozenset()
    named_fields: frozenset[str] = frozenset()
    is_reviewer: bool = False
    conditions: frozenset[Condition] = frozenset()
    party_kinds: frozenset[PartyKind] = frozenset()


_PLACEMENTS = frozenset({PLACEMENTS_FIELD})
_SCHOOL_OWN = POPULATIONS - COURT_POPULATIONS - {"runaway"}
_CARE_AGENCIES = CARE_KINDS | {PartyKind.OPERATOR}
_SCHOOLS = frozenset({PartyKind.EDUCATION, PartyKind.OPERATOR})
_REVIEWER = RoleRule(named_fields=_PLACEMENTS, is_reviewer=True)

CLIENT_RULE = RoleRule(populations=POPULATIONS, own_populations=POPULATIONS)
"""Rule of a client, which is a program: purpose and agreement limit it."""

ROLE_RULES = MappingProxyType({
    Role.STEWARD: _REVIEWER,
    Role.APPROVER: _REVIEWER,
    Role.SOURCE_OWNER: RoleRule(own_populations=POPULATIONS),
    Role.OPERATOR: RoleRule(),
    Role.CASEWORKER: RoleRule(
        POPULATIONS,
        POPULATIONS,
        conditions=frozenset({Condition.LEGAL_RESPONSIBILITY, Condition.CASE_PLAN_ACCESS}),
        party_kinds=_CARE_AGENCIES,
    ),
    Role.POINT_OF_CONTACT: RoleRule(
        frozenset({"foster_care"}),
        _SCHOOL_OWN,
        named_fields=_PLACEMENTS,
        conditions=frozenset({Condition.ENROLLMENT}),
        party_kinds=_SCHOOLS,
    ),
    Role.REGISTRAR: RoleRule(
        frozenset({"foster_care"}),
        named_fields=_PLACEMENTS,
        conditions=frozenset({Condition.ENROLLMENT}),
        party_kinds=_SCHOOLS,
    ),
    Role.HOMELESS_LIAISON: RoleRule(
        frozenset({"homeless", "unaccompanied_youth", "awaiting_foster_care"}),
        _SCHOOL_OWN,
        named_fields=_PLACEMENTS,
        conditions=frozenset({Condition.ENROLLMENT}),
        party_kinds=_SCHOOLS,
    ),
    Role.ANALYST: RoleRule(),
    Role.AUDITOR: RoleRule(),
    Role.PRIVACY_OFFICER: RoleRule(),
    Role.AGENCY_HEAD: RoleRule(),
})  # fmt: skip
"""Rule of each role of people."""


def rule_of(role: Role | None) -> RoleRule:
    """Return the rule of a role; None stands for a client."""
    return CLIENT_RULE if role is None else ROLE_RULES[role]

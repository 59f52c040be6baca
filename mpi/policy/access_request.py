"""A request as the policy sees it, and the decision on it."""

from dataclasses import dataclass
from enum import StrEnum

from mpi.domain.roles import Role
from mpi.domain.viewer import Action, ConsentScope
from mpi.policy.reasons import SENTENCES, ReasonCode
from mpi.policy.role_rules import Condition

BREAK_GLASS = "emergency_breakglass"
"""Purpose of emergency access."""


class ScopeKind(StrEnum):
    """Kind of the scope in which a caller asks."""

    HOME = "home"
    """The index of one scope, such as that of all schools."""
    SHARED = "shared"
    """The index that holds the records of all agencies."""


class BreakGlassState(StrEnum):
    """State of a caller's emergency access."""

    NONE = "none"
    """The request states no reason."""
    OPEN = "open"
    """The request states a reason, and the time limit has not passed."""
    ENDED = "ended"
    """The time limit has passed or many children were seen, and the use is not reviewed yet."""


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """A caller's request, with the facts about caller and child.

    Args:
        action: the action; None where only the source matters.
        purpose: purpose of use as named; None where the call names none.
        granted: actions granted to a client; to a person, those granted by name beyond the role's.
        role: role of a person; None for a client.
        party: code of the party of the agreement for which the caller acts; None where there is none.
        sources: codes of the sources that the caller was granted; None for all.
        scope: scope in which the caller asks.
        source: source of the record asked for; None before a record is known.
        populations: populations of the child, by flags in force.
        consents: scopes of the consents in force to disclose the record.
        met_conditions: conditions of roles that hold for the child.
        break_glass: state of the caller's emergency access.
    """

    action: Action | None
    purpose: str | None
    granted: frozenset[Action] = frozenset()
    role: Role | None = None
    party: str | None = None
    sources: frozenset[str] | None = frozenset()
    scope: ScopeKind = ScopeKind.SHARED
    source: str | None = None
    populations: frozenset[str] = frozenset()
    consents: frozenset[ConsentScope] = frozenset()
    met_conditions: frozenset[Condition] = frozenset()
    break_glass: BreakGlassState = BreakGlassState.NONE


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """The decision on a request.

    Args:
        is_permitted: whether the action is permitted.
        reason_code: why it is not, or ``permitted``.
        permitted_fields: canonical fields and golden-record attributes that an answer may hold.
        permitted_populations: populations whose flags it may hold; ``other`` for those without a row.
    """

    is_permitted: bool
    reason_code: ReasonCode
    permitted_fields: frozenset[str] = frozenset()
    permitted_populations: frozenset[str] = frozenset()

    @property
    def sentence(self) -> str:
        """The reason as a sentence for people."""
        return SENTENCES[self.reason_code]

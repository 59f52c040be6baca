"""Rules by which the golden record's values are chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mpi.domain.survivorship.values import StatedValue


class Criterion(StrEnum):
    """Property by which golden-record rules prefer one stated value to another."""

    TRUST = "trust"
    VERIFICATION = "verification"
    RECENCY = "recency"
    COMPLETENESS = "completeness"
    AGREEMENT = "agreement"


OWN_CRITERIA = tuple(criterion for criterion in Criterion if criterion is not Criterion.AGREEMENT)
"""Criteria that rank a value by itself.

Only the rule of the name may also hold ``agreement``, which counts records.
"""


@dataclass(frozen=True, slots=True)
class SourceTrust:
    """Trust in sources' values: higher is preferred, 0 where not named.

    Args:
        kinds: trust by kind of source.
        sources: trust by source code; it replaces the trust in the source's kind.
    """

    kinds: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)

    def rank_source(self, value: StatedValue) -> int:
        """Return the trust in the source of a stated value."""
        return self.sources.get(value.source, self.kinds.get(value.kind, 0))

    def override(self, other: "SourceTrust") -> "SourceTrust":
        """Return this trust in sources with another's entries in its place."""
        return SourceTrust({**self.kinds, **other.kinds}, {**self.sources, **other.sources})


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """Ordered criteria that choose an attribute's value for the golden record."""

    criteria: tuple[Criterion, ...]
    trust: SourceTrust = SourceTrust()

    def rank_value(self, criterion: Criterion, value: StatedValue) -> tuple[int, str]:
        """Rank a stated value by one criterion; the higher is preferred."""
        match criterion:
            case Criterion.TRUST:
                return self.trust.rank_source(value), ""
            case Criterion.VERIFICATION:
                return value.verified, ""
            case Criterion.COMPLETENESS:
                return value.complete, ""
            case Criterion.AGREEMENT:
                return value.agreement, ""
            case Criterion.RECENCY:
                return 0, value.as_of


@dataclass(frozen=True, slots=True)
class SurvivorshipRules:
    """Rules by which the golden record's values are chosen.

    Args:
        rules: rule of every attribute; all parts of a name share the rule ``NAME_RULE``.
        verifying_systems: systems of identifiers that are issued on proof of identity. A record with such an
            identifier has had its name and birth date checked.
    """

    rules: Mapping[str, AttributeRule]
    verifying_systems: frozenset[str] = frozenset()

"""Parties of a data-sharing agreement."""

from dataclasses import dataclass
from enum import StrEnum

ALL = "all"
"""Code that stands for every source, population, purpose or field."""


class PartyKind(StrEnum):
    """Kind of a party, which legal bases name."""

    EDUCATION = "education"
    """School, district, state education agency, or the education department of a tribe."""
    CHILD_WELFARE = "child_welfare"
    """State or local agency that is responsible for the care of children."""
    TRIBE = "tribe"
    TRIBAL_AGENCY = "tribal_agency"
    """Agency of a tribe that is responsible for the care of children."""
    HEALTH = "health"
    COURT = "court"
    RESEARCH = "research"
    OPERATOR = "operator"
    """Whoever operates the index for the other parties."""


CARE_KINDS = frozenset({PartyKind.CHILD_WELFARE, PartyKind.TRIBE, PartyKind.TRIBAL_AGENCY})
"""Kinds of parties that are responsible for the care of children."""


@dataclass(frozen=True, slots=True)
class Party:
    """A party of an agreement.

    Args:
        code: code of the party within the agreement, such as ``district_01``.
        name: name for people.
        kind: kind of the party.
        sources: codes of the sources whose records are the party's own; ``ALL`` for every source.
    """

    code: str
    name: str
    kind: PartyKind
    sources: frozenset[str] = frozenset()

    def owns(self, source: str) -> bool:
        """Return whether the records of a source are the party's own."""
        return source in self.sources or ALL in self.sources

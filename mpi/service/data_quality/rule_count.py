"""Count of the records that break one declared rule."""

from collections import Counter
from dataclasses import dataclass, field

from mpi.domain.record import CanonicalRecord
from mpi.standardize.quality.declared_rules import Check, DeclaredRule, applies_to, is_broken, list_values


@dataclass(slots=True)
class RuleCount:
    """Counts of one declared rule, added one record at a time.

    Args:
        rule: the rule.
        checked: records that the rule applies to.
        broken: of these, records that break it by themselves.
    """

    rule: DeclaredRule
    checked: int = 0
    broken: int = 0
    _holders: Counter[str] = field(default_factory=Counter)

    def add(self, record: CanonicalRecord) -> None:
        """Add one record."""
        if not applies_to(self.rule, record):
            return
        self.checked += 1
        if self.rule.check is Check.UNIQUE:
            self._holders.update({value.strip().casefold() for value in list_values(record, self.rule.field)})
        else:
            self.broken += is_broken(self.rule, record)

    def count_broken(self) -> int:
        """Count the records that break the rule.

        Of the records that share a value that must be unique, all but one count.
        """
        return self.broken + sum(count - 1 for count in self._holders.values())

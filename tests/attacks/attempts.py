"""Attempts of an attack, counted for the table of SECURITY.md."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

ATTACK = "attack"
"""Property of a test report that ``python -m tests.attacks`` reads, one for each attack of the test.

Its value is the name of the attack, the number of attempts and of those that got through.
"""
CALLER = "caller"
"""Property of an attack that is made once with the rights of each role."""


@dataclass
class Attempts:
    """Attempts of one attack, and those that got through."""

    count: int = 0
    through: list[str] = field(default_factory=list)

    def add(self, *, is_through: bool, what: object) -> None:
        """Count one attempt."""
        self.count += 1
        if is_through:
            self.through.append(str(what)[:400])


@contextmanager
def attempting(record_property, attack: str) -> Iterator[Attempts]:
    """Count the attempts of an attack; fail at the end if one got through, or none was made."""
    attempts = Attempts()
    yield attempts
    record_property(ATTACK, (attack, attempts.count, len(attempts.through)))
    assert attempts.count > 0
    assert not attempts.through, "got through:\n" + "\n".join(attempts.through[:20])

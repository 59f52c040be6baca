"""Make every attack and print the table of SECURITY.md: attack, attempts, got through.

With ``--by-caller``, attacks that are made with the rights of each role have a row for each.
"""

import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.attacks.attempts import ATTACK, CALLER

BY_CALLER = "--by-caller"


class AttackTable:
    """Plugin of pytest that adds up the attempts of each attack.

    Args:
        by_caller: whether the attempts of each role are a row of their own.
    """

    def __init__(self, *, by_caller: bool) -> None:
        self._by_caller = by_caller
        self.attempts: Counter[str] = Counter()
        self.through: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the attempts of one test."""
        if report.when != "call":
            return
        caller = dict(report.user_properties).get(CALLER)
        for key, value in report.user_properties:
            if key == ATTACK:
                attack, attempts, through = value
                name = f"{attack}: {caller}" if self._by_caller and caller is not None else attack
                self.attempts[name] += attempts
                self.through[name] += through

    def lines(self) -> list[str]:
        """Return the lines of the table."""
        rows = [
            f"| {name} | {count:,} | {self.through[name]} |" for name, count in sorted(self.attempts.items())
        ]
        return ["| attack | attempts | got through |", "|---|---|---|", *rows]


def main(arguments: list[str]) -> int:
    """Run the attacks, print the table, and return the exit code of pytest."""
    by_caller = BY_CALLER in arguments
    others = [each for each in arguments if each != BY_CALLER]
    folder = Path(__file__).parent
    # What is named by the caller replaces the whole folder.
    targets = [] if any(each.startswith("tests/") for each in others) else [str(folder)]
    table = AttackTable(by_caller=by_caller)
    code = pytest.main([*targets, "-p", "no:cacheprovider", "--quiet", *others], plugins=[table])
    sys.stdout.write("\n".join(table.lines()) + "\n")
    return int(code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Merges and splits that a source states, with all that affects them, in random order.

The state machine's rules meet late, repeated and circular statements too seldom. ``LAWS_EXAMPLES`` makes it
run longer than in the suite.
"""

from datetime import timedelta

import pytest

from mpi.domain.source_merge import MergeStatement
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.undo import undo_decision
from tests.index import OPERATOR
from tests.laws.test_state_machine import EXAMPLES, LawsMachine, empty_home

__all__ = ["empty_home"]

LOCAL_IDS = ["r0", "r1", "r2", "r3"]
FIRST_NAMES = ["Jayden", "Maria", "Ulf", "Zoe"]


def make_content(number: int) -> tuple[tuple[str, object], ...]:
    """Return the content of a child; that of another number is another child."""
    child = {
        "first_name": FIRST_NAMES[number], "last_name": f"Cruz{FIRST_NAMES[number]}",
        "birth_date": f"201{number}-01-20", "postal_code": "43001", "sex": "M", "ssn": None,
        "restrictions": (), "flags": (), "enrollments": (),
    }  # fmt: skip
    return tuple(sorted(child.items()))


class MergeWalk(LawsMachine):
    """Random steps on the machine's index and oracle, which must agree after each."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.begin(seed)

    def step(self) -> None:
        kinds = [self.state_at_random] * 5 + [self.send_or_withdraw] * 3
        if any(not each.revoked for each in self.stated_numbers().values()):
            kinds += [self.take_back_or_undo] * 3
        if self.merge_steps:
            kinds.append(self.undo_file)
        self.random.choice(kinds)()
        self.the_index_verifies()
        self.enterprise_ids_are_stable()
        self.latest_statements_count()
        self.retired_ids_are_those_of_look_ups(always=True)

    def state_at_random(self) -> None:
        statements = []
        for _ in range(self.random.randint(1, 3)):
            old, new = self.random.sample(LOCAL_IDS, 2)
            kind = self.random.choice(["merge", "merge", "split"])
            day = (self.time - timedelta(days=self.random.randint(0, 9))).date().isoformat()
            statements.append(MergeStatement(kind, old, new, day))
        self.state("sis", statements)

    def send_or_withdraw(self) -> None:
        number = self.random.randrange(4)
        address = (self.random.choice(["sis", "sis", "ccwis"]), LOCAL_IDS[number])
        as_of = self.tick()
        if address in self.oracle.active and self.random.random() < 0.3:
            withdraw(self.index, OPERATOR, *address)
            self.oracle.add_statement(address, as_of, None)
            return
        content = make_content(number)
        self.put(self.index, address, content, as_of)
        self.oracle.add_statement(address, as_of, content)

    def take_back_or_undo(self) -> None:
        numbers = sorted(n for n, decision in self.stated_numbers().items() if not decision.revoked)
        number = self.random.choice(numbers)
        if self.random.random() < 0.5:
            self.take_statement_back(number)
            return
        decision = self.oracle.all_decisions[number]
        self.undo_decisions(
            lambda preview: undo_decision(self.index, OPERATOR, number, preview=preview),
            [number],
            decision.step,
        )

    def undo_file(self) -> None:
        self.undo_merges_of_step(self.random.choice(sorted(self.merge_steps)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(max(1, EXAMPLES // 4)))
@pytest.mark.usefixtures("empty_home")
def test_merges_that_a_source_states_keep_the_laws(seed):
    walk = MergeWalk(seed)
    try:
        for _ in range(40):
            walk.step()
    finally:
        walk.teardown()

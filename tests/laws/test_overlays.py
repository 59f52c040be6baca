"""Overlays under everything that affects them, in random order.

The state machine's rules create them too seldom. ``LAWS_EXAMPLES`` makes it run longer than in the suite.
"""

from datetime import timedelta

import pytest

from mpi.domain import clock
from mpi.domain.record_ref import RecordRef
from mpi.service.loads.load_undo import undo_load
from mpi.service.records.source_pause import pause, resume
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.overlays import refuse_overlay, release_overlay
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, load_rows, make_child
from tests.laws.record_strategies import content_to_json
from tests.laws.test_state_machine import EXAMPLES, LawsMachine, empty_home

__all__ = ["empty_home"]

ADDRESSES = [("sis", "r1"), ("sis", "r2"), ("ccwis", "r1")]
CHILD = {
    "first_name": "Jayden", "last_name": "Cruz", "birth_date": "2014-01-20", "postal_code": "43001",
    "sex": "M", "ssn": None, "restrictions": (), "flags": (), "enrollments": (),
}  # fmt: skip
CHANGES = [
    {},
    {"first_name": "Maria", "birth_date": "2014-01-21"},
    {"first_name": "Maria", "birth_date": "2014-01-21", "last_name": "Garcia"},
    {"first_name": "Maria"},
    {"birth_date": "2014-01-21"},
    {"postal_code": "43002"},
]


class OverlayWalk(LawsMachine):
    """Random steps on the machine's index and oracle, which must agree after each."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.begin(seed)
        self.answered = 0

    def step(self) -> None:
        kinds = (
            [self.send_random_record] * 9
            + [self.send_late_random_record] * 3
            + [self.withdraw, self.pause, self.load, self.undo_load]
        )
        if self.oracle.records_in_review:
            kinds += [self.answer] * 6
        if self.oracle.released or self.oracle.refused:
            kinds += [self.undo] * 2
        self.random.choice(kinds)()
        self.the_index_verifies()
        self.derived_data_matches_the_latest_statements()
        self.active_versions_are_the_latest_statements()
        self.enterprise_ids_are_stable()
        self.waiting_overlays_have_tasks()

    def content(self):
        return tuple(sorted((CHILD | self.random.choice(CHANGES)).items()))

    def send_random_record(self, days: int = 0) -> None:
        address, content = self.random.choice(ADDRESSES), self.content()
        self.tick()
        as_of = clock.format_timestamp(self.time - timedelta(days=days))
        self.put(self.index, address, content, as_of)
        self.oracle.add_statement(address, as_of, content)

    def send_late_random_record(self) -> None:
        self.send_random_record(self.random.choice([1, 2, 4]))

    def withdraw(self) -> None:
        address = self.random.choice(ADDRESSES)
        if address in self.oracle.active:
            as_of = self.tick()
            withdraw(self.index, OPERATOR, *address)
            self.oracle.add_statement(address, as_of, None)

    def pause(self) -> None:
        self.tick()
        if "sis" in self.oracle.paused:
            resume(self.index, OPERATOR, "sis")
            self.oracle.resume_source("sis")
        else:
            pause(self.index, OPERATOR, "sis")
            self.oracle.paused.add("sis")

    def load(self) -> None:
        self.tick()
        source, content = self.random.choice(ADDRESSES)[0], self.content()
        records = [
            make_child(name, **dict.fromkeys(make_child(None)) | content_to_json(content))
            for name in ("r1", "r2")
        ]
        receipt = load_rows(self.index, source, *records, as_of=self.time)
        for name in ("r1", "r2"):
            self.oracle.add_statement(
                (source, name), clock.format_timestamp(self.time), content, batch=receipt.batch
            )
        self.batches.append(receipt.batch)

    def undo_load(self) -> None:
        if self.batches:
            batch = self.batches.pop(self.random.randrange(len(self.batches)))
            self.tick()
            undo_load(self.index, OPERATOR, batch)
            self.oracle.remove_load(batch)

    def answer(self) -> None:
        address = self.random.choice(sorted(self.oracle.records_in_review))
        release = self.random.random() < 0.5
        give = release_overlay if release else refuse_overlay
        effect = self.apply_as_previewed(
            lambda preview: give(self.index, OPERATOR, RecordRef(*address), preview=preview)
        )
        (self.oracle.release if release else self.oracle.refuse)(address, effect.step)
        self.answered += 1

    def undo(self) -> None:
        step = self.random.choice(sorted({**self.oracle.released, **self.oracle.refused}))
        self.apply_as_previewed(lambda preview: undo_step(self.index, OPERATOR, step, preview=preview))
        self.oracle.undo_answer(step)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(max(2, EXAMPLES // 4)))
def test_only_waiting_overlays_are_asked_about_and_the_laws_hold(seed):
    walk = OverlayWalk(seed + 6)
    try:
        for _ in range(25):
            walk.step()
    finally:
        walk.teardown()

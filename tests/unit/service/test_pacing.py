"""Pacing: nobody waits for more than the work of one short transaction."""

import gc

from mpi.service.pacing import Pace
from tests.index import OPERATOR


def test_garbage_is_not_sought_while_others_wait_and_is_again_afterwards(index):
    pace = Pace(index.database, OPERATOR, "recluster", lambda _unit: None)
    with pace.turn():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_parts_are_every_item_once_in_order(index):
    pace = Pace(index.database, OPERATOR, "recluster", lambda _unit: None)
    done = []
    for part in pace.parts(range(1_000)):
        with part.turn():
            done += part.items
    assert done == list(range(1_000))

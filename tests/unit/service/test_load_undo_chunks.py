"""Chunks of an undo of a load: IDs, what becomes of each, and what is told are as in one transaction."""

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mpi.service import load_undo
from mpi.service.load import Snapshot
from mpi.service.load_undo import undo_load
from mpi.service.pacing import Portions
from mpi.service.persons import person
from mpi.service.records import upsert
from mpi.service.verify import verify
from tests.index import OPERATOR, a_child, an_index, crosswalk, load_rows


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


@pytest.mark.parametrize("seed", [4, 6, 17, 18, 22, 26, 29, 35, 37, 38])
def test_whatever_its_chunks_an_undo_leaves_and_tells_the_same(tmp_path, monkeypatch, seed):
    histories = []
    for size in (1, 3, 10_000):
        monkeypatch.setattr(load_undo, "portions_of", lambda _, n=size: Portions(n))
        with an_index(tmp_path / str(size), "sis", "ccwis", secret="ab" * 32) as index:
            histories.append(a_history(index, random.Random(seed)))
    assert histories[0] == histories[1] == histories[2]


def a_history(index, chance):
    """Children who are much alike come, change, and come back; what one of their loads said is taken back.

    Returns who is who in the end, by the records that each ID was first seen with; what became of every ID;
    and what the undo told.
    """

    def child(local_id):
        return a_child(
            local_id,
            first_name=chance.choice(("Amara", "Amaro", "Zoe")),
            last_name=chance.choice(("Okonkwo", "Washington")),
            birth_date=chance.choice(("2014-03-09", "2014-03-10")),
            postal_code=chance.choice(("43001", "43002", None)),
        )

    seen = {}

    def look():
        links = crosswalk(index)
        for record in sorted(links):
            seen.setdefault(links[record], (len(seen), record))
        return {record: seen[eid] for record, eid in links.items()}

    for number in range(chance.randint(2, 6)):
        upsert(index, OPERATOR, "ccwis", child(f"c{number}"))
    load_rows(
        index, "sis", *(child(f"s{n}") for n in range(chance.randint(1, 7))), as_of=day(1), confirm=True
    )
    look()
    snapshot = Snapshot.FULL if chance.random() < 0.4 else Snapshot.DELTA
    names = [f"s{n}" for n in range(chance.randint(0, 2), chance.randint(3, 10))]
    said = [child(name) for name in names]
    bad = load_rows(index, "sis", *said, as_of=day(2), confirm=True, snapshot=snapshot)
    look()
    for _ in range(chance.randint(0, 3)):
        upsert(index, OPERATOR, "ccwis", child(f"c{chance.randint(0, 9)}"))
    look()
    told = undo_load(index, OPERATOR, bad.batch)
    assert verify(index, OPERATOR) == []
    links = look()
    became = {seen[eid]: person(index, OPERATOR, eid).status for eid in seen}
    return links, became, replace(told, disclosures=())

"""Both stores agree on what a source states of its own local IDs."""

import random

import pytest

from mpi.domain.errors import ConflictError
from mpi.domain.source_merge import MergeStatement
from mpi.service.maintenance.verify import verify
from mpi.service.source_merges.listing import list_statements
from mpi.service.source_merges.registry import state_merges, take_back
from mpi.service.source_merges.retired_ids import list_retired_ids
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, load_rows, make_child, many_children, open_test_index, partition_of

IDS = [f"c{number}" for number in range(6)]


def run_statements(index) -> list[object]:
    """Return what each of 40 statements and take-backs, drawn alike for each store, leads to."""
    chance = random.Random(7)
    children = many_children(6)
    load_rows(index, "sis", *({**child, "local_id": name} for child, name in zip(children, IDS, strict=True)))
    load_rows(index, "ccwis", make_child("other"))
    steps: list[int] = []
    seen: list[object] = []
    for _ in range(40):
        listed = list_statements(index, OPERATOR, "sis")
        counting = [view.number for view in listed if view.status in ("in_force", "superseded")]
        if counting and chance.random() < 0.3:
            seen.append(take_back(index, OPERATOR, "sis", chance.choice(counting)))
        elif steps and chance.random() < 0.2:
            seen.append(len(undo_step(index, OPERATOR, steps.pop()).moved))
        else:
            old, new = chance.sample(IDS, 2)
            kind = chance.choice(["merge", "merge", "split"])
            statement = MergeStatement(kind, old, new, f"2026-01-{chance.randint(1, 28):02}")
            try:
                result = state_merges(index, OPERATOR, "sis", [statement])
            except ConflictError as error:
                seen.append(str(error))
                continue
            seen.append((result.stated, result.unchanged, result.moved))
            steps += [result.step] * (result.step is not None)
        retired = list_retired_ids(index, OPERATOR, "sis").retired
        seen.append(
            (
                frozenset(partition_of(index)),
                [(view.number, view.status, view.date) for view in list_statements(index, OPERATOR, "sis")],
                sorted((each.local_ids, len(each.now)) for each in retired),
            )
        )
    assert verify(index, OPERATOR) == []
    return seen


@pytest.fixture
def other_index(tmp_path):
    """A second index with the same secret, on SQLite."""
    with open_test_index(tmp_path / "other", "sis", "ccwis", secret="5" * 64) as index:
        yield index


def test_random_statements_have_the_same_effect_on_each_store(index, other_index):
    assert run_statements(index) == run_statements(other_index)

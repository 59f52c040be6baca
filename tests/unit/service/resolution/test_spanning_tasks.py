"""Test which pairs are asked where more records are in doubt than one page shows."""

import pytest

from mpi.clustering.question_groups import MAX_GRID_RECORDS
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.index import OPERATOR, make_child, open_test_index

LINK_BITS = 23.0
"""Children of one name, birth date and postal code weigh 21.2 bits, so that each pair is in doubt."""


def pairs_of(index) -> set[frozenset[str]]:
    """Return the local IDs of each pair that is asked."""
    return {
        frozenset(record.local_id for record in task.records) for task in list_review_tasks(index, OPERATOR)
    }


@pytest.fixture
def doubtful_index(tmp_path):
    """An index of children of whom each may be each other."""
    with open_test_index(tmp_path / "home", "sis", link=LINK_BITS) as opened:
        for number in range(MAX_GRID_RECORDS):
            upsert(opened, OPERATOR, "sis", make_child(f"c{number}"))
        yield opened


def test_every_pair_is_asked_that_fits_one_page(doubtful_index):
    assert len(pairs_of(doubtful_index)) == MAX_GRID_RECORDS * (MAX_GRID_RECORDS - 1) // 2


def test_of_more_records_the_fewest_pairs_are_asked_that_join_them(doubtful_index):
    upsert(doubtful_index, OPERATOR, "sis", make_child("one-more"))
    asked = pairs_of(doubtful_index)
    assert len(asked) == MAX_GRID_RECORDS
    assert len(frozenset().union(*asked)) == MAX_GRID_RECORDS + 1
    assert verify(doubtful_index, OPERATOR) == []


@pytest.mark.parametrize("kind", [DecisionKind.DIFFERENT, DecisionKind.UNSURE])
def test_an_answer_brings_up_the_next_pair(doubtful_index, kind):
    upsert(doubtful_index, OPERATOR, "sis", make_child("one-more"))
    before = pairs_of(doubtful_index)
    answered = min(before, key=sorted)
    labels = [RecordRef("sis", local_id) for local_id in sorted(answered)]
    groups = [labels] if kind is DecisionKind.UNSURE else [[label] for label in labels]
    decide(
        doubtful_index,
        OPERATOR,
        DecisionRequest(kind, groups, reason="other"),
    )
    after = pairs_of(doubtful_index)
    assert answered not in after
    assert len(after) == MAX_GRID_RECORDS
    assert len(frozenset().union(*after)) == MAX_GRID_RECORDS + 1

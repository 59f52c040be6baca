"""Records without a given name, with the shipped model and the real service."""

import json

import pytest

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.service.records.upsert import upsert
from mpi.service.review.task_list import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, crosswalk

HOME = {
    "last_name": "Moreno",
    "birth_date": "2013-04-09",
    "address_line1": "12 Oak St",
    "postal_code": "43001",
}


@pytest.fixture
def index(tmp_path):
    shipped_index, _ = init_index(Settings(home=tmp_path / "mpi"), is_test=True)
    add_source(shipped_index, OPERATOR, NewSource("sis"))
    yield shipped_index
    shipped_index.database.dispose()


def send_pupil(index, number: str, first_name: str | None):
    identifiers = [{"system": "state_student_id", "assigner": "SEA", "value": number}]
    names = {} if first_name is None else {"first_name": first_name}
    upsert(
        index, OPERATOR, "sis", {"local_id": number, "identifiers": json.dumps(identifiers), **HOME, **names}
    )


def test_three_state_ids_of_one_home_stay_three_persons_that_a_steward_is_asked_about(index):
    names = {"9100000001": "Unknown", "7734561209": None, "8420033715": "Elena"}
    for number, first_name in names.items():
        send_pupil(index, number, first_name)
    assert len(set(crosswalk(index).values())) == 3
    asked = {record.local_id for task in list_review_tasks(index, OPERATOR, 10) for record in task.records}
    assert asked == names.keys()

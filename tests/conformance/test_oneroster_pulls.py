"""Pulls from a OneRoster system over HTTP into an index: what is linked, changed and withdrawn."""

import pytest

from mpi.connectors.registry import make_connector
from mpi.domain.errors import RemoteSystemError
from mpi.service.maintenance.verify import verify
from mpi.service.pulls.pull import PullOptions, pull
from tests.index import OPERATOR, crosswalk, load_rows
from tests.oneroster_server import serve_oneroster


@pytest.fixture(params=["1.1", "1.2"])
def system(request):
    with serve_oneroster(request.param) as system:
        system.add_schools()
        for number in range(40):
            system.add_student(number)
        system.enroll("s003", "2026-08-15")
        yield system


@pytest.fixture
def pull_from(index):
    def run(system, **options):
        connection = system.connection(options={"state_id": {"assigner": "OH", "user_id_type": "SSID"}})
        return pull(index, OPERATOR, connection, make_connector(connection), PullOptions(**options))

    return run


def test_pulled_students_are_linked_changed_and_withdrawn(index, system, pull_from):
    child = {
        "local_id": "w3",
        "first_name": "Amarad",
        "middle_name": "B",
        "last_name": "Okonkwoaa",
        "birth_date": system.demographics["s003"]["birthDate"],
        "identifiers": [{"system": "state_student_id", "assigner": "OH", "value": "900000003"}],
    }
    load_rows(index, "ccwis", child)
    first = pull_from(system)
    assert (first.is_full, first.load.created, first.load.rejected) == (True, 40, 0)
    ids = crosswalk(index)
    assert ids["sis", "s003"] == ids["ccwis", "w3"]
    assert pull_from(system, full=True).load.unchanged == 40
    system.now = "2999-01-01T00:00:00.000Z"
    system.put("users", system.users["s005"] | {"familyName": "Okonkwo-Diaz"})
    system.delete("users", "s006")
    del system.users["s007"]
    second = pull_from(system)
    assert (second.is_full, second.load.updated, second.load.withdrawn) == (False, 1, 1)
    third = pull_from(system, full=True)
    assert (third.load.withdrawn, third.load.created) == (1, 0)
    after = crosswalk(index)
    assert {local_id for _, local_id in ids} - {local_id for _, local_id in after} == {"s006", "s007"}
    assert all(after[record] == eid for record, eid in ids.items() if record in after)
    assert verify(index, OPERATOR) == []


def test_pull_that_the_system_breaks_off_loads_nothing_and_ends_alike_when_repeated(index, system, pull_from):
    broken = []

    def break_off(name):
        if name == "students" and not broken:
            broken.append(name)
            system.granted.remove("students")

    system.before_answer = break_off
    system.page_limit = 10
    with pytest.raises(RemoteSystemError, match="403"):
        pull_from(system)
    assert crosswalk(index) == {}
    system.granted.add("students")
    assert pull_from(system).load.created == 40


def test_system_that_loses_half_of_its_students_is_held(index, system, pull_from):
    pull_from(system)
    for number in range(20):
        del system.users[f"s{number:03}"]
    held = pull_from(system, full=True)
    assert (held.load.status, held.has_advanced) == ("held", False)
    assert len(crosswalk(index)) == 40

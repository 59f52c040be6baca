"""Every disclosure is on the ledger before its answer leaves (law 7)."""

import pytest

from mpi.domain.errors import StoreError
from mpi.domain.viewer import make_operator
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.persons.persons import look_up_person
from mpi.storage.repositories.access.disclosures import Disclosures
from tests.counsel import shows
from tests.index import make_child
from tests.unit.api.live import problem

CHILD = {"first_name": "Ludmila", "last_name": "Ledgerwood", "birth_date": "2010-01-31"}
PURPOSE = {"Purpose-Of-Use": "school_stability"}


@pytest.fixture(scope="module")
def eid(call):
    answer = call.put("/v1/sources/D01/records/led", json=make_child("led", **CHILD))
    return answer.json()["enterprise_id"]


def ledger_lines(index):
    with index.database.read(None) as unit:
        return unit.disclosures.all()


def record_id(index) -> int:
    with index.database.read(None) as unit:
        return unit.records.find_by_local_ids(unit.sources.get_by_code("D01").id, ["led"])["led"].id


READS = [
    ("GET", "/v1/sources/D01/records/led", "record.read", "birth_date"),
    ("GET", "/v1/persons/{eid}", "person.read", "records"),
    ("GET", "/v1/persons/{eid}/lineage", "person.read", "cause"),
    ("GET", "/v1/persons/{eid}/built", "person.read", "cause"),
    ("GET", "/v1/persons/{eid}/golden", "person.read", "first_name"),
    ("GET", "/v1/persons/{eid}/explanation", "person.read", "explanation"),
    ("GET", "/v1/crosswalk?source=D01&local_id=led", "crosswalk.read", "enterprise_id"),
    ("GET", "/v1/crosswalk?enterprise_id={eid}", "crosswalk.read", "local_id"),
    ("POST", "/v1/persons:search", "person.search", "match_weight"),
]


@pytest.mark.parametrize(("method", "path", "action", "field"), READS)
def test_each_read_is_one_line_of_the_ledger_without_values(call, index, eid, method, path, action, field):
    count_before = len(ledger_lines(index))
    body = make_child("x", **CHILD) if method == "POST" else None
    assert call.request(method, path.format(eid=eid), headers=PURPOSE, json=body).status_code == 200
    [line] = ledger_lines(index)[count_before:]
    assert (line.client, line.purpose, line.action) == ("district-01", "school_stability", action)
    assert record_id(index) in line.record_ids
    assert field in line.fields
    assert "Ludmila" not in str(line)


@pytest.mark.parametrize("path", ["/v1/events", "/v1/review-tasks"])
def test_lists_are_on_the_ledger_too(call, index, eid, path):
    count_before = len(ledger_lines(index))
    call.get(path, headers=PURPOSE)
    assert len(ledger_lines(index)) == count_before + 1


def test_a_read_from_the_command_line_is_on_the_ledger(index, eid):
    count_before = len(ledger_lines(index))
    look_up_person(index, make_operator(), eid)
    list(export_crosswalk(index, make_operator()))
    read, export = ledger_lines(index)[count_before:]
    assert (read.client, export.client) == ("operator", "operator")
    assert export.handle.startswith("all@")


@shows("ledger: The line is written before the answer leaves.")
def test_no_answer_leaves_when_the_ledger_cannot_be_written(call, eid, monkeypatch):
    def fail_write(*_):
        raise StoreError("the disk is full or failing")

    monkeypatch.setattr(Disclosures, "add_all", fail_write)
    for method, path, _, _ in READS:
        body = make_child("x", **CHILD) if method == "POST" else None
        answer = call.request(method, path.format(eid=eid), json=body)
        problem(answer, 503, "store-unusable")
        assert "led" not in answer.text.replace("ledger", "")


def test_a_missing_record_discloses_nothing(call, index):
    count_before = len(ledger_lines(index))
    assert call.get("/v1/sources/D01/records/nobody-here").status_code == 404
    assert len(ledger_lines(index)) == count_before

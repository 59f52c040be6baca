"""Test the reading of many records at once."""

from dataclasses import replace

from mpi.domain.errors import AccessDenied, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action
from mpi.service.records.record_reader import read, read_all
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index

PROTECTED = {"restrictions": [{"kind": "protective_order"}]}


def test_each_answer_equals_that_of_one_record(tmp_path):
    with open_test_index(tmp_path / "home", "sis", "ccwis") as index:
        upsert(index, OPERATOR, "sis", make_child("a"))
        upsert(index, OPERATOR, "ccwis", make_child("b", **PROTECTED))
        upsert(index, OPERATOR, "sis", make_child("c", first_name="Chidi", birth_date="2011-07-02"))
        labels = [RecordRef("sis", "a"), RecordRef("ccwis", "b"), RecordRef("sis", "c")]
        answers = read_all(index, OPERATOR, labels)
        assert answers == [read(index, OPERATOR, label.source, label.local_id) for label in labels]
        assert answers[0]["enterprise_id"] == answers[1]["enterprise_id"]
        assert answers[0]["withheld"] == answers[1]["withheld"] != []
        assert answers[2]["withheld"] == []


def test_unknown_record_is_an_error_in_its_place(tmp_path):
    with open_test_index(tmp_path / "home", "sis") as index:
        upsert(index, OPERATOR, "sis", make_child("a"))
        answers = read_all(index, OPERATOR, [RecordRef("sis", "x"), RecordRef("sis", "a")])
        assert isinstance(answers[0], NotFoundError)
        assert answers[1]["local_id"] == "a"


def test_records_that_the_viewer_may_not_read_are_refused_one_by_one(tmp_path):
    with open_test_index(tmp_path / "home", "sis") as index:
        upsert(index, OPERATOR, "sis", make_child("a"))
        viewer = replace(OPERATOR, actions=OPERATOR.actions - {Action.RECORD_READ})
        [answer] = read_all(index, viewer, [RecordRef("sis", "a")])
        assert isinstance(answer, AccessDenied)

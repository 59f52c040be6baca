"""Who reviews requests to lift a seal or to expunge, and what they are told."""

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.seal_reviews import (
    RequestKind,
    answer_seal_request,
    list_seal_answers,
    list_seal_requests,
)
from mpi.service.stewardship.unseal_requests import list_unseal_requests, request_unseals
from tests.agreements import make_dsa
from tests.index import OPERATOR, SECOND_PERSON, make_child

SEALER = Viewer("pria", None, frozenset({Action.RECORD_SEAL}), None)
EXPUNGER = Viewer("eve", None, frozenset({Action.RECORD_EXPUNGE}), frozenset({"sis"}))
CHILD = make_child("1", first_name="Zebulonia", last_name="Quist")


@pytest.fixture
def index(sqlite_index):
    for record in (CHILD, make_child("2", first_name="Ottoline")):
        upsert(sqlite_index, OPERATOR, "sis", record)
    upsert(sqlite_index, OPERATOR, "sis", {**CHILD, "restrictions": [{"kind": "sealed"}]})
    request_unseals(sqlite_index, OPERATOR, "sis", ["1"], "26-JV-0412")
    upsert(sqlite_index, OPERATOR, "sis", {**make_child("2"), "restrictions": [{"kind": "expunged"}]})
    return sqlite_index


def answer(index, viewer, kind, local_id, *, is_approved=True, reason="order read"):
    answer_seal_request(index, viewer, kind, "sis", local_id, is_approved=is_approved, reason=reason)


def test_each_reviewer_sees_the_requests_that_they_may_answer(index):
    [unseal] = list_seal_requests(index, SEALER)
    assert (unseal.kind, unseal.source, unseal.local_id, unseal.reference, unseal.is_own) == (
        RequestKind.UNSEAL,
        "sis",
        "1",
        "26-JV-0412",
        False,
    )
    [expunge] = list_seal_requests(index, EXPUNGER)
    assert (expunge.kind, expunge.local_id, expunge.reference) == (RequestKind.EXPUNGE, "2", None)
    assert [request.is_own for request in list_seal_requests(index, OPERATOR)] == [True, True]
    elsewhere = Viewer("cal", None, frozenset({Action.RECORD_SEAL}), frozenset({"ccwis"}))
    assert list_seal_requests(index, elsewhere) == []
    with pytest.raises(AccessDenied):
        list_seal_requests(index, Viewer("nobody", None, frozenset({Action.RECORD_READ}), None))


def test_a_recipient_of_a_source_learns_of_none_of_its_requests(index):
    propose_version(index, OPERATOR, make_dsa())
    approve_version(index, SECOND_PERSON, "dsa-1")
    key = add_client(index, OPERATOR, "agency", ["record.seal"], ["sis", "ccwis"], "dsa-1", "agency")
    agency = authenticate(index, key, "school_stability")
    assert agency.may_see("sis")
    assert list_seal_requests(index, agency) == []
    assert list_unseal_requests(index, agency) == []


def test_an_approval_lifts_the_seal_and_keeps_the_reason(index):
    answer(index, SEALER, RequestKind.UNSEAL, "1")
    assert read(index, OPERATOR, "sis", "1")["record"]["first_name"] == "Zebulonia"
    assert list_seal_requests(index, SEALER) == []
    [answered] = list_seal_answers(index, SEALER)
    assert (answered.kind, answered.answer, answered.reason, answered.answered_by, answered.records) == (
        RequestKind.UNSEAL,
        "approved",
        "order read",
        "pria",
        1,
    )
    assert list_seal_answers(index, EXPUNGER) == []


def test_a_refusal_leaves_the_record_as_it_was(index):
    answer(index, EXPUNGER, RequestKind.EXPUNGE, "2", is_approved=False, reason="wrong child")
    assert read(index, OPERATOR, "sis", "2")["record"]["first_name"] == "Ottoline"
    [answered] = list_seal_answers(index, EXPUNGER)
    assert (answered.kind, answered.answer, answered.reason) == (
        RequestKind.EXPUNGE,
        "refused",
        "wrong child",
    )


def test_nobody_answers_the_own_request_one_of_another_kind_or_none(index):
    with pytest.raises(ConflictError):
        answer(index, OPERATOR, RequestKind.UNSEAL, "1")
    with pytest.raises(NotFoundError):
        answer(index, SEALER, RequestKind.UNSEAL, "2")
    for kind, viewer in ((RequestKind.EXPUNGE, SEALER), (RequestKind.UNSEAL, EXPUNGER)):
        with pytest.raises(AccessDenied):
            answer(index, viewer, kind, "1")
    answer(index, SEALER, RequestKind.UNSEAL, "1")
    with pytest.raises(NotFoundError):
        answer(index, SEALER, RequestKind.UNSEAL, "1")


@pytest.mark.parametrize("reason", ["", "  ", "x" * 500, "two\nlines"])
def test_an_answer_needs_a_reason_of_one_line(index, reason):
    with pytest.raises(InputError):
        answer(index, SEALER, RequestKind.UNSEAL, "1", reason=reason)
    assert len(list_seal_requests(index, SEALER)) == 1

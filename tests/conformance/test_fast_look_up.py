"""The fast look-up answers like the full read, on either store, or leaves the call to it."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from mpi.api.app import create_app
from mpi.domain.errors import NotAuthenticated, NotFoundError, StoreError
from mpi.domain.viewer import Action
from mpi.service.access.client_authentication import viewer_from_client
from mpi.service.access.clients import add_client, revoke_client
from mpi.service.access.setup import hash_token
from mpi.service.maintenance.verify import verify
from mpi.service.persons.fast_look_up import look_up_crosswalk_fast, look_up_person_fast
from mpi.service.persons.look_up import LookUpQuery, look_up
from mpi.service.persons.persons import read_crosswalk, read_person
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.storage.repositories.access.disclosures import Disclosures
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, make_child
from tests.unit.api.live import calling

CHILD_FIELDS = {
    "first_name": "Glencora", "last_name": "Glancer", "birth_date": "2013-04-05", "ssn": "532-11-8842",
    "address_line1": "12 Elm St", "city": "Salem", "state": "OR", "postal_code": "97301",
    "flags": [
        {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-02"},
        {"population": "homeless", "value": "N", "definition": "MV", "asserted_by": "liaison"},
    ],
}  # fmt: skip


@pytest.fixture
def index(index):
    for source, local_id in (("sis", "1"), ("ccwis", "é/1"), ("sis", "2")):
        upsert(index, OPERATOR, source, make_child(local_id, **CHILD_FIELDS))
    upsert(index, OPERATOR, "sis", make_child("alone", first_name="Uno", last_name="Solo"))
    return index


@pytest.fixture
def key(index):
    return add_client(index, OPERATOR, "looks", ["crosswalk.read", "person.read"], None)


PURPOSE = "case_planning"
"""A purpose that carries flags."""


def by_local_id(source, local_id):
    return LookUpQuery(
        lambda unit, key, who: look_up_crosswalk_fast(unit, key, who, source, local_id),
        lambda unit: read_crosswalk(unit, source, local_id),
    )


def by_eid(index, eid):
    return LookUpQuery(
        lambda unit, key, who: look_up_person_fast(unit, key, who, index, eid),
        lambda unit: read_person(unit, index, eid),
    )


@pytest.fixture
def compare_look_ups(index, key, monkeypatch):
    """Look up in both ways, compare answers and disclosure lines; returns the answer and whether one
    statement sufficed.
    """

    def compare(query, own_key=key):
        with index.database.read(OPERATOR) as unit:
            fast_result = query.fast(unit, hash_token(own_key), lambda client: viewer(unit, client))
        fast_answer = look_up(index, own_key, PURPOSE, query)
        full_answer = look_up(index, own_key, PURPOSE, LookUpQuery(lambda *_: None, query.full))
        assert fast_answer[0] == full_answer[0]
        assert replace(fast_answer[1], at="") == replace(full_answer[1], at="")
        assert fast_answer[2] == full_answer[2]
        return fast_answer[0], fast_result is not None

    def viewer(unit, client):
        unit.viewer = viewer_from_client(index, unit, client, PURPOSE)
        return unit.viewer

    return compare


def test_one_statement_answers_a_record_and_a_person_like_the_full_read(index, compare_look_ups):
    for source, local_id in (("sis", "1"), ("ccwis", "é/1"), ("sis", "alone")):
        entry, sufficed = compare_look_ups(by_local_id(source, local_id))
        assert sufficed
        view, sufficed = compare_look_ups(by_eid(index, entry.enterprise_id))
        assert sufficed
        assert view.status == "active"
        assert view.etag


def test_flags_of_several_records_keep_the_order_of_the_full_read(index, compare_look_ups):
    entry, _ = compare_look_ups(by_local_id("sis", "1"))
    view, sufficed = compare_look_ups(by_eid(index, entry.enterprise_id.lower().replace("-", " ")))
    assert sufficed
    assert len(view.records) > 1
    assert len(view.flags) == 2 * len(view.records)


def test_a_person_without_records_and_a_sealed_record_use_the_full_read(index, compare_look_ups):
    entry, _ = compare_look_ups(by_local_id("sis", "alone"))
    withdraw(index, OPERATOR, "sis", "alone")
    assert compare_look_ups(by_local_id("sis", "alone"))[1] is False
    assert compare_look_ups(by_eid(index, entry.enterprise_id)) == (
        compare_look_ups(by_eid(index, entry.enterprise_id))[0],
        False,
    )
    upsert(index, OPERATOR, "sis", make_child("1", **CHILD_FIELDS, restrictions=[{"kind": "sealed"}]))
    with pytest.raises(NotFoundError):
        compare_look_ups(by_local_id("sis", "1"))
    entry_of_other_source, sufficed = compare_look_ups(by_local_id("ccwis", "é/1"))
    assert sufficed
    view, _ = compare_look_ups(by_eid(index, entry_of_other_source.enterprise_id))
    assert "1" not in [label.local_id for label in view.records]


def test_a_client_of_some_sources_uses_the_full_read_of_a_person(index, compare_look_ups):
    key = add_client(index, OPERATOR, "some", ["crosswalk.read", "person.read"], ["sis"])
    entry, sufficed = compare_look_ups(by_local_id("sis", "1"), key)
    assert sufficed
    view, sufficed = compare_look_ups(by_eid(index, entry.enterprise_id), key)
    assert not sufficed
    assert {label.source for label in view.records} == {"sis"}


@pytest.mark.parametrize("local_id", ["nobody", "", "a\x00b"])
def test_a_missing_record_is_refused_like_the_full_read(index, compare_look_ups, local_id):
    with pytest.raises(Exception, match=r".") as error:
        compare_look_ups(by_local_id("sis", local_id))
    assert type(error.value).__name__ in ("NotFoundError", "RecordError")


def test_a_revoked_key_is_refused(index, compare_look_ups):
    key = add_client(index, OPERATOR, "gone", ["crosswalk.read"], None)
    revoke_client(index, OPERATOR, "gone")
    with pytest.raises(NotAuthenticated):
        look_up(index, key, None, by_local_id("sis", "1"))


def test_a_fast_look_up_opens_no_transaction_and_leaves_the_session_usable(index, key, monkeypatch):
    transactions, transaction = [], Database._transaction

    def note_transaction(self, *a, **k):
        transactions.append(self)
        return transaction(self, *a, **k)

    monkeypatch.setattr(Database, "_transaction", note_transaction)
    look_up(index, key, None, by_local_id("sis", "1"))
    # Servers of other tests in this process have databases of their own.
    assert index.database not in transactions
    with index.database.write(OPERATOR, "test") as unit:
        unit.ensure_commit()
    failing = partial(look_up, index, key, None, LookUpQuery(lambda *_: 1 / 0, None))
    with pytest.raises(ZeroDivisionError):
        failing()
    with pytest.raises(ZeroDivisionError), index.database.write(OPERATOR, "test") as unit:
        unit.persons.mint([{"id": 10**6, "eid": "x", "minted_commit": unit.commit_no}])
        _ = 1 / 0
    with index.database.read(OPERATOR) as unit:
        assert not unit.persons.by_ids([10**6])


def test_each_http_answer_waits_until_its_disclosure_line_is_durable(index, key):
    restricted_key = add_client(index, OPERATOR, "sees-some", ["crosswalk.read", "person.read"], ["sis"])

    def lines():
        with index.database.read(OPERATOR) as unit:
            return len(unit.disclosures.all())

    line_count_before = lines()
    with calling(create_app(index), key) as call:
        entry = call.get("/v1/crosswalk", params={"source": "sis", "local_id": "1"}).json()
        path = f"/v1/persons/{entry['enterprise_id']}"
        person = call.get(path)
        assert person.json()["records"]
        assert lines() == line_count_before + 2
        restricted_answer = call.get(path, headers={"Authorization": f"Bearer {restricted_key}"})
        assert {record["source"] for record in restricted_answer.json()["records"]} == {"sis"}
        for missing in ("/v1/crosswalk?source=sis&local_id=nobody", "/v1/persons/none"):
            assert call.get(missing).status_code in (400, 404)
        assert call.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert lines() == line_count_before + 3
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: call.get(path), range(24)))
        assert {answer.content for answer in answers} == {person.content}
        assert lines() == line_count_before + 27
    with index.database.read(OPERATOR) as unit:
        count, last = unit.disclosures.count_and_last()
        disclosures = unit.disclosures.all()
    assert count == last
    readers = {line.client for line in disclosures if line.action != Action.RECORD_WRITE}
    assert readers == {"looks", "sees-some"}
    assert not [finding for finding in verify(index, OPERATOR) if "ledger" in str(finding)]


def test_no_answer_leaves_without_its_disclosure_line(index, key, monkeypatch):
    def refuse(*_):
        raise StoreError("full")

    monkeypatch.setattr(Disclosures, "add_all", refuse)
    monkeypatch.setattr(Disclosures, "add_in_one_statement", refuse)
    with calling(create_app(index), key) as call:
        answer = call.get("/v1/crosswalk", params={"source": "sis", "local_id": "1"})
    assert answer.status_code == 503
    assert "enterprise_id" not in answer.text

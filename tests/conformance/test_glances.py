"""What one statement looks up is what is read in full, on either store; what it cannot is left to that."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from mpi.api.app import create_app
from mpi.domain.errors import NotAuthenticated, NotFoundError, StoreError
from mpi.service.access.clients import add_client, revoke_client, viewer_from_client
from mpi.service.access.setup import hash_token
from mpi.service.maintenance.verify import verify
from mpi.service.persons.fast_look_up import look_up_crosswalk_fast, look_up_person_fast
from mpi.service.persons.look_up import LookUpQuery, look_up
from mpi.service.persons.persons import read_crosswalk, read_person
from mpi.service.records.upsert import upsert, withdraw
from mpi.storage.repositories.access.disclosures import Disclosures
from mpi.storage.unit_of_work.database import Database
from tests.index import OPERATOR, a_child, an_index
from tests.unit.api.live import calling

HOME = {
    "first_name": "Glencora", "last_name": "Glancer", "birth_date": "2013-04-05", "ssn": "532-11-8842",
    "address_line1": "12 Elm St", "city": "Salem", "state": "OR", "postal_code": "97301",
    "flags": [
        {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-01-02"},
        {"population": "homeless", "value": "N", "definition": "MV", "asserted_by": "liaison"},
    ],
}  # fmt: skip


@pytest.fixture
def index(tmp_path, database_url):
    with an_index(tmp_path / "home", "sis", "ccwis", database_url=database_url) as index:
        for source, local_id in (("sis", "1"), ("ccwis", "é/1"), ("sis", "2")):
            upsert(index, OPERATOR, source, a_child(local_id, **HOME))
        upsert(index, OPERATOR, "sis", a_child("alone", first_name="Uno", last_name="Solo"))
        yield index


@pytest.fixture
def key(index):
    return add_client(index, OPERATOR, "looks", ["crosswalk.read", "person.read"], None)


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
def asked(index, key, monkeypatch):
    """Asks both ways: what each answers, the line that it leaves, and whether the one statement sufficed."""

    def both(ask, own_key=key):
        with index.database.read(OPERATOR) as unit:
            found = ask.fast(unit, hash_token(own_key), lambda client: viewer(unit, client))
        quick = look_up(index, own_key, None, ask)
        in_full = look_up(index, own_key, None, LookUpQuery(lambda *_: None, ask.full))
        assert quick[0] == in_full[0]
        assert replace(quick[1], at="") == replace(in_full[1], at="")
        assert quick[2] == in_full[2]
        return quick[0], found is not None

    def viewer(unit, client):
        unit.viewer = viewer_from_client(client, None)
        return unit.viewer

    return both


def test_a_record_and_a_person_are_answered_by_one_statement_as_they_are_in_full(index, asked):
    for source, local_id in (("sis", "1"), ("ccwis", "é/1"), ("sis", "alone")):
        entry, sufficed = asked(by_local_id(source, local_id))
        assert sufficed
        view, sufficed = asked(by_eid(index, entry.enterprise_id))
        assert sufficed
        assert view.status == "active"
        assert view.etag


def test_the_flags_of_several_records_come_in_the_order_in_which_they_are_read_in_full(index, asked):
    entry, _ = asked(by_local_id("sis", "1"))
    view, sufficed = asked(by_eid(index, entry.enterprise_id.lower().replace("-", " ")))
    assert sufficed
    assert len(view.records) > 1
    assert len(view.flags) == 2 * len(view.records)


def test_what_has_no_person_and_what_is_restated_or_sealed_is_left_to_the_full_way(index, asked):
    entry, _ = asked(by_local_id("sis", "alone"))
    withdraw(index, OPERATOR, "sis", "alone")
    assert asked(by_local_id("sis", "alone"))[1] is False
    assert asked(by_eid(index, entry.enterprise_id)) == (asked(by_eid(index, entry.enterprise_id))[0], False)
    upsert(index, OPERATOR, "sis", a_child("1", **HOME, restrictions=[{"kind": "sealed"}]))
    with pytest.raises(NotFoundError):
        asked(by_local_id("sis", "1"))
    other, sufficed = asked(by_local_id("ccwis", "é/1"))
    assert sufficed
    view, _ = asked(by_eid(index, other.enterprise_id))
    assert "1" not in [label.local_id for label in view.records]


def test_a_client_of_some_sources_is_answered_in_full(index, asked):
    key = add_client(index, OPERATOR, "some", ["crosswalk.read", "person.read"], ["sis"])
    entry, sufficed = asked(by_local_id("sis", "1"), key)
    assert sufficed
    view, sufficed = asked(by_eid(index, entry.enterprise_id), key)
    assert not sufficed
    assert {label.source for label in view.records} == {"sis"}


@pytest.mark.parametrize("local_id", ["nobody", "", "a\x00b"])
def test_what_is_not_there_is_refused_as_in_full(index, asked, local_id):
    with pytest.raises(Exception, match=r".") as refused:
        asked(by_local_id("sis", local_id))
    assert type(refused.value).__name__ in ("NotFoundError", "RecordError")


def test_a_key_that_was_revoked_opens_nothing(index, asked):
    key = add_client(index, OPERATOR, "gone", ["crosswalk.read"], None)
    revoke_client(index, OPERATOR, "gone")
    with pytest.raises(NotAuthenticated):
        look_up(index, key, None, by_local_id("sis", "1"))


def test_a_glance_begins_no_transaction_and_leaves_the_session_as_it_was(index, key, monkeypatch):
    begun = []
    transaction = Database._transaction
    monkeypatch.setattr(
        Database, "_transaction", lambda self, *a, **k: begun.append(1) or transaction(self, *a, **k)
    )
    look_up(index, key, None, by_local_id("sis", "1"))
    assert not begun
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


def test_over_http_each_call_is_answered_once_its_line_is_durable_on_either_store(index, key):
    some = add_client(index, OPERATOR, "sees-some", ["crosswalk.read", "person.read"], ["sis"])

    def lines():
        with index.database.read(OPERATOR) as unit:
            return len(unit.disclosures.all())

    with calling(create_app(index), key) as call:
        entry = call.get("/v1/crosswalk", params={"source": "sis", "local_id": "1"}).json()
        path = f"/v1/persons/{entry['enterprise_id']}"
        person = call.get(path)
        assert person.json()["records"]
        assert lines() == 2
        mine = call.get(path, headers={"Authorization": f"Bearer {some}"})
        assert {record["source"] for record in mine.json()["records"]} == {"sis"}
        for missing in ("/v1/crosswalk?source=sis&local_id=nobody", "/v1/persons/none"):
            assert call.get(missing).status_code in (400, 404)
        assert call.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert lines() == 3
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: call.get(path), range(24)))
        assert {answer.content for answer in answers} == {person.content}
        assert lines() == 27
    with index.database.read(OPERATOR) as unit:
        count, last = unit.disclosures.count_and_last()
        told = unit.disclosures.all()
    assert count == last
    assert {line.client for line in told} == {"looks", "sees-some"}
    assert not [finding for finding in verify(index, OPERATOR) if "ledger" in str(finding)]


def test_a_line_that_cannot_be_written_lets_no_answer_leave(index, key, monkeypatch):
    def refuse(*_):
        raise StoreError("full")

    monkeypatch.setattr(Disclosures, "add_all", refuse)
    monkeypatch.setattr(Disclosures, "add_in_one_statement", refuse)
    with calling(create_app(index), key) as call:
        answer = call.get("/v1/crosswalk", params={"source": "sis", "local_id": "1"})
    assert answer.status_code == 503
    assert "enterprise_id" not in answer.text

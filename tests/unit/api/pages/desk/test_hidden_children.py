"""Pages about children whom the policy hides from a point of contact."""

from dataclasses import replace

import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_rights import bind_account
from mpi.service.agreements.refusals import list_refusals
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.records.upsert import upsert
from tests.accounts import add_person, cheap_password_hashing
from tests.agreements import AGENCY, SCHOOL, make_dsa
from tests.index import OPERATOR, SECOND_PERSON, make_child
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser

PARTIES = (replace(SCHOOL, sources=frozenset({"D01"})), replace(AGENCY, sources=frozenset({"CCWIS"})))


@pytest.fixture
def contact(fresh_index):
    """Browser of a point of contact under an agreement of a district and child welfare."""
    propose_version(fresh_index, OPERATOR, make_dsa(parties=PARTIES, begins=clock.now().date(), ends=None))
    approve_version(fresh_index, SECOND_PERSON, "dsa-1")
    upsert(fresh_index, OPERATOR, "D01", make_child("s1"))
    with cheap_password_hashing(), serving(create_app(fresh_index)) as url, Browser(url) as browser:
        add_person(fresh_index, "poc", Role.POINT_OF_CONTACT, ["D01", "CCWIS"])
        bind_account(fresh_index, OPERATOR, "poc", "dsa-1")
        assert browser.sign_in("poc").status_code == 303
        yield browser


def reasons(index):
    return [(row.client, row.reason, row.count) for row in list_refusals(index, OPERATOR)]


def test_a_hidden_child_is_answered_and_recorded_as_an_unknown_one(fresh_index, contact):
    hidden = make_child("key9", first_name="Odalys", last_name="Trueblood", birth_date="2012-02-02")
    hidden_id = upsert(fresh_index, OPERATOR, "CCWIS", hidden).enterprise_id
    unknown_id = upsert(fresh_index, OPERATOR, "CCWIS", {**hidden, "local_id": "x"}).enterprise_id
    token = contact.csrf("/find")
    pages = []
    for local_id in ("key9", "nope"):
        form = {"csrf": token, "source": "CCWIS", "local_id": local_id}
        pages.append(contact.post("/find/key", data=form, headers=SAME))
    assert [page.status_code for page in pages] == [404, 404]
    assert pages[0].text.replace("key9", "nope") == pages[1].text
    assert "has no such record" in pages[0].text
    assert reasons(fresh_index) == [("poc", "not-found", 2)]
    assert contact.get(f"/people/{hidden_id}").status_code == 404
    assert contact.get(f"/people/{unknown_id}").status_code == 404
    assert sum(count for _, _, count in reasons(fresh_index)) == 4


def test_the_comparison_of_two_records_does_not_tell_a_hidden_child_either(fresh_index, contact):
    for number in ("c8", "c9"):
        upsert(fresh_index, OPERATOR, "CCWIS", make_child(number, first_name="Odalys"))
    token = contact.csrf("/find")
    answers = []
    for pair in ("CCWIS c8 CCWIS c9", "CCWIS c8 CCWIS no", "CCWIS no CCWIS c9", "CCWIS no CCWIS nope"):
        form = {"csrf": token, "pair": pair.replace(" ", "\t")}
        answers.append(contact.post("/why", data=form, headers=SAME))
    assert [answer.status_code for answer in answers] == [404] * 4
    assert len({answer.text for answer in answers}) == 1
    assert sum(count for _, _, count in reasons(fresh_index)) == 4

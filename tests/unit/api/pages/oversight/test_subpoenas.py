"""Pages of subpoena cases: two people, no child's name in an address, and a release that is shown once."""

import re
from contextlib import ExitStack

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, make_child, open_test_index
from tests.pages.desk import PASSWORD
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME

CHILD = make_child("case-17", first_name="Zebulonia", grade="05", school_id="NORTH-E1")
OTHER = make_child("case-18", first_name="Ottoline", last_name="Valcour", birth_date="2011-05-06")
SEALED = make_child("case-19", first_name="Persephone", last_name="Quarles", birth_date="2009-09-09")


ACTIONS = {
    "max": ("subpoena.manage",),
    "rae": ("subpoena.decide",),
    "bea": ("subpoena.manage", "subpoena.decide"),
    "eve": ("subpoena.manage", "subpoena.decide"),
    "ola": (),
}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """An index with an account for each way in which the rights are divided; Eve is of another agency."""
    with open_test_index(tmp_path_factory.mktemp("index"), "D01", "CCWIS") as new_index:
        for record in (CHILD, OTHER, SEALED):
            upsert(new_index, OPERATOR, "D01", record)
        for name, actions in ACTIONS.items():
            source = "CCWIS" if name == "eve" else "D01"
            account = NewAccount(name, f"{name.title()} Owner", Role.SOURCE_OWNER, (source,))
            add_account(new_index, OPERATOR, account, PASSWORD)
            if actions:
                grant_actions(new_index, OPERATOR, name, actions)
        yield new_index


@pytest.fixture(scope="module")
def people(index):
    """A browser of each person, by name."""
    with serving(create_app(index)) as url, ExitStack() as stack:
        yield {name: stack.enter_context(enter(index, url, name)) for name in ACTIONS}


def enter(index, url, name):
    token = change_password(index, sign_in(index, name, PASSWORD), PASSWORD, f"{PASSWORD} {name}")
    return httpx.Client(base_url=url, timeout=30, verify=PLAIN, cookies={"mpi-sign-in": token})


@pytest.fixture
def clerk(people):
    return people["max"]


@pytest.fixture
def counsel(people):
    return people["rae"]


def send(client, path, page=None, **form):
    token = re.search(r'name="csrf" value="(\w+)"', client.get(page or path).text)[1]
    return client.post(path, data={"csrf": token, **form}, headers=SAME)


def open_case(clerk, **changes):
    day = clock.today()
    form = {
        "source": "D01", "court": "Juvenile Court", "reference": "26-JV-0412",
        "served_by": "Public Defender", "received": day, "due": day, "local_ids": "case-17\r\ncase-18",
        "field": ["first_name", "grade"], **changes,
    }  # fmt: skip
    return send(clerk, "/subpoenas", **form)


def open_path(clerk):
    return open_case(clerk).headers["location"].partition("?")[0]


def decide(counsel, path, **changes):
    form = {"do": "decide", "verdict": "release", "counsel": "R. Alvarado", "reason": "relevant", **changes}
    return send(counsel, path, **form)


def test_a_case_goes_from_opening_over_notice_and_decision_to_a_release(clerk, counsel):
    path = open_path(clerk)
    assert "Counsel has not decided yet." in clerk.get(path).text
    assert send(clerk, path, do="notify", day=clock.today()).headers["location"].endswith("notified")
    assert decide(counsel, path).headers["location"] == f"{path}?done=subpoena_decided"
    release = send(clerk, path, do="release", reference="26-JV-0412")
    assert release.status_code == 200
    assert release.headers["cache-control"] == "no-store"
    for text in ("case-17", "Zebulonia", "05", "case-18", "Ottoline"):
        assert text in release.text
    for text in ("NORTH-E1", "Valcour", "Okonkwo"):
        assert text not in release.text
    page = clerk.get("/subpoenas").text
    assert "released" in page
    assert "Zebulonia" not in page


def test_counsel_can_release_a_part(clerk, counsel):
    path = open_path(clerk)
    send(clerk, path, do="notify", day=clock.today())
    refused = decide(counsel, path, verdict="narrow", local_id=["case-17"], field=["ssn"])
    assert refused.status_code == 400
    assert 'value="R. Alvarado"' in refused.text
    assert decide(counsel, path, verdict="narrow", local_id=["case-17"], field=["grade"]).status_code == 303
    release = send(clerk, path, do="release", reference="26-JV-0412").text
    assert "case-17" in release
    for text in ("case-18", "Zebulonia", "Ottoline"):
        assert text not in release


def test_who_opened_a_case_cannot_decide_it_and_counsel_cannot_release(people, clerk, counsel):
    path = open_path(clerk)
    assert decide(clerk, path).status_code == 403
    both = people["bea"]
    own = open_path(both)
    page = both.get(own).text
    assert "Somebody else has to decide." in page
    assert 'value="decide"' not in page
    assert decide(both, own).status_code == 409
    send(clerk, path, do="notify", day=clock.today())
    decide(counsel, path)
    assert 'value="release"' not in counsel.get(path).text
    assert send(counsel, path, page="/subpoenas", do="release", reference="26-JV-0412").status_code == 403


def test_nothing_is_released_under_another_number_or_before_the_notice(clerk, counsel):
    path = open_path(clerk)
    decide(counsel, path)
    assert "The parents were not told yet." in clerk.get(path).text
    early = send(clerk, path, do="release", reference="26-JV-0412")
    assert (early.status_code, "Zebulonia" in early.text) == (409, True)
    send(clerk, path, do="notify", day=clock.today())
    wrong = send(clerk, path, do="release", reference="26-JV-0413")
    assert (wrong.status_code, "another paper" in wrong.text) == (400, True)
    assert "<dd>05</dd>" not in early.text + wrong.text


def test_names_show_to_readers_of_records_alone_and_never_in_an_address(clerk, index):
    path = open_case(clerk, local_ids="case-18 case-19").headers["location"].partition("?")[0]
    assert "Persephone" in clerk.get(path).text
    assert "case-19" not in path
    upsert(index, OPERATOR, "D01", {**SEALED, "restrictions": [{"kind": "sealed"}]})
    page = clerk.get(path).text
    assert "case-19" not in page
    assert "Persephone" not in page
    assert "case-18" in page


def test_a_form_with_faults_keeps_what_was_typed_and_opens_nothing(clerk):
    cases = clerk.get("/subpoenas").text.count('href="/subpoenas/')
    for changes in (
        {"reference": "without a number"}, {"received": "soon"}, {"field": []}, {"local_ids": " "},
        {"local_ids": "nobody-1"}, {"court": "x" * 201}, {"due": "2001-01-01"},
        {"field": ["ssn"]}, {"local_ids": " ".join(map(str, range(101)))},
    ):  # fmt: skip
        answer = open_case(clerk, **changes)
        assert (changes, answer.status_code in (400, 404, 422)) == (changes, True)
        assert "Public Defender" in answer.text
    assert open_case(clerk, source="nowhere").status_code == 403
    assert clerk.get("/subpoenas").text.count('href="/subpoenas/') == cases


def test_who_has_neither_right_sees_no_case(people, clerk):
    path = open_path(clerk)
    for address in ("/subpoenas", path):
        assert (address, people["ola"].get(address).status_code) == (address, 403)
    assert 'href="/subpoenas"' not in people["ola"].get("/asked").text
    assert 'href="/subpoenas"' in clerk.get("/asked").text
    assert clerk.get("/subpoenas/nothing").status_code == 404
    assert send(clerk, path, do="burn").status_code == 400


def test_a_case_of_another_agency_is_answered_like_one_that_does_not_exist(people, clerk):
    path = open_path(clerk)
    other = people["eve"]
    assert other.get(path).status_code == 404
    nothing = path.rpartition("/")[0] + "/nothing"
    assert other.get(path).text.replace(path, nothing) == other.get(nothing).text
    assert "26-JV-0412" not in other.get("/subpoenas").text
    for form in ({"do": "notify", "day": clock.today()}, {"do": "release", "reference": "26-JV-0412"}):
        assert send(other, path, page="/subpoenas", **form).status_code == 404
    assert decide_from(other, path).status_code == 404


def decide_from(client, path):
    form = {"do": "decide", "verdict": "release", "counsel": "R. Alvarado", "reason": "relevant"}
    return send(client, path, page="/subpoenas", **form)

"""Pages of research projects and of sources' rules: who administers them needs no command line."""

import re
from contextlib import ExitStack

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.roles import Role
from mpi.policy.cases.subject_rights import Inspection
from mpi.policy.parties import Party, PartyKind
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.research.extract import make_extract
from mpi.service.rights.research_ids import list_projects
from mpi.service.rights.source_rules import list_rules, set_rule
from tests.index import OPERATOR, open_test_index
from tests.pages.desk import PASSWORD
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME
from tests.unit.service.research.test_extract import (
    OF_SCHOOLS,
    UNIVERSITY,
    make_agreement,
    make_terms,
    open_with_terms,
    put_in_force,
)

ROLES = {"opa": Role.OPERATOR, "pia": Role.PRIVACY_OFFICER, "ana": Role.ANALYST}
RULE = {
    "inspection": "linked", "citation": "FERPA, 34 CFR 99.10", "inspection_days": "30",
    "amendment_days": "40", "hearing_days": "50", "appeal_office": "Office of Records",
    "retention_days": "1826", "retention_begins": "exit", "retention_agreement": "",
}  # fmt: skip
SCHOOLS = Party("schools", "State education agency", PartyKind.EDUCATION, frozenset({"D01"}))
RULE_PAGE = "/sources/D01/rule"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("index"), "D01") as new_index:
        for name, role in ROLES.items():
            add_account(new_index, OPERATOR, NewAccount(name, f"{name.title()} Ruiz", role, None), PASSWORD)
        yield new_index


@pytest.fixture(scope="module")
def people(index):
    """A browser of each person, by name."""
    with serving(create_app(index)) as url, ExitStack() as stack:
        yield {name: stack.enter_context(enter(index, url, name)) for name in ROLES}


def enter(index, url, name):
    token = change_password(index, sign_in(index, name, PASSWORD), PASSWORD, f"{PASSWORD} {name}")
    return httpx.Client(base_url=url, timeout=60, cookies={"mpi-sign-in": token})


def send(client, path, **form):
    """Open a page and send its form, with the hidden fields that the page states."""
    hidden = dict(re.findall(r'name="(csrf|version)" value="(\w+)"', client.get(path).text))
    return client.post(path, data={**hidden, **form}, headers=SAME)


def test_a_project_is_opened_and_ended_and_its_end_is_confirmed(people, index):
    officer = people["pia"]
    opened = send(officer, "/research", do="open", code="reading", title="Reading <in> care", name="P. Ruiz")
    assert (opened.status_code, opened.headers["location"]) == (303, "/research?done=research_opened")
    assert "Reading &lt;in&gt; care" in officer.get("/research").text
    hasty = send(officer, "/research", do="end", code="reading", name="P. Ruiz")
    assert (hasty.status_code, 'href="#end-confirm-reading"' in hasty.text) == (400, True)
    assert list_projects(index, OPERATOR)[0]["ended_by"] is None
    assert (
        send(officer, "/research", do="end", code="reading", name="P. Ruiz", confirm="1").status_code == 303
    )
    assert list_projects(index, OPERATOR)[0]["ended_by"] == "P. Ruiz"
    again = send(officer, "/research", do="open", code="reading", title="Again", name="P. Ruiz")
    assert (again.status_code, 'value="Again"' in again.text) == (409, True)


def test_a_project_shows_its_terms_and_its_destruction_is_attested(people, index):
    put_in_force(index, make_agreement("study", OF_SCHOOLS, parties=(SCHOOLS, UNIVERSITY)))
    open_with_terms(index, "seen", make_terms("study", "sex"))
    make_extract(index, OPERATOR, "seen")
    officer = people["pia"]
    page = officer.get("/research").text
    for text in ("University of Quill", "may have data", "Data must be destroyed by", "/agreements/study"):
        assert text in page
    form = {
        "do": "destroyed",
        "code": "seen",
        "name": "B. Osei",
        "method": "overwritten",
        "on": clock.today(),
    }
    hasty = send(officer, "/research", **form)
    assert (hasty.status_code, 'href="#destroyed-confirm-seen"' in hasty.text) == (400, True)
    early = send(officer, "/research", **{**form, "on": "2999-01-01", "confirm": "1"})
    assert (early.status_code, 'href="#destroyed-on-seen"' in early.text) == (400, True)
    assert send(officer, "/research", **form, confirm="1").status_code == 303
    page = officer.get("/research").text
    assert "B. Osei states that every copy was destroyed" in page
    assert "The certificate is genuine." in page


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"code": "Not a code"}, "code"), ({"title": ""}, "title"), ({"name": " "}, "name")],
)
def test_a_faulty_project_leads_to_its_field(people, changes, field):
    form = {"do": "open", "code": "x1", "title": "Study", "name": "P. Ruiz", **changes}
    answer = send(people["pia"], "/research", **form)
    assert (answer.status_code, f'href="#{field}"' in answer.text) == (400, True)


def test_a_rule_is_changed_and_shown_again(people, index):
    assert send(people["opa"], RULE_PAGE, **RULE).status_code == 303
    rule = list_rules(index, OPERATOR)["D01"]
    assert (rule.inspection, rule.citation, rule.appeal_office) == (
        Inspection.LINKED,
        "FERPA, 34 CFR 99.10",
        "Office of Records",
    )
    assert (rule.inspection_days, rule.amendment_days, rule.hearing_days) == (30, 40, 50)
    assert (rule.retention_days, rule.retention_begins, rule.retention_agreement) == (1826, "exit", None)
    assert 'value="1826"' in people["opa"].get(RULE_PAGE).text
    assert send(people["opa"], RULE_PAGE, **{**RULE, "retention_days": ""}).status_code == 303
    assert list_rules(index, OPERATOR)["D01"].retention_days is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inspection", "all"),
        ("inspection_days", "46"),
        ("amendment_days", "x"),
        ("hearing_days", ""),
        ("citation", ""),
        ("retention_days", "99999"),
        ("retention_begins", "never"),
        ("retention_agreement", "dsa-9"),
    ],
)
def test_a_faulty_rule_leads_to_its_field_and_changes_nothing(people, index, field, value):
    before = list_rules(index, OPERATOR)
    answer = send(people["opa"], RULE_PAGE, **{**RULE, "appeal_office": "Typed office", field: value})
    assert (answer.status_code, f'href="#{field}"' in answer.text) == (400, True)
    assert 'value="Typed office"' in answer.text
    assert list_rules(index, OPERATOR) == before


def read_version(page):
    return re.search(r'name="version" value="(\w+)"', page.text)[1]


def test_a_rule_that_somebody_else_changed_is_not_overwritten_and_what_was_typed_is_kept(people, index):
    opened = read_version(people["opa"].get(RULE_PAGE))
    others = {**RULE, "inspection_days": "31", "appeal_office": "Office of others <b>", "retention_days": ""}
    assert send(people["opa"], RULE_PAGE, **others).status_code == 303
    before = list_rules(index, OPERATOR)
    mine = {**RULE, "inspection_days": "29", "appeal_office": "Typed office", "retention_begins": "last_sent"}
    refused = send(people["opa"], RULE_PAGE, **mine, version=opened)
    assert (refused.status_code, list_rules(index, OPERATOR)) == (412, before)
    assert "Somebody else has changed this rule. What you typed is kept below." in refused.text
    assert 'value="29"' in refused.text
    assert 'value="Typed office"' in refused.text
    links = dict(re.findall(r'<li><a href="#(\w+)">([^<]+)</a>', refused.text))
    assert links.keys() == {"inspection_days", "appeal_office", "retention_days", "retention_begins"}
    assert links["inspection_days"].endswith(": in force now is 31")
    assert links["appeal_office"].endswith(": in force now is Office of others &lt;b&gt;")
    assert links["retention_days"].endswith(": in force now is nothing")
    assert links["retention_begins"].endswith(
        ": in force now is the last exit from a school, placement or care"
    )
    # Who has read what is in force now sends the form again.
    assert send(people["opa"], RULE_PAGE, **mine, version=read_version(refused)).status_code == 303
    assert list_rules(index, OPERATOR)["D01"].inspection_days == 29


@pytest.mark.parametrize(("field", "value"), [("inspection_days", "46"), ("hearing_days", "x")])
def test_a_faulty_form_does_not_hide_what_somebody_else_changes_meanwhile(people, index, field, value):
    send(people["opa"], RULE_PAGE, **RULE)
    opened = read_version(people["opa"].get(RULE_PAGE))
    faulty = send(people["opa"], RULE_PAGE, **{**RULE, field: value})
    assert (faulty.status_code, read_version(faulty)) == (400, opened)
    set_rule(index, OPERATOR, "D01", amendment_days=41)
    corrected = send(people["opa"], RULE_PAGE, **{**RULE, field: "21"}, version=read_version(faulty))
    assert (corrected.status_code, list_rules(index, OPERATOR)["D01"].amendment_days) == (412, 41)


def test_a_form_that_is_sent_twice_or_without_a_version_is_no_conflict_and_overwrites_nothing(people, index):
    opened = read_version(people["opa"].get(RULE_PAGE))
    changed = {**RULE, "hearing_days": "51"}
    answers = [send(people["opa"], RULE_PAGE, **changed, version=opened).status_code for _ in range(2)]
    assert answers == [303, 303]
    for version in ("", "x" * 16, "\u0660" * 16):
        assert send(people["opa"], RULE_PAGE, **RULE, version=version).status_code in (400, 412)
    assert list_rules(index, OPERATOR)["D01"].hearing_days == 51


def test_only_who_administers_them_opens_the_pages(people):
    statuses = {
        path: [people[name].get(path).status_code for name in ROLES] for path in ("/research", RULE_PAGE)
    }
    assert statuses == {"/research": [200, 200, 403], RULE_PAGE: [200, 403, 403]}
    assert people["opa"].get("/sources/none/rule").status_code == 404

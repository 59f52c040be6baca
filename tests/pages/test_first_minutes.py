"""The first five minutes of each role, from sign-in to the answer that the person came for."""

from contextlib import ExitStack

import pytest

from mpi.api.app import create_app
from mpi.domain.roles import Role
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.rosters.caseload_intake import CaseloadRow, replace_caseload
from mpi.storage.repositories.rosters.caseloads import Caseworker
from tests.index import OPERATOR, open_test_index
from tests.pages.desk import PASSWORD
from tests.pages.person import Person
from tests.published_reports import add_children, publish_ago
from tests.rosters import add_sources, days_ago, put_child, put_student
from tests.unit.api.live import serving

pytestmark = [pytest.mark.slow]
BOTH = frozenset({"D01", "CCWIS"})
PEOPLE = {
    "pat": (Role.POINT_OF_CONTACT, BOTH),
    "rae": (Role.REGISTRAR, BOTH),
    "cal": (Role.CASEWORKER, BOTH),
    "ann": (Role.ANALYST, None),
    "hal": (Role.AGENCY_HEAD, None),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with ExitStack() as stack:
        index = stack.enter_context(open_test_index(tmp_path_factory.mktemp("first")))
        add_sources(index)
        add_children(index)
        publish_ago(index)
        put_student(index, entry_date=days_ago(1), school_id="2001", grade="07")
        last = {"school_id": "1042", "district_id": "D77", "grade": "06", "entry_date": days_ago(400)}
        put_child(index, since=days_ago(2), enrollments=[last])
        row = CaseloadRow("c1", Caseworker("cal", "Cal Osei", "614-555-0100"))
        replace_caseload(index, OPERATOR, "CCWIS", [row])
        (index.home / "schools.csv").write_text(
            "district_id,school_id,name,registrar,phone,email\n"
            "D77,1042,Jefferson Middle School,Ann Lee,614-555-0199,\n,2001,North Middle School,,,\n",
            encoding="utf-8",
        )
        for name, (role, sources) in PEOPLE.items():
            add_account(index, OPERATOR, NewAccount(name, name.title(), role, sources), PASSWORD)
        yield stack.enter_context(serving(create_app(index)))


@pytest.fixture
def person(chromium, site):
    people = []

    def sign_in(name):
        people.append(Person(chromium, site))
        people[-1].sign_in(name)
        return people[-1]

    yield sign_in
    for each in people:
        each.context.close()


def test_a_point_of_contact_sees_who_of_the_students_is_in_care(person):
    pat = person("pat")
    assert pat.shows("My students in care")
    assert pat.shows("Quennell, Marisol")
    assert pat.shows("North Middle School")
    assert pat.has_no_violations()


def test_a_registrar_checks_a_letter_and_prints_the_request_for_records(person):
    rae = person("rae")
    assert rae.shows("Check a placement letter")
    rae.tab_to("input[name=local_id]")
    rae.type("s1")
    rae.tab_to("input[name=client_number]")
    rae.type("wrong")
    rae.enter()
    assert rae.shows("Enroll the child now.")
    assert rae.has_no_violations()
    number = rae.page.locator("input[name=client_number]")
    number.fill("c1")
    number.press("Enter")
    assert rae.shows("Yes, this is your student")
    assert rae.has_no_violations()
    rae.page.get_by_role("button", name="Enroll today").click()
    assert rae.shows("Jefferson Middle School")
    assert rae.shows("Ann Lee")
    assert rae.has_no_violations()
    rae.page.emulate_media(media="print")
    printed = rae.page.locator("main").inner_text()
    assert "Marisol Quennell" in printed
    assert "foster" not in printed.lower()
    assert not rae.page.get_by_role("button", name="Print the request").is_visible()


def test_a_caseworker_sees_where_each_child_goes_to_school(person):
    cal = person("cal")
    assert cal.shows("My children")
    assert cal.shows("North Middle School")
    assert cal.has_no_violations()


@pytest.mark.parametrize("name", ["ann", "hal"])
def test_an_analyst_and_an_agency_head_open_the_report_that_they_came_for(person, name):
    reader = person(name)
    assert reader.shows("Latest reports")
    assert reader.has_no_violations()
    reader.page.get_by_role("link", name="From care to outcome").first.click()
    assert reader.shows("Number in the report: 40 children")
    assert reader.shows("Linked to a school record")
    assert reader.page.locator(".bars li").count() == 15
    assert reader.shows("Who is counted")
    assert not reader.shows("Quennell")
    assert reader.has_no_violations()
    with reader.page.expect_download() as download:
        reader.page.get_by_role("link", name="Download as CSV").click()
    assert download.value.suggested_filename.startswith("waterfall-")

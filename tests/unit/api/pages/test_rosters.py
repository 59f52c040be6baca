"""The lists of children in care as pages, as files and over the API."""

import csv
import io
import re
from datetime import timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.service.rosters.caseload_intake import CaseloadRow, replace_caseload
from mpi.service.rosters.item_file import read_item_file
from mpi.service.rosters.item_intake import store_items
from mpi.storage.repositories.rosters.caseloads import Caseworker
from tests.index import OPERATOR, open_test_index
from tests.rosters import MARISOL, add_sources, days_ago, put_child, put_student
from tests.unit.api.live import PLAIN, serving

OTHER = {**MARISOL, "first_name": "Odalys", "last_name": "=Trueblood()"}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("rosters")) as index:
        add_sources(index)
        put_student(index)
        put_child(index, since=days_ago(2), household_ids=["H1"])
        put_student(index, "s2", child=OTHER)
        put_child(index, "c2", child=OTHER, since=days_ago(60))
        put_child(
            index,
            "c3",
            child={**MARISOL, "first_name": "Tobias", "birth_date": "2009-01-02"},
            household_ids=["H1"],
        )
        people = [Caseworker("demo-caseworker", "Cal Osei", "614-555-0100")]
        rows = [CaseloadRow(local_id, people[0]) for local_id in ("c1", "c2", "c3")]
        replace_caseload(index, OPERATOR, "CCWIS", rows)
        items = f"local_id,best_interest_decision,best_interest_date\nc1,stay,{days_ago(1)}\n"
        store_items(index, OPERATOR, "CCWIS", read_item_file(items))
        (index.home / "contacts.csv").write_text(
            "level,code,organization,name,phone,email,owner,confirm_by,sources\n"
            "district,D01,North District,Pat <b>Doe</b>,614-555-0177,,North,2020-01-31,D01\n"
            "agency,CW,Children Services,Intake desk,614-555-0178,,Desk,2099-01-31,CCWIS\n"
            "state,,Education,State desk,614-555-0179,,Desk,2099-01-31,\n"
        )
        yield index


@pytest.fixture(scope="module")
def site(index):
    with serving(create_app(index, open_pages=True)) as url:
        yield url


def visit(site, role):
    cookies = {"mpi-acting-as": role}
    return httpx.Client(base_url=site, timeout=30, verify=PLAIN, cookies=cookies)


def test_a_point_of_contact_begins_with_the_students_in_care(site):
    with visit(site, "point-of-contact") as pat:
        assert pat.get("/").headers["location"] == "/students-in-care"
        page = pat.get("/students-in-care").text
    for text in (
        "My students in care",
        "Quennell, Marisol",
        "s1",
        "1042",
        "90 days",
        "Cal Osei",
        "This week",
    ):
        assert text in page
    assert "Tobias" not in page
    assert "My children" not in page


@pytest.mark.parametrize(("query", "shown"), [
    ("show=entered", {"s1"}), ("show=left", set()), ("show=new", set()), ("show=nonsense", {"s1", "s2"}),
    ("first=1", {"s2"}), ("first=-1", {"s1", "s2"}), ("first=99999999", {"s1", "s2"}), ("first=9999", set()),
])  # fmt: skip
def test_parts_and_pages_of_the_list_are_addresses(site, query, shown):
    with visit(site, "point-of-contact") as pat:
        page = pat.get(f"/students-in-care?{query}")
    assert page.status_code == 200
    assert {name for name in ("s1", "s2") if f"<code>{name}</code>" in page.text} == shown


def test_the_file_of_students_has_no_formula(site):
    with visit(site, "point-of-contact") as pat:
        answer = pat.get("/students-in-care.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="students-in-care.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["local_id"] for row in rows] == ["s1", "s2"]
    assert (rows[0]["caseworker"], rows[0]["has_entered"]) == ("Cal Osei", "yes")
    assert not rows[1]["last_name"].startswith("=")


def test_a_caseworker_begins_with_the_own_children(site):
    with visit(site, "caseworker") as cal:
        assert cal.get("/").headers["location"] == "/my-children"
        page = cal.get("/my-children").text
        assert page.index("Tobias") < page.index("Marisol")
        for text in (
            "No school found",
            "1042",
            "Grade 07",
            "c1",
            "Stay in the school of origin",
            "4 missing",
        ):
            assert text in page
        rows = list(csv.DictReader(io.StringIO(cal.get("/my-children.csv").text)))
    assert [row["reason"] for row in rows] == ["no-candidate", "", ""]
    assert {row["siblings"] for row in rows} == {"c1", "c3", ""}
    [stated] = [row for row in rows if row["local_id"] == "c1"]
    assert (stated["best_interest_decision"], stated["best_interest_date"]) == ("stay", days_ago(1))
    assert "transport" in stated["missing_items"].split()


def test_a_caseworker_prints_the_case_plan_of_an_own_child(site):
    with visit(site, "caseworker") as cal:
        plans = re.findall(r'href="(/my-children/[^"]+/case-plan)"', cal.get("/my-children").text)
        assert len(plans) == 3
        pages = [cal.get(path).text for path in plans]
        assert cal.get("/my-children/T7K3-M92Q-X0HN/case-plan").status_code == 404
    assert all("Health and education records" in page and "Not known" in page for page in pages)
    assert any("Stay in the school of origin" in page for page in pages)
    with visit(site, "point-of-contact") as pat:
        assert pat.get(plans[0]).status_code == 403


def test_the_lists_and_the_directory_name_whom_to_call(site):
    with visit(site, "caseworker") as cal:
        assert "614-555-0177" in cal.get("/my-children").text
        assert "614-555-0177" in cal.get("/my-children.csv").text
        page = cal.get("/contacts").text
        assert "Pat &lt;b&gt;Doe" in page
        assert "1 entry was not confirmed" in page
        found = cal.get("/contacts?q=children").text
        assert "614-555-0178" in found
        assert "614-555-0179" not in found
        assert "Nothing fits" in cal.get("/contacts?q=%3Cb%3Enone").text
    with visit(site, "point-of-contact") as pat:
        assert "614-555-0178" in pat.get("/students-in-care").text


def test_a_privacy_officer_reads_who_owes_what(site):
    with visit(site, "privacy-officer") as ola:
        page = ola.get("/obligations").text
        assert "Point of contact <code>D01</code>" in page
        assert "days late" in page
        assert "Marisol" not in page
    with visit(site, "caseworker") as cal:
        assert cal.get("/obligations").status_code == 403


@pytest.mark.parametrize("role", ["steward", "homeless-liaison", "agency-head", "operator"])
def test_nobody_else_opens_the_lists(site, role):
    with visit(site, role) as somebody:
        for path in ("/students-in-care", "/students-in-care.csv", "/my-children", "/my-children.csv"):
            assert somebody.get(path).status_code == 403


def test_a_caseworker_without_children_is_told_what_to_do(tmp_path):
    with open_test_index(tmp_path) as empty:
        add_sources(empty)
        with serving(create_app(empty, open_pages=True)) as url:
            with visit(url, "caseworker") as cal:
                assert "demo-caseworker" in cal.get("/my-children").text
            with visit(url, "point-of-contact") as pat:
                assert "None of your students" in pat.get("/students-in-care").text


def test_the_page_says_what_is_new_since_the_last_visit(index, site):
    with visit(site, "point-of-contact") as pat:
        pat.get("/students-in-care")
        other = {**MARISOL, "first_name": "Wanda", "last_name": "Novak"}
        put_student(index, "s9", child=other)
        put_child(index, "c9", child=other, since=days_ago(100))
        with clock.fixed_clock(clock.now() + timedelta(1)):
            page = pat.get("/students-in-care?show=new").text
    assert "<code>s9</code>" in page
    assert "<code>s1</code>" not in page


LETTER = {"client_number": "c1"}


def csrf(page):
    return page.partition('name="csrf" value="')[2].partition('"')[0]


def test_a_registrar_checks_a_letter_enrolls_the_student_and_prints_the_request(site):
    with visit(site, "registrar") as rae:
        assert rae.get("/").headers["location"] == "/local-match"
        form = rae.get("/local-match").text
        assert "Check a placement letter" in form
        typed = {"csrf": csrf(form), "local_id": "s1"}
        yes = rae.post("/local-match", data={**typed, **LETTER}).text
        assert "Yes, this is your student" in yes
        enrolled = rae.post("/enroll-today", data={**typed, "source": "D01"}).text
        assert "Marisol Quennell, born Jul 4, 2013, is now our student." in enrolled
        letter = enrolled.partition('<article class="records-request"')[2].partition("</article>")[0]
        assert "foster" not in letter
        no = rae.post("/local-match", data={**typed, "client_number": "c2"}).text
        assert "Enroll the child now." in no
        assert "Call" not in yes
        assert rae.post("/enroll-today", data={**typed, "local_id": "s2"}).status_code == 404
        for path in ("/students-in-care", "/find", "/people/T000-0000-0000"):
            assert rae.get(path).status_code == 403


def test_a_letter_without_a_number_is_refused_beside_the_field(site):
    with visit(site, "point-of-contact") as pat:
        typed = {"csrf": csrf(pat.get("/local-match").text), "local_id": "s1"}
        answer = pat.post("/local-match", data=typed)
    assert answer.status_code == 422
    assert 'href="#client_number"' in answer.text


@pytest.mark.parametrize("role", ["steward", "caseworker", "homeless-liaison"])
def test_other_roles_check_no_letters(site, role):
    with visit(site, role) as visitor:
        assert visitor.get("/local-match").status_code == 403

"""The ledger page and its file: for auditors, in plain words, by address alone."""

import csv
import io
import re

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import Action, make_operator
from mpi.service.agreements.refusals import record_refusal
from mpi.service.core.disclosure import disclose
from mpi.service.persons.persons import look_up_person
from mpi.service.records.upsert import upsert
from mpi.standardize.formula_text import escape_formula
from tests.index import OPERATOR, make_child
from tests.unit.api.live import PLAIN, serving


@pytest.fixture
def auditor(fresh_index):
    with (
        serving(create_app(fresh_index, open_pages=True)) as url,
        httpx.Client(base_url=url, timeout=30, verify=PLAIN, cookies={"mpi-acting-as": "auditor"}) as client,
    ):
        yield client


@pytest.fixture
def eid(fresh_index):
    eid = upsert(fresh_index, OPERATOR, "D01", make_child("1", first_name="Odalys")).enterprise_id
    look_up_person(fresh_index, make_operator("portal"), eid)
    return eid


def test_the_page_says_who_was_shown_what_and_holds_no_value(auditor, eid):
    page = auditor.get("/ledger").text
    for text in ("portal", "looked at a child", "administration", eid):
        assert text in page
    assert "Odalys" not in page
    assert f"/people/{eid}" not in page


def test_the_form_filters_by_address_and_keeps_what_was_chosen(auditor, eid):
    page = auditor.get(f"/ledger?eid={eid.lower()}&client=portal&from=2020-01-01").text
    assert f'value="{eid.lower()}"' in page
    assert 'value="2020-01-01"' in page
    assert "looked at a child" in page
    lines = {query: find_lines(auditor.get(f"/ledger?{query}").text) for query in (
        "client=nobody", "action=person.read", "action=report", "action=%3Cb%3E"
    )}  # fmt: skip
    assert "looked at a child" in lines.pop("action=person.read")
    assert not any(lines.values())
    assert (
        '<option value="report" selected>made a report</option>' in auditor.get("/ledger?action=report").text
    )


def find_lines(page):
    """Return the table of lines, or nothing."""
    return page.partition('id="ledger-lines"')[2]


QUERIES = {
    "eid=nonsense": 400, "eid=T7K3-M92Q-X0HN": 404, "from=soon": 400, "to=2026-02-30": 400,
    "from=2026-02-02&to=2026-01-01": 400, "client=%00": 400, "purpose=a%0ab": 400, "before=%00": 400,
    "action=%00": 400,
    "agreement=" + "x" * 201: 400, "client='%3B--&purpose=\"<b>": 200, "before=9999": 200,
    "refused_before=x": 200, "from=0001-01-01&to=9999-12-31": 200, "eid=&client=&from=&to=": 200,
}  # fmt: skip


def test_hostile_and_empty_addresses_are_answered(auditor, eid):
    for query, status in QUERIES.items():
        page = auditor.get(f"/ledger?{query}")
        assert (query, page.status_code, "<b>" in page.text) == (query, status, False)
        assert auditor.get(f"/ledger.csv?{query}").status_code in (status, 200)


def test_older_lines_are_a_link_away(auditor, fresh_index):
    for number in range(60):
        disclose(fresh_index, make_operator(f"c{number:02}"), Action.QUALITY_READ, (), ["rate"])
    page = auditor.get("/ledger").text
    assert "c59" in page
    assert "c00" not in page
    link = re.search(r'href="(/ledger\?[^"]*before=[^"]+)"', page)[1].replace("&amp;", "&")
    older = auditor.get(link).text
    assert "c00" in older
    assert "c59" not in older
    assert "First page" in older


def test_the_file_has_lines_and_refusals_and_no_formula(auditor, eid, fresh_index):
    disclose(fresh_index, make_operator("-2+3"), Action.BREAK_GLASS, (), ["=HYPERLINK(1)"])
    record_refusal(fresh_index, make_operator("portal"), "person.read", "no-agreement")
    answer = auditor.get("/ledger.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="ledger.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {(row["outcome"], row["who"]) for row in rows} >= {("shown", "portal"), ("refused", "portal")}
    assert {row["enterprise_ids"] for row in rows if row["action"] == "person.read"} == {eid, ""}
    [formula] = (row for row in rows if row["action"] == "break.glass")
    assert (formula["who"], formula["fields"]) == ("'-2+3", "'=HYPERLINK(1)")
    assert "read the ledger" in auditor.get("/ledger").text


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\uff1d1"])
def test_a_cell_that_begins_like_a_formula_is_text(cell):
    assert escape_formula(cell) == f"'{cell}"
    assert escape_formula(f"a{cell}") == f"a{cell}"


def test_other_roles_read_no_ledger(auditor):
    for role in ("steward", "approver", "caseworker", "operator", "source-owner", "analyst"):
        auditor.cookies.set("mpi-acting-as", role)
        for path in ("/ledger", "/ledger.csv"):
            assert (role, auditor.get(path).status_code) == (role, 403)
        assert 'href="/ledger"' not in auditor.get("/").text


def test_a_privacy_officer_reads_the_ledger(auditor, eid):
    auditor.cookies.set("mpi-acting-as", "privacy-officer")
    assert eid in auditor.get("/ledger").text
    assert eid in auditor.get("/ledger.csv").text
    assert 'href="/ledger"' in auditor.get("/ledger").text

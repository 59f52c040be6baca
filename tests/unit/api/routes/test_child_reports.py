"""Published reports on children over HTTP and as pages: stored releases, never a fresh reading."""

import csv
import io
import re
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.errors import AccessDenied, NotFoundError, RefusedCall
from mpi.domain.roles import Role
from mpi.domain.viewer import Action
from mpi.reports.report_table import STANDING_NOTICE
from mpi.service.access.ledger import LedgerFilter, read_ledger
from mpi.service.records.upsert import upsert
from mpi.service.reporting.child_reports import make_child_reports
from mpi.service.reporting.published_reports import list_published_reports, read_published_report
from mpi.storage.repositories.review.report_releases import StoredRelease
from tests.index import OPERATOR, open_test_index
from tests.published_reports import (
    PUBLISHED,
    add_children,
    make_children,
    make_reader,
    narrow_house,
    publish_ago,
)
from tests.unit.api.live import PLAIN, add_key, problem, serving

READ = {Action.REPORT_READ}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("reports")) as opened:
        add_children(opened)
        publish_ago(opened)
        upsert(opened, OPERATOR, "ccwis", make_children(41)[40])
        yield opened


@pytest.fixture(scope="module")
def site(index):
    with serving(create_app(index, open_pages=True)) as url:
        yield url


@pytest.fixture(scope="module")
def program(index, site):
    headers = {"Authorization": f"Bearer {add_key(index, 'warehouse', actions=READ)}"}
    with httpx.Client(base_url=site, headers=headers, verify=PLAIN) as client:
        yield client


@pytest.fixture(scope="module")
def analyst(site):
    with httpx.Client(base_url=site, verify=PLAIN, cookies={"mpi-acting-as": "analyst"}) as client:
        yield client


def list_lines(index, client):
    return read_ledger(index, OPERATOR, LedgerFilter(client=client)).lines


def test_a_program_lists_and_reads_the_stored_figures(program):
    listed = program.get("/v1/reports").json()
    assert [each["name"] for each in listed["reports"]] == ["waterfall", "populations", "combinations"]
    assert {each["refusal"] for each in listed["reports"]} == {None}
    report = program.get("/v1/reports/waterfall").json()
    # The child who came since is not counted.
    assert report["rows"][0][:3] == ["In care", "step", 40]
    assert (report["number"], report["as_of"], report["day"]) == (
        40,
        "2026-09-01",
        listed["reports"][0]["day"],
    )
    for told in ("title", "unit", "source", "definition", "notice"):
        assert report[told]
    assert program.get(f"/v1/reports/waterfall?day={report['day']}&care=essa").json() == report


def test_the_same_report_comes_as_csv(program, analyst):
    answer = program.get("/v1/reports/waterfall", headers={"Accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    page_file = analyst.get("/reports/waterfall.csv")
    assert page_file.text == answer.text
    assert page_file.headers["content-disposition"].startswith('attachment; filename="waterfall-')
    told = [line for line in answer.text.splitlines() if line.startswith("#")]
    assert any(STANDING_NOTICE in line for line in told)
    rows = csv.reader(io.StringIO("".join(f"{line}\n" for line in answer.text.splitlines()[len(told) :])))
    assert list(rows)[1][:3] == ["In care", "step", "40"]


def test_what_is_not_there_is_not_found(program, analyst):
    for path in ("/v1/reports/nothing", "/v1/reports/waterfall?day=2020-01-01", "/v1/reports/outcomes"):
        problem(program.get(path), 404, "not-found")
    problem(program.get("/v1/reports/waterfall?month=1"), 400, "invalid-parameter")
    problem(program.get("/v1/reports/waterfall?day=soon"), 400, "invalid-input")
    assert analyst.get("/reports/waterfall?day=soon").status_code == 404


def test_every_reading_is_on_the_ledger_with_report_days_columns_and_role(index, program):
    program.get("/v1/reports/populations")
    line = list_lines(index, "warehouse")[0]
    assert (line.action, line.enterprise_ids) == ("report.read", ())
    assert {"report:populations", "as-of:2026-09-01", "care:essa", "in_both", "percent"} <= set(line.fields)
    read_published_report(index, make_reader(), "populations")
    assert "role:analyst" in list_lines(index, "ann")[0].fields


def test_the_pages_show_list_chart_and_table(analyst):
    start = analyst.get("/", follow_redirects=True)
    assert start.url.path == "/reports"
    href = re.search(r'href="(/reports/waterfall\?[^"]+)"', start.text).group(1).replace("&amp;", "&")
    page = analyst.get(href).text
    assert page.count('data-label="Children"') == 15
    figures = ("In care", "Number in the report: 40 children", "Counts from 1 to 9 are hidden")
    for told in (*figures, "Source", "Figures of", STANDING_NOTICE):
        assert told in page
    assert page.count("<li><span>") == 15
    assert "hidden" in analyst.get("/reports/populations").text


@pytest.mark.parametrize("role", ["steward", "operator", "caseworker", "privacy-officer"])
def test_other_roles_get_no_report(site, role):
    with httpx.Client(base_url=site, verify=PLAIN, cookies={"mpi-acting-as": role}) as client:
        for path in ("/reports", "/reports/waterfall", "/reports/waterfall.csv"):
            assert client.get(path).status_code == 403


def test_an_agreement_with_a_higher_smallest_count_gets_the_reason_and_no_figure(index):
    strict = make_reader(terms=narrow_house(small_cell=20))
    for entry in list_published_reports(index, strict).reports:
        assert "below 20" in entry.refusal
    with pytest.raises(AccessDenied, match="below 20"):
        read_published_report(index, strict, "waterfall")


def test_who_sees_some_sources_gets_no_list(index):
    named = make_reader(None, "data_quality", granted=READ, sources=frozenset({"sis"}))
    with pytest.raises(AccessDenied) as refused:
        list_published_reports(index, named)
    assert refused.value.call == RefusedCall(named.client, "report.read", named.purpose, named.agreement)


@pytest.mark.parametrize("reading", [set(), {Action.RECORD_READ}])
@pytest.mark.parametrize("change", [Action.RECORD_WRITE, Action.LOAD, Action.DECIDE])
def test_who_may_change_records_gets_the_reason_and_no_figure(index, change, reading):
    writer = make_reader(
        None, "program_evaluation", granted=frozenset({Action.REPORT_READ, change, *reading})
    )
    entries = list_published_reports(index, writer).reports
    assert entries
    assert all("change records" in entry.refusal for entry in entries)
    with pytest.raises(AccessDenied, match="change records") as refused:
        read_published_report(index, writer, "waterfall")
    assert refused.value.call == RefusedCall(writer.client, "report.read", writer.purpose, writer.agreement)


def test_a_report_is_shown_from_the_day_after_it_was_published(tmp_path):
    with open_test_index(tmp_path / "late") as late:
        add_children(late, 12, 0)
        make_child_reports(late, OPERATOR, replace(PUBLISHED, name="waterfall"))
        assert list_published_reports(late, make_reader(Role.AGENCY_HEAD)).reports == ()
        with pytest.raises(NotFoundError):
            read_published_report(late, make_reader(Role.AGENCY_HEAD), "waterfall")


def test_a_release_that_was_made_again_is_shown_to_no_reader(tmp_path):
    with open_test_index(tmp_path / "again") as index:
        add_children(index, 40, 24)
        publish_ago(index)
        assert read_published_report(index, make_reader(), "waterfall").table.number == 40
        upsert(index, OPERATOR, "ccwis", {**make_children(40)[39], "restrictions": [{"kind": "sealed"}]})
        publish_ago(index, 0)
        with index.database.read(OPERATOR) as unit:
            assert all(stored.reports for stored in unit.report_releases.latest(9))
        assert list_published_reports(index, make_reader()).reports == ()
        with pytest.raises(NotFoundError):
            read_published_report(index, make_reader(), "waterfall")
        # Nor after its readers forgot what it said before.
        with index.database.write(OPERATOR, "test") as unit:
            unit.report_releases.forget_before(2, kept=[])
        assert all(entry.day != days_ago(2) for entry in list_published_reports(index, make_reader()).reports)


def test_readers_choose_from_releases_that_are_protected_against_each_other(tmp_path):
    with open_test_index(tmp_path / "nine") as index:
        add_children(index, 12, 0)
        publish_ago(index, 10)
        with index.database.write(OPERATOR, "test") as unit:
            [first] = unit.report_releases.latest(1)
            for number in range(2, 10):
                values = {name: getattr(first, name) for name in StoredRelease.__slots__}
                values |= {"number": number, "day": days_ago(11 - number)}
                unit.report_releases.add(StoredRelease(**values))
        shown = {entry.day for entry in list_published_reports(index, make_reader()).reports}
        assert shown == {days_ago(11 - number) for number in range(2, 10)}
        with pytest.raises(NotFoundError):
            read_published_report(index, make_reader(), "waterfall", days_ago(10))


def test_readers_choose_from_releases_of_the_latest_question(tmp_path):
    with open_test_index(tmp_path / "asked") as index:
        add_children(index, 40, 24)
        publish_ago(index, 40, replace(PUBLISHED, care="afcars"))
        assert read_published_report(index, make_reader(), "waterfall").care == "afcars"
        publish_ago(index)
        assert {entry.care for entry in list_published_reports(index, make_reader()).reports} == {"essa"}
        with pytest.raises(NotFoundError):
            read_published_report(index, make_reader(), "waterfall", care="afcars")


def days_ago(days):
    return (clock.now() - timedelta(days=days)).date().isoformat()

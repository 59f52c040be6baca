"""Data issues over HTTP: pages, download and API, for the data owner and the sender alone."""

import csv
import io

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, load_rows, make_child, open_test_index
from tests.unit.api.live import PLAIN, add_key, calling, serving

VALUES = ("Quillana", "Pagewright", "2013-05-06", "wrong-sex")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with open_test_index(tmp_path_factory.mktemp("site")) as index:
        add_source(index, OPERATOR, NewSource("sis", "North SIS", "North", SourceKind.SIS))
        add_source(index, OPERATOR, NewSource("ccwis", "Child welfare", "Agency", SourceKind.CCWIS))
        child = {"first_name": "Quillana", "last_name": "Pagewright", "birth_date": "2013-05-06"}
        load_rows(
            index, "sis", make_child("s<1>", **child, sex="wrong-sex"), {"local_id": "r-1", "colour": "x"}
        )
        load_rows(index, "ccwis", make_child("c-1", **child, sex="wrong-sex"))
        with serving(create_app(index, open_pages=True)) as url:
            yield index, url


def open_page(site, role, path):
    with httpx.Client(base_url=site[1], timeout=30, verify=PLAIN, cookies={"mpi-acting-as": role}) as client:
        return client.get(path)


def test_a_data_owner_sees_records_by_local_id_and_no_value(site):
    page = open_page(site, "source-owner", "/issues")
    assert page.status_code == 200
    assert "s&lt;1&gt;" in page.text
    assert "r-1" in page.text
    assert [value for value in VALUES if value in page.text] == []
    chosen = open_page(site, "source-owner", "/issues?source=sis&field=phone")
    assert "s&lt;1&gt;" not in chosen.text


def test_an_operator_sees_numbers_and_no_record(site):
    page = open_page(site, "operator", "/issues?source=sis")
    assert (page.status_code, "s&lt;1&gt;" in page.text, "100.0 %" in page.text) == (200, False, True)
    assert open_page(site, "operator", "/issues.csv?source=sis").text.count("\n") == 1


def test_the_download_has_what_to_do_and_no_value(site):
    answer = open_page(site, "source-owner", "/issues.csv?source=sis&state=all")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["local_id"], row["field"], row["kind"], row["row_rejected"]) for row in rows] == [
        ("r-1", "record", "unknown-field", "yes"),
        ("s<1>", "sex", "unknown-code", "no"),
    ]
    assert all(row["suggestion"] for row in rows)
    assert [value for value in VALUES if value in answer.text] == []


@pytest.mark.parametrize(
    "path", ["/issues?source=ccwis", "/issues.csv?source=ccwis", "/issues?source=no-such"]
)
def test_another_source_is_refused_alike_whether_it_exists_or_not(site, path):
    assert open_page(site, "source-owner", path).status_code == 403


@pytest.mark.parametrize("query", ["state=x", "after=x", f"kind={'x' * 65}"])
def test_a_wrong_choice_is_refused(site, query):
    assert open_page(site, "source-owner", f"/issues?source=sis&{query}").status_code == 400


def test_a_scorecard_is_shown_with_denominators_and_without_a_record(site):
    for role in ("source-owner", "operator"):
        page = open_page(site, role, "/scorecard?source=sis")
        assert (page.status_code, "1 active records" in page.text) == (200, True)
        assert [value for value in (*VALUES, "s&lt;1&gt;") if value in page.text] == []
    assert open_page(site, "source-owner", "/scorecard?source=ccwis").status_code == 403


@pytest.mark.parametrize("role", ["steward", "analyst", "caseworker", "point-of-contact", "auditor"])
def test_other_roles_are_refused(site, role):
    assert open_page(site, role, "/issues?source=sis").status_code == 403


def test_a_sender_reads_its_own_issues_over_the_api(site):
    index = site[0]
    with calling(create_app(index), add_key(index, "feed", {Action.LOAD}, {"sis"})) as client:
        page = client.get("/v1/sources/sis/issues?limit=1").json()
        assert [(issue["local_id"], issue["rejected"]) for issue in page["issues"]] == [("r-1", True)]
        following = client.get("/v1/sources/sis/issues", params={"after": page["cursor"]}).json()
        assert [issue["local_id"] for issue in following["issues"]] == ["s<1>"]
        assert following["cursor"] is None
        counts = client.get("/v1/sources/sis/issue-counts").json()
        assert (counts["counts"], counts["records"]) == (
            [{"field": "sex", "kind": "unknown-code", "records": 1}],
            1,
        )
        card = client.get("/v1/sources/sis/scorecard").json()
        assert (card["records"], card["is_sample"], card["trend"][0]["rejected"]) == (1, False, 1)
        assert client.get("/v1/sources/ccwis/scorecard").status_code == 403
        assert client.get("/v1/sources/ccwis/issues").status_code == 403
        assert client.get("/v1/sources/sis/issues?limit=0").status_code == 400

import re
from types import SimpleNamespace

import pytest

from mpi.api.app import create_app
from mpi.domain.errors import InputError
from tests.index import make_child

SCRIPT = r'<script src="/desk\.js\?v=[0-9a-f]{16}" defer></script>'
"""The only script of a page: its own file, which only adds shortcuts."""
HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"


def put(call, source: str, path: str, **changes):
    answer = call.put(f"/v1/sources/{source}/records/{path}", json=make_child(None, **changes))
    assert answer.status_code == 200, answer.text
    return answer.json()["enterprise_id"]


def test_pages_of_a_production_index_cannot_be_opened_without_sign_in(index):
    production_index = SimpleNamespace(settings=SimpleNamespace(is_test=False))
    with pytest.raises(InputError, match="test index"):
        create_app(production_index, open_pages=True)


def test_a_person_is_shown_with_each_agencys_data(call, people):
    child = {"first_name": "Philippa", "last_name": "Montague", "birth_date": "2012-05-17"}
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-09-02"}
    eid = put(call, "D01", "page1", **child, school_id="1042", guardian_first_name="Gwen")
    put(call, "CCWIS", "page1", **child, flags=[flag])
    page = people.get(f"/people/{eid}")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    for value in (
        eid,
        "Philippa",
        "May 17, 2012",
        "D01",
        "CCWIS",
        "school 1042",
        "Gwen",
    ):
        assert value in page.text
    # A steward compares records and sees no flag.
    assert "ESSA" not in page.text
    assert "Synthetic data" in page.text


def test_hostile_values_are_shown_as_text(call, people):
    eid = put(call, "D01", "%3Cb%3E", first_name=HOSTILE, last_name="Bobby", city=HOSTILE)
    page = people.get(f"/people/{eid}").text
    assert "<script" not in re.sub(SCRIPT, "", page)
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{7*7}}" in page


def test_typed_values_are_shown_as_text(people):
    page = people.get("/people", params={"eid": HOSTILE})
    assert page.status_code == 400
    assert "<script" not in re.sub(SCRIPT, "", page.text)
    assert 'aria-invalid="true"' in page.text


def test_the_form_leads_to_the_person_however_the_id_is_typed(call, people):
    eid = put(call, "D01", "form1", first_name="Formosa", last_name="Searchfield")
    answer = people.get("/people", params={"eid": f" {eid.lower().replace('-', '')} "})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/people/{eid}")


def test_an_invalid_or_unknown_id_is_explained(people):
    assert "check symbol" in people.get("/people/T7K3-M92Q-X0HA").text
    answer = people.get("/people/T7K3-M92Q-X0HN")
    assert answer.status_code == 404
    assert "never gave out" in answer.text


def test_a_retired_and_an_empty_id_show_where_their_records_went(call, people):
    child = {"first_name": "Rosalind", "last_name": "Retirova", "birth_date": "2008-08-18"}
    first = put(call, "D01", "ret1", **child)
    other_eid = put(call, "CCWIS", "ret1", first_name="Ut", last_name="Xu", birth_date="2016-01-01")
    call.post(
        "/v1/persons:merge", json={"eids": [first, other_eid], "survivor": other_eid, "reason": "same-child"}
    )
    retired, current = first, other_eid
    page = people.get(f"/people/{retired}").text
    assert "retired" in page
    assert f'href="/people/{current}"' in page
    emptied = put(call, "D01", "empty1", first_name="Emptia", last_name="Vacancy", birth_date="2007-07-07")
    call.delete("/v1/sources/D01/records/empty1")
    assert "withdrawn" in people.get(f"/people/{emptied}").text


def test_pages_have_one_script_and_load_nothing_from_elsewhere(call, people):
    eid = put(call, "D01", "plain1", first_name="Plainsong", last_name="Scriptless")
    for path in ("/find", f"/people/{eid}", f"/people/{eid}/unlink"):
        page, scripts = re.subn(SCRIPT, "", people.get(path).text)
        assert scripts == 1
        assert "<script" not in page
        assert not re.search(r" (?:style|on[a-z]+)=", page)
        assert not re.search(r'(?:src|href|action)="(?!/|#)', page)
        assert '<html lang="en">' in page
        assert page.count("<h1") == 1
    css = people.get("/style.css")
    assert css.headers["content-type"].startswith("text/css")
    assert "prefers-color-scheme: dark" in css.text
    assert "http" not in css.text


def test_shared_files_are_cached_by_content_and_pages_never(people):
    page = people.get("/find")
    assert page.headers["cache-control"] == "no-store"
    named = re.findall(r'(?:href|src)="(/(?:style\.css|icon\.svg|desk\.js)\?v=\w+)"', page.text)
    assert len(named) == 3
    for address in named:
        cached = people.get(address)
        assert cached.headers["cache-control"] == "public, max-age=31536000, immutable"
        for other_address in (address.partition("?")[0], f"{address}0"):
            uncached = people.get(other_address)
            assert uncached.content == cached.content
            assert uncached.headers["cache-control"] == "no-store"


def test_pages_are_on_the_ledger(call, people, index):
    eid = put(call, "D01", "pageled", first_name="Pageled", last_name="Gerson")
    people.get(f"/people/{eid}")
    with index.database.read(None) as unit:
        assert {line.client for line in unit.disclosures.all()[-2:]} == {"demo-steward"}


def test_a_confidential_childs_address_is_shown_on_no_record(call, people):
    child = {"first_name": "Quenby", "last_name": "Hidewell", "birth_date": "2011-11-12"}
    home = {"address_line1": "77 Hideaway Ln", "city": "Nowheresville", "phone": "614-555-0177"}
    eid = put(call, "D01", "acp1", **child, **home, restrictions=[{"kind": "address_confidential"}])
    assert put(call, "CCWIS", "acp1", **child, **home) == eid
    page = people.get(f"/people/{eid}").text
    assert "Quenby" in page
    assert "withheld" in page
    for value in ("Hideaway", "Nowheresville", "0177"):
        assert value not in page


def test_a_decision_without_effect_is_shown_as_such(call, people):
    child = {"first_name": "Quentin", "last_name": "Decidedly", "birth_date": "2012-05-18"}
    eid = put(call, "D01", "page-decided", **child)
    put(call, "CCWIS", "page-decided", **child)
    labels = [{"source": source, "local_id": "page-decided"} for source in ("D01", "CCWIS")]
    call.post("/v1/decisions", json={"kind": "SAME", "groups": [labels], "reason": "same-child"})
    page = people.get(f"/people/{eid}")
    assert page.status_code == 200
    assert "No child changed" in page.text

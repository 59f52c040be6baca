"""Pages of clients, loads, freezes, sources and health, as operators and others use them."""

import re
from contextlib import contextmanager
from datetime import timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.errors import NotAuthenticated
from mpi.domain.source import Holdings, SourceKind
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client, list_clients
from mpi.service.holdings.settings import set_holdings
from mpi.service.loads.load_log import list_loads
from mpi.service.statements.sources import NewSource, add_source, list_sources
from mpi.service.stewardship.freeze_windows import list_freeze_windows
from tests.index import OPERATOR, load_rows, make_child, open_test_index
from tests.unit.api.live import PLAIN, serving

SAME = {"Sec-Fetch-Site": "same-origin"}
PAGES = ("/clients", "/loads", "/freezes", "/sources", "/health")
CHILD = {"first_name": "Quillana", "last_name": "Pagewright", "birth_date": "2013-05-06"}
SECRETS = ("Quillana", "Pagewright", "2013-05-06", "child-17", "foster_care")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An index with two sources and a load of each, and its open pages."""
    with open_test_index(tmp_path_factory.mktemp("site")) as index:
        add_source(index, OPERATOR, NewSource("sis", "North SIS", "North", SourceKind.SIS))
        add_source(index, OPERATOR, NewSource("ccwis", "Child welfare", "Agency", SourceKind.CCWIS))
        flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-03-01"}
        load_rows(
            index,
            "sis",
            make_child("child-17", **CHILD),
            make_child("b", birth_date="nope"),
            make_child("x" * 400),
        )
        load_rows(index, "ccwis", make_child("child-17", **CHILD, flags=[flag]))
        with serving(create_app(index, open_pages=True)) as url:
            yield index, url


@pytest.fixture
def index(site):
    return site[0]


@pytest.fixture
def acting(site):
    """Return a function that opens a browser in a role."""

    @contextmanager
    def make(role="operator"):
        cookies = {"mpi-acting-as": role}
        with httpx.Client(
            base_url=site[1], timeout=30, verify=PLAIN, cookies=cookies, headers=SAME
        ) as client:
            yield client

    return make


@pytest.fixture
def operator(acting):
    with acting() as client:
        yield client


def send(client, path, **fields):
    token = re.search(
        r'name="csrf" value="(\w+)"', client.get("/change-password").text or client.get("/").text
    )
    token = token or re.search(r'name="csrf" value="(\w+)"', client.get("/health").text)
    return client.post(path, data={"csrf": token[1], **fields})


def version_on(page):
    return re.search(r'name="version" value="(\w+)"', page.text)[1]


def test_no_page_shows_a_child(operator):
    for path in (
        *PAGES,
        "/clients/init",
        "/loads/1",
        "/loads/2",
        "/loads/1/undo",
        "/loads/1/rejects.csv",
        "/sources/sis",
    ):
        page = operator.get(path)
        assert page.status_code == 200, path
        assert [secret for secret in SECRETS if secret in page.text] == [], path


@pytest.mark.parametrize(
    "role", ["steward", "approver", "source-owner", "auditor", "caseworker", "privacy-officer"]
)
def test_other_roles_are_refused(acting, role):
    with acting(role) as client:
        for path in (*PAGES, "/clients/init", "/loads/1", "/loads/1/rejects.csv", "/sources/sis"):
            page = client.get(path)
            assert page.status_code == 403, path
            assert f'href="{path}"' not in page.text
        for path in ("/clients/init", "/loads/1/undo", "/freezes", "/sources", "/sources/sis"):
            token = re.search(r'name="csrf" value="(\w+)"', client.get("/health").text)
            answer = client.post(path, data={"csrf": token[1], "do": "end", "confirm": "1", "reason": "x"})
            assert answer.status_code == 403, path


def test_a_form_without_its_token_does_nothing(operator, index):
    for path in ("/clients/init", "/loads/1/undo", "/freezes", "/sources"):
        assert operator.post(path, data={"do": "end", "confirm": "1", "reason": "x"}).status_code == 400, path
    assert [load.status for load in list_loads(index, OPERATOR)] == ["loaded", "loaded"]


def test_a_key_within_the_operators_rights_is_rotated_and_shown_once(operator, index):
    old = add_client(index, OPERATOR, "reports", ["report"], None)
    version = version_on(operator.get("/clients/reports"))
    page = send(operator, "/clients/reports", do="rotate", overlap="0", version=version)
    new = re.search(r'<code id="secret">(.*?)</code>', page.text)[1]
    assert authenticate(index, new, "system_admin").client == "reports"
    with pytest.raises(NotAuthenticated):
        authenticate(index, old, "system_admin")
    assert new not in operator.get("/clients/reports").text
    again = send(operator, "/clients/reports", do="rotate", overlap="0", version=version)
    assert (again.status_code, 'id="secret"' in again.text) == (412, False)
    assert send(operator, "/clients/reports", do="rotate", overlap="400", version=version).status_code == 400


def test_a_key_with_more_rights_is_not_shown_to_an_operator(operator):
    page = operator.get("/clients/init")
    assert "mpi client rotate init" in page.text
    answer = send(operator, "/clients/init", do="rotate", overlap="0", version=version_on(page))
    assert (answer.status_code, 'id="secret"' in answer.text) == (403, False)


def test_an_expiry_is_set_and_warned_of(operator, index):
    add_client(index, OPERATOR, "expiring", ["report"], None)
    day = (clock.now() + timedelta(days=12)).date().isoformat()
    version = version_on(operator.get("/clients/expiring"))
    answer = send(operator, "/clients/expiring", do="expiry", expires_on=day, version=version)
    assert answer.headers["location"] == "/clients/expiring?done=expiry_set"
    assert "12 days" in operator.get("/clients").text
    assert "A key has expired, or expires within 30 days" in operator.get("/health").text
    past = send(operator, "/clients/expiring", do="expiry", expires_on="2020-01-01", version="x")
    assert past.status_code == 400


def test_a_client_ends_after_its_consequences_are_named(operator, index):
    key = add_client(index, OPERATOR, "ending", ["report"], None)
    assert "Nobody can undo this" in operator.get("/clients/ending/end").text
    assert "Nobody can undo this" in send(operator, "/clients/ending", do="end").text
    assert authenticate(index, key, "system_admin").client == "ending"
    done = send(operator, "/clients/ending", do="end", confirm="1")
    assert done.headers["location"] == "/clients?done=ended"
    assert send(operator, "/clients/ending", do="end", confirm="1").status_code == 404
    with pytest.raises(NotAuthenticated):
        authenticate(index, key, "system_admin")
    assert next(each for each in list_clients(index, OPERATOR) if each.name == "ending").revoked


def test_a_load_shows_counts_rejects_and_issues(operator):
    page = operator.get("/loads/1").text
    assert re.search(r"<b>3</b><span>received</span>", page)
    assert "Line 4" in page
    assert "longer than 200 characters" in page
    assert "Birth date: unreadable date" in page
    rejects = operator.get("/loads/1/rejects.csv")
    assert rejects.headers["content-type"].startswith("text/csv")
    assert rejects.headers["cache-control"] == "no-store"
    assert rejects.text.splitlines() == [
        '"line","offset","field","reason","detail"',
        '"4","","local_id","too-long","longer than 200 characters"',
    ]


def test_loads_are_chosen_by_source_and_a_wrong_query_is_refused(operator):
    assert 'href="/loads/2"' not in operator.get("/loads?source=sis").text
    assert operator.get("/loads?source=nothing").status_code == 200
    assert operator.get("/loads?before=x").status_code == 400
    for path in ("/loads/99", "/loads/0", "/loads/99/undo", "/loads/99/rejects.csv"):
        assert operator.get(path).status_code == 404, path


def test_a_load_is_undone_once_with_a_reason_and_a_confirmation(operator, index):
    load_rows(index, "ccwis", make_child("undone", first_name="Undone"))
    number = list_loads(index, OPERATOR)[0].number
    assert send(operator, f"/loads/{number}/undo", reason="bad-file").status_code == 400
    assert send(operator, f"/loads/{number}/undo", confirm="1").status_code == 400
    done = send(operator, f"/loads/{number}/undo", reason="bad-file", confirm="1")
    assert done.headers["location"] == f"/loads/{number}?done=load_undone"
    page = operator.get(f"/loads/{number}").text
    assert "demo-operator" in page
    assert "Undo this load" not in page
    assert send(operator, f"/loads/{number}/undo", reason="bad-file", confirm="1").status_code == 409


def test_outcomes_of_a_source_of_children_in_care_alone_are_not_shown(operator, index):
    add_source(index, OPERATOR, NewSource("south", "South SIS", "South", SourceKind.SIS))
    set_holdings(index, OPERATOR, "south", Holdings.LINKED)
    for local_id, child in (
        ("in-care", CHILD),
        ("not-in-care", {"first_name": "Other", "birth_date": "2012-01-02"}),
    ):
        load_rows(index, "south", make_child(local_id, **child))
    pages = [operator.get(f"/loads/{load.number}").text for load in list_loads(index, OPERATOR, "south")]
    shown = {
        re.sub(r"(?s).*<h2 id=\"rows\">|<section aria-labelledby=\"rejects\".*", "", page) for page in pages
    }
    assert len(pages) == 2
    assert len(shown) == 1
    assert "who is in care" in shown.pop()
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", operator.get("/loads?source=south").text, re.DOTALL)
    figures = {tuple(re.findall(r'class="number"[^>]*>(.*?)</td>', row)) for row in rows if "/loads/" in row}
    assert figures == {("1", "–", "–", "–", "0")}


def test_a_freeze_window_is_added_and_lifted_with_a_reason(operator, index):
    window = {"do": "freeze", "source": "sis", "begins_on": clock.today(), "ends_on": "2030-01-01"}
    assert send(operator, "/freezes", **window, reason="count-day").status_code == 400
    window["ends_on"] = (clock.now() + timedelta(days=9)).date().isoformat()
    assert (
        send(operator, "/freezes", **window, reason="count-day").headers["location"]
        == "/freezes?done=freeze_added"
    )
    page = operator.get("/freezes").text
    assert "count day" in page
    assert "demo-operator" in page
    [number] = [each.id for each in list_freeze_windows(index, OPERATOR)]
    assert send(operator, "/freezes", do="lift", window=number).status_code == 400
    lifted = send(operator, "/freezes", do="lift", window=number, reason="over-early")
    assert lifted.headers["location"] == "/freezes?done=freeze_lifted"
    assert "lifted by demo-operator" in operator.get("/freezes").text
    assert send(operator, "/freezes", do="lift", window=number, reason="again").status_code == 409
    assert send(operator, "/freezes", do="lift", window="nine", reason="x").status_code == 400


def test_a_source_is_paused_and_resumed_and_says_by_whom(operator, index):
    assert send(operator, "/freezes", do="pause", source="sis", reason="bad-feed").headers["location"]
    page = operator.get("/freezes").text
    assert "bad feed" in page
    assert next(source for source in list_sources(index, OPERATOR) if source.code == "sis").paused
    assert send(operator, "/freezes", do="resume", source="sis", reason="mended").headers["location"]
    assert "No source is paused" in operator.get("/freezes").text
    assert send(operator, "/freezes", do="pause", source="nothing", reason="x").status_code == 404


def test_a_source_is_added_once_and_its_settings_change(operator, index):
    new = {"code": "east", "name": "East SIS", "agency": "East", "kind": "sis", "holdings": "all"}
    assert send(operator, "/sources", **new).headers["location"] == "/sources/east?done=source_added"
    again = send(operator, "/sources", **new)
    assert (again.status_code, 'value="East SIS"' in again.text) == (409, True)
    assert send(operator, "/sources/east", do="consent", asks="yes", reason="agreed").status_code == 303
    assert send(operator, "/sources/east", do="holdings", holdings="linked").status_code == 303
    source = next(source for source in list_sources(index, OPERATOR) if source.code == "east")
    assert (source.asks_consent, source.holdings) == (True, Holdings.LINKED)
    for wrong in ({"do": "holdings", "holdings": "few"}, {"do": "consent", "asks": "maybe"}, {"do": "end"}):
        assert send(operator, "/sources/east", **wrong).status_code == 400, wrong
    assert operator.get("/sources/none").status_code == 404


def test_a_source_is_renamed_ended_after_it_is_said_what_happens_and_returns(operator, index):
    assert send(operator, "/sources/sis", do="rename", name="Lake County").status_code == 303
    page = operator.get("/sources/sis").text
    assert "<h1>Lake County</h1>" in page
    assert "Its records stay" in page
    assert send(operator, "/sources/sis", do="retire").status_code == 400
    assert send(operator, "/sources/sis", do="retire", known="1").status_code == 303
    assert "ended" in operator.get("/sources").text
    page = operator.get("/sources/sis").text
    assert ("Take its records again" in page, "End this source" in page) == (True, False)
    assert send(operator, "/sources/sis", do="return").status_code == 303
    assert send(operator, "/sources/sis", do="rename", name="sis").status_code == 303
    assert not next(source for source in list_sources(index, OPERATOR) if source.code == "sis").is_retired


def test_numbers_of_records_are_published_ones(operator):
    page = operator.get("/sources").text
    assert "Numbers appear once they are published" in page
    assert re.findall(r'data-label="Active records">(.*?)</td>', page) == ["not shown"] * page.count(
        'Active records">'
    )


def test_health_names_what_needs_somebody_and_what_helps(operator):
    page = operator.get("/health").text
    assert "Fewer than two operators can sign in" in page
    assert "mpi verify" in page
    assert "not recorded" in page
    assert re.search(r"<dd>tiny/", page)

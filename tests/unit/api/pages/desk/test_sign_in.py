"""Signing in at the pages, as browsers do it, and as those do who wish ill."""

import re

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.session.authentication import to_local_path
from mpi.api.request.forms import MAX_FORM_BYTES, MAX_FORM_FIELDS
from mpi.domain.roles import Role
from mpi.service.access.accounts import NewAccount, add_account, end_account
from mpi.service.access.sign_in import sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, make_child
from tests.unit.api.live import problem, serving

OPEN = {"/sign-in", "/style.css", "/desk.js", "/icon.svg"}
"""Pages for whoever comes: they tell nothing of anybody."""
SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(autouse=True, scope="module")
def _quick():
    with cheap_password_hashing():
        yield


@pytest.fixture(scope="module")
def app(index):
    return create_app(index)


@pytest.fixture(scope="module")
def url(app):
    with serving(app) as url:
        yield url


@pytest.fixture
def browser(url):
    with Browser(url) as browser:
        yield browser


@pytest.fixture
def another(url):
    with Browser(url) as browser:
        yield browser


class Browser(httpx.Client):
    """A browser that keeps cookies and follows nothing by itself."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=30)

    def at(self, path: str) -> str:
        """The address of a path, to go there without cookies."""
        return f"{str(self.base_url).rstrip('/')}{path}"

    def csrf(self, path: str = "/change-password") -> str:
        """The token of the form on a page."""
        return re.search(r'name="csrf" value="(\w+)"', self.get(path).text)[1]

    def sign_in(self, name: str, password: str = PASSWORD, **more) -> httpx.Response:
        """Fill in the sign-in form and send it."""
        form = {"csrf": self.csrf("/sign-in"), "name": name, "password": password, **more}
        return self.post("/sign-in", data=form, headers=SAME)

    @property
    def is_in(self) -> bool:
        """Whether the browser is signed in."""
        answer = self.get("/change-password")
        assert answer.status_code in (200, 303)
        return answer.status_code == 200


def signed(browser, index, name, role=Role.STEWARD, sources=None):
    """Make an account and sign its person in."""
    answer = browser.sign_in(add_person(index, name, role, sources))
    assert answer.status_code == 303, answer.text
    return browser


def page_calls(app):
    """Every method and path of the pages."""

    def routes(router):
        for route in router.routes:
            nested = getattr(route, "original_router", None)
            yield from [route] if nested is None else routes(nested)

    for route in routes(app):
        if not getattr(route, "include_in_schema", True) and hasattr(route, "methods"):
            for method in sorted(route.methods - {"HEAD"}):
                if not route.path.startswith(("/healthz", "/readyz", "/metrics", "/openapi.json")):
                    yield method, route.path


def test_every_page_leads_whoever_is_not_signed_in_to_the_sign_in_page_and_back(app, browser):
    walked = list(page_calls(app))
    assert len(walked) > 10
    for method, path in walked:
        if path in OPEN:
            assert browser.get(path).status_code == 200
            continue
        asked = re.sub(r"\{[^}]*\}", "1", path)
        answer = browser.request(method, asked, data={} if method == "POST" else None)
        assert answer.status_code == 303, (method, path, answer.text)
        back, _, onwards = answer.headers["location"].partition("?next=")
        assert back == "/sign-in", (method, path)
        if method == "GET" and asked not in ("/", "/change-password"):
            assert onwards == asked
        assert answer.content == b""


def test_whoever_signs_in_goes_on_to_the_page_that_was_asked_for(browser, index):
    add_person(index, "goes-on")
    asked = browser.get("/people", params={"eid": "T7K3-M92Q&x=1"}).headers["location"]
    page = browser.get(asked).text
    onwards = re.search(r'name="next" value="([^"]+)"', page)[1].replace("&amp;", "&")
    answer = browser.sign_in("goes-on", next=onwards)
    assert (answer.status_code, answer.headers["location"]) == (303, "/people?eid=T7K3-M92Q%26x%3D1")
    assert browser.is_in
    assert browser.get("/sign-in", params={"next": "/find"}).headers["location"] == "/find"


@pytest.mark.parametrize(
    "sent",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/x\nLocation: y",
     "javascript:x", "http:evil.example", " //evil.example", "/\t/evil.example", "///evil.example",
     "/x\\@evil.example", "evil.example", "/sign-in", "/sign-out", "/é", "/" + "x" * 3000, ""],
)  # fmt: skip
def test_nobody_is_led_to_another_site(sent):
    assert to_local_path(sent) == "/"


def test_what_leads_on_inside_is_kept():
    for path in ("/", "/queue?kind=pair&after=x%2F", "/people/T7K3-M92Q-X0HN", "/queue/rec:sis%2F1"):
        assert to_local_path(path) == path


def test_an_address_that_leads_elsewhere_is_dropped_when_signing_in(browser, index):
    add_person(index, "led-on")
    assert 'value="/"' in browser.get("/sign-in", params={"next": "//evil.example"}).text
    assert browser.sign_in("led-on", next="//evil.example").headers["location"] == "/"


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(browser, index):
    answer = browser.sign_in(add_person(index, "flags"))
    name, _, rest = answer.headers["set-cookie"].partition("=")
    token, *attributes = [part.strip() for part in rest.split(";")]
    assert name == "mpi-sign-in"
    assert len(token) == 43
    assert {attribute.lower() for attribute in attributes} == {"httponly", "path=/", "samesite=strict"}


def test_over_tls_the_cookie_is_for_one_host_and_never_sent_in_the_clear(browser, index):
    add_person(index, "flags-tls")
    tls = {"X-Forwarded-Proto": "https", **SAME}
    page = browser.get("/sign-in", headers=tls)
    visit = re.fullmatch(r"__Host-mpi-visit=([\w-]+); HttpOnly; Path=/; SameSite=strict; Secure",
                         page.headers["set-cookie"])[1]  # fmt: skip
    csrf = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
    cookie = {"Cookie": f"__Host-mpi-visit={visit}"}
    form = {"csrf": csrf, "name": "flags-tls", "password": PASSWORD}
    answer = browser.post("/sign-in", data=form, headers={**tls, **cookie})
    assert re.fullmatch(r"__Host-mpi-sign-in=[\w-]{43}; HttpOnly; Path=/; SameSite=strict; Secure",
                        answer.headers["set-cookie"])  # fmt: skip
    token = answer.headers["set-cookie"].split(";")[0].split("=")[1]
    for name, status in (("__Host-mpi-sign-in", 200), ("mpi-sign-in", 303)):
        answer = httpx.get(browser.at("/change-password"), headers={**tls, "Cookie": f"{name}={token}"})
        assert answer.status_code == status


def test_a_token_that_was_planted_before_is_worth_nothing_after(browser, another, index):
    add_person(index, "fixed")
    planted = "p" * 43
    browser.cookies.set("mpi-sign-in", planted)
    browser.cookies.set("mpi-visit", planted)
    assert browser.sign_in("fixed").status_code == 303
    held = [cookie.value for cookie in browser.cookies.jar if cookie.name == "mpi-sign-in"]
    assert held[-1] != planted
    for name in ("mpi-sign-in", "mpi-visit"):
        another.cookies.set(name, planted)
    assert not another.is_in


def test_signing_in_anew_ends_what_the_browser_had(browser, another, index):
    add_person(index, "anew")
    old = sign_in(index, "anew", PASSWORD)
    another.cookies.set("mpi-sign-in", old)
    assert another.is_in
    form = {"csrf": browser.csrf("/sign-in"), "name": "anew", "password": PASSWORD}
    visit = browser.cookies["mpi-visit"]
    answer = httpx.post(browser.at("/sign-in"), data=form,
                        headers={**SAME, "Cookie": f"mpi-sign-in={old}; mpi-visit={visit}"})  # fmt: skip
    assert answer.status_code == 303
    assert not another.is_in


def test_a_form_without_the_sign_ins_own_token_does_nothing(browser, another, index):
    signed(browser, index, "csrf-1")
    signed(another, index, "csrf-2")
    visits = another.cookies["mpi-visit"]
    for token in (None, "", "x", another.csrf(), visits, "0" * 32, "é"):
        answer = browser.post("/sign-out", data={} if token is None else {"csrf": token}, headers=SAME)
        assert answer.status_code == 400
        assert "nothing was done" in answer.text
        assert answer.headers["content-type"].startswith("text/html")
    assert browser.is_in


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "{self}"},
    ],
    ids=str,
)
def test_a_form_of_another_site_does_nothing_even_with_the_token(browser, index, headers):
    signed(browser, index, "origin-" + re.sub(r"\W+", "", str(headers)).lower()[:50])
    origin = browser.at("")
    sent = {name: value.replace("{self}", origin) for name, value in headers.items()}
    answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=sent)
    assert answer.status_code == 400
    assert browser.is_in


def test_a_form_of_our_own_passes_as_browsers_send_it(browser, index):
    origin = browser.at("")
    signed(browser, index, "own-forms")
    # With no-referrer, browsers send Origin: null to the page's own site too.
    for headers in ({**SAME, "Origin": "null"}, {"Origin": origin}, {}):
        answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=headers)
        assert answer.headers["location"] == "/sign-in?why=out"
        browser.sign_in("own-forms")


def test_another_site_can_sign_nobody_in(browser, another, index):
    add_person(index, "login-csrf")
    form = {"csrf": browser.csrf("/sign-in"), "name": "login-csrf", "password": PASSWORD}
    assert browser.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    without = another.post("/sign-in", data=form, headers=SAME)
    assert (without.status_code, "cookie" in without.text) == (400, True)
    another.get("/sign-in")
    assert another.post("/sign-in", data=form, headers=SAME).status_code == 400
    assert not browser.is_in
    assert not another.is_in


def test_the_api_takes_no_cookie_and_a_page_no_key(browser, index, key, app):
    signed(browser, index, "two-doors", Role.APPROVER)
    for method, path in (("GET", "/v1/review-tasks"), ("POST", "/v1/persons:search"), ("GET", "/v1/events")):
        problem(
            browser.request(method, path, json={} if method == "POST" else None), 401, "not-authenticated"
        )
    token = browser.cookies["mpi-sign-in"]
    problem(httpx.get(browser.at("/v1/events"), headers={"X-API-Key": token}), 401, "not-authenticated")
    answer = httpx.get(browser.at("/find"), headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 303


def test_a_refusal_looks_the_same_for_every_name(browser, index):
    add_person(index, "known")
    add_person(index, "shut-out")
    end_account(index, OPERATOR, add_person(index, "ended"))
    for _ in range(10):
        browser.sign_in("shut-out", "wrong")
    seen = set()
    for name, password in (
        ("known", "wrong"), ("nobody", "wrong"), ("shut-out", PASSWORD), ("ended", PASSWORD),
        ("known\u202e", PASSWORD),
    ):  # fmt: skip
        answer = browser.sign_in(name, password)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers or "mpi-sign-in" not in answer.headers["set-cookie"]
        seen.add(answer.text.replace(name, "NAME"))
    assert len(seen) == 1
    assert PASSWORD not in seen.pop()
    assert browser.sign_in("known").status_code == 303


def test_what_was_typed_is_shown_again_as_text_and_the_password_never(browser):
    answer = browser.sign_in('"><script>alert(1)</script>', "secret-of-mine")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "secret-of-mine" not in answer.text


def test_a_form_that_comes_after_the_sign_in_has_ended_is_not_kept_and_says_so(browser, index, manual_clock):
    clock = manual_clock
    signed(browser, index, "too-late")
    csrf = browser.csrf()
    clock.pass_by(minutes=31)
    form = {"csrf": csrf, "old": PASSWORD, "new": "eighteen blue kettles", "again": "eighteen blue kettles"}
    answer = browser.post("/change-password", data=form, headers=SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?why=lost")
    assert "nothing of it was kept" in browser.get(answer.headers["location"]).text
    assert browser.sign_in("too-late").status_code == 303
    assert browser.post("/change-password", data=form, headers=SAME).status_code == 400


@pytest.mark.parametrize(
    ("sent", "page"),
    [
        ("/queue/pair%3A1%C3%A9/answer", "/queue/pair%253A1%25C3%25A9"),
        ("/people/T7K3-M92Q-X0HN/unlink", "/people/T7K3-M92Q-X0HN/unlink"),
        ("/find/key", "/find"),
    ],
)
def test_who_was_signed_out_while_filling_in_a_form_is_led_back_to_its_page(browser, sent, page):
    browser.cookies.set("mpi-sign-in", "x" * 43)
    answer = browser.post(sent, data={"csrf": "x"}, headers=SAME)
    assert answer.headers["location"] == f"/sign-in?next={page}&why=lost"


def test_a_page_after_the_sign_in_has_ended_says_why_and_leads_back(browser, index, manual_clock):
    clock = manual_clock
    signed(browser, index, "was-away")
    clock.pass_by(minutes=31)
    answer = browser.get("/find")
    assert answer.headers["location"] == "/sign-in?next=/find&why=ended"
    assert "You were signed out" in browser.get(answer.headers["location"]).text


def test_signing_out_ends_it_here_and_for_whoever_copied_the_cookie(browser, another, index):
    signed(browser, index, "leaves")
    another.cookies.set("mpi-sign-in", browser.cookies["mpi-sign-in"])
    assert another.is_in
    answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=SAME)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "mpi-sign-in" not in browser.cookies
    assert not another.is_in


def test_a_password_that_somebody_else_set_opens_nothing_but_the_page_to_change_it(browser, index):
    given = add_account(index, OPERATOR, NewAccount("must", "Ana Ruiz", Role.STEWARD, None))
    assert browser.sign_in("must", given).status_code == 303
    for path in ("/", "/find", "/people/T7K3-M92Q-X0HN"):
        assert browser.get(path).headers["location"] == "/change-password"
    assert "Somebody else has set your password" in browser.get("/change-password").text
    token = browser.cookies["mpi-sign-in"]
    form = {"csrf": browser.csrf(), "old": given, "new": PASSWORD, "again": PASSWORD}
    for wrong in (
        {"again": "another"},
        {"old": "wrong"},
        {"new": "short", "again": "short"},
        {"new": given, "again": given},
    ):
        answer = browser.post("/change-password", data={**form, **wrong}, headers=SAME)
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
        assert given not in answer.text
    answer = browser.post("/change-password", data=form, headers=SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.cookies["mpi-sign-in"] != token
    assert browser.get("/find").status_code == 200


def test_who_has_to_change_the_password_may_leave_instead(browser, index):
    given = add_account(index, OPERATOR, NewAccount("leaver", "Ana Ruiz", Role.STEWARD, None))
    browser.sign_in("leaver", given)
    answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=SAME)
    assert answer.headers["location"] == "/sign-in?why=out"


def test_a_link_from_elsewhere_ends_no_sign_in_and_offers_the_page(browser, index):
    signed(browser, index, "linked")
    # A browser holds a SameSite=Strict cookie back when another site leads here.
    for path in ("/find", "/sign-in?next=/find"):
        answer = httpx.get(browser.at(path), headers={"Sec-Fetch-Site": "cross-site"})
        assert "mpi-sign-in" not in answer.headers.get("set-cookie", "")
    assert '<a href="/find">' in answer.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"name=" + b"x" * MAX_FORM_BYTES, None, 413),
        (b"&" * MAX_FORM_FIELDS, None, 413),
        (b"a=1&" * MAX_FORM_FIELDS, None, 413),
        (b"name=%00", None, 400),
        (b"name=a%1Bb", None, 400),
        (b"%00=a", None, 400),
        (b"name=%ff", None, 400),
        (b"name=%ED%A0%80", None, 400),
        ("name=é".encode(), None, 400),
        (b'{"name": "a"}', "application/json", 400),
        (b"--x\r\n", "multipart/form-data; boundary=x", 400),
        (b"name=a", "text/plain", 400),
    ],
)
def test_what_is_no_form_of_ours_is_refused(browser, index, body, kind, status):
    headers = {"Content-Type": kind or "application/x-www-form-urlencoded", **SAME}
    browser.get("/sign-in")
    answer = browser.post("/sign-in", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")


def test_who_comes_when_too_many_sign_in_is_told_to_come_back(app, browser, index):
    add_person(index, "crowded")

    class Full:
        def statistics(self):
            return type("Statistics", (), {"tasks_waiting": 20})

    turn = app.state.trying
    app.state.trying = Full()
    try:
        answer = browser.sign_in("crowded")
    finally:
        app.state.trying = turn
    assert (answer.status_code, "try again" in answer.text) == (503, True)


@pytest.mark.parametrize(
    ("role", "sources"), [(Role.OPERATOR, None), (Role.SOURCE_OWNER, ["D01"]), (Role.STEWARD, ["D01"])]
)
def test_no_page_shows_a_child_that_the_role_or_its_sources_do_not(app, browser, index, call, role, sources):
    child = {"first_name": "Roleplay", "last_name": "Hiddenfield", "birth_date": "2010-10-01"}
    sent = call.put("/v1/sources/CCWIS/records/role-1", json=make_child(None, **child))
    eid = sent.json()["enterprise_id"]
    signed(browser, index, f"sees-no-child-{role}", role, sources)
    known = {"eid": eid, "source": "CCWIS", "local_id": "role-1"}
    csrf = browser.csrf()
    for method, path in page_calls(app):
        if path in ("/sign-in", "/sign-out", "/change-password"):
            continue
        asked = re.sub(r"\{(\w+)[^}]*\}", lambda found: known.get(found[1], "1"), path)
        form = {**child, **known, "csrf": csrf} if method == "POST" else None
        answer = browser.request(method, asked, data=form, headers=SAME, follow_redirects=method == "GET")
        assert answer.status_code < 500, (method, path)
        # What was typed may be shown again; what the record says beside it may not.
        for shown in ("Hiddenfield", "43001") if method == "GET" else ("43001", "<h3>" + eid):
            assert shown not in answer.text, (method, path)


def test_what_a_person_does_is_on_the_ledger_under_their_name_and_purpose(browser, index, call):
    child = make_child(None, first_name="Ledgerina", last_name="Noteworthy", birth_date="2011-10-01")
    eid = call.put("/v1/sources/D01/records/led-1", json=child).json()["enterprise_id"]
    add_person(index, "on-ledger")
    browser.sign_in("on-ledger", purpose="school_stability")
    assert browser.get(f"/people/{eid}").status_code == 200
    with index.database.read(None) as unit:
        last = unit.disclosures.all()[-1]
    assert (last.client, last.purpose) == ("on-ledger", "school_stability")


def test_a_purpose_that_does_not_fit_the_role_is_told(browser, index):
    add_person(index, "misfit")
    answer = browser.sign_in("misfit", purpose="system_admin")
    assert (answer.status_code, "data_quality" in answer.text) == (400, True)
    assert not browser.is_in

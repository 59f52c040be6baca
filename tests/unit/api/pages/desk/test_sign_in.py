"""Signing in at the pages, as browsers do it and as attackers try it."""

import re

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.pages.session.authentication import to_local_path
from mpi.api.request.forms import MAX_FORM_BYTES, MAX_FORM_FIELDS
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.sign_in import sign_in
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, make_child
from tests.unit.api.live import PLAIN, problem, serving

OPEN = {"/sign-in", "/style.css", "/desk.js", "/icon.svg", "/transparency", "/docs"}
"""Pages without sign-in: they show nothing of anybody."""
SAME = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
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
def second_browser(url):
    with Browser(url) as browser:
        yield browser


class Browser(httpx.Client):
    """A browser that keeps cookies and follows no redirect."""

    def __init__(self, url: str) -> None:
        super().__init__(base_url=url, timeout=30, verify=PLAIN)

    def at(self, path: str) -> str:
        """Return the address of a path, to go there without cookies."""
        return f"{str(self.base_url).rstrip('/')}{path}"

    def csrf(self, path: str = "/change-password") -> str:
        """Return the token of the form on a page."""
        return re.search(r'name="csrf" value="(\w+)"', self.get(path).text)[1]

    def sign_in(self, name: str, password: str = PASSWORD, **fields) -> httpx.Response:
        """Fill in the sign-in form and send it."""
        form = {"csrf": self.csrf("/sign-in"), "name": name, "password": password, **fields}
        return self.post("/sign-in", data=form, headers=SAME)

    @property
    def is_signed_in(self) -> bool:
        """Return whether the browser is signed in."""
        answer = self.get("/change-password")
        assert answer.status_code in (200, 303)
        return answer.status_code == 200


def sign_in_new_account(browser, index, name, role=Role.STEWARD, sources=None):
    """Make an account and sign its person in."""
    answer = browser.sign_in(add_person(index, name, role, sources))
    assert answer.status_code == 303, answer.text
    return browser


def page_calls(app):
    """Yield every method and path of the pages."""

    def routes(router):
        for route in router.routes:
            nested = getattr(route, "original_router", None)
            yield from [route] if nested is None else routes(nested)

    for route in routes(app):
        if not getattr(route, "include_in_schema", True) and hasattr(route, "methods"):
            for method in sorted(route.methods - {"HEAD"}):
                if not route.path.startswith(
                    ("/healthz", "/readyz", "/metrics", "/openapi.json", "/oauth/token", "/fhir/metadata")
                ):
                    yield method, route.path


def test_every_page_redirects_to_the_sign_in_page_and_back(app, browser):
    calls = list(page_calls(app))
    assert len(calls) > 10
    for method, path in calls:
        # They need an identity provider, a one-time link or the name of a file, and no sign-in.
        if path.startswith(("/sign-in/", "/first-account/", "/docs/")):
            assert browser.get(path).status_code == 404
            continue
        if path in OPEN:
            assert browser.get(path).status_code == 200
            continue
        url = re.sub(r"\{[^}]*\}", "1", path)
        answer = browser.request(method, url, data={} if method == "POST" else None)
        assert answer.status_code == 303, (method, path, answer.text)
        location, _, next_page = answer.headers["location"].partition("?next=")
        assert location == "/sign-in", (method, path)
        if method == "GET" and url not in ("/", "/change-password"):
            assert next_page == url
        assert answer.content == b""


def test_sign_in_leads_on_to_the_requested_page(browser, index):
    add_person(index, "goes-on")
    sign_in_url = browser.get("/people", params={"eid": "T7K3-M92Q&x=1"}).headers["location"]
    page = browser.get(sign_in_url).text
    next_page = re.search(r'name="next" value="([^"]+)"', page)[1].replace("&amp;", "&")
    answer = browser.sign_in("goes-on", next=next_page)
    assert (answer.status_code, answer.headers["location"]) == (303, "/people?eid=T7K3-M92Q%26x%3D1")
    assert browser.is_signed_in
    assert browser.get("/sign-in", params={"next": "/find"}).headers["location"] == "/find"


@pytest.mark.parametrize(
    "address",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "/x\nLocation: y",
     "javascript:x", "http:evil.example", " //evil.example", "/\t/evil.example", "///evil.example",
     "/x\\@evil.example", "evil.example", "/sign-in", "/sign-out", "/é", "/" + "x" * 3000, ""],
)  # fmt: skip
def test_nobody_is_redirected_to_another_site(address):
    assert to_local_path(address) == "/"


def test_a_local_redirect_is_kept():
    for path in ("/", "/queue?kind=pair&after=x%2F", "/people/T7K3-M92Q-X0HN", "/queue/rec:sis%2F1"):
        assert to_local_path(path) == path


def test_an_external_redirect_is_dropped_at_sign_in(browser, index):
    add_person(index, "led-on")
    assert 'value="/"' in browser.get("/sign-in", params={"next": "//evil.example"}).text
    assert browser.sign_in("led-on", next="//evil.example").headers["location"] == "/"


def test_the_cookie_is_hidden_from_scripts_and_from_other_sites(browser, index):
    answer = browser.sign_in(add_person(index, "flags"))
    name, _, attribute_text = answer.headers["set-cookie"].partition("=")
    token, *attributes = [part.strip() for part in attribute_text.split(";")]
    assert name == "mpi-sign-in"
    assert len(token) == 43
    assert {attribute.lower() for attribute in attributes} == {"httponly", "path=/", "samesite=strict"}


def test_over_tls_the_cookie_is_bound_to_one_host_and_never_sent_unencrypted(browser, index):
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
        answer = httpx.get(
            browser.at("/change-password"), headers={**tls, "Cookie": f"{name}={token}"}, verify=PLAIN
        )
        assert answer.status_code == status


def test_a_token_planted_before_sign_in_is_worthless_afterwards(browser, second_browser, index):
    add_person(index, "fixed")
    planted = "p" * 43
    browser.cookies.set("mpi-sign-in", planted)
    browser.cookies.set("mpi-visit", planted)
    assert browser.sign_in("fixed").status_code == 303
    tokens = [cookie.value for cookie in browser.cookies.jar if cookie.name == "mpi-sign-in"]
    assert tokens[-1] != planted
    for name in ("mpi-sign-in", "mpi-visit"):
        second_browser.cookies.set(name, planted)
    assert not second_browser.is_signed_in


def test_a_new_sign_in_ends_the_browsers_previous_session(browser, second_browser, index):
    add_person(index, "anew")
    old_token = sign_in(index, "anew", PASSWORD)
    second_browser.cookies.set("mpi-sign-in", old_token)
    assert second_browser.is_signed_in
    form = {"csrf": browser.csrf("/sign-in"), "name": "anew", "password": PASSWORD}
    visit = browser.cookies["mpi-visit"]
    answer = httpx.post(
        browser.at("/sign-in"),
        data=form,
        headers={**SAME, "Cookie": f"mpi-sign-in={old_token}; mpi-visit={visit}"},
        verify=PLAIN,
    )
    assert answer.status_code == 303
    assert not second_browser.is_signed_in


def test_a_form_without_its_sessions_token_does_nothing(browser, second_browser, index):
    sign_in_new_account(browser, index, "csrf-1")
    sign_in_new_account(second_browser, index, "csrf-2")
    visits = second_browser.cookies["mpi-visit"]
    for token in (None, "", "x", second_browser.csrf(), visits, "0" * 32, "é"):
        answer = browser.post("/sign-out", data={} if token is None else {"csrf": token}, headers=SAME)
        assert answer.status_code == 400
        assert "nothing was done" in answer.text
        assert answer.headers["content-type"].startswith("text/html")
    assert browser.is_signed_in


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
    sign_in_new_account(browser, index, "origin-" + re.sub(r"\W+", "", str(headers)).lower()[:50])
    origin = browser.at("")
    sent_headers = {name: value.replace("{self}", origin) for name, value in headers.items()}
    answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=sent_headers)
    assert answer.status_code == 400
    assert browser.is_signed_in


def test_a_form_of_our_own_is_accepted_as_browsers_send_it(browser, index):
    origin = browser.at("")
    sign_in_new_account(browser, index, "own-forms")
    # With no-referrer, browsers send Origin: null to the page's own site too.
    for headers in ({**SAME, "Origin": "null"}, {"Origin": origin}, {}):
        answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=headers)
        assert answer.headers["location"] == "/sign-in?why=out"
        browser.sign_in("own-forms")


def test_another_site_cannot_sign_anybody_in(browser, second_browser, index):
    add_person(index, "login-csrf")
    form = {"csrf": browser.csrf("/sign-in"), "name": "login-csrf", "password": PASSWORD}
    assert browser.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 400
    answer_without_cookie = second_browser.post("/sign-in", data=form, headers=SAME)
    assert (answer_without_cookie.status_code, "cookie" in answer_without_cookie.text) == (400, True)
    second_browser.get("/sign-in")
    assert second_browser.post("/sign-in", data=form, headers=SAME).status_code == 400
    assert not browser.is_signed_in
    assert not second_browser.is_signed_in


def test_the_api_accepts_no_cookie_and_a_page_no_key(browser, index, key, app):
    sign_in_new_account(browser, index, "two-doors", Role.APPROVER)
    for method, path in (("GET", "/v1/review-tasks"), ("POST", "/v1/persons:search"), ("GET", "/v1/events")):
        problem(
            browser.request(method, path, json={} if method == "POST" else None), 401, "not-authenticated"
        )
    token = browser.cookies["mpi-sign-in"]
    problem(
        httpx.get(browser.at("/v1/events"), headers={"X-API-Key": token}, verify=PLAIN),
        401,
        "not-authenticated",
    )
    answer = httpx.get(browser.at("/find"), headers={"Authorization": f"Bearer {key}"}, verify=PLAIN)
    assert answer.status_code == 303


def test_a_refused_sign_in_looks_the_same_for_every_name(browser, index):
    add_person(index, "known")
    add_person(index, "shut-out")
    end_account(index, OPERATOR, add_person(index, "ended"))
    for _ in range(10):
        browser.sign_in("shut-out", "wrong")
    pages = set()
    for name, password in (
        ("known", "wrong"), ("nobody", "wrong"), ("shut-out", PASSWORD), ("ended", PASSWORD),
        ("known\u202e", PASSWORD),
    ):  # fmt: skip
        answer = browser.sign_in(name, password)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers or "mpi-sign-in" not in answer.headers["set-cookie"]
        pages.add(answer.text.replace(name, "NAME"))
    assert len(pages) == 1
    assert PASSWORD not in pages.pop()
    assert browser.sign_in("known").status_code == 303


def test_the_typed_name_is_shown_as_text_and_the_password_never(browser):
    answer = browser.sign_in('"><script>alert(1)</script>', "secret-of-mine")
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "secret-of-mine" not in answer.text


def test_a_form_sent_after_the_session_has_ended_is_not_kept_and_is_reported(browser, index, manual_clock):
    sign_in_new_account(browser, index, "too-late")
    csrf = browser.csrf()
    manual_clock.advance(minutes=31)
    form = {"csrf": csrf, "old": PASSWORD, "new": "eighteen blue kettles", "again": "eighteen blue kettles"}
    answer = browser.post("/change-password", data=form, headers=SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?why=lost")
    assert "so it was not saved" in browser.get(answer.headers["location"]).text
    assert browser.sign_in("too-late").status_code == 303
    assert browser.post("/change-password", data=form, headers=SAME).status_code == 400


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/queue/pair%3A1%C3%A9/answer", "/queue/pair%253A1%25C3%25A9"),
        ("/people/T7K3-M92Q-X0HN/unlink", "/people/T7K3-M92Q-X0HN/unlink"),
        ("/find/key", "/find"),
    ],
)
def test_a_form_without_session_leads_back_to_its_page_after_sign_in(browser, path, page):
    browser.cookies.set("mpi-sign-in", "x" * 43)
    answer = browser.post(path, data={"csrf": "x"}, headers=SAME)
    assert answer.headers["location"] == f"/sign-in?next={page}&why=lost"


def test_a_page_after_the_session_has_ended_says_why_and_leads_back(browser, index, manual_clock):
    sign_in_new_account(browser, index, "was-away")
    manual_clock.advance(minutes=31)
    answer = browser.get("/find")
    assert answer.headers["location"] == "/sign-in?next=/find&why=ended"
    assert "You were signed out" in browser.get(answer.headers["location"]).text


def test_signing_out_ends_the_session_for_copied_cookies_too(browser, second_browser, index):
    sign_in_new_account(browser, index, "leaves")
    second_browser.cookies.set("mpi-sign-in", browser.cookies["mpi-sign-in"])
    assert second_browser.is_signed_in
    answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=SAME)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert "mpi-sign-in" not in browser.cookies
    assert not second_browser.is_signed_in


def test_a_password_set_by_somebody_else_opens_only_the_page_to_change_it(browser, index):
    initial_password = add_account(index, OPERATOR, NewAccount("must", "Ana Ruiz", Role.STEWARD, None))
    assert browser.sign_in("must", initial_password).status_code == 303
    for path in ("/", "/find", "/people/T7K3-M92Q-X0HN"):
        assert browser.get(path).headers["location"] == "/change-password"
    assert "Somebody else has set your password" in browser.get("/change-password").text
    token = browser.cookies["mpi-sign-in"]
    form = {"csrf": browser.csrf(), "old": initial_password, "new": PASSWORD, "again": PASSWORD}
    for invalid_fields in (
        {"again": "another"},
        {"old": "wrong"},
        {"new": "short", "again": "short"},
        {"new": initial_password, "again": initial_password},
    ):
        answer = browser.post("/change-password", data={**form, **invalid_fields}, headers=SAME)
        assert (answer.status_code, 'role="alert"' in answer.text) == (400, True)
        assert initial_password not in answer.text
    answer = browser.post("/change-password", data=form, headers=SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.cookies["mpi-sign-in"] != token
    assert browser.get("/find").status_code == 200


def test_a_person_who_must_change_the_password_may_sign_out_instead(browser, index):
    initial_password = add_account(index, OPERATOR, NewAccount("leaver", "Ana Ruiz", Role.STEWARD, None))
    browser.sign_in("leaver", initial_password)
    answer = browser.post("/sign-out", data={"csrf": browser.csrf()}, headers=SAME)
    assert answer.headers["location"] == "/sign-in?why=out"


def test_a_link_from_another_site_ends_no_session_and_offers_the_page(browser, index):
    sign_in_new_account(browser, index, "linked")
    # A browser does not send a SameSite=Strict cookie when another site links here.
    for path in ("/find", "/sign-in?next=/find"):
        answer = httpx.get(browser.at(path), headers={"Sec-Fetch-Site": "cross-site"}, verify=PLAIN)
        assert "mpi-sign-in" not in answer.headers.get("set-cookie", "")
    assert '<a href="/find">' in answer.text


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
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
def test_an_invalid_form_is_refused(browser, index, body, content_type, status):
    headers = {"Content-Type": content_type or "application/x-www-form-urlencoded", **SAME}
    browser.get("/sign-in")
    answer = browser.post("/sign-in", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("role", "sources"), [(Role.OPERATOR, None), (Role.SOURCE_OWNER, ["D01"]), (Role.STEWARD, ["D01"])]
)
def test_no_page_shows_a_child_outside_the_role_or_its_sources(app, browser, index, call, role, sources):
    child = {"first_name": "Roleplay", "last_name": "Hiddenfield", "birth_date": "2010-10-01"}
    upsert_answer = call.put("/v1/sources/CCWIS/records/role-1", json=make_child(None, **child))
    eid = upsert_answer.json()["enterprise_id"]
    sign_in_new_account(browser, index, f"sees-no-child-{role}", role, sources)
    parameters = {"eid": eid, "source": "CCWIS", "local_id": "role-1"}
    csrf = browser.csrf()
    for method, path in page_calls(app):
        if path in ("/sign-in", "/sign-out", "/change-password"):
            continue
        url = re.sub(r"\{(\w+)[^}]*\}", lambda match: parameters.get(match[1], "1"), path)
        form = {**child, **parameters, "csrf": csrf} if method == "POST" else None
        answer = browser.request(method, url, data=form, headers=SAME, follow_redirects=method == "GET")
        assert answer.status_code < 500, (method, path)
        # Typed values may be shown again; what the record says besides them may not.
        for value in ("Hiddenfield", "43001") if method == "GET" else ("43001", "<h3>" + eid):
            assert value not in answer.text, (method, path)


def test_a_persons_action_is_on_the_ledger_with_name_and_purpose(browser, index, call):
    child = make_child(None, first_name="Ledgerina", last_name="Noteworthy", birth_date="2011-10-01")
    eid = call.put("/v1/sources/D01/records/led-1", json=child).json()["enterprise_id"]
    add_person(index, "on-ledger")
    browser.sign_in("on-ledger", purpose="school_stability")
    assert browser.get(f"/people/{eid}").status_code == 200
    with index.database.read(None) as unit:
        last = unit.disclosures.all()[-1]
    assert (last.client, last.purpose) == ("on-ledger", "school_stability")


def test_a_purpose_that_does_not_fit_the_role_is_refused(browser, index):
    add_person(index, "misfit")
    answer = browser.sign_in("misfit", purpose="system_admin")
    assert (answer.status_code, "data_quality" in answer.text) == (400, True)
    assert not browser.is_signed_in

"""Another web site sends the forms of people who are signed in (CSRF)."""

import pytest

from mpi.domain.roles import Role
from mpi.policy.route_table import ROUTES
from tests.attacks.site import roles_of
from tests.policy.route_matrix import _FORMS, DEMO_ROUTES, build_path, is_api_route

FORM_ROUTES = [
    route
    for route, rule in ROUTES.items()
    if route.startswith("POST /")
    and not is_api_route(route)
    and not rule.is_public
    and route not in DEMO_ROUTES
]
FILE_ROUTES = {"POST /files"}
"""Routes whose form has a file."""
OWN_SITE = {"Sec-Fetch-Site": "same-origin"}
FOREIGN_HEADERS = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
)


def callers_of(route):
    """Return the roles that may send a form, or one that may not where a right is granted one by one."""
    return roles_of(route) or [Role.STEWARD]


def _is_refused(answer):
    return answer.status_code == 400 and "nothing was done" in answer.text


@pytest.fixture
def unchanged(site):
    before = site.state()
    yield
    assert site.state() == before


def test_no_form_of_another_site_does_anything(site, attack, unchanged):
    with attack("Forms of another site (CSRF)") as attempts:
        for route in FORM_ROUTES:
            _method, path = build_path(route)
            for role in callers_of(route):
                form = {**_FORMS.get(route, {}), "csrf": site.csrf_of(role)}
                for headers in FOREIGN_HEADERS:
                    answer = site.open_page(role, "POST", path, headers, data=form)
                    attempts.add(is_through=not _is_refused(answer), what=(route, role, headers, answer.text))


def test_no_form_without_the_token_of_its_session_does_anything(site, attack, unchanged):
    with attack("Forms without the session's token (CSRF)") as attempts:
        for route in FORM_ROUTES:
            _method, path = build_path(route)
            role = callers_of(route)[0]
            other = next(each for each in Role if each != role)
            for token in (None, "", "0" * 64, site.csrf_of(other), "é"):
                form = _FORMS.get(route, {}) | ({} if token is None else {"csrf": token})
                files = {"file": ("a.csv", b"a")} if route in FILE_ROUTES else None
                answer = site.open_page(role, "POST", path, OWN_SITE, data=form, files=files)
                attempts.add(is_through=not _is_refused(answer), what=(route, token, answer.text))


def test_the_list_of_forms_is_whole():
    assert len(FORM_ROUTES) > 45
    assert sum(not roles_of(route) for route in FORM_ROUTES) < 10

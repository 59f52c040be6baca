"""SQL, paths, templates and control characters in every parameter that takes a text."""

import itertools
from functools import cache

import pytest

from mpi.api.app import create_app
from mpi.policy.route_table import ROUTES
from tests.attacks.site import roles_of
from tests.policy.route_matrix import _FORMS, DEMO_ROUTES, build_path, is_api_route

SQL = (
    "' OR '1'='1",
    '" UNION SELECT * FROM account --',
    "'; SELECT pg_sleep(9); --",
    "%' OR 1=1 ESCAPE '!",
)
PATHS = (
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "/etc/passwd",
    "..\\..\\secret.key",
)
OTHERS = ("{{7*7}}", "${jndi:ldap://x}", "x\r\nSet-Cookie: a=b", "\ud7ff\u202e\u0000", "A" * 5_000)
TEXTS = {"SQL in parameters": SQL, "Path traversal": PATHS, "Templates and line ends in parameters": OTHERS}


@cache
def _string_parameters():
    """Return method, path and query parameters of each call of the API that takes a text."""
    return [
        (
            method.upper(),
            path,
            [each["name"] for each in operation.get("parameters", []) if each["in"] == "query"],
        )
        for path, operations in create_app(None).openapi()["paths"].items()
        for method, operation in operations.items()
    ]


def _is_through(site, answer):
    """Return whether an answer is a fault, or holds what only code, a file or a database could put there."""
    texts = ("root:x:", "syntax error", "sqlite3", "psycopg", "sqlalchemy", "traceback")
    secret = (site.index.home / "secret.key").read_text().strip()
    body = answer.text.lower()
    has_foreign_cookie = any("a=b" in value for value in answer.headers.get_list("set-cookie"))
    return (
        answer.status_code >= 500
        or any(text in body for text in texts)
        or secret in answer.text
        or has_foreign_cookie
    )


@pytest.mark.slow
@pytest.mark.parametrize("attack_name", TEXTS)
def test_no_query_or_path_of_the_api_is_taken_for_code(site, attack, attack_name):
    with attack(attack_name) as attempts:
        for method, path, names in _string_parameters():
            for text in TEXTS[attack_name]:
                filled = path
                for part in ("source", "local_id", "eid", "number", "question_key", "code", "id", "token"):
                    filled = filled.replace("{" + part + "}", _quote(text))
                sent = {} if method == "GET" else {"json": {}}
                answer = site.call(method, filled, params=dict.fromkeys(names, text), **sent)
                attempts.add(is_through=_is_through(site, answer), what=(method, path, text, answer.text))


@pytest.mark.slow
@pytest.mark.parametrize("attack_name", TEXTS)
def test_no_field_of_a_form_is_taken_for_code(site, attack, attack_name):
    with attack(attack_name) as attempts:
        for route in ROUTES:
            if not route.startswith("POST /") or is_api_route(route) or route in DEMO_ROUTES:
                continue
            if route in {"POST /sign-out", "POST /sign-in"}:
                continue
            _method, path = build_path(route)
            for role, text in itertools.product(roles_of(route)[:1], TEXTS[attack_name]):
                known = _FORMS.get(route, {"name": "", "reason": "", "q": ""})
                form = dict.fromkeys(known, text.replace("\0", "")) | {"csrf": site.csrf_of(role)}
                headers = {"Sec-Fetch-Site": "same-origin"}
                answer = site.open_page(role, "POST", path, headers, data=form)
                attempts.add(is_through=_is_through(site, answer), what=(route, text, answer.text))


def test_no_file_outside_the_pages_is_served(site, attack):
    beginnings = ("/", "/style.css/", "/icon.svg/", "/v1/", "/people/", "/loads/1/")
    with attack("Path traversal") as attempts:
        for beginning, text in itertools.product(beginnings, PATHS):
            for path in (beginning + text, beginning + _quote(text), beginning + _quote(_quote(text))):
                answer = site.client.get(path.replace("\\", "%5c"))
                attempts.add(is_through=_is_through(site, answer), what=(path, answer.text))


def _quote(text):
    from urllib.parse import quote

    return quote(text.encode("utf-8", "replace"), safe="")

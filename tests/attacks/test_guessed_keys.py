"""Keys and sessions that nobody was given open nothing."""

import secrets

import pytest

from tests.policy.route_matrix import HOUSE, make_key

PATHS = ("/v1/events", "/v1/quality", "/v1/crosswalk?source=D01&local_id=own-0")


def _forge_keys():
    """Yield keys near a valid one, and others that trick careless code."""
    valid = make_key("program", HOUSE)
    for position in range(0, len(valid), 3):
        yield valid[:position] + ("x" if valid[position] != "x" else "y") + valid[position + 1 :]
    yield from (valid[:-1], valid + "x", valid.upper(), f"{valid},{valid}", f"{valid} {valid}")
    yield from (
        "null",
        "None",
        "undefined",
        "*",
        "%",
        "' OR 1=1 --",
        "0" * 64,
        "eyJhbGciOiJub25lIn0" + ".e30.",
    )
    yield from (secrets.token_urlsafe(32) for _ in range(100))


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_no_forged_key_opens_the_api(site, attack, header):
    with attack("Forged keys") as attempts:
        for key in _forge_keys():
            for path in PATHS:
                sent = f"Bearer {key}" if header == "Authorization" else key
                answer = site.client.get(path, headers={header: sent})
                attempts.add(is_through=answer.status_code not in (401, 429), what=(key, path, answer.text))


def test_no_forged_session_opens_a_page(site, attack):
    with attack("Forged sessions") as attempts:
        for key in _forge_keys():
            cookie = {"Cookie": f"mpi-sign-in={key}"}
            for path in ("/", "/queue", f"/people/{site.own_eid}"):
                answer = site.client.get(path, headers={**cookie, "Accept": "text/html"})
                leads = answer.headers.get("location", "").startswith("/sign-in")
                is_refused = answer.status_code == 429 or (answer.status_code == 303 and leads)
                attempts.add(is_through=not is_refused, what=(key, path, answer.text))

"""Slow and huge requests are refused in time, and a session planted before a sign-in opens nothing."""

import re
import time
from itertools import repeat

import httpx
import pytest

from mpi.api.app import create_app
from tests.accounts import PASSWORD, add_person
from tests.unit.api.live import serving
from tests.unit.api.pages.desk.test_sign_in import SAME
from tests.unit.api.server.test_request_bounds import FORM, PROTOCOLS, REQUEST, connect, send_while_open

MOST_SECONDS = 8
MOST_BYTES = 10_000_000
SLOW_S = 0.05
BYTE_BY_BYTE = [b"a"] * 400
HOSTILE = {
    "huge header": ([REQUEST, b"X-Long: ", *repeat(b"a" * 1_000_000, 50)], 0),
    "many headers": ([REQUEST, *repeat(b"X-Short: a\r\n" * 1_000, 500)], 0),
    "huge path": ([b"GET /", *repeat(b"a" * 1_000_000, 50)], 0),
    "huge method": ([*repeat(b"A" * 1_000_000, 50)], 0),
    "huge cookie": ([REQUEST, b"Cookie: ", *repeat(b"a=b; " * 100_000, 50)], 0),
    "trailers": (
        [FORM, b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", *repeat(b"X: a\r\n" * 1_000, 500)],
        0,
    ),
    "slow header": ([REQUEST, b"X-Slow: ", *BYTE_BY_BYTE], SLOW_S),
    "slow path": ([b"GET /", *BYTE_BY_BYTE], SLOW_S),
    "slow body": ([FORM, b"Content-Length: 400\r\n\r\n", *BYTE_BY_BYTE], SLOW_S),
    "slow chunks": ([FORM, b"Transfer-Encoding: chunked\r\n\r\n", *repeat(b"1\r\na\r\n", 400)], SLOW_S),
    "empty lines": ([b"\r\n"] * 400, SLOW_S),
}  # fmt: skip
"""Parts of a request, and the seconds before each."""
PLANTED = ("p" * 43, "0" * 64, "' OR 1=1 --")
COOKIES = ("mpi-sign-in", "__Host-mpi-sign-in", "mpi-visit")


@pytest.mark.slow
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_slow_or_huge_request_keeps_a_connection_or_is_read(site, attack, protocol):
    with (
        attack("Slow and huge requests") as attempts,
        serving(create_app(site.index), 0.5, PROTOCOLS[protocol]) as url,
    ):
        for name, (parts, pause_s) in HOSTILE.items():
            begun = time.monotonic()
            with connect(url) as connection:
                answer, sent = send_while_open(connection, parts, pause_s)
            is_late = pause_s > 0 and sent == sum(map(len, parts)) and time.monotonic() - begun > MOST_SECONDS
            is_through = is_late or sent > MOST_BYTES or answer.startswith(b"HTTP/1.1 2")
            attempts.add(is_through=is_through, what=(name, sent, answer[:60]))


@pytest.mark.slow
def test_no_session_planted_before_a_sign_in_is_the_persons(own_site, attack):
    name = add_person(own_site.index, "planted")
    with attack("Session fixation") as attempts:
        for planted in PLANTED:
            for cookie in COOKIES:
                with httpx.Client(base_url=own_site.url, timeout=60) as browser:
                    page = browser.get("/sign-in", headers={"Cookie": f"{cookie}={planted}"})
                    token = re.search(r'name="csrf" value="(\w+)"', page.text)[1]
                    visit = browser.cookies.get("mpi-visit") or planted
                    cookies = f"{cookie}={planted}" + (
                        f"; mpi-visit={visit}" if cookie != "mpi-visit" else ""
                    )
                    if cookie == "mpi-visit":
                        cookies = f"mpi-visit={visit}"
                    form = {"csrf": token, "name": name, "password": PASSWORD}
                    done = browser.post("/sign-in", data=form, headers={**SAME, "Cookie": cookies})
                    given = done.cookies.get("mpi-sign-in")
                assert (done.status_code, bool(given)) == (303, True), done.text[:200]
                answers = [
                    httpx.get(own_site.url, headers={"Cookie": f"{each}={planted}"}, follow_redirects=False)
                    for each in COOKIES
                ]
                is_through = given == planted or any(answer.status_code == 200 for answer in answers)
                attempts.add(is_through=is_through, what=(cookie, planted))

"""Signing in while one address keeps the page busy, over real sockets and with real password hashes."""

import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.request.call_limiter import MAX_RUNNING_CALLS, MAX_WAITING_CALLS
from mpi.api.request.sign_in_limiter import RETRY_AFTER_S, SignInLimiter
from tests.accounts import PASSWORD, add_person
from tests.unit.api.live import PLAIN, serving

SAME = {"Sec-Fetch-Site": "same-origin"}
BUSY, CALM = "127.0.0.3", "127.0.0.2"
"""Addresses of this machine, of which the server trusts neither to be a proxy."""


@pytest.fixture(scope="module")
def app(index):
    return create_app(index)


@pytest.fixture(scope="module")
def url(app):
    with serving(app) as url:
        yield url


def browse(url, address):
    """Return a browser at a network address."""
    return httpx.Client(
        base_url=url, transport=httpx.HTTPTransport(local_address=address, verify=PLAIN), timeout=60
    )


def read_token(browser, path="/sign-in"):
    return re.search(r'name="csrf" value="(\w+)"', browser.get(path).text)[1]


def sign_in(browser, token, name, password, headers=None):
    form = {"csrf": token, "name": name, "password": password}
    return browser.post("/sign-in", data=form, headers={**SAME, **(headers or {})})


def test_thirty_connections_of_one_address_do_not_keep_another_from_signing_in(app, index, url):
    name = add_person(index, "keeps-out")
    # Six calls of one address run at a time, so the limit of its sign-ins is set below that.
    limiter, app.state.sign_in_limiter = app.state.sign_in_limiter, SignInLimiter(max_of_address=3)
    has_refused, is_over = threading.Event(), threading.Event()
    answers = []

    def keep_busy(number):
        with browse(url, BUSY) as browser:
            token = read_token(browser)
            while not is_over.is_set():
                answer = sign_in(browser, token, f"nobody-{number}", "not the password")
                answers.append(answer)
                if answer.status_code == 429:
                    has_refused.set()
                    is_over.wait(0.05)

    with ThreadPoolExecutor(30) as pool, browse(url, CALM) as calm_browser:
        busy = [pool.submit(keep_busy, number) for number in range(30)]
        try:
            assert has_refused.wait(30)
            answer = sign_in(calm_browser, read_token(calm_browser), name, PASSWORD)
            seconds = answer.elapsed.total_seconds()
        finally:
            is_over.set()
            app.state.sign_in_limiter = limiter
        for connection in busy:
            connection.result()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert seconds < 5
    assert {answer.status_code for answer in answers} == {403, 429}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == str(RETRY_AFTER_S)
    assert "try again in 5 seconds" in refused.text


def test_a_trusted_proxy_tells_its_clients_apart(app, url):
    def try_often(address):
        with browse(url, "127.0.0.1") as browser:
            token, through_proxy = read_token(browser), {"X-Forwarded-For": address}
            answers = [sign_in(browser, token, "nobody", "not it", through_proxy) for _ in range(5)]
        return {answer.status_code for answer in answers}

    limiter = app.state.sign_in_limiter
    app.state.sign_in_limiter = SignInLimiter(max_of_address=1)
    try:
        with ThreadPoolExecutor(2) as pool:
            statuses = list(pool.map(try_often, ["192.0.2.1", "192.0.2.2"]))
    finally:
        app.state.sign_in_limiter = limiter
    assert statuses == [{403}, {403}]


def test_unfinished_forms_of_one_address_leave_the_page_to_others(url):
    host, port = url.removeprefix("http://").split(":")
    head = b"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nname="
    connections = []
    try:
        for _ in range(MAX_RUNNING_CALLS + MAX_WAITING_CALLS + 6):
            connection = socket.create_connection((host, int(port)), 10, (BUSY, 0))
            connection.sendall(head)
            connections.append(connection)
        # The last ones are refused, since the places of their address are taken.
        assert connections[-1].recv(65_536).startswith(b"HTTP/1.1 429 ")
        with browse(url, CALM) as browser:
            assert browser.get("/sign-in").status_code == 200
    finally:
        for connection in connections:
            connection.close()


@pytest.mark.parametrize(
    ("limiter", "status", "retry"),
    [
        (SignInLimiter(max_of_address=0), 429, str(RETRY_AFTER_S)),
        (SignInLimiter(max_checks=0), 503, None),
    ],
)
def test_a_sign_in_without_a_place_is_asked_to_try_again(index, app, url, limiter, status, retry):
    usual_limiter = app.state.sign_in_limiter
    app.state.sign_in_limiter = limiter
    try:
        with browse(url, CALM) as browser:
            answer = sign_in(browser, read_token(browser), "crowded", PASSWORD)
    finally:
        app.state.sign_in_limiter = usual_limiter
    assert (answer.status_code, answer.headers.get("retry-after")) == (status, retry)
    assert "try again" in answer.text

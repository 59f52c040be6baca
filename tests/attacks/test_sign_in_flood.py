"""A flood of sign-ins opens nothing, keeps nobody out who was there lately, and takes bounded memory.

The flood comes from many addresses, on many accounts and clients at once: at the form, at the API and at the
token endpoint. The server sees the addresses that a proxy of this machine names.
"""

import base64
import secrets
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

import httpx
import pytest

from mpi.api.app import create_app
from mpi.api.middleware.request_middleware import RequestMiddleware
from mpi.api.request import guess_limiter, sign_in_limiter
from mpi.service.access.own_account.attempts import MAX_FAILURES, MAX_KNOWN_NETWORKS
from mpi.service.access.sign_in import sign_in
from mpi.service.core.index import GuessLimits
from tests.accounts import PASSWORD, add_person, cheap_password_hashing
from tests.index import OPERATOR, open_test_index, with_settings
from tests.unit.api.live import add_key, serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser

PEOPLE = [f"person-{number}" for number in range(3)]
NOBODY = [f"nobody-{number}" for number in range(3)]
BOTS = [f"203.0.113.{number}" for number in range(1, 79)]
BOTS += [f"2001:db8:{number:x}::1" for number in range(27)]
"""Addresses of the flood, more than an account permits wrong passwords in all."""
LATER_BOTS = [f"192.0.2.{number}" for number in range(1, 25)]
"""Those that come while people sign in."""
GUESSES = ("password", "Summer2026!", PASSWORD.upper(), PASSWORD[:-1], "' OR 1=1 --")
LIMITS = GuessLimits(of_program=600, of_person=120, of_address=5)
"""Wrong keys of an address are stopped soon: each address of the flood sends fewer before that."""
MOST_CALLERS = 20
"""Callers that the limiters remember here; the flood has more."""
ROUNDS = 6
"""Times that everybody signs in while the flood goes on."""
TOKEN = "/oauth/token"
CLIENT, OFFICE = "school", "198.51.100.200"


def home_of(name):
    """Return the address at which a person has signed in before."""
    return f"198.51.100.{PEOPLE.index(name) + 1}"


def at(address):
    return {"X-Forwarded-For": address}


@dataclass
class FloodedSite:
    """A live server with people and one program, all known from before.

    Args:
        index: the open index.
        app: the application.
        url: its base URL.
        key: API key of the program.
    """

    index: object
    app: object
    url: str
    key: str

    @contextmanager
    def open_form(self):
        """Yield a browser with a sign-in form, and the form's token."""
        with Browser(self.url) as browser:
            yield browser, browser.csrf("/sign-in")

    def send(self, form, name, password, address):
        """Send a sign-in form from an address; return the status and whether it opens an account."""
        browser, token = form
        fields = {"csrf": token, "name": name, "password": password}
        answer = browser.post("/sign-in", data=fields, headers={**SAME, **at(address)})
        return answer.status_code, "mpi-sign-in=" in answer.headers.get("set-cookie", "")

    def let_in(self, name, address):
        """Return whether a person with the right password gets in, in a new browser."""
        with self.open_form() as form:
            return self.send(form, name, PASSWORD, address)[1]

    def middleware(self):
        """Return the middleware that holds the limiters."""
        layer = self.app.middleware_stack
        while not isinstance(layer, RequestMiddleware):
            layer = layer.app
        return layer

    def count_networks(self):
        """Return how many networks are stored for each account."""
        with self.index.database.read(OPERATOR) as unit:
            rows = unit.connection.exec_driver_sql("SELECT account_id FROM sign_in_network").scalars().all()
        return Counter(rows)


@pytest.fixture
def flooded(tmp_path, monkeypatch):
    monkeypatch.setattr(guess_limiter, "MAX_CALLERS", MOST_CALLERS)
    monkeypatch.setattr(sign_in_limiter, "MAX_GOOD_ADDRESSES", MOST_CALLERS)
    with cheap_password_hashing(), open_test_index(tmp_path, "sis") as opened:
        index = with_settings(opened, guess_limits=LIMITS)
        for name in PEOPLE:
            add_person(index, name)
            sign_in(index, name, PASSWORD, address=home_of(name))
        key = add_key(index, CLIENT)
        app = create_app(index)
        with serving(app) as url:
            yield FloodedSite(index, app, url, key)


def guess_passwords(site, attempts, bots):
    """Try passwords of people and of nobody, from addresses of the flood."""
    with site.open_form() as form:
        for number, (bot, name) in enumerate(product(bots, PEOPLE)):
            status, is_in = site.send(form, name, GUESSES[number % len(GUESSES)], bot)
            attempts.append((is_in or status not in (403, 429, 503), ("form", name, status)))
        for bot, name in zip(bots, NOBODY, strict=False):
            status, is_in = site.send(form, name, PASSWORD, bot)
            attempts.append((is_in or status not in (403, 429, 503), ("form", name, status)))


def guess_keys(site, attempts, bots):
    """Try keys at the API and at the token endpoint, in each form that they take."""
    grant = {"grant_type": "client_credentials"}
    with httpx.Client(base_url=site.url, timeout=60) as client:
        for bot in bots:
            key = f"mpi_{secrets.token_urlsafe(32)}"
            basic = base64.b64encode(f"{CLIENT}:{key}".encode()).decode()
            calls = (
                client.get("/v1/events", headers={"Authorization": f"Bearer {key}", **at(bot)}),
                client.get("/v1/events", headers={"X-API-Key": key, **at(bot)}),
                client.post(TOKEN, data=grant, headers={"Authorization": f"Basic {basic}", **at(bot)}),
                client.post(
                    TOKEN,
                    data={**grant, "client_id": CLIENT, "client_secret": site.key[:-1]},
                    headers=at(bot),
                ),
            )
            for call in calls:
                attempts.append((call.status_code not in (401, 429), (call.request.url.path, call.text)))


def ask(site, address):
    """Return the status of a call of the program with its right key."""
    headers = {"Authorization": f"Bearer {site.key}", **at(address)}
    return httpx.get(f"{site.url}/v1/events", headers=headers, timeout=60).status_code


def flood(site, pool, tried, bots):
    """Begin a flood from addresses; return its parts."""
    parts = [bots[number::3] for number in range(3)]
    return [
        pool.submit(guess, site, tried, part) for part in parts for guess in (guess_passwords, guess_keys)
    ]


def list_kept(site):
    """Return what is kept of callers in memory and in the store: its name, number and bound."""
    layer, places = site.middleware(), site.app.state.sign_in_limiter
    yield "callers with misses", len(layer._guesses._misses), MOST_CALLERS
    yield "known keys", len(layer._guesses._known_credentials), MOST_CALLERS
    yield "clients with calls", len(layer._limiter._clients), 0
    yield "addresses with checks", len(places._addresses), 0
    yield "addresses of people", len(places._good_addresses), MOST_CALLERS


def list_networks(site):
    """Return how many networks are stored for each account, whose person has not signed in meanwhile."""
    for account, networks in site.count_networks().items():
        yield f"networks of account {account}", networks, MAX_FAILURES + MAX_KNOWN_NETWORKS


def test_no_attempt_of_a_flood_opens_anything_and_who_was_there_lately_still_gets_in(flooded, attack):
    site, tried, kept_out = flooded, [], []
    assert ask(site, OFFICE) == 200
    with ThreadPoolExecutor(6) as pool:
        for part in flood(site, pool, tried, BOTS):
            part.result()
        with site.index.database.read(OPERATOR) as unit:
            assert {unit.accounts.find_by_name(name).failed for name in PEOPLE} == {MAX_FAILURES}
        kept = [*list_kept(site), *list_networks(site)]
        # The accounts are locked for everywhere but where their people were before.
        assert not any(site.let_in(name, OFFICE) for name in PEOPLE)
        parts = flood(site, pool, tried, LATER_BOTS)
        for _ in range(ROUNDS):
            kept_out += [(not site.let_in(name, home_of(name)), name) for name in PEOPLE]
            kept_out.append((ask(site, BOTS[0]) != 200, "the program, at an address of the flood"))
        for part in parts:
            part.result()
    with attack("Sign-in flood: wrong passwords, keys and client secrets") as attempts:
        for is_through, what in tried:
            attempts.add(is_through=is_through, what=what)
    with attack("Sign-in flood: people and programs kept out of a known place") as attempts:
        for is_through, what in kept_out:
            attempts.add(is_through=is_through, what=what)
    with attack("Sign-in flood: callers and networks kept beyond their bound") as attempts:
        for name, count, bound in (*kept, *list_kept(site)):
            attempts.add(is_through=count > bound, what=(name, count, bound))


def test_people_known_lately_sign_in_while_a_flood_takes_all_places(flooded, attack):
    site = flooded
    for name in PEOPLE:
        assert site.let_in(name, home_of(name))
    # One place in all, so that the flood has it nearly always.
    site.app.state.sign_in_limiter._max_checks = 1
    is_over, statuses = threading.Event(), Counter()

    def fill_places(bot):
        with site.open_form() as form:
            while not is_over.is_set():
                statuses[site.send(form, "nobody", "wrong wrong wrong", bot)[0]] += 1

    with (
        attack("Sign-in flood: people kept out while it takes all places") as attempts,
        ThreadPoolExecutor(3) as pool,
    ):
        bots = [pool.submit(fill_places, bot) for bot in BOTS[:3]]
        try:
            for name in PEOPLE * ROUNDS:
                attempts.add(is_through=not site.let_in(name, home_of(name)), what=name)
        finally:
            is_over.set()
        for bot in bots:
            bot.result()
    assert statuses[503] > 0
    assert set(statuses) == {403, 503}

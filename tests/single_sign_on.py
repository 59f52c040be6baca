"""Browsers that sign in with the identity provider of the tests."""

import base64
import json
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from mpi.api.app import create_app
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.identity.group_roles import read_group_roles
from mpi.service.identity.issuer_settings import PagesClient, make_oidc_provider
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET
from tests.index import OPERATOR, with_settings
from tests.unit.api.live import PLAIN, serving

ROLES = """
create_accounts = true

[[role]]
group = "approvers"
role = "approver"
sources = "all"

[[role]]
group = "stewards"
role = "steward"
sources = ["sis"]
"""


def trust(index, provider, folder, pages_url="https://mpi.example.gov"):
    """Return the index with a provider that people sign in with."""
    secret = folder / "client.secret"
    secret.write_text(f"{CLIENT_SECRET}\n")
    client = PagesClient(provider.url, CLIENT_ID, secret, pages_url, "openid profile", "RS256")
    return with_settings(index, oidc_provider=make_oidc_provider(client), group_roles=roles_of(folder, ROLES))


def roles_of(folder, text):
    file = folder / "roles.toml"
    file.write_text(text)
    return read_group_roles(file)


@contextmanager
def browsing(index):
    with serving(create_app(index)) as url, httpx.Client(base_url=url, timeout=30, verify=PLAIN) as browser:
        yield browser


def start(browser, next_path="/activity"):
    """Ask for the provider; return its URL."""
    answer = browser.get("/sign-in/provider", params={"next": next_path})
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def answer_of(provider, url):
    """Sign in at the provider; return the path that the browser is sent back to."""
    back = urlsplit(provider.authorize(url))
    assert (back.netloc, back.path) == ("mpi.example.gov", "/sign-in/answer")
    return f"{back.path}?{back.query}"


def go_through(browser, provider, next_path="/activity"):
    """Sign in from beginning to end."""
    return browser.get(answer_of(provider, start(browser, next_path)))


def is_signed_in(browser):
    return browser.get("/change-password").status_code == 200


def names_of(index):
    return [account.name for account in list_accounts(index, OPERATOR)]


def changed_query(path, **changes):
    query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()} | changes
    return f"/sign-in/answer?{urlencode({name: value for name, value in query.items() if value is not None})}"


def encode(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

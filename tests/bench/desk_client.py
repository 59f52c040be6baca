"""HTTP clients of people who have signed in to the desk."""

import re

import httpx

from tests.accounts import PASSWORD

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


def signed_in_client(url: str, name: str) -> httpx.Client:
    """Return the HTTP client of a person who has signed in."""
    client = httpx.Client(base_url=url, timeout=120)
    form = {"csrf": find_form_token(client, "/sign-in"), "name": name, "password": PASSWORD}
    answer = client.post("/sign-in", data=form, headers=SAME_ORIGIN)
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.status_code
    return client


def find_form_token(client: httpx.Client, path: str) -> str:
    """Return the token that the forms of a page carry."""
    match = re.search(r'name="csrf" value="(\w+)"', client.get(path).text)
    assert match, f"no form at {path}"
    return match[1]

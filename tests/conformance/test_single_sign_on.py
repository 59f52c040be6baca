"""Accounts and roles of people who sign in with an identity provider, on both stores."""

import httpx
import pytest

from mpi.domain.errors import ConflictError
from mpi.domain.roles import Role
from mpi.service.access.accounts.account_end import end_account
from mpi.service.access.accounts.account_list import find_account
from mpi.service.access.single_sign_on import link_account
from tests.accounts import add_person, cheap_password_hashing
from tests.identity_provider import serving_provider
from tests.index import OPERATOR, open_test_index
from tests.single_sign_on import answer_of, browsing, go_through, is_signed_in, names_of, start, trust


@pytest.fixture(autouse=True, scope="module")
def _cheap_hashing():
    with cheap_password_hashing():
        yield


@pytest.fixture
def provider():
    with serving_provider() as provider:
        yield provider


@pytest.fixture
def index(tmp_path, database_url, provider):
    with open_test_index(tmp_path / "index", "sis", "ccwis", database_url=database_url) as new_index:
        yield trust(new_index, provider, tmp_path)


@pytest.fixture
def browser(index):
    with browsing(index) as browser:
        yield browser


def test_a_person_signs_in_and_gets_an_account_and_the_role_of_the_group(index, browser, provider):
    answer = go_through(browser, provider)
    assert answer.status_code == 200
    assert 'content="0; url=/activity"' in answer.text
    assert is_signed_in(browser)
    account = find_account(index, OPERATOR, "ana.ruiz").account
    assert (account.role, account.sources, account.full_name) == (Role.STEWARD, ("sis",), "Ana Ruiz")
    go_through(browser, provider)
    assert names_of(index) == ["ana.ruiz"]


def test_a_person_who_lost_the_group_loses_the_role_and_the_sessions(index, browser, provider):
    go_through(browser, provider)
    provider.person["groups"] = ["others"]
    with httpx.Client(base_url=browser.base_url, timeout=30) as second:
        assert go_through(second, provider).status_code == 403
        assert not is_signed_in(second)
    assert not is_signed_in(browser)


def test_another_group_gives_another_role_and_ends_the_sessions(index, browser, provider):
    go_through(browser, provider)
    provider.person["groups"] = ["stewards", "approvers"]
    with httpx.Client(base_url=browser.base_url, timeout=30) as second:
        assert go_through(second, provider).status_code == 200
        assert is_signed_in(second)
    assert not is_signed_in(browser)
    detail = find_account(index, OPERATOR, "ana.ruiz")
    assert (detail.account.role, detail.account.sources) == (Role.APPROVER, None)
    assert [(change.act, change.by) for change in detail.changes] == [
        ("change", "single-sign-on"), ("add", "single-sign-on"),
    ]  # fmt: skip


def test_a_person_stands_for_one_account(index):
    add_person(index, "ben", Role.ANALYST)
    add_person(index, "eve", Role.ANALYST)
    link_account(index, OPERATOR, "ben", "u-1")
    with pytest.raises(ConflictError, match="ben"):
        link_account(index, OPERATOR, "eve", "u-1")


def test_an_ended_account_is_not_opened_again(index, browser, provider):
    go_through(browser, provider)
    end_account(index, OPERATOR, "ana.ruiz")
    assert not is_signed_in(browser)
    assert go_through(browser, provider).status_code == 409
    assert not is_signed_in(browser)


def test_an_answer_counts_once(browser, provider):
    path = answer_of(provider, start(browser))
    cookie = browser.cookies.get("mpi-sign-in-flow")
    code = dict(provider.codes)
    assert browser.get(path).status_code == 200
    browser.cookies.clear()
    provider.codes.update(code)  # a provider that takes a code twice
    browser.cookies.set("mpi-sign-in-flow", cookie)
    assert browser.get(path).status_code == 403
    assert not is_signed_in(browser)

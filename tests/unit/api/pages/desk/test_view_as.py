"""Open pages of a test index: fictional persons, and the switch between their roles."""

import re

import httpx
import pytest

from mpi.domain.roles import Role
from tests.index import make_child
from tests.unit.api.live import PLAIN
from tests.unit.api.pages.desk.test_sign_in import SAME


@pytest.fixture
def visitor(people):
    with httpx.Client(base_url=people.base_url, timeout=30, verify=PLAIN) as client:
        yield client


def view_as(visitor, role, **headers):
    token = re.search(r'name="csrf" value="(\w+)"', visitor.get("/find").text)[1]
    return visitor.post("/view-as", data={"csrf": token, "role": role}, headers={**SAME, **headers})


def test_open_pages_are_seen_as_the_fictional_steward(visitor):
    page = visitor.get("/find")
    assert page.status_code == 200
    assert '<option value="steward" selected>' in page.text


def test_the_role_is_changed_and_kept_in_a_cookie(visitor):
    for role in Role:
        visitor.cookies.clear()
        answer = view_as(visitor, role.value)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        cookie = answer.headers["set-cookie"]
        assert cookie == f"mpi-acting-as={role}; HttpOnly; Path=/; SameSite=strict"


def test_each_fictional_person_sees_what_the_role_sees(visitor, call):
    child = make_child(None, first_name="Madeup", last_name="Rolesworth", birth_date="2009-09-01")
    eid = call.put("/v1/sources/CCWIS/records/as-1", json=child).json()["enterprise_id"]
    is_visible = {}
    for role in Role:
        visitor.cookies.clear()
        view_as(visitor, role.value)
        is_visible[role] = "Rolesworth" in visitor.get(f"/people/{eid}").text
    assert is_visible == {
        Role.STEWARD: True,
        Role.APPROVER: True,
        Role.SOURCE_OWNER: False,
        Role.OPERATOR: False,
        Role.CASEWORKER: False,
        Role.POINT_OF_CONTACT: False,
        Role.HOMELESS_LIAISON: False,
        Role.ANALYST: False,
        Role.AUDITOR: False,
        Role.PRIVACY_OFFICER: False,
        Role.AGENCY_HEAD: False,
        Role.REGISTRAR: False,
    }


def test_an_unknown_role_and_a_form_of_another_site_change_nothing(visitor):
    for answer in (
        view_as(visitor, "admin"),
        view_as(visitor, "operator", **{"Sec-Fetch-Site": "cross-site"}),
        visitor.post("/view-as", data={"role": "operator"}, headers=SAME),
    ):
        assert answer.status_code == 400
        assert "set-cookie" not in answer.headers
    visitor.cookies.set("mpi-acting-as", "admin")
    assert '<option value="steward" selected>' in visitor.get("/find").text


def test_open_pages_have_no_sign_in(visitor):
    for path in ("/sign-in", "/change-password"):
        assert visitor.get(path).status_code == 404


def test_pages_with_sign_in_have_no_role_switch(call):
    assert call.post("/view-as", data={"role": "operator"}).status_code == 404
    answer = httpx.get(f"{call.base_url}/find", headers={"Cookie": "mpi-acting-as=operator"}, verify=PLAIN)
    assert answer.status_code == 303

"""A OneRoster 1.2 client of others reads the stand-in as our connector does, so the stand-in is right."""

import asyncio

import pytest

from mpi.connectors.connection import SignIn, SignInKind
from mpi.connectors.oneroster.connector import OneRosterConnector
from mpi.service.pulls.pulled_rows import PulledRows
from tests.oneroster_server import CLIENT_ID, serve_oneroster

# It needs Python 3.12.
timeback_oneroster = pytest.importorskip("timeback_oneroster")

SECRET = "plain"  # pragma: allowlist secret - of the stand-in; the client sends others unencoded


@pytest.fixture
def system():
    with serve_oneroster("1.2") as system:
        system.secret = SECRET
        system.page_limit = 7
        system.add_schools()
        for number in range(23):
            system.add_student(number)
        system.delete("users", "s009")
        yield system


def read_by_foreign_client(system):
    """Return students, demographics and one user, as the other client reads them."""

    async def read():
        async with timeback_oneroster.OneRosterClient(
            base_url=system.url, auth_url=f"{system.url}/token", client_id=CLIENT_ID, client_secret=SECRET
        ) as client:
            students = await client.students.list_all()
            demographics = await client.demographics.list_all()
            return students, demographics, await client.students.get("s003")

    return asyncio.run(read())


def test_foreign_client_and_connector_read_the_same_students(system, tmp_path):
    students, demographics, one = read_by_foreign_client(system)
    active = [student for student in students if student.status == "active"]
    birth_dates = {item.sourced_id: item.birth_date for item in demographics}
    theirs = {
        (student.sourced_id, student.given_name, student.family_name, birth_dates[student.sourced_id])
        for student in active
    }
    sign_in = SignIn(SignInKind.OAUTH2, CLIENT_ID, SECRET, f"{system.url}/token")
    rows = PulledRows(str(tmp_path))
    OneRosterConnector(system.connection(sign_in=sign_in)).pull(None, rows, lambda *_: None)
    fields = [row.fields for row in rows.rows()]
    rows.close()
    names = ("local_id", "first_name", "last_name", "birth_date")
    ours = {tuple(row[name] for name in names) for row in fields}
    assert len(ours) == 22
    assert {tuple(map(str, each)) for each in theirs} == ours
    assert one.sourced_id == "s003"
    assert rows.removed == {"s009"}

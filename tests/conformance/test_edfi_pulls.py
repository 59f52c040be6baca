"""Pulls from a stand-in for an Ed-Fi API over HTTP, from the connection file to the index."""

import pytest

from mpi.connectors.connection import read_connection
from mpi.connectors.registry import make_connector
from mpi.domain.errors import RemoteSystemError
from mpi.service.maintenance.verify import verify
from mpi.service.pulls.pull import PullOptions, pull
from tests.edfi_server import SECRET, EdfiServer, serve_edfi
from tests.index import OPERATOR, crosswalk

CONNECTION = """
system = "edfi"
source = "sis"
url = "{url}"

[sign_in]
kind = "oauth2"
token_url = "{url}/oauth/token"
client_id = "mpi"
secret_file = "edfi.secret"

[options]
page_size = 10
overlap = 0
"""


@pytest.fixture(params=[("5.2.0", False), ("6.1.0", True)], ids=["api-7", "api-8"])
def api(request):
    standard, has_tokens = request.param
    with serve_edfi(EdfiServer(standard, has_tokens=has_tokens)) as api:
        for number in range(24):
            birth_date = f"20{number % 10 + 8:02}-0{number % 9 + 1}-1{number % 10}"
            api.put_student(f"s{number}", firstName=f"Ana{chr(97 + number)}", birthDate=birth_date)
            api.enroll(f"s{number}")
        yield api


@pytest.fixture
def pull_again(index, api, tmp_path):
    secret = tmp_path / "edfi.secret"
    secret.write_text(SECRET, "utf-8")
    secret.chmod(0o600)
    path = tmp_path / "edfi.toml"
    path.write_text(CONNECTION.format(url=api.url), "utf-8")

    def run(**options):
        connection = read_connection(path)
        return pull(index, OPERATOR, connection, make_connector(connection), PullOptions(**options))

    return run


def ids_of(index):
    return {local_id: person for (_, local_id), person in crosswalk(index).items()}


def test_students_are_pulled_changed_renamed_and_withdrawn(index, api, pull_again):
    first = pull_again()
    before = ids_of(index)
    api.delete_student("s1")
    api.rename_student("s2", "x2")
    api.put_student("s3", firstName="Changed")
    api.put_student("new")
    second = pull_again()
    after = ids_of(index)
    assert (first.is_full, first.load.created, first.load.rejected) == (True, 24, 0)
    assert not second.is_full
    assert (second.load.created, second.load.updated, second.removed, second.renamed) == (1, 1, 1, 1)
    assert "s1" not in after
    assert "s2" not in after
    assert after["x2"] == before["s2"]
    assert after["s3"] == before["s3"]
    api.rename_student("x2", "y2")
    third = pull_again(full=True)
    assert (third.is_full, third.renamed, third.load.withdrawn, third.load.created) == (True, 1, 0, 0)
    assert ids_of(index)["y2"] == before["s2"]
    assert verify(index, OPERATOR) == []


def test_a_pull_that_breaks_off_is_repeated_and_ends_the_same(index, api, pull_again):
    pull_again()
    before = ids_of(index)
    api.rename_student("s2", "x2")
    api.delete_student("s1")
    api.forbidden.add("studentSchoolAssociations")
    with pytest.raises(RemoteSystemError, match="studentSchoolAssociations"):
        pull_again()
    assert ids_of(index) == before
    api.forbidden.clear()
    receipt = pull_again()
    assert (receipt.renamed, receipt.removed, receipt.has_advanced) == (1, 1, True)
    assert ids_of(index)["x2"] == before["s2"]
    quiet = pull_again()
    assert quiet.load.received == 0

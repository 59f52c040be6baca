import pytest

from tests.edfi_server import SECRET, D, EdfiServer, serve_edfi

CONNECTION = """
system = "edfi"
source = "sis"
url = "{url}"

[sign_in]
kind = "oauth2"
token_url = "{url}/oauth/token"
client_id = "mpi"
secret_variable = "EDFI_SECRET"

[options]
id_system = "{system}"
id_organization = "MPI"
"""


@pytest.fixture
def api(tmp_path, monkeypatch):
    monkeypatch.setenv("EDFI_SECRET", SECRET)
    with serve_edfi(EdfiServer("6.1.0", has_tokens=True)) as api:
        for number in range(3):
            birth_date = f"201{number}-03-0{number + 1}"
            api.put_student(f"s{number}", firstName=f"Ana{chr(97 + number)}", birthDate=birth_date)
            api.describe("studentEducationOrganizationAssociations", f"s{number}")
        system = f"{D}StudentIdentificationSystemDescriptor#Enterprise ID"
        (tmp_path / "edfi.toml").write_text(CONNECTION.format(url=api.url, system=system), "utf-8")
        yield api


def test_students_are_pulled_and_their_ids_written_back(home, mpi, api):
    assert home.exists()
    assert mpi("pull", "--connection", "edfi.toml", "--json").json["created"] == 3
    mpi("client", "add", "owner", "--scope", "crosswalk.read", "--source", "sis")
    command = ("write-ids", "--connection", "edfi.toml", "--client", "owner", "--json")
    assert mpi(*command, "--dry-run").json == {"written": 3, "unchanged": 0, "unassigned": 0, "failed": {}}
    assert mpi(*command).json["written"] == 3
    assert len(api.items["studentIdentificationCodes"]) == 3
    shown = mpi(*command[:-1])
    assert shown.code == 0
    assert "unchanged" in shown.out


def test_refused_ids_are_counted_by_status(home, mpi, api):
    assert home.exists()
    mpi("pull", "--connection", "edfi.toml")
    mpi("client", "add", "owner", "--scope", "crosswalk.read", "--source", "sis")
    api._write = lambda *_: (400, {}, {"detail": "no such descriptor: Ana Ek"})
    refused = mpi("write-ids", "--connection", "edfi.toml", "--client", "owner")
    assert refused.code == 11
    assert "3 with status 400" in refused.err
    assert "Ek" not in refused.out + refused.err


def test_ids_are_written_for_a_client_that_may_know_them(home, mpi, api):
    assert home.exists()
    denied = mpi("write-ids", "--connection", "edfi.toml", "--client", "nobody")
    assert denied.code == 8
    assert api.requests == []

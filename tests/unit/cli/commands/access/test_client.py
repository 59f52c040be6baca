"""API clients are added, listed and revoked; each does what it was granted and no more."""

import pytest

from mpi.domain.errors import AccessDenied, NotAuthenticated
from mpi.domain.viewer import Action, Viewer
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client, list_clients, revoke_client
from mpi.service.persons.persons import look_up_person
from mpi.service.records.upsert import upsert
from tests.unit.cli.conftest import is_one_line


def add_district_client(mpi, *options) -> str:
    result = mpi("client", "add", "district-01", *options, "--json")
    assert result.code == 0, result.err
    return result.json["api_key"]


def test_a_client_does_what_it_was_granted_and_no_more(mpi, index):
    key = add_district_client(mpi, "--scope", "record.write", "--scope", "record.read", "--source", "sis")
    viewer = authenticate(index, key, None)
    assert viewer.client == "district-01"
    upsert(index, viewer, "sis", {"local_id": "1", "first_name": "Ana", "last_name": "Lopez"})
    with pytest.raises(AccessDenied):
        upsert(index, viewer, "ccwis", {"local_id": "1", "first_name": "Ana", "last_name": "Lopez"})
    with pytest.raises(AccessDenied):
        look_up_person(index, viewer, "T7K3-M92Q-X0HN")


def test_only_a_hash_of_the_key_is_stored(mpi, home):
    key = add_district_client(mpi, "--scope", "report", "--all-sources")
    assert key.startswith("mpi_")
    assert key.encode() not in (home / "mpi.db").read_bytes()
    assert key not in mpi("client", "list").out


def test_a_client_is_bound_to_a_party_of_its_agreement(mpi, index):
    key = add_district_client(mpi, "--scope", "report", "--all-sources", "--party", "operator")
    assert authenticate(index, key, "data_quality").actions == {Action.REPORT}
    party = next(row["party"] for row in mpi("client", "list", "--json").json if row["name"] == "district-01")
    assert party == "operator"
    bind = ("client", "bind", "district-01", "--agreement", "house")
    assert mpi(*bind, "--party", "court").code == 6
    assert mpi(*bind, "--json").json == {"client": "district-01", "agreement": "house", "party": None}


@pytest.mark.usefixtures("index")
def test_a_client_gets_a_name_at_the_token_issuer_and_loses_it(mpi):
    add_district_client(mpi, "--scope", "report", "--all-sources")
    subject = ("client", "subject", "district-01")
    assert mpi(*subject, "--name", "sis-42", "--json").json == {
        "client": "district-01", "token_subject": "sis-42",
    }  # fmt: skip
    [listed] = [row for row in mpi("client", "list", "--json").json if row["name"] == "district-01"]
    assert listed["token_subject"] == "sis-42"
    assert mpi("client", "subject", "init", "--name", "sis-42").code == 7
    assert mpi(*subject).code == 5
    assert mpi(*subject, "--none", "--json").json["token_subject"] is None


def test_a_revoked_key_is_refused(mpi, index):
    key = add_district_client(mpi, "--scope", "report", "--all-sources")
    assert authenticate(index, key, None).sources is None
    assert mpi("client", "revoke", "district-01").code == 0
    with pytest.raises(NotAuthenticated):
        authenticate(index, key, None)
    [listed] = [c for c in mpi("client", "list", "--json").json if c["name"] == "district-01"]
    assert listed["revoked"] is not None
    assert mpi("client", "revoke", "district-01").code == 6
    second_add = mpi("client", "add", "district-01", "--scope", "report", "--all-sources")
    assert (second_add.code, is_one_line(second_add.err)) == (7, True)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--scope", "report"), 5),
        (("--scope", "report", "--source", "sis", "--all-sources"), 5),
        (("--scope", "everything", "--all-sources"), 5),
        (("--scope", "report", "--source", "nowhere"), 6),
        (("--all-sources",), 2),
    ],
)
def test_an_incomplete_grant_is_refused(mpi, home, options, code):
    result = mpi("client", "add", "district-01", *options)
    assert (result.code, is_one_line(result.err)) == (code, True)


def test_a_client_cannot_grant_more_than_it_has(index):
    limited_viewer = Viewer(
        "admin",
        None,
        frozenset({Action.CLIENT_ADMIN, Action.REPORT}),
        frozenset({"sis"}),
        agreement="house",
    )
    for scopes, sources in ((["decide"], ["sis"]), (["report"], ["ccwis"]), (["report"], None)):
        with pytest.raises(AccessDenied):
            add_client(index, limited_viewer, "more", scopes, sources)
    add_client(index, limited_viewer, "less", ["report"], ["sis"])
    for forbidden in (
        lambda v: add_client(index, v, "x", ["report"], ["sis"]),
        lambda v: list_clients(index, v),
        lambda v: revoke_client(index, v, "less"),
    ):
        with pytest.raises(AccessDenied):
            forbidden(Viewer("nobody", None, frozenset(Action) - {Action.CLIENT_ADMIN}, None))


def test_a_source_is_paused_and_resumed(mpi, home):
    def resolve_outcome() -> str:
        child = {"source": "sis", "local_id": "1", "first_name": "Ana", "last_name": "Lopez"}
        return mpi("resolve", "--json", send=child).json["outcome"]

    assert mpi("source", "pause", "sis").code == 0
    assert resolve_outcome() == "held"
    assert mpi("source", "resume", "--all", "--json").json["resolved"] == 1
    assert resolve_outcome() == "unchanged"
    assert mpi("source", "pause").code == 5
    assert mpi("source", "resume", "nowhere").code == 6


def test_a_file_of_new_local_ids_is_applied_at_once_and_undone(mpi, home, tmp_path):
    child = {"source": "sis", "local_id": "1", "first_name": "Ana", "last_name": "Lopez"}
    eid = mpi("resolve", "--json", send=child).json["enterprise_id"]
    file = tmp_path / "new.csv"
    file.write_text("old,new\n1,2027-1\n9,10\n")
    result = mpi("rekey", str(file), "--source", "sis", "--json")
    assert (result.json["rekeyed"], result.json["unknown"]) == (1, ["9"])
    crosswalk = mpi("crosswalk", "--source", "sis", "--local-id", "2027-1", "--json").json
    assert crosswalk["enterprise_id"] == eid
    assert mpi("undo", str(result.json["step"]), "--step").code == 0
    assert mpi("crosswalk", "--source", "sis", "--local-id", "2027-1").code == 6
    for content in ("a,b\n1,2\n", "old,new\n1\n", "old,new\n1,2\n1,3\n"):
        file.write_text(content)
        refusal = mpi("rekey", str(file), "--source", "sis")
        assert (refusal.code, is_one_line(refusal.err)) == (5, True)


def test_a_freeze_window_is_added_listed_and_lifted(mpi, home):
    result = mpi(
        "freeze",
        "add",
        "sis",
        "--from",
        "2999-03-01",
        "--to",
        "2999-03-04",
        "--reason",
        "count-day",
        "--json",
    )
    assert (result.json["state"], result.json["ends_on"]) == ("coming", "2999-03-04")
    assert "count-day" in mpi("freeze", "list").out
    assert mpi("freeze", "lift", "1").code == 0
    assert [window["state"] for window in mpi("freeze", "list", "--json").json] == ["lifted"]
    assert mpi("freeze", "lift", "1").code == 7
    assert mpi("freeze", "add", "sis", "--from", "2999-03-04", "--to", "2999-03-04").code == 5

"""Commands that add scopes and take their changes over."""

import pytest

from mpi.bootstrap import init_scope, open_scope
from mpi.config import Settings
from mpi.domain.errors import NotAuthenticated
from mpi.service.access.client_authentication import authenticate

CHILD = {
    "source": "school", "local_id": "1", "first_name": "Ana", "last_name": "Lopez", "birth_date": "2014-05-06"
}  # fmt: skip


@pytest.fixture
def in_scope(monkeypatch):
    """Set the scope of the following commands."""
    return lambda scope: monkeypatch.setenv("MPI_SCOPE", scope)


def test_a_scope_is_added_used_and_followed(home, mpi, in_scope):
    added = mpi("scope", "add", "education", "--name", "Schools", "--json")
    assert added.code == 0, added.err
    assert added.json["scope"] == "education"
    assert added.json["api_key"].startswith("mpi_")

    in_scope("education")
    assert mpi("source", "add", "school").code == 0
    own_id = mpi("resolve", "--json", send=CHILD).json["enterprise_id"]

    in_scope("shared")
    assert mpi("person", own_id).code != 0, "the ID of another scope is unknown"
    [result] = mpi("scope", "sync", "--json").json
    assert result == {"scope": "education", "records": 1, "decisions": 0, "contradictions": 0}
    assert mpi("scope", "list", "--json").json == [
        {"code": "education", "name": "Schools", "sources": ["school"], "state": "open", "lag": 0}
    ]
    assert mpi("crosswalk", "--source", "school", "--local-id", "1").code == 0


def test_an_index_begins_with_the_scopes_of_its_agencies(tmp_path, monkeypatch, mpi, in_scope, home):
    monkeypatch.setenv("MPI_HOME", str(tmp_path / "new"))
    made = mpi("init", "--test", "--scope", "education", "--scope", "child_welfare", "--json").json
    assert list(made["scopes"]) == ["education", "child_welfare"]
    assert len({made["api_key"], *made["scopes"].values()}) == 3
    listed = mpi("scope", "list", "--json").json
    assert [scope["code"] for scope in listed] == ["child_welfare", "education"]

    in_scope("education")
    assert mpi("source", "add", "school").code == 0
    assert mpi("resolve", "--json", send=CHILD).json["enterprise_id"].startswith("T")


def test_an_index_is_not_made_with_a_scope_that_has_no_valid_code(tmp_path, monkeypatch, mpi, home):
    monkeypatch.setenv("MPI_HOME", str(tmp_path / "new"))
    refused = mpi("init", "--scope", "education", "--scope", "Child-Welfare")
    assert refused.code != 0
    assert "a scope's code has" in refused.err
    assert not (tmp_path / "new").exists()


def test_a_file_for_a_source_of_a_scope_is_refused_by_the_shared_index(home, mpi, in_scope, write_csv):
    mpi("scope", "add", "education")
    in_scope("education")
    mpi("source", "add", "school")
    mpi("resolve", send=CHILD)
    in_scope("shared")
    mpi("scope", "sync")
    refused = mpi("ingest", write_csv("2,Ben,Quill,2013-01-02,43001"), "--source", "school")
    assert refused.code != 0
    assert "scope education" in refused.err


@pytest.mark.parametrize("code", ["shared", "Education", "1a", "a-b", "", "../x", "a" * 33])
def test_a_code_that_cannot_name_a_scope_is_refused(home, mpi, code):
    refused = mpi("scope", "add", code)
    assert refused.code != 0
    assert "a scope's code has" in refused.err


def test_a_scope_is_added_once(home, mpi):
    assert mpi("scope", "add", "education").code == 0
    refused = mpi("scope", "add", "education")
    assert refused.code != 0
    assert "already" in refused.err


def test_an_interrupted_addition_is_completed_by_the_next(home, mpi, index):
    init_scope(Settings(), "education", is_test=True)[0].database.dispose()
    assert mpi("scope", "list", "--json").json == []
    added = mpi("scope", "add", "education", "--json")
    assert added.json == {"scope": "education", "name": "education"}
    assert [scope["code"] for scope in mpi("scope", "list", "--json").json] == ["education"]


def test_the_file_of_another_scope_is_never_taken(home, mpi):
    assert mpi("scope", "add", "education").code == 0
    (home / "mpi-scope-education.db").rename(home / "mpi-scope-health.db")
    (home / "mpi-scope-education-ledger.db").rename(home / "mpi-scope-health-ledger.db")
    refused = mpi("scope", "add", "health")
    assert refused.code != 0
    assert "scope education" in refused.err, "the file of another scope is never taken"


def test_scopes_are_managed_in_the_shared_index_only(home, mpi, in_scope):
    mpi("scope", "add", "education")
    in_scope("education")
    for command in (("add", "health"), ("list",), ("sync",)):
        refused = mpi("scope", *command)
        assert refused.code != 0
        assert "leave MPI_SCOPE out" in refused.err


def test_an_index_is_not_created_for_a_scope_alone(empty_home, mpi, in_scope):
    in_scope("education")
    refused = mpi("init")
    assert refused.code != 0
    assert "mpi scope add" in refused.err
    assert not empty_home.exists()


def test_a_scope_that_fails_does_not_stop_the_others(home, mpi, in_scope):
    mpi("scope", "add", "education")
    mpi("scope", "add", "health")
    in_scope("health")
    mpi("source", "add", "clinic")
    mpi("resolve", send={**CHILD, "source": "clinic"})
    in_scope("shared")
    (home / "mpi-scope-education.db").write_bytes(b"damaged")
    result = mpi("scope", "sync", "--json")
    assert result.code != 0
    assert "scope education" in result.err
    assert [(row["scope"], row["records"]) for row in result.json] == [("health", 1)]


def test_each_scope_has_its_own_rejected_rows(home, mpi, in_scope, write_csv):
    for scope in ("education", "health"):
        in_scope("shared")
        mpi("scope", "add", scope)
        in_scope(scope)
        mpi("source", "add", "school")
        mpi("ingest", write_csv(",No,ID,2013-01-02,43001"), "--source", "school")
    assert sorted(path.relative_to(home).as_posix() for path in home.glob("rejects/**/*.csv")) == [
        "rejects/education/1.csv", "rejects/health/1.csv"
    ]  # fmt: skip


def test_an_unknown_scope_is_named_in_the_error(home, mpi, in_scope):
    assert "'health'" in mpi("scope", "sync", "health").err
    in_scope("health")
    assert "mpi scope add" in mpi("source", "list").err


@pytest.fixture
def split_plan(home, mpi):
    """Plan to move a source with one record and one client; return the plan and the client's key."""
    mpi("source", "add", "school")
    mpi("resolve", send=CHILD)
    key = mpi("client", "add", "district", "--scope", "record.read", "--source", "school", "--json").json[
        "api_key"
    ]
    return mpi("scope", "split", "education", "--source", "school", "--name", "Schools", "--json").json, key


def test_a_source_moves_into_a_scope_when_a_second_person_approves(split_plan, mpi, in_scope):
    plan, _key = split_plan
    assert (plan["records"], plan["clients"], plan["blockers"]) == ({"active": 1}, ["district"], [])
    assert "--by" in mpi("scope", "split", "education", "--approve", plan["token"]).err
    refused = mpi("scope", "split", "education", "--approve", plan["token"], "--by", "operator")
    assert "somebody else" in refused.err
    done = mpi("scope", "split", "education", "--approve", plan["token"], "--by", "ana", "--json")
    assert done.code == 0, done.err
    assert (done.json["state"], done.json["clients"]) == ("done", ["district"])

    [scope] = mpi("scope", "list", "--json").json
    assert scope == {"code": "education", "name": "Schools", "sources": ["school"], "state": "open", "lag": 0}
    refused = mpi("client", "add", "other", "--scope", "record.read", "--source", "school")
    assert "add this client in that scope" in refused.err
    in_scope("education")
    assert mpi("crosswalk", "--source", "school", "--local-id", "1").code == 0
    assert "district" in [client["name"] for client in mpi("client", "list", "--json").json]
    mpi("resolve", send={**CHILD, "local_id": "2"})
    in_scope("shared")
    assert mpi("scope", "list", "--json").json[0]["lag"] == 1
    assert "done" in mpi("scope", "split", "education").err
    assert "has changed something" in mpi("scope", "split", "education", "--undo").err
    assert "Keep" not in mpi("scope", "sync").err


def test_a_further_source_moves_into_a_scope_that_exists(split_plan, mpi, in_scope):
    plan, _key = split_plan
    mpi("scope", "split", "education", "--approve", plan["token"], "--by", "ana")
    assert not plan["is_addition"]
    mpi("source", "add", "attendance")
    mpi("resolve", send={**CHILD, "source": "attendance", "local_id": "a1"})
    counted = mpi("scope", "split", "education", "--source", "attendance", "--dry-run")
    assert "yes: the scope exists" in counted.out

    further = mpi("scope", "split", "education", "--source", "attendance", "--name", "Other", "--json").json
    assert (further["is_addition"], further["name"], further["token"] is None) == (True, "Schools", False)
    done = mpi("scope", "split", "education", "--approve", further["token"], "--by", "ana", "--json")
    assert (done.code, done.json["state"], done.json["is_addition"]) == (0, "done", True)
    assert "API key" not in done.err

    [scope] = mpi("scope", "list", "--json").json
    assert (scope["sources"], scope["state"]) == (["attendance", "school"], "open")
    assert mpi("verify", "--all-scopes").code == 0
    assert "cannot be taken back" in mpi("scope", "split", "education", "--undo").err
    again = mpi("scope", "split", "education", "--source", "attendance")
    assert again.code == 7
    assert "a source has one scope" in again.err
    in_scope("education")
    links = [
        mpi("crosswalk", "--source", source, "--local-id", local_id, "--json").json["enterprise_id"]
        for source, local_id in (("school", "1"), ("attendance", "a1"))
    ]
    assert links[0] == links[1]


def test_a_moved_key_says_where_it_opens(split_plan, mpi, index):
    plan, key = split_plan
    mpi("scope", "split", "education", "--approve", plan["token"], "--by", "ana")
    with pytest.raises(NotAuthenticated, match="opens the index of the scope education"):
        authenticate(index, key, None)
    scope_index = open_scope(Settings(), "education")
    assert authenticate(scope_index, key, None).sources == {"school"}
    scope_index.database.dispose()


def test_a_split_is_taken_back(split_plan, mpi, index):
    plan, key = split_plan
    assert "planned" in mpi("scope", "split", "education", "--undo").err
    mpi("scope", "split", "education", "--approve", plan["token"], "--by", "ana")
    assert mpi("scope", "split", "education", "--undo", "--json").json["state"] == "undone"
    assert authenticate(index, key, None).client == "district"
    assert mpi("scope", "list", "--json").json == []
    assert (
        "index of the scope education already" in mpi("scope", "split", "education", "--source", "school").err
    )


def test_a_dry_run_counts_and_stores_nothing(home, mpi):
    mpi("source", "add", "school")
    plan = mpi("scope", "split", "education", "--source", "school", "--dry-run")
    assert plan.code == 0
    assert "records" in plan.out
    assert "there is no split" in mpi("scope", "split", "education").err


def test_options_of_a_split_that_contradict_each_other_are_refused(home, mpi):
    mpi("source", "add", "school")
    for options in (("--source", "school", "--undo"), ("--dry-run",), ("--source", "school", "--by", " ")):
        assert mpi("scope", "split", "education", *options).code != 0


def test_a_blocked_plan_exits_with_a_conflict(home, mpi):
    mpi("source", "add", "school")
    mpi("source", "add", "clinic")
    mpi("client", "add", "both", "--scope", "record.read", "--source", "school", "--source", "clinic")
    blocked = mpi("scope", "split", "education", "--source", "school")
    assert blocked.code == 7
    assert "client both also holds clinic" in blocked.err

"""Decide, merge, split, move and undo at the command line."""

from datetime import UTC, datetime

import pytest

from tests.unit.cli.conftest import is_one_line

ANA = {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02"}
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-05-06"}


def resolved(mpi, source, local_id, child) -> str:
    return mpi("resolve", "--json", send={"source": source, "local_id": local_id, **child}).json[
        "enterprise_id"
    ]


@pytest.fixture
def people(mpi, home):
    """Ana with two records, Bo with one: their enterprise IDs."""
    resolved(mpi, "ccwis", "a:1", ANA)
    return resolved(mpi, "sis", "1", ANA), resolved(mpi, "sis", "2", BO)


def eid(mpi, source, local_id) -> str:
    found = mpi("crosswalk", "--source", source, "--local-id", local_id, "--json")
    return found.json["enterprise_id"]


def test_a_merge_is_previewed_applied_on_what_was_read_and_undone(mpi, people):
    ana, bo = people
    seen = mpi("merge", ana, bo, "--reason", "same-child", "--preview", "--json").json
    assert (seen["preview"], eid(mpi, "sis", "2")) == (True, bo)
    stale = mpi("merge", ana, bo, "--reason", "same-child", "--if-match", "other")
    assert (stale.code, is_one_line(stale.err)) == (7, True)
    done = mpi("merge", ana, bo, "--reason", "same-child", "--if-match", seen["etag"], "--json")
    assert done.code == 0
    assert done.json["persons"] == seen["persons"]
    assert eid(mpi, "sis", "2") == ana
    assert mpi("undo", str(done.json["step"]), "--step").code == 0
    assert eid(mpi, "sis", "2") == bo
    assert "undo merge" in mpi("lineage", bo).out


def test_a_split_and_a_move_name_records_by_source_and_local_id(mpi, people):
    ana, bo = people
    split = mpi("split", ana, "ccwis:a:1", "--reason", "two-children", "--keep", "ccwis:a:1")
    assert split.code == 0
    assert "(new)" not in split.out
    assert eid(mpi, "ccwis", "a:1") == ana
    assert eid(mpi, "sis", "1") != ana
    assert mpi("move", ana, "ccwis:a:1", "--to", bo, "--reason", "wrong").code == 5
    step = mpi("decisions", "--json").json[0]["step"]
    mpi("undo", str(step), "--step")
    assert mpi("move", ana, "ccwis:a:1", "--to", bo, "--reason", "wrong-child").code == 0
    assert eid(mpi, "ccwis", "a:1") == bo


def test_a_split_shows_who_received_what_because_of_the_link(mpi, people):
    ana, _ = people
    mpi("person", ana)
    shown = mpi("split", ana, "ccwis:a:1", "--reason", "two-children", "--preview")
    assert "answers that left because of links that are parted: 1" in shown.err
    assert "person.read" in shown.out
    assert mpi("split", ana, "ccwis:a:1", "--reason", "x", "--preview", "--json").json["disclosed"] > 0


def test_a_decision_is_made_listed_shown_and_refused_where_it_contradicts(mpi, people):
    made = mpi("decide", "DIFFERENT", "sis:1", "/", "sis:2", "--reason", "sibling", "--note", "met both")
    assert made.code == 0
    assert "no record changes person" in made.err
    assert "DIFFERENT" in mpi("decisions").out
    shown = mpi("decisions", "1")
    assert "met both" in shown.out
    assert "sis:1 / sis:2" in shown.out
    refused = mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child")
    assert (refused.code, is_one_line(refused.err)) == (7, True)
    assert "decisions 1" in refused.err
    assert mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child", "--supersedes", "1").code == 0
    assert eid(mpi, "sis", "1") == eid(mpi, "sis", "2")
    assert mpi("decisions", "9").code == 6


def test_an_undo_says_what_stays_and_how_to_change_it(mpi, people):
    mpi("decide", "SAME", "sis:1", "ccwis:a:1", "--reason", "same-child")
    undone = mpi("undo", "1")
    assert undone.code == 0
    assert "they stay one person, because the model says so" in undone.err
    assert "mpi decide DIFFERENT" in undone.err


def test_a_decision_for_a_later_day_binds_from_then_on(mpi, people, set_clock):
    mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child", "--effective-from", "2999-01-01")
    assert mpi("decisions", "--json").json[0]["status"] == "pending"
    assert "0 decisions put in force" in mpi("decisions", "--due").err
    assert eid(mpi, "sis", "1") != eid(mpi, "sis", "2")
    set_clock(lambda: datetime(2999, 1, 1, tzinfo=UTC))
    assert "1 decisions put in force" in mpi("decisions", "--due").err
    assert eid(mpi, "sis", "1") == eid(mpi, "sis", "2")


@pytest.mark.parametrize("record", ["sis", "sis:", ":1", "nowhere:1", "sis:999"])
def test_a_record_that_is_not_there_or_not_named_so_is_refused_in_one_line(mpi, people, record):
    refused = mpi("decide", "SAME", "sis:1", record, "--reason", "x")
    assert refused.code in (5, 6)
    assert is_one_line(refused.err)


def test_a_link_is_reported_without_deciding(mpi, people):
    assert mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "two-ids", "--claim", "--json").json == {
        "claim": 1
    }
    assert mpi("decisions", "--json").json[0]["status"] == "review"
    assert eid(mpi, "sis", "1") != eid(mpi, "sis", "2")


def test_what_waits_for_a_second_approver_says_so_and_is_not_approved_by_its_maker(mpi, people, monkeypatch):
    monkeypatch.setenv("MPI_SECOND_APPROVER", "always")
    made = mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child")
    assert made.code == 0
    assert "waits for a second approver" in made.err
    assert eid(mpi, "sis", "1") != eid(mpi, "sis", "2")
    own = mpi("approve", "1")
    assert (own.code, is_one_line(own.err)) == (7, True)
    monkeypatch.setenv("MPI_SECOND_APPROVER", "sometimes")
    assert mpi("decisions").code == 5

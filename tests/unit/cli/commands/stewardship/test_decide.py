"""Decide, merge, split, move and undo on the command line."""

from datetime import UTC, datetime

import pytest

from tests.unit.cli.conftest import is_one_line

ANA = {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2010-01-02"}
BO = {"first_name": "Bo", "last_name": "Zwart", "birth_date": "2009-05-06"}


def resolve_child(mpi, source, local_id, child) -> str:
    return mpi("resolve", "--json", send={"source": source, "local_id": local_id, **child}).json[
        "enterprise_id"
    ]


@pytest.fixture
def persons(mpi, home):
    """Enterprise IDs of Ana with two records and Bo with one."""
    resolve_child(mpi, "ccwis", "a:1", ANA)
    return resolve_child(mpi, "sis", "1", ANA), resolve_child(mpi, "sis", "2", BO)


def eid(mpi, source, local_id) -> str:
    crosswalk = mpi("crosswalk", "--source", source, "--local-id", local_id, "--json")
    return crosswalk.json["enterprise_id"]


def test_a_merge_is_previewed_applied_with_an_etag_and_undone(mpi, persons):
    ana, bo = persons
    preview = mpi("merge", ana, bo, "--reason", "same-child", "--preview", "--json").json
    assert (preview["preview"], eid(mpi, "sis", "2")) == (True, bo)
    stale_result = mpi("merge", ana, bo, "--reason", "same-child", "--if-match", "other")
    assert (stale_result.code, is_one_line(stale_result.err)) == (7, True)
    result = mpi("merge", ana, bo, "--reason", "same-child", "--if-match", preview["etag"], "--json")
    assert result.code == 0
    assert result.json["persons"] == preview["persons"]
    assert eid(mpi, "sis", "2") == ana
    assert mpi("undo", str(result.json["step"]), "--step").code == 0
    assert eid(mpi, "sis", "2") == bo
    assert "undo merge" in mpi("lineage", bo).out


def test_a_split_and_a_move_name_records_by_source_and_local_id(mpi, persons):
    ana, bo = persons
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


def test_a_split_shows_the_disclosures_caused_by_the_link(mpi, persons):
    ana, _ = persons
    mpi("person", ana)
    result = mpi("split", ana, "ccwis:a:1", "--reason", "two-children", "--preview")
    # The answer to the record that was linked, and the look-up.
    assert "answers that left because of links that are parted: 2" in result.err
    assert "person.read" in result.out
    assert mpi("split", ana, "ccwis:a:1", "--reason", "x", "--preview", "--json").json["disclosed"] > 0


def test_a_decision_is_made_listed_shown_and_a_contradiction_refused(mpi, persons):
    result = mpi("decide", "DIFFERENT", "sis:1", "/", "sis:2", "--reason", "sibling", "--note", "met both")
    assert result.code == 0
    assert "no record changes person" in result.err
    assert "DIFFERENT" in mpi("decisions").out
    details = mpi("decisions", "1")
    assert "met both" in details.out
    assert "sis:1 / sis:2" in details.out
    contradiction = mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child")
    assert (contradiction.code, is_one_line(contradiction.err)) == (7, True)
    assert "decisions 1" in contradiction.err
    assert mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child", "--supersedes", "1").code == 0
    assert eid(mpi, "sis", "1") == eid(mpi, "sis", "2")
    assert mpi("decisions", "9").code == 6


def test_an_undo_explains_what_remains_and_how_to_change_it(mpi, persons):
    mpi("decide", "SAME", "sis:1", "ccwis:a:1", "--reason", "same-child")
    result = mpi("undo", "1")
    assert result.code == 0
    assert "they stay one person, because the model says so" in result.err
    assert "mpi decide DIFFERENT" in result.err


def test_a_decision_for_a_later_date_takes_effect_on_that_date(mpi, persons, set_clock):
    mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child", "--effective-from", "2999-01-01")
    assert mpi("decisions", "--json").json[0]["status"] == "pending"
    assert "0 decisions put in force" in mpi("decisions", "--due").err
    assert eid(mpi, "sis", "1") != eid(mpi, "sis", "2")
    set_clock(lambda: datetime(2999, 1, 1, tzinfo=UTC))
    assert "1 decisions put in force" in mpi("decisions", "--due").err
    assert eid(mpi, "sis", "1") == eid(mpi, "sis", "2")


@pytest.mark.parametrize("record", ["sis", "sis:", ":1", "nowhere:1", "sis:999"])
def test_an_unknown_or_invalid_record_reference_gives_one_error_line(mpi, persons, record):
    result = mpi("decide", "SAME", "sis:1", record, "--reason", "x")
    assert result.code in (5, 6)
    assert is_one_line(result.err)


def test_a_link_is_reported_without_a_decision(mpi, persons):
    assert mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "two-ids", "--claim", "--json").json == {
        "claim": 1
    }
    assert mpi("decisions", "--json").json[0]["status"] == "review"
    assert eid(mpi, "sis", "1") != eid(mpi, "sis", "2")


def test_a_decision_that_needs_a_second_approver_is_not_approved_by_its_maker(mpi, persons, monkeypatch):
    monkeypatch.setenv("MPI_SECOND_APPROVER", "always")
    result = mpi("decide", "SAME", "sis:1", "sis:2", "--reason", "same-child")
    assert result.code == 0
    assert "waits for a second approver" in result.err
    assert eid(mpi, "sis", "1") != eid(mpi, "sis", "2")
    own_approval = mpi("approve", "1")
    assert (own_approval.code, is_one_line(own_approval.err)) == (7, True)
    monkeypatch.setenv("MPI_SECOND_APPROVER", "sometimes")
    assert mpi("decisions").code == 5

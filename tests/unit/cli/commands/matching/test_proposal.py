"""Proposals and holds at the command line."""

import pytest

from tests.models import tiny_model
from tests.unit.cli.conftest import is_one_line


@pytest.fixture
def doubtful(mpi, home):
    """Two children with a link that a stricter model does not make."""
    for number, name in enumerate(("Ana", "Zoe")):
        for source in ("sis", "ccwis"):
            child = {"first_name": name, "last_name": f"{name}son", "birth_date": "2010-01-02"}
            mpi("resolve", send={"source": source, "local_id": str(number), **child})


def persons(mpi) -> int:
    rows = mpi("report", "summary", "--json").json["rows"]
    return next(row["count"] for row in rows if row["what"] == "persons, active")


def test_a_proposal_is_made_read_applied_in_part_and_rolled_back(mpi, doubtful, tmp_path):
    folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
    made = mpi("proposal", "make", "--model", folder, "--json").json
    assert (made["split"], persons(mpi)) == (2, 2)
    number = str(made["id"])
    assert "(new)" in mpi("proposal", "show", number).out
    assert "tiny/2" in mpi("proposal", "show").out
    assert mpi("proposal", "apply", number, "--item", "1", "--json").json["held"] == 1
    assert persons(mpi) == 3
    [held] = mpi("hold", "list", "--json").json
    assert str(held["id"]) in mpi("hold", "list").out
    assert mpi("hold", "release", str(held["id"]), "--json").json["moved"] == 1
    refused = mpi("hold", "refuse", str(held["id"]))
    assert (refused.code, is_one_line(refused.err)) == (6, True)
    assert mpi("proposal", "rollback", number).code == 0
    assert persons(mpi) == 2
    assert mpi("verify").code == 0


def test_a_proposal_is_rejected_or_all_of_it_held(mpi, doubtful, tmp_path):
    folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
    mpi("proposal", "make", "--model", folder)
    assert mpi("proposal", "reject", "1").code == 0
    assert mpi("proposal", "apply", "1").code == 7
    mpi("proposal", "make", "--model", folder)
    assert mpi("proposal", "apply", "2", "--none", "--json").json["held"] == 2
    assert mpi("hold", "refuse", "1").code == 0
    assert persons(mpi) == 2


def test_a_proposal_of_the_model_in_force_has_nothing_to_do(mpi, doubtful):
    made = mpi("proposal", "make")
    assert "nothing to do" in made.err


def test_other_thresholds_are_tried_and_nothing_is_stored(mpi, doubtful):
    tried = mpi("simulate", "--link", "17", "--json").json
    assert (tried["link"], tried["split"], tried["persons"]) == (17.0, 2, 4)
    assert persons(mpi) == 2
    assert "steward hours" in mpi("simulate").out
    refused = mpi("simulate", "--review", "50")
    assert (refused.code, is_one_line(refused.err)) == (5, True)


def test_an_old_crosswalk_is_taken_over(mpi, doubtful, tmp_path):
    file = tmp_path / "old.csv"
    file.write_text("source,local_id,enterprise_id\nsis,0,S-1\nsis,1,S-1\n")
    mpi("source", "add", "old")
    done = mpi("import", "crosswalk", str(file), "--source", "old", "--json")
    assert (done.json["old_ids"], done.json["records"]) == (1, 2)
    found = mpi("crosswalk", "--source", "old", "--local-id", "S-1", "--json").json["enterprise_id"]
    assert found == mpi("crosswalk", "--source", "sis", "--local-id", "1", "--json").json["enterprise_id"]
    for wrong in ("a,b,c\n", "source,local_id,enterprise_id\nsis,0\n"):
        file.write_text(wrong)
        refused = mpi("import", "crosswalk", str(file), "--source", "old")
        assert (refused.code, is_one_line(refused.err)) == (5, True)


@pytest.mark.parametrize("command", ["undo", "undo --step", "approve", "decisions", "proposal show"])
def test_a_number_that_nothing_has_however_great_is_answered_in_one_line(mpi, home, command):
    refused = mpi(*command.split(), str(10**30))
    assert (refused.code, is_one_line(refused.err)) == (6, True)

"""Proposals and holds on the command line."""

import pytest

from tests.models import tiny_model
from tests.unit.cli.conftest import is_one_line


@pytest.fixture
def two_linked_children(mpi, home):
    """Two children with a link that a stricter model does not make."""
    for number, name in enumerate(("Ana", "Zoe")):
        for source in ("sis", "ccwis"):
            child = {"first_name": name, "last_name": f"{name}son", "birth_date": "2010-01-02"}
            mpi("resolve", send={"source": source, "local_id": str(number), **child})


def count_persons(mpi) -> int:
    rows = mpi("report", "summary", "--current", "--json").json["rows"]
    return next(row["count"] for row in rows if row["what"] == "persons, active")


def test_a_proposal_is_made_read_applied_in_part_and_rolled_back(mpi, two_linked_children, tmp_path):
    folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
    proposal = mpi("proposal", "make", "--model", folder, "--json").json
    assert (proposal["split"], count_persons(mpi)) == (2, 2)
    number = str(proposal["id"])
    assert "(new)" in mpi("proposal", "show", number).out
    assert "tiny/2" in mpi("proposal", "show").out
    assert mpi("proposal", "apply", number, "--item", "1", "--json").json["held"] == 1
    assert count_persons(mpi) == 3
    [hold] = mpi("hold", "list", "--json").json
    assert str(hold["id"]) in mpi("hold", "list").out
    assert mpi("hold", "release", str(hold["id"]), "--json").json["moved"] == 1
    result = mpi("hold", "refuse", str(hold["id"]))
    assert (result.code, is_one_line(result.err)) == (6, True)
    assert mpi("proposal", "rollback", number).code == 0
    assert count_persons(mpi) == 2
    assert mpi("verify").code == 0


def test_a_proposal_is_rejected_or_held_completely(mpi, two_linked_children, tmp_path):
    folder = str(tiny_model(tmp_path / "stricter", version="2", link=17.0))
    mpi("proposal", "make", "--model", folder)
    assert mpi("proposal", "reject", "1").code == 0
    assert mpi("proposal", "apply", "1").code == 7
    mpi("proposal", "make", "--model", folder)
    assert mpi("proposal", "apply", "2", "--none", "--json").json["held"] == 2
    assert mpi("hold", "refuse", "1").code == 0
    assert count_persons(mpi) == 2


def test_a_proposal_of_the_active_model_has_nothing_to_do(mpi, two_linked_children):
    result = mpi("proposal", "make")
    assert "nothing to do" in result.err


def test_thresholds_are_simulated_without_storing_anything(mpi, two_linked_children):
    simulation = mpi("simulate", "--link", "17", "--json").json
    assert (simulation["link"], simulation["split"], simulation["persons"]) == (17.0, 2, 4)
    assert count_persons(mpi) == 2
    assert "steward hours" in mpi("simulate").out
    result = mpi("simulate", "--review", "50")
    assert (result.code, is_one_line(result.err)) == (5, True)


def test_an_old_crosswalk_is_imported(mpi, two_linked_children, tmp_path):
    file = tmp_path / "old.csv"
    file.write_text("source,local_id,enterprise_id\nsis,0,S-1\nsis,1,S-1\n")
    mpi("source", "add", "old")
    result = mpi("import", "crosswalk", str(file), "--source", "old", "--json")
    assert (result.json["old_ids"], result.json["records"]) == (1, 2)
    eid = mpi("crosswalk", "--source", "old", "--local-id", "S-1", "--json").json["enterprise_id"]
    assert eid == mpi("crosswalk", "--source", "sis", "--local-id", "1", "--json").json["enterprise_id"]
    for content in ("a,b,c\n", "source,local_id,enterprise_id\nsis,0\n"):
        file.write_text(content)
        refusal = mpi("import", "crosswalk", str(file), "--source", "old")
        assert (refusal.code, is_one_line(refusal.err)) == (5, True)


@pytest.mark.parametrize("command", ["undo", "undo --step", "approve", "decisions", "proposal show"])
def test_an_unknown_number_of_any_size_gives_one_error_line(mpi, home, command):
    result = mpi(*command.split(), str(10**30))
    assert (result.code, is_one_line(result.err)) == (6, True)

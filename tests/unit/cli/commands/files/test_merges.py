"""``mpi merges``: what a source states about its own local IDs, from a file."""

import pytest

from tests.unit.cli.conftest import is_one_line


@pytest.fixture
def merges(tmp_path, mpi, write_csv, home):
    """A file of one merge, of two children who are loaded."""
    assert home.exists()
    rows = ("1,Ana,Lopez,2010-01-02,43001", "2,Bo,Kim,2011-04-05,43002")
    assert mpi("ingest", write_csv(*rows), "--source", "sis").code == 0
    path = tmp_path / "merges.csv"
    path.write_text("old_local_id,new_local_id,date,kind\n2,1,2026-01-05,merge\n")
    return path


def test_a_file_is_stated_listed_taken_back_and_undone(mpi, merges):
    trial = mpi("merges", "import", str(merges), "--source", "sis", "--dry-run", "--json")
    assert (trial.code, trial.json["new"], trial.json["moved"], trial.json["step"]) == (0, 1, 1, None)
    assert mpi("merges", "list", "--source", "sis", "--json").json == []
    result = mpi("merges", "import", str(merges), "--source", "sis", "--json").json
    assert (result["new"], result["preview"]) == (1, False)
    [listed] = mpi("merges", "list", "--source", "sis", "--json").json
    assert (listed["status"], listed["old_local_id"]) == ("in_force", "2")
    assert "in_force" in mpi("merges", "list", "--source", "sis").out
    taken = mpi("merges", "take-back", str(listed["number"]), "--source", "sis")
    assert (taken.code, "moved" in taken.out) == (0, True)
    assert mpi("merges", "take-back", str(listed["number"]), "--source", "sis").code != 0
    again = mpi("merges", "import", str(merges), "--source", "sis")
    assert (again.code, "--step takes it back" in again.err) == (0, True)
    step = mpi("merges", "import", str(merges), "--source", "sis", "--json").json
    assert (step["unchanged"], step["step"]) == (1, None)


def test_a_file_with_a_wrong_line_is_refused_whole(mpi, merges):
    merges.write_text(merges.read_text() + "Xanthippe,,2026-01-05,merge\n")
    result = mpi("merges", "import", str(merges), "--source", "sis")
    assert result.code != 0
    assert is_one_line(result.err)
    assert "line 3: new_local_id: missing" in result.err
    assert "Xanthippe" not in result.err
    assert mpi("merges", "list", "--source", "sis", "--json").json == []


def test_a_circle_is_refused_with_its_line(mpi, merges):
    merges.write_text(merges.read_text() + "1,2,2026-01-06,merge\n")
    result = mpi("merges", "import", str(merges), "--source", "sis")
    assert (result.code != 0, "line 3" in result.err, "circle" in result.err) == (True, True, True)


def test_retired_ids_are_listed_with_their_survivors(mpi, merges):
    assert mpi("retired-ids", "--source", "sis", "--json").json["retired"] == []
    mpi("merges", "import", str(merges), "--source", "sis")
    page = mpi("retired-ids", "--source", "sis", "--since", "2020-01-01", "--json").json
    [listed] = page["retired"]
    assert (page["cursor"], len(listed["now"])) == (None, 1)
    assert listed["enterprise_id"] in mpi("retired-ids", "--source", "sis").out
    assert mpi("retired-ids", "--source", "sis", "--since", "soon").code != 0


def test_two_children_who_share_a_local_id_are_separated(mpi, write_csv, home):
    assert home.exists()
    mpi("ingest", write_csv("1,Ana,Lopez,2010-01-02,43001"), "--source", "sis")
    mpi("ingest", write_csv("1,Ulf,Berg,2015-08-08,45555"), "--source", "sis")
    preview = mpi("separate", "sis:1", "1-b", "--preview", "--json")
    assert (preview.code, preview.json["step"]) == (0, None)
    effect = mpi("separate", "sis:1", "1-b", "--json")
    assert effect.code == 0
    second = mpi("crosswalk", "--source", "sis", "--local-id", "1-b", "--json").json["enterprise_id"]
    assert second not in (
        None,
        mpi("crosswalk", "--source", "sis", "--local-id", "1", "--json").json["enterprise_id"],
    )
    assert mpi("separate", "sis:1", "1-c").code != 0
    assert mpi("undo", str(effect.json["step"]), "--step").code == 0

"""``mpi init``: models that are fitted first."""

from pathlib import Path

import pytest

from tests.unit.cli.conftest import HEADER

REPOSITORY = Path(__file__).parents[5]
GIVEN = ("Ana", "Ben", "Cleo", "Dora", "Egon", "Fay", "Gus", "Hana", "Ivo", "June")
SURNAMES = ("Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple")


def list_children():
    """Return rows of 80 children, each twice."""
    return [
        f"{copy}{given}{surname},{given},{surname},20{place:02}-0{number + 1}-1{number},4{place}0{number}1"
        for place, given in enumerate(GIVEN)
        for number, surname in enumerate(SURNAMES)
        for copy in "ab"
    ]


@pytest.fixture
def own_file(tmp_path, empty_home, monkeypatch):
    monkeypatch.delenv("MPI_MODEL")
    path = tmp_path / "sis.csv"
    path.write_text(HEADER + "\n".join(list_children()) + "\n")
    return str(path)


@pytest.mark.slow
def test_an_index_is_made_with_a_model_of_its_own_files(mpi, empty_home, own_file, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    made = mpi("init", "--test", "--fit", own_file, "--json")
    assert made.code == 0, made.err
    assert made.json["model"] == "local/1"
    assert "first_name: 160 values read, 160 used" in made.err
    assert mpi("source", "add", "sis").code == 0
    loaded = mpi("ingest", own_file, "--source", "sis", "--json")
    assert loaded.code == 0, loaded.err
    assert loaded.json["created"] == 160
    assert mpi("verify", "--model-fit", "--json").json["differences"] == []


def test_nothing_is_made_if_no_model_can_be_fitted(mpi, empty_home, own_file):
    Path(own_file).write_text(HEADER)
    refused = mpi("init", "--fit", own_file)
    assert refused.code != 0
    assert "nothing was created" in refused.err
    assert not empty_home.exists()


def test_an_existing_index_is_not_fitted_again(mpi, home, own_file):
    refused = mpi("init", "--fit", own_file)
    assert refused.code != 0
    assert "holds an index already" in refused.err


def test_a_fit_beside_a_named_model_is_refused(mpi, empty_home, tmp_path):
    refused = mpi("init", "--fit", str(tmp_path / "sis.csv"))
    assert refused.code != 0
    assert "MPI_MODEL" in refused.err


def test_a_mapping_without_files_is_refused(mpi, empty_home):
    refused = mpi("init", "--mapping", "sis=sis.toml")
    assert refused.code != 0
    assert "--fit" in refused.err

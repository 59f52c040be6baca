"""Golden records, corrections and explanations on the command line."""

import pytest

from tests.unit.cli.commands.stewardship.test_decide import ANA, BO, resolve_child
from tests.unit.cli.conftest import is_one_line


@pytest.fixture
def ana(mpi, home) -> str:
    resolve_child(mpi, "ccwis", "a:1", ANA)
    return resolve_child(mpi, "sis", "1", ANA | {"middle_name": "Lou"})


def test_a_golden_record_shows_values_with_records_and_reasons(mpi, ana):
    output = mpi("golden", ana).out
    assert "all records with a value agree" in output
    assert "sis:1" in output
    values = {value["attribute"]: value for value in mpi("golden", ana, "--json").json["values"]}
    assert values["middle_name"]["rule"] == "only"


def test_a_correction_is_previewed_made_and_undone(mpi, ana):
    command = ("correct", ana, "middle_name", "Louise", "--reason", "seen", "--note", "Passport")
    assert mpi(*command, "--preview").code == 0
    assert "Louise" not in mpi("golden", ana).out
    tag = mpi("golden", ana, "--json").json["etag"]
    correction = mpi(*command, "--if-match", tag, "--json").json
    result = mpi("golden", ana)
    assert "Louise" in result.out
    assert f"step {correction['step']}, on: Passport" in result.err
    assert mpi(*command, "--if-match", tag).code == 7
    assert mpi("undo", str(correction["step"]), "--step").code == 0
    assert "Louise" not in mpi("golden", ana).out


def test_a_place_of_birth_is_given_as_a_json_object(mpi, ana):
    options = ("--reason", "seen", "--note", "Passport")
    result = mpi("correct", ana, "birth_place", "Dayton", *options)
    assert (result.code, is_one_line(result.err)) == (5, True)
    assert mpi("correct", ana, "birth_place", '{"birth_city": "Dayton"}', *options).code == 0


def test_two_records_are_explained(mpi, ana):
    resolve_child(mpi, "sis", "2", BO)
    output = mpi("explain", "sis:1", "ccwis:a:1").out
    assert "Very strong evidence for the same child: same name and birth date" in output
    assert "two records taken at random" in output.lower()
    assert mpi("explain", "sis:1", "sis:2", "--json").json["band"] == "NON_LINK"
    assert "No single change" in mpi("explain", "sis:1", "sis:2").out
    assert mpi("explain", "sis:1", "sis:9").code == 6
    assert mpi("explain", "sis:1", "sis:2", "ccwis:a:1").code == 5


def test_a_person_is_explained_with_its_history(mpi, ana):
    output = mpi("explain", ana).out
    assert "2 records are one child through 1 automatic link." in output
    assert "A record was sent: record a:1 of ccwis became a new child." in output
    assert len(mpi("explain", ana, "--json").json["built"]) == 2


def test_a_survivorship_file_is_used_and_an_invalid_one_is_refused_with_its_line(
    mpi, ana, tmp_path, monkeypatch
):
    resolve_child(mpi, "sis", "1", ANA | {"middle_name": "Lou", "preferred_name": "Anita"})
    resolve_child(mpi, "ccwis", "a:1", ANA | {"preferred_name": "Nita"})
    rules = tmp_path / "rules.toml"
    monkeypatch.setenv("MPI_SURVIVORSHIP", str(rules))
    for trusted_source, name in (("sis", "Anita"), ("ccwis", "Nita")):
        rules.write_text(f'default = ["trust"]\n[trust.sources]\n{trusted_source} = 9\n')
        values = {value["attribute"]: value for value in mpi("golden", ana, "--json").json["values"]}
        assert (values["preferred_name"]["value"], values["preferred_name"]["rule"]) == (name, "trust")
    rules.write_text('default = ["trust"]\n[trust.kinds]\nsis = "high"\n')
    result = mpi("golden", ana)
    assert (result.code, is_one_line(result.err)) == (5, True)
    assert "line 3: trust.kinds.sis" in result.err
    rules.unlink()
    assert mpi("golden", ana).code == 5

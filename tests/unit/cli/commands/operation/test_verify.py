"""Command that checks an index, and the indexes of all scopes."""

import pytest
from sqlalchemy import text

from mpi.bootstrap import open_index, open_scope
from mpi.config import Settings
from mpi.domain.viewer import make_operator
from mpi.service.scopes.split_plan import approve_split
from tests.index import OPERATOR

CHILD = {
    "source": "school", "local_id": "1", "first_name": "Ana", "last_name": "Lopez", "birth_date": "2014-05-06"
}  # fmt: skip


@pytest.fixture
def site(home, mpi, monkeypatch):
    """Make a site with a scope of one record, which the shared index has taken over."""
    mpi("scope", "add", "education")
    monkeypatch.setenv("MPI_SCOPE", "education")
    mpi("source", "add", "school")
    mpi("resolve", send=CHILD)
    monkeypatch.setenv("MPI_SCOPE", "shared")
    mpi("scope", "sync")
    return home


def change(index, statement: str) -> None:
    """Damage a database."""
    with index.database.write(OPERATOR, "damage") as unit:
        unit.connection.execute(text(statement))


def open_education():
    """Open the scope's index in this process."""
    return open_scope(Settings(scope="shared"), "education")


def test_all_scopes_and_their_copies_are_checked(site, mpi):
    result = mpi("verify", "--all-scopes", "--json")
    assert result.code == 0, result.err
    shared, education = result.json["indexes"]
    assert (shared["scope"], shared["sound"]) == ("shared", True)
    assert (education["scope"], education["sound"]) == ("education", True)
    assert (education["records"], education["waiting"]) == (1, 0)
    shown = mpi("verify", "--all-scopes")
    assert "education" in shown.out
    assert "checking scope education (1 of 1)" in shown.err


def test_without_the_option_the_scopes_are_named_as_unchecked(site, mpi):
    result = mpi("verify")
    assert result.code == 0
    assert "1 scopes were not checked: mpi verify --all-scopes" in result.err


def test_a_change_that_waits_for_a_sync_is_no_breach(site, mpi, monkeypatch):
    monkeypatch.setenv("MPI_SCOPE", "education")
    mpi("resolve", send=CHILD | {"first_name": "Anna"})
    monkeypatch.setenv("MPI_SCOPE", "shared")
    result = mpi("verify", "--all-scopes", "--json")
    assert result.code == 0
    assert result.json["indexes"][1]["waiting"] == 1


@pytest.mark.parametrize(
    ("statement", "breach"),
    [
        ("UPDATE record SET state = 'withdrawn' WHERE source_id = 3", "another state"),
        ("UPDATE record SET local_id = '2' WHERE source_id = 3", "another local ID"),
        (
            """UPDATE record SET carried_restrictions = '[{"kind":"court"}]' WHERE source_id = 3""",
            "another content",
        ),
        ("DELETE FROM copy", "not in the shared index"),
    ],
)
def test_a_copy_that_says_something_else_is_found(site, mpi, index, statement, breach):
    change(index, statement)
    result = mpi("verify", "--all-scopes", "--json")
    assert result.code == 1
    education = result.json["indexes"][1]
    assert any(breach in finding["detail"] for finding in education["findings"]), education


def test_the_partition_of_a_scope_is_recomputed(site, mpi):
    education = open_education()
    change(education, "DELETE FROM membership")
    education.database.dispose()
    result = mpi("verify", "--all-scopes")
    assert result.code == 1
    assert "no person" in result.out


def test_a_scope_that_cannot_be_opened_does_not_stop_the_others(site, mpi, monkeypatch):
    mpi("scope", "add", "health")
    for path in site.glob("mpi-scope-education*"):
        path.unlink()
    result = mpi("verify", "--all-scopes", "--json")
    assert result.code == 1
    states = {report["scope"]: report["sound"] for report in result.json["indexes"]}
    assert states == {"shared": True, "education": False, "health": True}
    assert "scope education was not checked: there is no index" in result.err


def test_a_scope_that_a_split_still_makes_is_named_and_not_checked(site, mpi):
    mpi("source", "add", "clinic")
    token = mpi("scope", "split", "health", "--source", "clinic", "--by", "ana", "--json").json["token"]
    index = open_index(Settings(scope="shared"))
    approve_split(index, make_operator("ben"), "health", token)
    index.database.dispose()
    result = mpi("verify", "--all-scopes", "--json")
    assert result.code == 0, result.err
    assert [report["scope"] for report in result.json["indexes"]] == ["shared", "education"]
    assert "not checked, since a split into it is under way: health" in result.err


def test_a_scope_alone_cannot_check_the_others(site, mpi, monkeypatch):
    monkeypatch.setenv("MPI_SCOPE", "education")
    result = mpi("verify", "--all-scopes")
    assert result.code != 0
    assert "leave MPI_SCOPE out" in result.err


def test_model_fit_of_few_records_says_that_they_are_not_compared(empty_home, mpi):
    mpi("init")
    result = mpi("verify", "--model-fit")
    assert "fewer than 50 records are too few" in result.err
    assert "no difference" not in result.err


def test_model_fit_names_the_command_that_fits_a_model(empty_home, mpi, tmp_path, monkeypatch):
    monkeypatch.setenv("MPI_MODEL", "children/5")
    mpi("init")
    header = "local_id,first_name,last_name,birth_date\n"
    rows = "".join(f"{n},Xq{n}zz,Vw{n}kk,2014-05-{n % 28 + 1:02}\n" for n in range(60))
    (tmp_path / "school.csv").write_text(header + rows, encoding="utf-8")
    mpi("source", "add", "school")
    mpi("ingest", str(tmp_path / "school.csv"), "--source", "school")
    result = mpi("verify", "--model-fit", "--json")
    differences = {(each["column"], each["what"]) for each in result.json["differences"]}
    of_records = {difference for difference in differences if difference[1] in {"filled", "listed"}}
    assert of_records == {("given", "listed"), ("surname", "listed")}, result.out
    shown = mpi("verify", "--model-fit").err
    assert "children/5 does not state which fields its data had: only names are compared" in shown
    assert "python -m training fit" in shown

"""``mpi tokens make``: a token file from an agency's own file, without an index."""

import json
import stat

import pytest

SECRET = "07" * 32


@pytest.fixture
def secret(empty_home):
    """The secret of an exchange in a home folder without an index."""
    empty_home.mkdir()
    path = empty_home / "exchange.key"
    path.touch(mode=0o600)
    path.write_text(f"schools:{SECRET}\n")
    return path


@pytest.mark.usefixtures("secret")
def test_a_token_file_names_no_child(mpi, write_csv, tmp_path):
    own = write_csv("1,Ana,Lopez,2010-01-02,43001", "2,,Kim,2011-04-05,", ",Eve,Fox,2012-01-01,43003")
    result = mpi("tokens", "make", own, "--out", "t.ndjson", "--keep", "birth_year", "--json")
    assert result.code == 0
    assert result.json == {
        "records": 2,
        "rejected": {"local_id: missing": 1},
        "tokens": {"T1": 0, "T2": 1, "T3": 0, "T4": 0, "T5": 0},
    }
    path = tmp_path / "t.ndjson"
    text = path.read_text()
    assert not any(value in text for value in ("Ana", "ANA", "Lopez", "LOPEZ", "2010-01-02", "43001", SECRET))
    rows = [json.loads(line) for line in text.splitlines()]
    assert [(row["local_id"], row["birth_date"], len(row["linkage_tokens"])) for row in rows] == [
        ("1", "2010", 1),
        ("2", "2011", 0),
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("secret")
def test_only_the_named_rules_are_written(mpi, write_csv, tmp_path):
    mpi("tokens", "make", write_csv("1,Ana,Lopez,2010-01-02,43001"), "--out", "t.ndjson", "--rule", "T3")
    assert json.loads((tmp_path / "t.ndjson").read_text())["linkage_tokens"] == []


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [(("--keep", "first_name"), "names a child"), (("--exchange", "health"), "no secret of that exchange")],
)
def test_what_may_not_be_is_refused_before_anything_is_written(mpi, write_csv, tmp_path, arguments, text):
    result = mpi("tokens", "make", write_csv("1,Ana,Lopez,2010-01-02,43001"), "--out", "t.ndjson", *arguments)
    assert (result.code, text in result.err) == (5, True)
    assert not (tmp_path / "t.ndjson").exists()


def test_without_a_secret_the_command_says_where_to_write_one(mpi, write_csv, empty_home):
    result = mpi("tokens", "make", write_csv("1,Ana,Lopez,2010-01-02,43001"), "--out", "t.ndjson")
    assert (result.code, str(empty_home / "exchange.key") in result.err) == (5, True)


def test_a_secret_that_others_may_read_or_that_is_short_is_refused(mpi, write_csv, secret):
    secret.chmod(0o644)
    assert "chmod 600" in mpi("tokens", "make", write_csv(), "--out", "t.ndjson").err
    secret.chmod(0o600)
    for line in ("schools:0707", f"Schools:{SECRET}", SECRET, f"schools:{SECRET}\nschools:{SECRET}"):
        secret.write_text(line)
        result = mpi("tokens", "make", write_csv(), "--out", "t.ndjson")
        assert "is not CODE:SECRET" in result.err
        assert "0707" not in result.err

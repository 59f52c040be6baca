"""``mpi audit events`` goes on where it ended, and tells every event at least once."""

import json

import pytest


def read_names(text):
    return [json.loads(line)["event.action"] for line in text.splitlines()]


def add_client(mpi, name):
    assert mpi("client", "add", name, "--scope", "person.read", "--source", "sis").code == 0


def test_each_run_goes_on_where_the_last_one_ended(home, mpi, tmp_path):
    state, out = str(tmp_path / "siem.json"), tmp_path / "security.jsonl"
    add_client(mpi, "first")
    for name in ("second", "third"):
        assert mpi("audit", "events", "--state", state, "--out", str(out)).code == 0
        add_client(mpi, name)
    assert out.stat().st_mode & 0o777 == 0o600
    targets = [json.loads(line).get("user.target.name") for line in out.read_text().splitlines()]
    assert [target for target in targets if target] == ["first", "second"]
    printed = mpi("audit", "events", "--state", state)
    assert read_names(printed.out) == ["client-add"]
    assert mpi("audit", "events", "--state", state).out == ""
    syslog = mpi("audit", "events", "--since", "2020-01-01", "--format", "syslog").out.splitlines()
    assert len([line for line in syslog if " client-add [" in line]) == 3


def test_a_failed_delivery_leaves_the_state_as_it_was(home, mpi, tmp_path):
    state = tmp_path / "siem.json"
    assert mpi("audit", "events", "--state", str(state)).code == 0
    before = state.read_bytes()
    add_client(mpi, "first")
    refused = mpi("audit", "events", "--state", str(state), "--syslog", "127.0.0.1:1")
    assert refused.code == 11
    assert state.read_bytes() == before
    assert read_names(mpi("audit", "events", "--state", str(state)).out) == ["client-add"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--out", "a", "--syslog", "b"), "exclude each other"),
        (("--syslog", "b:x"), "HOST:PORT"),
        (("--out", "none/a"), "no folder"),
        (("--state", "none/a"), "no folder"),
        (("--state", "damaged"), "no state of mpi audit events"),
        (("--since", "soon"), "--since"),
    ],
)
def test_a_wrong_option_is_refused_with_what_to_do(home, mpi, tmp_path, options, message):
    (tmp_path / "damaged").write_text('{"commit": "x"}')
    result = mpi("audit", "events", *options)
    assert result.code == 5
    assert message in result.err

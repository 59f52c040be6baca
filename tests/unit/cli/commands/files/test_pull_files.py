"""``mpi pull`` from a folder of an SFTP server on loopback."""

import json
import re
import shutil
import sys

import pytest

from tests.sftp_server import PASSWORD, USER, serve_sftp
from tests.unit.cli.conftest import HEADER, is_one_line

ANA, BEN, EVE = (
    "1,Ana,Lopez,2010-01-02,43001\n",
    "3,Ben,Kim,2011-04-05,43002\n",
    "5,Eve,Fox,2012-05-06,43003\n",
)
DAY = 86_400
TIME = 1_790_000_000


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    with serve_sftp(tmp_path_factory.mktemp("sftp")) as server:
        yield server


@pytest.fixture
def server(shared_server):
    """The server with an empty folder."""
    shared_server.reset()
    for path in shared_server.root.iterdir():
        shutil.rmtree(path)
    (shared_server.root / "outgoing").mkdir()
    return shared_server


@pytest.fixture
def connection(server, home, tmp_path):
    """A function that writes the connection file; its arguments replace lines of it."""
    key = tmp_path / "id"
    server.user_key.write_private_key(str(key))
    key.chmod(0o600)

    def write(sign_in='kind = "ssh-key"\nkey_file = "id"', trust=None, url=None, **options):
        trust = trust or f'host_keys = ["{server.fingerprint}"]'
        lines = [f"{name} = {json.dumps(value)}" for name, value in ({"settle_seconds": 0} | options).items()]
        file = tmp_path / "files.toml"
        file.write_text(
            f'system = "sftp"\nsource = "sis"\nurl = "{url or f"sftp://127.0.0.1:{server.port}/outgoing"}"\n'
            f'[sign_in]\nuser = "{USER}"\n{sign_in}\n[options]\nfiles = "*.csv"\n{trust}\n' + "\n".join(lines)
        )
        return str(file)

    return write


@pytest.fixture
def pull(mpi, connection):
    """Runs ``mpi pull`` with a new connection file, and returns what it printed."""

    def run(*arguments, **changes):
        return mpi("pull", "--connection", connection(**changes), "--json", *arguments)

    return run


def outcomes(result):
    return {file["file"]: file["status"] for file in result.json["files"]}


def receipts(home):
    folder = home / "pulls" / "sis" / "receipts"
    return {
        each["file"]: each for each in (json.loads(path.read_text()) for path in sorted(folder.iterdir()))
    }


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_new_files_are_loaded_once_in_the_order_of_their_times(home, mpi, server, pull):
    server.put("b.csv", HEADER + ANA, TIME)
    server.put("a.csv", HEADER + ANA.replace("43001", "43009") + ",Zoe,Ray,,\n", TIME + DAY)
    server.put("notes.txt", "no")
    first = pull()
    assert (first.code, list(outcomes(first).items())) == (0, [("b.csv", "loaded"), ("a.csv", "loaded")])
    told = receipts(home)
    assert (told["b.csv"]["created"], told["a.csv"]["updated"], told["a.csv"]["rejected"]) == (1, 1, 1)
    assert told["b.csv"]["modified"] == "2026-09-21T14:13:20Z"
    assert len(told["b.csv"]["sha256"]) == 64
    assert names(home / "pulls" / "sis") == [".mpi-watch.lock", "failed", "incoming", "receipts", "rejects"]
    assert names(home / "pulls" / "sis" / "incoming") == []
    server.opened.clear()
    assert (pull().json["files"], server.opened) == ([], [])
    assert names(server.root / "outgoing") == ["a.csv", "b.csv", "notes.txt"]


def test_file_with_another_time_is_loaded_again_only_if_its_content_is_new(server, pull):
    server.put("a.csv", HEADER + ANA, TIME)
    pull()
    server.put("a.csv", HEADER + ANA, TIME + 1)
    assert outcomes(pull()) == {"a.csv": "unchanged"}
    server.put("a.csv", HEADER + BEN, TIME + 2)
    assert outcomes(pull()) == {"a.csv": "loaded"}


def test_file_that_comes_late_does_not_replace_what_is_newer(home, server, pull):
    server.put("b.csv", HEADER + ANA, TIME)
    pull()
    server.put("a.csv", HEADER + ANA.replace("43001", "43009"), TIME - DAY)
    assert outcomes(pull()) == {"a.csv": "loaded"}
    assert (receipts(home)["a.csv"]["history"], receipts(home)["a.csv"]["updated"]) == (1, 0)


def test_file_that_grows_waits_for_the_next_pull(home, server, pull):
    path = server.put("a.csv", HEADER + ANA)

    def grow(_name):
        with path.open("a") as file:
            file.write(BEN)

    server.before_read = grow
    result = pull()
    assert (result.code, outcomes(result)) == (0, {"a.csv": "growing"})
    server.before_read = lambda _name: path.unlink(missing_ok=True)
    assert outcomes(pull()) == {"a.csv": "growing"}
    server.reset()
    server.put("a.csv", HEADER + ANA + BEN)
    assert outcomes(pull()) == {"a.csv": "loaded"}
    assert receipts(home)["a.csv"]["created"] == 2


def test_file_with_a_marker_waits_for_one_that_is_not_older(server, pull):
    server.put("a.csv", HEADER + ANA, TIME + 5)
    server.put("a.csv.done", "", TIME)
    assert pull(marker=".done", settle_seconds=3_600).json["files"] == []
    server.put("a.csv.done", "", TIME + 5)
    moved = pull(marker=".done", settle_seconds=3_600, move_loaded_to="archive")
    assert (moved.code, moved.json["files"][0]["move_error"] is None) == (1, False)
    assert outcomes(moved) == {"a.csv": "loaded"}


def test_file_is_moved_although_its_marker_cannot_be_deleted(server, pull):
    (server.root / "outgoing" / "archive").mkdir()
    server.put("a.csv", HEADER + ANA, TIME)
    server.put("a.csv.done", "", TIME)
    server.keeps_markers = True
    [file] = pull(marker=".done", move_loaded_to="archive").json["files"]
    assert file["move_error"] == "a.csv: it was moved to archive, but its marker cannot be deleted"
    assert names(server.root / "outgoing" / "archive") == ["a.csv"]
    assert pull(marker=".done", move_loaded_to="archive").code == 0
    server.keeps_markers = False
    server.put("c.csv", HEADER + EVE, TIME)
    server.put("c.csv.done", "", TIME)
    assert outcomes(pull(marker=".done", move_loaded_to="archive")) == {"c.csv": "loaded"}
    assert names(server.root / "outgoing") == ["a.csv.done", "archive"]
    server.put("b.csv", HEADER + BEN, TIME)
    server.put("b.csv.done", "", TIME)
    marker = server.root / "outgoing" / "b.csv.done"
    server.opened.clear()
    server.before_move = lambda: server.opened and marker.unlink(missing_ok=True)
    [file] = pull(marker=".done", move_loaded_to="archive").json["files"]
    assert (file["status"], file["move_error"]) == ("loaded", None)


def test_loaded_and_failed_files_are_moved_where_the_connection_says(home, server, pull):
    for folder in ("archive", "bad"):
        (server.root / "outgoing" / folder).mkdir()
    server.put("archive/a.csv", "an earlier one")
    server.put("a.csv", HEADER + ANA)
    server.put("b.csv", "%PDF")
    moves = {"move_loaded_to": "archive", "move_failed_to": "/outgoing/bad"}
    server.refuses_moves = True
    first = pull(**moves)
    assert server.sign_ins == 1
    lines = first.err.splitlines()
    assert lines[0] == "mpi: a.csv: loaded; the server does not let it be moved to archive"
    assert re.fullmatch(
        r"mpi: b\.csv: failed; none of .*; the server does not let it be moved to \S+", lines[1]
    )
    assert (first.code, outcomes(first)) == (1, {"a.csv": "loaded", "b.csv": "failed"})
    assert all("does not let it be moved" in file["move_error"] for file in first.json["files"])
    assert pull(**moves).code == 1
    server.refuses_moves = False
    assert (pull(**moves).code, names(server.root / "outgoing")) == (0, ["archive", "bad"])
    assert [name[:6] for name in names(server.root / "outgoing" / "archive")] == ["a.csv", "a.csv."]
    assert names(server.root / "outgoing" / "bad") == ["b.csv"]
    [failed] = names(home / "pulls" / "sis" / "failed")
    assert failed.startswith("b.csv.")
    assert receipts(home)["b.csv"]["reason"]


def test_file_that_is_replaced_while_it_is_loaded_is_not_moved(server, pull):
    (server.root / "outgoing" / "archive").mkdir()
    server.put("a.csv", HEADER + ANA, TIME)
    server.before_move = lambda: server.opened and server.put("a.csv", HEADER + BEN, TIME + 1)
    assert outcomes(pull(move_loaded_to="archive")) == {"a.csv": "loaded"}
    assert names(server.root / "outgoing" / "archive") == []
    server.reset()
    assert outcomes(pull(move_loaded_to="archive")) == {"a.csv": "loaded"}
    assert names(server.root / "outgoing" / "archive") == ["a.csv"]


def test_hostile_names_and_large_files_are_refused_and_nothing_is_written_elsewhere(home, server, pull):
    server.invented = [
        b"../../evil.csv",
        b"a\x1b[2J.csv",
        b"a\xff.csv",
        b"\xe2\x80\xaeb.csv",
        b"-x.csv",
        b"/etc/x.csv",
    ]
    server.invented += [b"n" * 300 + b".csv", b".hidden.csv"]
    server.put("big.csv", HEADER + ANA * 50)
    (server.root / "outgoing" / "folder.csv").mkdir()
    (server.root / "outgoing" / "link.csv").symlink_to("big.csv")
    result = pull(max_bytes=200)
    assert (result.code, outcomes(result), result.json["refused_names"]) == (1, {"big.csv": "refused"}, 7)
    assert server.opened == []
    assert (result.json["skipped_names"], "2 names that fit the pattern" in result.err) == (2, True)
    assert "\x1b" not in result.err
    assert not list(home.rglob("*evil*")) + list(home.parent.glob("*evil*"))


def test_file_of_a_server_that_lists_no_permissions_is_loaded(server, pull):
    server.hides_types = True
    server.put("a.csv", HEADER + ANA)
    (server.root / "outgoing" / "folder.csv").mkdir()
    result = pull()
    assert (outcomes(result), result.code) == ({"a.csv": "loaded", "folder.csv": "refused"}, 1)


def test_held_file_is_kept_and_loaded_by_confirm(home, server, pull):
    server.put("a.csv", HEADER + ANA + BEN, TIME)
    assert pull(snapshot="full").code == 0
    server.put("b.csv", HEADER + EVE, TIME + DAY)
    held = pull(snapshot="full")
    assert (held.code, outcomes(held), "--confirm-file NAME" in held.err) == (3, {"b.csv": "held"}, True)
    assert len(names(home / "pulls" / "sis" / "failed")) == 1
    assert pull(snapshot="full").json["files"] == []
    assert pull("--confirm", snapshot="full").code == 5
    assert outcomes(pull("--confirm-file", "b.csv", snapshot="full")) == {"b.csv": "loaded"}
    assert receipts(home)["b.csv"]["withdrawn"] == 2


def test_held_file_stays_on_the_server_until_it_is_confirmed(server, pull):
    for folder in ("archive", "bad"):
        (server.root / "outgoing" / folder).mkdir()
    settings = {"snapshot": "full", "move_loaded_to": "archive", "move_failed_to": "bad"}
    server.put("a.csv", HEADER + ANA + BEN, TIME)
    assert pull(**settings).code == 0
    server.put("b.csv", HEADER + EVE, TIME + DAY)
    assert outcomes(pull(**settings)) == {"b.csv": "held"}
    assert pull(**settings).json["files"] == []
    assert names(server.root / "outgoing" / "bad") == []
    assert outcomes(pull("--confirm-file", "b.csv", **settings)) == {"b.csv": "loaded"}
    assert names(server.root / "outgoing" / "archive") == ["a.csv", "b.csv"]


def test_confirmation_is_of_one_name_and_of_the_content_that_was_held(server, pull):
    server.put("a.csv", HEADER + ANA + BEN, TIME)
    assert pull(snapshot="full").code == 0
    server.put("b.csv", HEADER + EVE, TIME + DAY)
    assert outcomes(pull(snapshot="full")) == {"b.csv": "held"}
    unknown = pull("--confirm-file", "c.csv", snapshot="full")
    assert (unknown.code, is_one_line(unknown.err), "'c.csv'" in unknown.err) == (5, True, True)
    server.put("b.csv", HEADER + EVE.replace("43003", "43009"), TIME + 2 * DAY)
    server.put("c.csv", HEADER + BEN, TIME + 3 * DAY)
    both = {"b.csv": "held", "c.csv": "held"}
    assert outcomes(pull("--confirm-file", "b.csv", snapshot="full")) == both
    server.put("d.csv", HEADER, TIME + 4 * DAY)
    taken = outcomes(pull("--confirm-file", "b.csv", snapshot="full"))
    assert taken == {"b.csv": "loaded", "d.csv": "held"}


def test_failed_file_is_taken_again_by_retry_and_others_go_on(home, server, pull):
    server.put("a.csv", "id,first\n1,Ana\n", TIME)
    server.put("b.csv", HEADER + ",Zoe,Ray,,\n", TIME + 1)
    server.put("c.csv", HEADER + ANA, TIME + 2)
    result = pull(keep_loaded=True)
    assert (result.code, outcomes(result)) == (1, {"a.csv": "failed", "b.csv": "failed", "c.csv": "loaded"})
    assert receipts(home)["b.csv"]["reason"] == "every row was rejected"
    assert [name[:6] for name in names(home / "pulls" / "sis" / "done")] == ["c.csv."]
    assert pull().json["files"] == []
    assert outcomes(pull("--retry")) == {"a.csv": "failed", "b.csv": "failed"}


def test_dry_run_lists_the_new_files_and_takes_none(mpi, server, connection, pull):
    server.put("a.csv", HEADER + ANA)
    assert [file["file"] for file in pull("--dry-run").json] == ["a.csv"]
    assert server.opened == []
    assert "a.csv" in mpi("pull", "--connection", connection(), "--dry-run").out
    assert re.search(r"loaded +1\n", mpi("pull", "--connection", connection()).out)


@pytest.mark.parametrize("kind", ["file", "fingerprint"])
def test_unknown_host_key_sends_nothing_and_names_the_key(home, server, pull, tmp_path, kind):
    server.put("a.csv", HEADER + ANA)
    other = server.user_key
    if kind == "file":
        (tmp_path / "hosts").write_text(f"[127.0.0.1]:{server.port} {other.export_public_key().decode()}")
        trust = 'known_hosts = "hosts"'
    else:
        trust = f'host_keys = ["{other.get_fingerprint()}"]'
    result = pull(trust=trust)
    assert (result.code, is_one_line(result.err), server.users) == (11, True, [])
    assert f"the host key of the server, {server.fingerprint}, is not one of" in result.err


def test_host_key_of_a_file_is_trusted_and_that_of_the_users_own_file_is_not(
    home, server, pull, tmp_path, monkeypatch
):
    server.put("a.csv", HEADER + ANA)
    line = f"[127.0.0.1]:{server.port} {server.host_key.export_public_key().decode()}"
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "known_hosts").write_text(line)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "hosts").write_text("")
    assert pull(trust='known_hosts = "hosts"').code == 11
    assert server.users == []
    (tmp_path / "hosts").write_text(line)
    assert outcomes(pull(trust='known_hosts = "hosts"')) == {"a.csv": "loaded"}
    assert server.users == [USER]


def test_password_comes_from_the_environment_and_is_shown_nowhere(home, server, pull, monkeypatch):
    server.put("a.csv", HEADER + ANA)
    sign_in = 'kind = "password"\nsecret_variable = "FILES_PASSWORD"'
    monkeypatch.setenv("FILES_PASSWORD", "a wrong one")
    wrong = pull(sign_in=sign_in)
    assert (wrong.code, is_one_line(wrong.err), "a wrong one" in wrong.err) == (11, True, False)
    monkeypatch.setenv("FILES_PASSWORD", PASSWORD)
    right = pull(sign_in=sign_in)
    assert outcomes(right) == {"a.csv": "loaded"}
    written = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in written + (right.out + right.err).encode()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trust": "# none"}, "host_keys"),
        ({"trust": 'host_keys = ["MD5:aa"]'}, "host_keys"),
        ({"trust": 'known_hosts = "missing"'}, "known_hosts"),
        ({"sign_in": 'kind = "ssh-key"\nkey_file = "missing"'}, "key_file"),
        ({"sign_in": 'kind = "password"\npassword = "x"'}, "password"),
        ({"sign_in": 'kind = "oauth2"'}, "ssh-agent"),
        ({"url": "https://files.example.org"}, "sftp://"),
        (
            {"url": "sftp://me:word@files.example.org"},  # pragma: allowlist secret - no server's
            "credentials belong to sign_in",
        ),
        ({"after": "delete"}, "options.after"),
        ({"mapping": "none.toml"}, "none.toml"),
        ({"snapshot": "half"}, "full, delta"),
        ({"max_bytes": 0}, "max_bytes"),
    ],
)
def test_wrong_connection_is_an_input_error(pull, changes, told):
    result = pull(**changes)
    assert (result.code, is_one_line(result.err)) == (5, True)
    assert told in result.err
    assert "word" not in result.err.replace("password", "")


def test_key_that_others_may_read_is_refused(pull, connection, tmp_path):
    connection()
    (tmp_path / "id").chmod(0o644)
    result = pull()
    assert (result.code, "chmod 600" in result.err) == (5, True)


def test_without_the_extra_the_error_says_which_one(pull, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("mpi.connectors.sftp.s")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    result = pull()
    assert (result.code, "pip install '.[sftp]'" in result.err) == (5, True)

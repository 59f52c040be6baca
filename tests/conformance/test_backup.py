"""A backup is one encrypted file; a restore gives the same index or none, whenever either is killed."""

import json
import os
import shutil
import signal
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from mpi.bootstrap import open_index, open_scope
from mpi.cli.main import run
from mpi.config import Settings
from mpi.domain.errors import InputError, StoreError
from mpi.storage.backup.archive import (
    make_key_pair,
    parse_recipients,
    read_archive,
    read_identities,
    write_archive,
)
from tests.index import crosswalk, expunge, load_rows, make_child, many_children
from tests.scopes import open_scoped_indexes

CHILDREN = [make_child("1", first_name="Xanthippe"), *many_children(3, start=20)]
KEY_FILES = ("secret.key", "token.key", "payload.key")
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "sqlite3.connect", "socket.connect", "os.chmod")
"""Audit events that count as moments of a command."""


@dataclass
class Site:
    """An index with a scope, its backup, and the places of restores."""

    folder: Path
    home: Path
    database_url: str | None
    backup: Path
    identity: Path
    public_key: str
    links: dict
    scope_links: dict
    new_url: object

    def new_place(self, name: str) -> dict[str, str]:
        """Make an empty home with the keys and orders of the index; return the settings of an empty place."""
        home = self.folder / name
        home.mkdir(mode=0o700)
        for file in (*KEY_FILES, "orders.jsonl", "orders-scope-education.jsonl"):
            if (self.home / file).exists():
                shutil.copy2(self.home / file, home)
        return {"MPI_HOME": str(home)} | ({"MPI_DATABASE_URL": self.new_url()} if self.database_url else {})

    def find_faults(self, place: dict[str, str]) -> list[str]:
        """Return how a restored index differs."""
        settings = Settings(home=Path(place["MPI_HOME"]), database_url=place.get("MPI_DATABASE_URL"))
        faults = []
        for opened, links in (
            (open_index(settings), self.links),
            (open_scope(settings, "education"), self.scope_links),
        ):
            if crosswalk(opened) != links:
                faults.append(f"another crosswalk in {opened.settings.scope}")
            opened.database.dispose()
        return faults


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def site(request, tmp_path_factory):
    """An index of each store with a scope, an order and a backup."""
    folder, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("site") / "home"
    server = None if request.param == "sqlite" else request.getfixturevalue("postgres")
    url = None if server is None else server.url(server.new_schema())
    with open_scoped_indexes(home, {"education": ("sis",)}, database_url=url) as indexes:
        load_rows(indexes.scopes["education"], "sis", *CHILDREN)
        expunge(indexes.scopes["education"], "sis", CHILDREN[-1])
        indexes.sync()
        links, scope_links = crosswalk(indexes.shared), crosswalk(indexes.scopes["education"])
    (home / "schools.csv").write_text("code,name\n")
    public_key = make_key_pair(folder / "backup.key")
    site = Site(
        folder, home, url, folder / "first.age", folder / "backup.key", public_key, links, scope_links,
        lambda: server.url(server.new_database()),
    )  # fmt: skip
    place = {"MPI_HOME": str(home)} | ({"MPI_DATABASE_URL": url} if url else {})
    assert call(place, "backup", site.backup, "--recipient", public_key) == 0
    return site


def call(place: dict[str, str], *words: object, **more: str) -> int:
    """Run a command with the settings of a place."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MPI_")]:
            patch.delenv(name)
        for name, value in (place | more).items():
            patch.setenv(name, value)
        return run([str(word) for word in words])


def kill_at(moment: int, place: dict[str, str], *words: object) -> bool:
    """Run a command in a process that kills itself at its n-th moment; return whether it came to that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        seen = 0

        def count(name: str, *_: object) -> None:
            nonlocal seen
            if name in EVENTS:
                seen += 1
                if seen == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(lambda name, _arguments: count(name))
        event.listen(Engine, "before_cursor_execute", lambda *_: count("open"))
        os._exit(call(place, *words))
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def refuse_opening(settings: Settings) -> str:
    """Open an index; return why it cannot be opened, or an empty text."""
    try:
        open_index(settings).database.dispose()
    except StoreError as error:
        return str(error)
    return ""


def test_a_restored_index_is_the_same_and_verified(site, capsysbinary):
    place = site.new_place("same")
    restore = ("restore", site.backup, "--identity", site.identity, "--json")
    assert call(place, *restore, MPI_MISSES_PER_MINUTE="5") == 0
    report = json.loads(capsysbinary.readouterr().out)
    assert report["sound"] is True
    assert report["settings_that_differ"] == []
    assert site.find_faults(place) == []
    assert (Path(place["MPI_HOME"]) / "schools.csv").read_text() == "code,name\n"
    # What is there is never overwritten.
    assert call(place, *restore) == 7
    assert "already" in capsysbinary.readouterr().err.decode()


def test_a_backup_holds_no_key_and_nothing_readable(site):
    content = site.backup.read_bytes()
    assert site.backup.stat().st_mode & 0o077 == 0
    assert content.startswith(b"age-encryption.org/v1\n")
    keys = [(site.home / name).read_bytes().split(b":")[-1].strip() for name in KEY_FILES]
    with read_archive(site.backup, read_identities(site.identity)) as (description, parts):
        inner = json.dumps(description).encode() + b"".join(b"".join(part.chunks()) for part in parts)
    assert b"Xanthippe".lower() in inner.lower()
    for secret in (*keys, b"AGE-SECRET-KEY"):
        assert secret not in inner
        assert bytes.fromhex(secret.decode()) not in inner if secret in keys else True
    assert b"anthippe" not in content


def test_a_killed_backup_leaves_no_file_or_a_whole_one(site):
    place = {"MPI_HOME": str(site.home)}
    place |= {"MPI_DATABASE_URL": site.database_url} if site.database_url else {}
    step, moment, killed = 9, 4, True
    while killed:
        target = site.folder / f"killed-{moment}.age"
        killed = kill_at(moment, place, "backup", target, "--recipient", site.public_key)
        if target.exists():
            with read_archive(target, read_identities(site.identity)) as (_, parts):
                assert sum(1 for _ in parts) > 3
        assert target.exists() or killed
        # The copy has lost its name before it has content.
        assert [path for path in site.home.glob(".*.copy") if path.stat().st_size] == []
        moment += step


def test_a_killed_restore_is_closed_and_ends_whole_when_it_is_run_again(site, capsysbinary):
    place = site.new_place("killed")
    restore = ("restore", site.backup, "--identity", site.identity)
    # A migration runs many statements.
    moment, closed, step = 8, 0, 700 if site.database_url else 60
    while kill_at(moment, place, *restore):
        home = Path(place["MPI_HOME"])
        settings = Settings(home=home, database_url=place.get("MPI_DATABASE_URL"))
        for scope in ("shared", "education"):
            refusal = refuse_opening(settings.model_copy(update={"scope": scope}))
            closed += "restore of this index has not ended" in refusal
            if not refusal:
                assert site.find_faults(place) == []
            else:
                assert "has not ended" in refusal or "no index" in refusal
        if moment > 8 and call(place, "init") == 0:
            pytest.fail("a half restored place took a new index")
        capsysbinary.readouterr()
        moment += step
    assert closed >= 3
    assert site.find_faults(place) == []


def test_what_cannot_be_restored_is_refused_before_anything_is_written(site, capsysbinary, tmp_path):
    other = tmp_path / "other.key"
    make_key_pair(other)
    damaged = tmp_path / "damaged.age"
    damaged.write_bytes(site.backup.read_bytes()[:-1])
    place = site.new_place("refused")
    home = Path(place["MPI_HOME"])
    before = sorted(path.name for path in home.iterdir())

    def refuse(code, words, *arguments):
        assert call(place, "restore", *arguments) == code
        assert words in capsysbinary.readouterr().err.decode()

    refuse(5, "does not open it", site.backup, "--identity", other)
    refuse(5, "no private key", site.backup, "--identity", site.backup)
    refuse(5, "cannot be read", tmp_path / "none.age", "--identity", site.identity)
    (home / "payload.key").rename(tmp_path / "payload.key")
    refuse(10, "no backup holds one", site.backup, "--identity", site.identity)
    (tmp_path / "payload.key").rename(home / "payload.key")
    (home / "orders-scope-education.jsonl").rename(tmp_path / "orders")
    refuse(10, "--orders-lost", site.backup, "--identity", site.identity)
    (tmp_path / "orders").rename(home / "orders-scope-education.jsonl")
    assert sorted(path.name for path in home.iterdir()) == before
    # A damaged file is noticed at its end: the place stays closed, and takes a whole backup.
    refuse(5, "damaged or not whole", damaged, "--identity", site.identity)
    assert call(place, "search", "--name", "x") != 0
    capsysbinary.readouterr()
    assert call(place, "restore", site.backup, "--identity", site.identity) == 0
    assert site.find_faults(place) == []


def test_a_backup_needs_a_public_key_and_a_new_name(site, capsysbinary):
    place = {"MPI_HOME": str(site.home)}
    place |= {"MPI_DATABASE_URL": site.database_url} if site.database_url else {}
    for words, code, message in (
        ((site.folder / "x.age",), 5, "MPI_BACKUP_RECIPIENTS"),
        ((site.folder / "x.age", "--recipient", "age1nonsense"), 5, "mpi keys backup"),
        ((site.backup, "--recipient", site.public_key), 7, "already"),
        ((), 5, "--folder"),
    ):
        assert call(place, "backup", *words) == code
        assert message in capsysbinary.readouterr().err.decode()
    assert not (site.folder / "x.age").exists()


def test_a_folder_keeps_backups_for_its_days(site, tmp_path):
    place = {"MPI_HOME": str(site.home), "MPI_BACKUP_RECIPIENTS": site.public_key}
    place |= {"MPI_DATABASE_URL": site.database_url} if site.database_url else {}
    for name in ("mpi-old.age", "other.age"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    assert call(place, "backup", "--folder", tmp_path, "--keep-days", 7) == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 2
    assert names[0].startswith("mpi-2")
    assert names[1] == "other.age"


def test_a_part_that_is_missing_or_cut_is_noticed(tmp_path):
    recipients = parse_recipients([make_key_pair(tmp_path / "key")])
    identities = read_identities(tmp_path / "key")
    with write_archive(tmp_path / "whole", recipients, {"format": 1}) as writer:
        writer.add_stream("rows", (os.urandom(70_000) for _ in range(4)))
    whole = (tmp_path / "whole").read_bytes()

    def read(content):
        (tmp_path / "part").write_bytes(content)
        with read_archive(tmp_path / "part", identities) as (_, parts):
            return sum(len(chunk) for part in parts for chunk in part.chunks())

    assert read(whole) == 280_000
    header = whole.index(b"\n---") + 4 + 44 + 16
    block = 65_536 + 16
    for content in (
        b"", whole[:100], whole[: header + block], whole[: header + 3 * block], whole[:-1], whole + b"x",
        whole[:200_000] + bytes([whole[200_000] ^ 1]) + whole[200_001:],
    ):  # fmt: skip
        with pytest.raises(InputError, match="damaged or not whole"):
            read(content)

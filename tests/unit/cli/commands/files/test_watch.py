"""``mpi watch``: files of a folder are loaded, moved and accounted for."""

import csv
import fcntl
import json
import os
from pathlib import Path

import pytest

from mpi.cli.file_folders.drop_folder import FileLoad
from tests.unit.cli.conftest import HEADER, is_one_line

ANA, BEN = "1,Ana,Lopez,2010-01-02,43001\n", "3,Ben,Kim,2011-04-05,43002\n"


@pytest.fixture
def drop(home, tmp_path):
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def put(folder, name, text, age_s=60):
    path = folder / name
    path.write_text(text)
    os.utime(path, (path.stat().st_mtime - age_s,) * 2)


def names(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def read_receipts(folder):
    return [json.loads(path.read_text()) for path in folder.iterdir()]


def receipts(folder):
    return {each["file"]: each for each in read_receipts(folder)}


@pytest.fixture
def during_load(monkeypatch):
    """Calls a function at the end of the first load."""

    def install(act):
        run, is_done = FileLoad.run, []

        def run_and_act(self, session, file):
            result = run(self, session, file)
            if not is_done:
                is_done.append(True)
                act(file)
            return result

        monkeypatch.setattr(FileLoad, "run", run_and_act)

    return install


def test_each_file_is_moved_with_a_receipt_and_its_rejects(mpi, drop):
    put(drop, "a.csv", HEADER + ANA + ",Eve,Fox,,\n", age_s=90)
    put(drop, "b.csv", HEADER + BEN)
    put(drop, "c.pdf", "%PDF")
    put(drop, "new.csv", HEADER + ANA, age_s=0)
    put(drop, "d.csv.part", HEADER)
    result = mpi("watch", str(drop), "--source", "sis", "--once")
    assert result.code == 1
    assert names(drop) == ["d.csv.part", "done", "failed", "new.csv", "receipts", "rejects"]
    assert [name[:6] for name in names(drop / "done")] == ["a.csv.", "b.csv."]
    assert [name[:6] for name in names(drop / "failed")] == ["c.pdf."]
    told = receipts(drop / "receipts")
    assert (told["a.csv"]["created"], told["a.csv"]["rejected"], told["b.csv"]["created"]) == (1, 1, 1)
    assert (told["c.pdf"]["status"], "format" in told["c.pdf"]["reason"]) == ("failed", True)
    [rejects] = (drop / "rejects").iterdir()
    with rejects.open() as file:
        assert [row["reason"] for row in csv.DictReader(file)] == ["missing"]


def test_receipt_says_that_a_file_of_rejected_rows_failed(mpi, drop):
    put(drop, "a.csv", HEADER + ",Eve,Fox,,\n")
    result = mpi("watch", str(drop), "--source", "sis", "--once")
    told = receipts(drop / "receipts")["a.csv"]
    assert (result.code, told["status"], told["reason"]) == (1, "failed", "every row was rejected")
    assert [name[:6] for name in names(drop / "failed")] == ["a.csv."]


def test_file_that_a_guard_holds_is_put_aside(mpi, drop):
    put(drop, "a.csv", HEADER + ANA + BEN)
    assert mpi("watch", str(drop), "--source", "sis", "--once", "--snapshot", "full").code == 0
    put(drop, "a.csv", HEADER + ANA)
    result = mpi("watch", str(drop), "--source", "sis", "--once", "--snapshot", "full")
    assert (result.code, "a.csv: held" in result.err, "Ana" in result.err) == (1, True, False)
    assert len(names(drop / "failed")) == 1


def test_file_that_changes_during_its_load_stays_until_it_is_loaded(mpi, drop, during_load):
    put(drop, "a.csv", HEADER + ANA)
    during_load(lambda file: put(drop, file.name, HEADER + ANA + BEN))
    first = mpi("watch", str(drop), "--source", "sis", "--once")
    assert (first.code, "changed during the load" in first.err) == (0, True)
    told = receipts(drop / "receipts")["a.csv"]
    assert (told["status"], told["created"], "stays" in told["reason"]) == ("loaded", 1, True)
    assert ("a.csv" in names(drop), names(drop / "done")) == (True, [])
    assert mpi("watch", str(drop), "--source", "sis", "--once").code == 0
    [done] = (drop / "done").iterdir()
    assert (done.read_text(), "a.csv" in names(drop)) == (HEADER + ANA + BEN, False)
    assert sorted(each["created"] for each in read_receipts(drop / "receipts")) == [1, 1]


@pytest.mark.parametrize("removed", ["a.csv", "b.csv"])
def test_file_that_its_sender_removes_stops_no_other(mpi, drop, during_load, removed):
    put(drop, "a.csv", HEADER + ANA, age_s=90)
    put(drop, "b.csv", HEADER + ANA)
    put(drop, "c.csv", HEADER + BEN, age_s=30)
    during_load(lambda _: (drop / removed).unlink())
    result = mpi("watch", str(drop), "--source", "sis", "--once")
    told = receipts(drop / "receipts")
    assert (result.code, told["a.csv"]["status"], told["c.csv"]["created"]) == (0, "loaded", 1)
    assert [name[:5] for name in names(drop / "done")] == sorted({"a.csv", "b.csv", "c.csv"} - {removed})
    assert names(drop / "failed") == []


def test_file_that_is_removed_while_files_are_listed_is_passed_over(mpi, drop, monkeypatch):
    put(drop, "b.csv", HEADER + BEN)
    iterdir = Path.iterdir

    def list_with_removed(path):
        return iter([*iterdir(path), *([path / "gone.csv"] if path == drop else [])])

    monkeypatch.setattr(Path, "iterdir", list_with_removed)
    assert mpi("watch", str(drop), "--source", "sis", "--once").code == 0
    assert [name[:6] for name in names(drop / "done")] == ["b.csv."]


@pytest.mark.parametrize("name", [f"{'a' * 235}.csv", f"{'é' * 120}.csv", f"a.{'b' * 240}"])
def test_file_with_a_long_name_is_moved_under_a_shorter_one(mpi, drop, name):
    put(drop, name, HEADER + ANA + ",Eve,Fox,,\n", age_s=90)
    put(drop, "b.csv", HEADER + BEN)
    mpi("watch", str(drop), "--source", "sis", "--once")
    told = receipts(drop / "receipts")
    assert set(told) == {name, "b.csv"}
    assert told["b.csv"]["created"] == 1
    moved = [each for each in names(drop / "done") + names(drop / "failed") if each[0] == name[0]]
    assert [len(os.fsencode(each)) < len(os.fsencode(name)) for each in moved] == [True]
    assert name.endswith(".csv") == (".csv." in moved[0])


def test_file_whose_name_is_no_utf8_is_loaded(mpi, drop):
    put(drop, os.fsdecode(b"Sch\xfcler.csv"), HEADER + ANA)
    assert mpi("watch", str(drop), "--source", "sis", "--once").code == 0
    assert (receipts(drop / "receipts")["Sch?ler.csv"]["created"], len(names(drop / "done"))) == (1, 1)


def test_files_wait_while_the_index_cannot_be_used(mpi, drop, home, monkeypatch):
    put(drop, "a.csv", HEADER + ANA, age_s=90)
    put(drop, "b.csv", HEADER + BEN)
    database, away = home / "mpi.db", home / "away.db"
    database.rename(away)
    once = mpi("watch", str(drop), "--source", "sis", "--once")
    assert (once.code, is_one_line(once.err)) == (10, True)
    looks = iter(("away", "back", "end"))

    def sleep(seconds):
        match next(looks):
            case "back":
                away.rename(database)
            case "end":
                raise KeyboardInterrupt

    monkeypatch.setattr("mpi.cli.commands.files.watch.time.sleep", sleep)
    result = mpi("watch", str(drop), "--source", "sis")
    assert result.err.count("files wait") == 1
    assert [name[:6] for name in names(drop / "done")] == ["a.csv.", "b.csv."]
    assert (names(drop / "failed"), len(read_receipts(drop / "receipts"))) == ([], 2)


def test_files_of_an_unknown_source_stay_in_the_folder(mpi, drop):
    put(drop, "a.csv", HEADER + ANA)
    result = mpi("watch", str(drop), "--source", "none", "--once")
    assert (result.code, is_one_line(result.err)) == (6, True)
    assert ("a.csv" in names(drop), names(drop / "failed")) == (True, [])


def test_folder_is_watched_by_one_process(mpi, drop):
    (drop / ".mpi-watch.lock").touch()
    with (drop / ".mpi-watch.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = mpi("watch", str(drop), "--source", "sis", "--once")
    assert (result.code, is_one_line(result.err)) == (7, True)
    assert "wait until it ends" in result.err


def test_wrong_folder_or_mapping_is_refused_at_the_start(mpi, drop):
    assert mpi("watch", str(drop / "none"), "--source", "sis", "--once").code == 5
    assert mpi("watch", str(drop), "--source", "sis", "--mapping", "none.toml", "--once").code == 5

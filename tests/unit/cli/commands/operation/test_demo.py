import fcntl
import io
import subprocess
import sys

import pytest
from rich.console import Console

from mpi.cli.demo.demo_index import build_demo, read_build
from mpi.cli.demo.display import show_pages, show_story
from mpi.cli.demo.story import AgencyRecord, ChildStory
from mpi.domain.errors import ConflictError


def ignore_progress(step, done, total):
    pass


def test_a_folder_that_no_demo_made_is_never_emptied(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ConflictError, match="--folder"):
        build_demo(tmp_path, 1_000, ignore_progress)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_interrupted_demo_is_rebuilt(tmp_path):
    build_demo(tmp_path / "demo", 1_000, ignore_progress)
    (tmp_path / "demo" / "making.json").unlink()
    (tmp_path / "demo" / "index" / "half").write_text("left behind")
    assert build_demo(tmp_path / "demo", 1_000, ignore_progress).records == 1_000
    assert not (tmp_path / "demo" / "index" / "half").exists()


def test_a_demo_that_another_process_builds_is_left_alone(tmp_path):
    (tmp_path / ".mpi-demo").touch()
    (tmp_path / "state").mkdir()
    with (tmp_path / ".mpi-demo").open() as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        with pytest.raises(ConflictError, match="another demo"):
            build_demo(tmp_path, 1_000, ignore_progress)
    assert (tmp_path / "state").is_dir()


def test_the_story_withholds_the_addresses_of_a_confidential_child():
    home = {"address_line1": "77 Hideaway Ln", "city": "Nowheresville"}
    restricted = {"local_id": "1", "restrictions": [{"kind": "address_confidential"}]}
    records = (
        AgencyRecord("ccwis", "1", {**restricted, **home}),
        AgencyRecord("ccwis", "2", {"local_id": "2", **home}),
    )
    output = io.StringIO()
    story = ChildStory("T7K3-M92Q-X0HN", records, 1.0, 20.0, (), False, (), None)
    show_story(Console(file=output, width=120), story)
    assert "withheld" in output.getvalue()
    assert "Hideaway" not in output.getvalue()
    assert "Nowheresville" not in output.getvalue()


def test_everything_that_init_writes_is_private_to_its_owner(empty_home):
    subprocess.run([sys.executable, "-m", "mpi", "init", "--test"], check=True, capture_output=True)
    paths = [empty_home, *empty_home.rglob("*")]
    assert len(paths) > 3
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def test_a_demo_of_an_earlier_schema_is_rebuilt(tmp_path, monkeypatch):
    build_demo(tmp_path / "demo", 1_000, ignore_progress)
    assert read_build(tmp_path / "demo", 1_000) is not None
    monkeypatch.setattr("mpi.cli.demo.demo_index.SCHEMA_REVISION", "a later one")
    assert read_build(tmp_path / "demo", 1_000) is None


def test_the_demo_opens_the_child_and_one_question():
    output = io.StringIO()
    records = (AgencyRecord("ccwis", "1", {"local_id": "1"}),)
    story = ChildStory("T7K3-M92Q-X0HN", records, 1.0, 20.0, (), False, (), None)
    show_pages(Console(file=output, width=120), "http://127.0.0.1:8520", story, "q-1f")
    assert "http://127.0.0.1:8520/people/T7K3-M92Q-X0HN" in output.getvalue()
    assert "http://127.0.0.1:8520/queue/q-1f" in output.getvalue()

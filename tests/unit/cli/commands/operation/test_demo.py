import fcntl
import io
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from mpi.bootstrap import open_index
from mpi.cli.demo.comparison import read_labeled_index
from mpi.cli.demo.demo_index import (
    SCOPES,
    build_demo,
    create_settings,
    open_demo_index,
    read_build,
    read_truth,
)
from mpi.cli.demo.display import show_commands, show_pages, show_story
from mpi.cli.demo.readers import ask_as_three
from mpi.cli.demo.story import AgencyRecord, ChildStory, choose_story
from mpi.domain.errors import ConflictError
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import make_operator


def ignore_progress(step, done, total):
    pass


def count_records(folder, scope):
    """Return the number of records of each source in an index of a demo."""
    index = open_index(create_settings(folder).model_copy(update={"scope": scope}))
    try:
        with index.database.read(make_operator()) as unit:
            counts = Counter()
            for (source, _state), number in unit.records.counts().items():
                counts[source] += number
            return counts
    finally:
        index.database.dispose()


def test_each_agency_of_a_demo_has_an_index_of_its_own(tmp_path):
    build_demo(tmp_path / "demo", 1_000, ignore_progress)
    schools, child_welfare, shared = (
        count_records(tmp_path / "demo", scope) for scope in (*SCOPES, SHARED_SCOPE)
    )
    assert set(schools) == {"state_ssid", "district_north", "district_south"}
    assert set(child_welfare) == {"ccwis"}
    assert shared == schools + child_welfare


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


def test_three_people_are_told_different_things_of_the_demo_child(tmp_path):
    build_demo(tmp_path / "demo", 2_000, ignore_progress)
    with open_demo_index(tmp_path / "demo") as index:
        story = choose_story(index, read_labeled_index(index, read_truth(tmp_path / "demo")))
        caseworker, contact, analyst = ask_as_three(index, story)
    assert "foster_care" in caseworker.flags
    assert "placements" in caseworker.fields
    assert contact.flags == ("foster_care",)
    assert "placements" not in contact.fields
    assert (analyst.fields, analyst.refusal) == ((), "action-not-granted")
    assert [reader.ledger_lines for reader in (caseworker, contact, analyst)] == [2, 2, 1]


def test_the_demo_shows_what_schools_know_of_the_child():
    output = io.StringIO()
    records = (
        AgencyRecord("ccwis", "1", {"local_id": "1"}),
        AgencyRecord("district_north", "7 b", {"local_id": "7 b"}),
    )
    story = ChildStory("T7K3-M92Q-X0HN", records, 1.0, 20.0, (), False, (), None)
    show_commands(Console(file=output, width=120), Path("demo"), story, "http://127.0.0.1:8520")
    assert "MPI_SCOPE=education" in output.getvalue()
    assert "--source district_north --local-id '7 b'" in output.getvalue()

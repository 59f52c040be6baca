"""The walks in ARCHITECTURE.md name the functions that really run, in their order."""

import re
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType

import pytest

from mpi.api.app import create_app
from tests.index import make_child, open_test_index
from tests.unit.api.live import add_key, calling

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
UPSERT, DECISION = "a source sends a record", "a steward decides"
MOST_HOPS = 12
SERVICE = ROOT / "mpi" / "service"


def test_a_put_runs_the_hops_of_its_walk_in_order(client, calls):
    calls.clear()
    answer = client.put("/v1/sources/CCWIS/records/2", json=make_child(None))
    assert answer.status_code == 200
    hops = walk(UPSERT)
    assert [call for call in in_first_order(calls) if call in hops] == hops


def test_a_decision_runs_the_hops_of_its_walk_in_order(client, calls):
    client.put("/v1/sources/D01/records/3", json=make_child(None, first_name="Bo", last_name="Lindqvist"))
    records = [{"source": "D01", "local_id": "1"}, {"source": "D01", "local_id": "3"}]
    calls.clear()
    answer = client.post("/v1/decisions", json={"kind": "SAME", "groups": [records], "reason": "seen"})
    assert answer.status_code == 200, answer.text
    hops = walk(DECISION)
    assert [call for call in in_first_order(calls) if call in hops] == hops


def test_a_walk_has_at_most_twelve_hops():
    assert 0 < len(walk(UPSERT)) <= MOST_HOPS
    assert 0 < len(walk(DECISION)) <= MOST_HOPS


def test_the_table_of_service_packages_lists_them_from_the_highest_to_the_lowest():
    section = PAGE.split("### Packages of `mpi/service`")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(listed) == sorted(path.parent.name for path in SERVICE.glob("*/__init__.py"))
    contract = (ROOT / "pyproject.toml").read_text().split('containers = ["mpi.service"]')[1].split("]")[0]
    assert listed == [name for name in re.findall(r"\w+", contract) if name != "layers"]


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The functions of both walks that are called in threads that start from now on."""
    names = {code_of(hop): hop for hop in (*walk(UPSERT), *walk(DECISION))}
    called: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code in names:
            called.append(names[frame.f_code])

    threading.setprofile(note)
    yield called
    threading.setprofile(None)


@pytest.fixture
def client(tmp_path, calls):
    with (
        open_test_index(tmp_path, "D01", "CCWIS") as index,
        calling(create_app(index), add_key(index, "walker")) as client,
    ):
        client.put("/v1/sources/D01/records/1", json=make_child(None))
        yield client


def walk(title: str) -> list[str]:
    """Return the functions of a walk, in the order of its table."""
    section = PAGE.split(f"## Walk: {title}")[1].split("\n## ")[0]
    return re.findall(r"^\| \d+ \| `([\w.]+)` \|", section, re.MULTILINE)


def code_of(dotted: str) -> CodeType:
    """Return the code of a function or method that is named with its module."""
    parts = dotted.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            found = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            found = getattr(found, name)
        return getattr(found, "__wrapped__", found).__code__
    raise AssertionError(f"there is no {dotted}")


def in_first_order(calls: list[str]) -> list[str]:
    """Return each call once, in the order of its first."""
    return list(dict.fromkeys(calls))

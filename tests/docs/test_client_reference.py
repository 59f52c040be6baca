"""The reference of the Python client names all that there is."""

import inspect
from pathlib import Path

import mpi.client
from mpi.client import Client, RetryPolicy

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "python-client.md").read_text()


def test_every_public_name_is_described():
    assert [name for name in mpi.client.__all__ if name[0] != "_" and f"`{name}" not in PAGE] == []


def test_every_method_is_described_with_its_parameters():
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if not name.startswith("_"):
            parameters = [
                each for each in inspect.signature(method).parameters if each not in ("self", "purpose")
            ]
            [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}(")]
            described = row.split("`")[1].partition("(")[2].rstrip(")")
            assert [each.partition("=")[0] for each in described.split(", ") if each] == parameters


def test_the_defaults_of_retries_are_those_of_the_program():
    for name in ("attempts", "first_pause_s", "longest_pause_s"):
        [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{name}` ")]
        assert float(row.split("|")[-2]) == getattr(RetryPolicy(), name)

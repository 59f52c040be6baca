"""The first line of a docstring is a summary of at most twelve words."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 12
"""Words of a summary."""


def list_long_summaries(path: Path) -> list[str]:
    """Return the summaries of a module that have too many words."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = (ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, kinds))
    return [line for text in texts if len((line := text.partition("\n")[0]).split()) > LONGEST]


@pytest.mark.parametrize("folder", ["mpi", "training", "scripts"])
def test_a_summary_has_at_most_twelve_words(folder):
    long = {str(path.relative_to(ROOT)): list_long_summaries(path) for path in (ROOT / folder).rglob("*.py")}
    assert {path: lines for path, lines in long.items() if lines} == {}

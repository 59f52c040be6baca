"""Stored results of the demo, so that a restart takes seconds."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpi.cli.demo.comparison import MethodResult
from mpi.cli.demo.readers import ReaderAnswer
from mpi.cli.demo.story import AgencyRecord, ChildStory
from mpi.matching.compiler.online_scorer import WeightContribution

_FILE_NAME = "result.json"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Results of a demo: an example child, its readers and a comparison."""

    story: ChildStory | None
    ways: list[MethodResult]
    children: int
    readers: list[ReaderAnswer]


def save_result(folder: Path, result: DemoResult) -> None:
    """Write the demo's story and method comparison to its folder."""
    (folder / _FILE_NAME).write_text(json.dumps(asdict(result)))


def load_result(folder: Path) -> DemoResult | None:
    """Read the results of an earlier demo; None if incomplete."""
    try:
        values = json.loads((folder / _FILE_NAME).read_text())
    except (OSError, ValueError):
        return None
    story = None if values["story"] is None else _parse_story(values["story"])
    return DemoResult(
        story,
        [MethodResult(**way) for way in values["ways"]],
        values["children"],
        [_parse_reader(reader) for reader in values["readers"]],
    )


def _parse_reader(values: dict[str, Any]) -> ReaderAnswer:
    """Build what a person was told from its JSON values."""
    lists = {name: tuple(values[name]) for name in ("flags", "fields")}
    return ReaderAnswer(**values | lists)


def _parse_story(values: dict[str, Any]) -> ChildStory:
    """Build the demo's story of an example child from its JSON values."""
    return ChildStory(
        **{
            **values,
            "held": tuple(AgencyRecord(**item) for item in values["held"]),
            "why": tuple(WeightContribution(**item) for item in values["why"]),
            "differences": tuple(values["differences"]),
            "twin": None if values["twin"] is None else tuple(values["twin"]),
        }
    )

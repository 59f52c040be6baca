"""What the demo measured, kept so that a second start takes seconds."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpi.cli.demo.comparison import MethodResult
from mpi.cli.demo.story import AgencyRecord, ChildStory
from mpi.matching.compiler.online_scorer import Contribution

_FILE_NAME = "result.json"


@dataclass(frozen=True, slots=True)
class DemoResult:
    """The story and the comparison of one run."""

    story: ChildStory | None
    ways: list[MethodResult]
    children: int


def save_result(folder: Path, result: DemoResult) -> None:
    """Write what was measured beside the demo's index."""
    (folder / _FILE_NAME).write_text(json.dumps(asdict(result)))


def load_result(folder: Path) -> DemoResult | None:
    """What an earlier start measured, if it is there whole."""
    try:
        read = json.loads((folder / _FILE_NAME).read_text())
    except (OSError, ValueError):
        return None
    story = None if read["story"] is None else _parse_story(read["story"])
    return DemoResult(story, [MethodResult(**way) for way in read["ways"]], read["children"])


def _parse_story(read: dict[str, Any]) -> ChildStory:
    return ChildStory(
        **{
            **read,
            "held": tuple(AgencyRecord(**one) for one in read["held"]),
            "why": tuple(Contribution(**one) for one in read["why"]),
            "differences": tuple(read["differences"]),
            "twin": None if read["twin"] is None else tuple(read["twin"]),
        }
    )

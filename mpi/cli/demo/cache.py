"""What the demo measured, kept so that a second start takes seconds."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mpi.cli.demo.comparison import Way
from mpi.cli.demo.story import Held, Story
from mpi.matching.compiler.online_scorer import Contribution

_NAME = "result.json"


@dataclass(frozen=True, slots=True)
class Result:
    """The story and the comparison of one run."""

    story: Story | None
    ways: list[Way]
    children: int


def keep(folder: Path, result: Result) -> None:
    """Write what was measured beside the demo's index."""
    (folder / _NAME).write_text(json.dumps(asdict(result)))


def kept(folder: Path) -> Result | None:
    """What an earlier start measured, if it is there whole."""
    try:
        read = json.loads((folder / _NAME).read_text())
    except (OSError, ValueError):
        return None
    story = None if read["story"] is None else _story(read["story"])
    return Result(story, [Way(**way) for way in read["ways"]], read["children"])


def _story(read: dict[str, Any]) -> Story:
    return Story(
        **{
            **read,
            "held": tuple(Held(**one) for one in read["held"]),
            "why": tuple(Contribution(**one) for one in read["why"]),
            "differences": tuple(read["differences"]),
            "twin": None if read["twin"] is None else tuple(read["twin"]),
        }
    )

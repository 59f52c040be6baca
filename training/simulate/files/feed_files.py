"""Writer of weekly feeds: a folder per week, a file per source.

It also writes the list of files, the truth and the manifest.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mpi.domain.errors import FileError
from mpi.domain.record import SENT_FIELDS
from training.simulate.columns import Texts
from training.simulate.files.feeds import FEED_TRUTH_FIELDS, BlockFeed, WeekFile, estimate_cast_size
from training.simulate.files.output import build_manifest, merge_manifests
from training.simulate.people.blocks import RECORDS_PER_BLOCK, ProgressCallback, split_into_blocks
from training.simulate.people.names import NameBook
from training.simulate.rates import Rates
from training.simulate.sources.records import NIGHTLY_TIME

FEEDS, TRUTH, MANIFEST = "feeds.csv", "truth.csv", "manifest.json"
FEED_FIELDS = ("week", "as_of", "source", "snapshot", "file", "records")
_WEEK_FOLDERS = "week-*"


@dataclass(frozen=True, slots=True)
class FeedPlan:
    """Parameters of a simulation of weekly files from four sources.

    Args:
        seed: seed of all that happens.
        children: number of children in the state in the first week.
        weeks: weeks after the first.
        book: names to draw from.
        rates: rates of a state as of the last week.
        records_per_block: source records of one block.
    """

    seed: int
    children: int
    weeks: int
    book: NameBook
    rates: Rates
    records_per_block: int = RECORDS_PER_BLOCK


def save_feeds(plan: FeedPlan, folder: Path, report: ProgressCallback) -> dict[str, Any]:
    """Simulate weekly files part by part and write them to a folder.

    Returns:
        The manifest.

    Raises:
        FileError: the folder cannot be made or written, or holds weekly feeds already.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.glob(_WEEK_FOLDERS)):
            raise FileError(f"{folder} holds weekly feeds already; give a folder without any")
        return _write_feeds(plan, folder, report)
    except OSError as error:
        raise FileError(f"the feeds cannot be written to {folder}: {error.strerror}") from error


def _write_feeds(plan: FeedPlan, folder: Path, report: ProgressCallback) -> dict[str, Any]:
    """Write all weekly files, their list, the truth and the manifest."""
    cast_size = estimate_cast_size(plan.children, plan.weeks, plan.rates)
    state_records = round(cast_size * plan.rates.state.records_per_child)
    state_blocks = split_into_blocks(plan.seed, state_records, plan.records_per_block)
    files = _FeedFiles(folder)
    manifest: dict[str, Any] = {}
    steps = len(state_blocks) * (plan.weeks + 1)
    for position, block in enumerate(state_blocks):
        feed = BlockFeed(block, round(cast_size / len(state_blocks)), plan.weeks, plan.rates, plan.book)
        for file in feed.generate_weeks():
            files.append(file)
            report("simulating", position * (plan.weeks + 1) + file.week, steps)
        population = feed.build_population()
        for source_file in population.files.values():
            files.append_truth([source_file.truth[name] for name in FEED_TRUTH_FIELDS])
        manifest = merge_manifests(manifest, build_manifest(population))
    files.list_feeds()
    manifest["weeks"] = plan.weeks
    content = json.dumps(manifest, indent=2) + "\n"
    (folder / MANIFEST).write_text(content, encoding="utf-8", newline="\n")
    return manifest


@dataclass(slots=True)
class _FeedFiles:
    """Weekly files in a folder, each opened only while records are appended.

    There may be more files than can be open at once.
    """

    folder: Path
    _feeds: dict[str, list[object]] = field(default_factory=dict)
    _started: set[str] = field(default_factory=set)

    def append(self, file: WeekFile) -> None:
        """Append records of one part of the state to a weekly file."""
        name = f"week-{file.week:04}/{file.source}.csv"
        snapshot = "full" if file.full else "delta"
        as_of = f"{np.datetime_as_string(file.day)}{NIGHTLY_TIME}"
        row = self._feeds.setdefault(name, [file.week, as_of, file.source, snapshot, name, 0])
        row[-1] = int(str(row[-1])) + len(file)
        self._append_rows(name, SENT_FIELDS, file.columns)

    def append_truth(self, columns: Sequence[Texts]) -> None:
        """Append one part of the state's truth to the truth file."""
        self._append_rows(TRUTH, FEED_TRUTH_FIELDS, columns)

    def list_feeds(self) -> None:
        """Write the list of all weekly files in loading order."""
        rows = list(self._feeds.values())
        self._append_rows(FEEDS, FEED_FIELDS, [list(column) for column in zip(*rows, strict=True)])

    def _append_rows(self, name: str, header: Sequence[str], columns: Sequence[Iterable[object]]) -> None:
        """Append rows to a CSV file; write its header first."""
        path = self.folder / name
        has_started = name in self._started
        if not has_started:
            path.parent.mkdir(exist_ok=True)
            self._started.add(name)
        with path.open("a" if has_started else "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not has_started:
                writer.writerow(header)
            writer.writerows(zip(*columns, strict=True))

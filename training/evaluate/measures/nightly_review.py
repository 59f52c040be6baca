"""Review on an ordinary night: what a feed's new and changed records ask of stewards.

A night on which every record was never seen before is the hardest there is; in life nearly all of a feed is
about children whom the index knows. Weekly feeds of a simulated state are followed, and the tasks that were
not there the week before are counted against the records that the week wrote or changed.
"""

from collections.abc import Iterator
from pathlib import Path

from mpi.domain.record import SENT_FIELDS
from mpi.matching.model.model import MatchModel
from training.evaluate.datasets.dataset import standardized
from training.evaluate.datasets.simulated_state import SEED, name_book
from training.evaluate.measures.intervals import Figure, share
from training.evaluate.model_clusters import persons, weigh
from training.records import Sent
from training.simulate.files.feeds import BlockFeed, WeekFile, cast_size, children_for
from training.simulate.people.blocks import Block
from training.simulate.rates import load

WEEKS, COUNTED = 6, 3
_BARRED = ("sealed", "expunged")

Key = tuple[str, str]
"""Source and local ID."""


def feed_review(model: MatchModel, records: int, names: Path | None) -> Figure:
    """Tasks a new or changed record, over the last weeks of a feed.

    Args:
        model: that decides.
        records: how many the first week's files hold, about.
        names: the folder of census tables, where there is one.
    """
    asked = written = 0
    before: set[frozenset[Key]] | None = None
    for week, (held, changed) in enumerate(_weeks(records, names)):
        if week < WEEKS - COUNTED:
            continue
        tasks = _tasks(model, held)
        if before is not None:
            asked += len(tasks - before)
            written += len(changed & held.keys())
        before = tasks
    return share(asked, max(written, asked))


def _weeks(records: int, names: Path | None) -> Iterator[tuple[dict[Key, Sent], set[Key]]]:
    """Week by week, every record on the books and the keys of those that the week wrote or changed."""
    rates, book = load(), name_book(names)
    children = children_for(records, SEED, WEEKS, rates, book)
    feed = BlockFeed(Block(SEED), cast_size(children, WEEKS, rates), WEEKS, rates, book)
    held: dict[Key, Sent] = {}
    week, changed = 0, set[Key]()
    for file in feed.weeks():
        if file.week > week:
            yield dict(held), changed
            week, changed = file.week, set()
        came = dict(_rows(file))
        if file.full:
            for gone in [key for key in held if key[0] == str(file.source) and key not in came]:
                del held[gone]
        changed |= {key for key, row in came.items() if key not in held or held[key].fields != row.fields}
        held |= came
        for key in [key for key, row in came.items() if _barred(row)]:
            del held[key]
    yield dict(held), changed


def _rows(file: WeekFile) -> Iterator[tuple[Key, Sent]]:
    columns = list(zip(SENT_FIELDS, file.columns, strict=True))
    source = str(file.source)
    for row in range(len(file)):
        fields = {name: values[row] for name, values in columns if values[row]}
        yield (source, str(fields["local_id"])), Sent(source, fields, {})


def _barred(row: Sent) -> bool:
    return any(kind in str(row.fields.get("restrictions", "")) for kind in _BARRED)


def _tasks(model: MatchModel, held: dict[Key, Sent]) -> set[frozenset[Key]]:
    keys = sorted(held)
    weighed = weigh(model, standardized([held[key] for key in keys]))
    found = persons(weighed, model.thresholds)
    return {frozenset((keys[left], keys[right])) for left, right in found.tasks}

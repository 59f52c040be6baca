"""Pairs of one record found and scored before its transaction, so that the writer is held for less.

They are found as the index stands a moment before, while others may write. In the transaction it is asked
whose keys were written since, and which of those that were found have keys still: the same pairs, by law 1,
as a search there would find.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from mpi.domain.features import Features
from mpi.domain.viewer import Viewer
from mpi.service.context import Index
from mpi.service.one_by_one import weighed
from mpi.service.reindex import KNOWN_AT_MOST, NOT_PAIRED, Changed, Paired
from mpi.service.statement import Packed, Statement, unpacked
from mpi.service.statements import Verdict, judge
from mpi.service.stored_features import load_features
from mpi.storage.repositories.derived import Edges
from mpi.storage.repositories.run_parts import AS_STORED
from mpi.storage.unit import ReadUnit, WriteUnit

MOST_SINCE = 100
"""Records that others wrote meanwhile, beyond which it is sooner done to search anew, as beside a load."""
MOST_A_KEY = 20
"""Records that share a key, on average, beyond which a record is searched for in its transaction."""
_MINE = 0
"""Stands for the record itself; no stored record has this number."""


@dataclass(frozen=True, slots=True)
class Beforehand:
    """The pairs of a record as they were a moment ago.

    Args:
        config_id: the configuration that it was compared under.
        groups: visibility groups that were searched.
        last_commit: the last that the pairs take into account.
        made: the record as it was compared.
        near: weight of each record that it pairs with, in bits.
        features: of those.
    """

    config_id: int
    groups: tuple[int, ...]
    last_commit: int
    made: Packed
    near: Mapping[int, float]
    features: Mapping[int, Features]

    def ask(self, unit: WriteUnit) -> None:
        """Send ahead what ``now`` will ask."""
        unit.keys.ask_written_after(self.config_id, self.last_commit, MOST_SINCE + 1)
        unit.keys.ask_having(self.config_id, self.near)

    def now(self, unit: WriteUnit, index: Index) -> Self | None:
        """The pairs as they are in the transaction; None where they have to be looked for.

        Args:
            unit: the record's transaction, before anything is written.
            index: the model.
        """
        if index.config_id(unit) != self.config_id or tuple(unit.sources.groups()) != self.groups:
            return None
        since = unit.keys.written_after(self.config_id, self.last_commit, MOST_SINCE + 1)
        if len(since) > MOST_SINCE:
            return None
        having = unit.keys.having(self.config_id, self.near)
        standing = {other: bits for other, bits in self.near.items() if other in having - since.keys()}
        mine = set(_numbers(self.made.keys))
        sharing = [
            other
            for other, own in since.items()
            if own.group_id in self.groups and not mine.isdisjoint(_numbers(own.keys))
        ]
        near, features = _scored(unit, index, self.config_id, self.made, sharing)
        return type(self)(
            self.config_id,
            self.groups,
            self.last_commit,
            self.made,
            standing | near,
            {other: self.features[other] for other in standing if other in self.features} | features,
        )

    def paired(self, record: int, changed: Mapping[int, Changed]) -> Paired:
        """The pairs of what a statement changed; none where more than the record did, or otherwise.

        Args:
            record: the record's number.
            changed: what changed with it.
        """
        if changed.keys() != {record} or changed[record].made != self.made:
            return NOT_PAIRED
        others = {other: bits for other, bits in self.near.items() if other != record}
        edges: Edges = {(min(record, other), max(record, other)): bits for other, bits in others.items()}
        return Paired(frozenset((record,)), edges, self.features)


def find_beforehand(index: Index, viewer: Viewer, source_code: str, said: Statement) -> Beforehand | None:
    """Find and score the pairs of a record before it is written; None where that is of no use.

    Args:
        index: the open index.
        viewer: who says it.
        source_code: its source.
        said: what is said, made comparable.
    """
    if _is_of_no_use(index):
        return None
    source, made = index.known_sources.get(source_code), said.made
    # Copied at one go: another thread may add to what is known.
    config_id, sources = index.config_last_in_force, list(index.known_sources.values())
    if source is None or made is None or source.paused or not config_id:
        return None
    groups = tuple(sorted({one.group_id for one in sources}))
    looked_for = _LookedFor(said, made, source.id, config_id, groups)
    with index.database.peek(viewer) as unit:
        looking = _ask(unit, looked_for)
        if not (index.database.is_postgresql and unit.keys.recent.runs(config_id)):
            return _find(unit, index, looked_for, looking)
    # Each statement there is of a moment of its own: a run may be merged, and gone, before it is read.
    with index.database.read(viewer) as unit:
        return _find(unit, index, looked_for, _ask(unit, looked_for))


@dataclass(frozen=True, slots=True)
class _LookedFor:
    """A record whose pairs are looked for.

    Args:
        said: the statement.
        made: what it is made comparable to.
        source_id: the number of its source.
        config_id: of the configuration that seems to be in force.
        groups: the visibility groups that there seem to be.
    """

    said: Statement
    made: Packed
    source_id: int
    config_id: int
    groups: tuple[int, ...]

    @property
    def keys(self) -> list[int]:
        """Its blocking keys."""
        return _numbers(self.made.keys)


def _ask(unit: ReadUnit, wanted: _LookedFor) -> Callable[[], int]:
    """Send ahead what is asked; returns what tells the last commit.

    That is asked first: what is committed later is looked at again.
    """
    read_last_commit = unit.ask_last_commit()
    unit.records.ask_find(wanted.source_id, [wanted.said.local_id])
    unit.keys.ask_sharing(wanted.config_id, wanted.groups, wanted.keys, MOST_A_KEY)
    return read_last_commit


def _find(
    unit: ReadUnit, index: Index, wanted: _LookedFor, read_last_commit: Callable[[], int]
) -> Beforehand | None:
    said, config_id, groups, mine = wanted.said, wanted.config_id, wanted.groups, wanted.keys
    existing = unit.records.find(wanted.source_id, [said.local_id]).get(said.local_id)
    last_commit = read_last_commit()
    if judge(existing, said) not in (Verdict.CREATED, Verdict.UPDATED):
        return None
    found = unit.keys.sharing(config_id, groups, mine, MOST_A_KEY)
    if len(found) > MOST_A_KEY * len(mine) or _tells_of_any(index, found):
        return None
    others = {record for _, record in found} - ({existing.id} if existing else set())
    near, features = _scored(unit, index, config_id, wanted.made, others)
    return Beforehand(config_id, groups, last_commit, wanted.made, near, features)


def _is_of_no_use(index: Index) -> bool:
    if index.database.is_postgresql:
        # Nobody waits for the writer's place, and what would be asked again is asked once.
        return index.together.are_alone
    # SQLite's connections each keep pages until another writes: in the one that writes they are at hand.
    return index.together.wait_for_each_other


def _tells_of_any(index: Index, found: Collection[tuple[int, int]]) -> bool:
    """Whether a block is so large that the transaction tells of it."""
    sizes = Counter(key for key, _ in found)
    return max(sizes.values(), default=0) > min(index.block_limits.alarm, index.block_limits.hard)


def _scored(
    unit: ReadUnit, index: Index, config_id: int, made: Packed, others: Collection[int]
) -> tuple[dict[int, float], dict[int, Features]]:
    """Those of some records that pair with one: weights, and features."""
    if not others:
        return {}, {}
    known = load_features(unit, config_id, others)
    pairs = [(_MINE, other) for other in known]
    found = weighed(index.matcher, known | {_MINE: unpacked(made)}, pairs)
    near = {other: bits for (_, other), bits in found.items()}
    return near, {other: known[other] for other in near} if len(near) <= KNOWN_AT_MOST else {}


def _numbers(keys: bytes) -> list[int]:
    numbers: list[int] = np.frombuffer(keys, AS_STORED).tolist()
    return numbers

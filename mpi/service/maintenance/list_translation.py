"""Lists of shared values and stopped keys under another token key.

The lists hold keyed hashes. A listed value is found among the active records, and hashed again. A stopped key
is found as the key that the same records have under the other token key.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.matching.model.blocking_keys import BlockingSpec, compute_named_keys
from mpi.service.core.index import Index
from mpi.service.indexing.reindex import Progress
from mpi.standardize.serialization import record_from_bytes
from mpi.standardize.shared_values import SharedValues, drop_shared_values, hash_value, list_shareable_values
from mpi.standardize.standardizer import standardize
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.unit_of_work.units import ReadUnit

TRANSLATING = "reading the lists of shared values"


def translate_lists(unit: ReadUnit, index: Index, keyed_hash: KeyedHash, progress: Progress) -> SharedValues:
    """Return the lists in force as another token key makes them.

    A value that no active record holds any more leaves its list.

    Args:
        unit: the transaction.
        index: the open index, under the token keys in force.
        keyed_hash: hash function under the other token keys.
        progress: receives the progress.
    """
    lists = index.shared_values(unit)
    if not lists:
        return lists
    hashes: dict[str, set[int]] = {column: set() for column in lists.hashes}
    for features in _each_record(unit, index.keyed_hash, progress):
        for column, listed in lists.hashes.items():
            values = list_shareable_values(features, column)
            held = [value for value in values if hash_value(index.keyed_hash, value) in listed]
            hashes[column].update(hash_value(keyed_hash, value) for value in held)
    translated = SharedValues(
        MappingProxyType({column: frozenset(own) for column, own in hashes.items() if own})
    )
    return replace(translated, stopped=_translate_stopped(unit, index, keyed_hash, translated, progress))


@dataclass(slots=True)
class _Members:
    """Sum of each key's records, by which equal sets are found."""

    sums: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def add(self, key: tuple[str, int], position: int) -> None:
        """Count a record among those that have a key."""
        count, total = self.sums.get(key, (0, 0))
        # Multiplied by the golden ratio of 2**64, so that sums of other sets differ (Knuth, TAOCP 6.4).
        self.sums[key] = (count + 1, (total + (position + 1) ** 2 * 0x9E3779B97F4A7C15) % 2**128)


def _translate_stopped(
    unit: ReadUnit, index: Index, keyed_hash: KeyedHash, translated: SharedValues, progress: Progress
) -> frozenset[int]:
    """Return the stopped keys under another token key."""
    lists = index.shared_values(unit)
    if not lists.stopped:
        return frozenset()
    blocking: BlockingSpec = index.matcher.model.blocking
    before, after = _Members(), _Members()
    pairs = zip(
        _each_record(unit, index.keyed_hash, progress),
        _each_record(unit, keyed_hash, progress),
        strict=True,
    )
    for position, (old_features, new_features) in enumerate(pairs):
        old = drop_shared_values(old_features, lists, index.keyed_hash)
        stopped = [
            named
            for named in compute_named_keys(old, blocking, index.keyed_hash)
            if named[1] in lists.stopped
        ]
        if not stopped:
            continue
        domains = {domain for domain, _ in stopped}
        for named in stopped:
            before.add(named, position)
        new = drop_shared_values(new_features, translated, keyed_hash)
        for named in compute_named_keys(new, blocking, keyed_hash):
            if named[0] in domains:
                after.add(named, position)
    wanted = {(domain, members) for (domain, _), members in before.sums.items()}
    return frozenset(key for (domain, key), members in after.sums.items() if (domain, members) in wanted)


def _each_record(unit: ReadUnit, keyed_hash: KeyedHash, progress: Progress) -> Iterator[Features]:
    """Yield the features of all active records, shared values included."""
    codes = {source.id: source.code for source in unit.sources.all()}
    records = sorted(unit.records.active_canonical_keys())
    done = 0
    for chunk in iter_chunks(records):
        payloads = unit.record_versions.payloads(chunk)
        for record in chunk:
            source_id, payload = payloads[record]
            yield standardize(record_from_bytes(payload), codes[source_id], keyed_hash)
        done += len(chunk)
        progress(TRANSLATING, done, len(records))

"""Pairs of copied records, copied within the scope and scored beyond it.

Two records of one scope have the same features in the scope and in the shared index, unless a change of one
of them waits to be taken over. So the pair has the same weight. Only pairs with records of other scopes and
of the shared index itself are searched, and those with records whose change waits.
"""

from collections.abc import Callable, Collection, Mapping

import numpy as np

from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND
from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.indexing.finer_keys import find_finer_keys_of_holders
from mpi.service.indexing.known_pairs import NO_KNOWN_PAIRS, KnownPairs
from mpi.service.indexing.pair_scorer import PairScorer
from mpi.service.indexing.selected_pairs import score_selected_pairs
from mpi.service.scopes.derived_copies import DerivedCopies, read_config_digest
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.repositories.derived.features_and_edges import Edges
from mpi.storage.repositories.sources.scopes import ChangedItem
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


def find_known_pairs(
    unit: WriteUnit,
    index: Index,
    scope: str,
    derived: DerivedCopies | None,
    changed: Mapping[int, ChangedRecord],
    removed: Collection[int],
    open_scorer: Callable[[], PairScorer] | None = None,
) -> KnownPairs:
    """Return a page's pairs that need no further search.

    Args:
        unit: a transaction of the shared index, which has stored the records' content.
        index: the shared index.
        scope: code of the scope.
        derived: what the scope has derived from the records of the page; None where it must be computed.
        changed: records of the page with new features, by number here.
        removed: records of the page that take part no more.
        open_scorer: returns a scorer for many pairs that stays open for further pages.
    """
    if derived is None or read_config_digest(unit, index) != derived.config_digest:
        return NO_KNOWN_PAIRS
    numbers = unit.scopes.copies_of(scope, ChangedItem.RECORD, _list_ends(derived))
    copied = {
        numbers[own_number]: packed
        for own_number, packed in derived.packed.items()
        if numbers[own_number] in changed and changed[numbers[own_number]].comparable == packed
    }
    # Those whose features here are those of the scope.
    numbers = {
        own_number: number for own_number, number in numbers.items() if own_number not in derived.outdated
    }
    differing = {*removed, *(changed.keys() - copied.keys())}
    edges = _translate(derived.edges, numbers, copied, differing)
    if copied and (derived.outdated or _holds_others(unit, scope)):
        # Removed and changed records still have their old keys.
        left_out = {*removed, *changed}
        edges |= score_selected_pairs(
            unit,
            index,
            copied,
            lambda stored: _select_others(unit, scope, derived, stored, left_out),
            open_scorer,
        )
    # The scope has not paired by these keys. The worker of the shared index decides whether it does.
    config_id = index.config_id(unit)
    unit.keys.purged_blocks.add(config_id, derived.purged_keys, unit.commit_no)
    own_keys = np.frombuffer(b"".join(record.keys for record in copied.values()), STORED_DTYPE)
    purged_keys = frozenset(unit.keys.purged_blocks.intersect(config_id, own_keys).tolist())
    if edges:
        # A block that is small in the scope may be too large here.
        packed_keys = {number: record.keys for number, record in copied.items()}
        finer_keys = find_finer_keys_of_holders(unit, index, config_id, copied, packed_keys, purged_keys)
        unit.keys.purged_blocks.request_check(config_id, purged_keys.union(*finer_keys.values()))
    return KnownPairs(frozenset(copied), edges, purged_keys=purged_keys)


def _list_ends(derived: DerivedCopies) -> set[int]:
    """Return a scope's records that are copied or in copied pairs."""
    return {end for edge in derived.edges for end in edge} | derived.packed.keys()


def _translate(
    edges: Edges, numbers: Mapping[int, int], copied: Collection[int], differing: Collection[int]
) -> Edges:
    """Return pairs of copied records of unchanged features, by numbers here."""
    translated: Edges = {}
    for (own_lo, own_hi), bits in edges.items():
        lo, hi = numbers.get(own_lo), numbers.get(own_hi)
        if lo is None or hi is None or lo in differing or hi in differing:
            continue
        if lo in copied or hi in copied:
            translated[min(lo, hi), max(lo, hi)] = bits
    return translated


def _holds_others(unit: ReadUnit, scope: str) -> bool:
    """Return whether the shared index holds records of other scopes."""
    return any(
        source.scope != scope and source.kind != STEWARD_SOURCE_KIND and unit.records.has_any(source.id)
        for source in unit.sources.all()
    )


def _select_others(
    unit: ReadUnit, scope: str, derived: DerivedCopies, stored: np.ndarray, left_out: Collection[int]
) -> np.ndarray:
    """Return the records with which pairs are not copied."""
    own_numbers = unit.scopes.originals_of(scope, ChangedItem.RECORD, stored.tolist())
    same = {number for number, own_number in own_numbers.items() if own_number not in derived.outdated}
    return np.array(
        [number for number in stored.tolist() if number not in same and number not in left_out], np.int64
    )

"""Keyed tokens of dropped rows, and the count to ask for.

A token is a keyed hash of a name with a birth date, or of a number. No name, date, number or local ID can be
read from it. Whoever holds the index's secret can test a name that they know.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.source import CARE_KINDS, Holdings
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.comparable_record import PackedRecord, unpack_features
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.statements.boundary_orders import make_record_token
from mpi.service.statements.pupil_keys import make_pupil_key
from mpi.standardize.serialization import record_from_bytes
from mpi.standardize.shared_values import drop_shared_values
from mpi.standardize.standardizer import standardize
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.repositories.derived.configs import format_token_keys, parse_token_keys
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_MAX_NAMES = 8
"""Most combinations of a given name and a last name of one record."""
_DTYPE = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class RowsToAsk:
    """Count of a source's dropped rows that may be in care.

    Args:
        source: code of the source.
        tokens: pupils of whom the index keeps tokens.
        rows: those whose tokens meet a child in care: the source's next file brings them.
    """

    source: str
    tokens: int
    rows: int


def compute_tokens(features: Features, keyed_hash: KeyedHash) -> list[int]:
    """Return the keyed tokens of a standardized record, ascending.

    They are of a given name, a last name and a birth date; of an SSN; of the last four digits of an SSN and a
    birth date; of an identifier; and of an identifier with one character left out and a birth date.
    """
    births = features.birth_dates
    names = list(product(features.given_roots, features.surname_forms))[:_MAX_NAMES]
    last4 = () if features.ssn_last4 is None else (features.ssn_last4,)
    texts: list[tuple[str, Iterable[str]]] = [
        ("pupil name", [f"{given}|{surname}|{birth}" for (given, surname), birth in product(names, births)]),
        ("pupil number", [*(() if features.ssn is None else (features.ssn,)), *features.identifiers]),
        ("pupil near", [f"{number}|{birth}" for number, birth in product(features.identifiers_near, births)]),
        ("pupil last4", [f"{number}|{birth}" for number, birth in product(last4, births)]),
    ]
    return sorted(set(keyed_hash.to_int64s(texts)))


def keep_tokens(
    unit: WriteUnit, index: Index, source: Source, dropped: Mapping[str, PackedRecord], held: Collection[str]
) -> None:
    """Keep tokens of dropped rows, and delete those of held rows.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source; nothing is kept unless it keeps tokens.
        dropped: standardized dropped rows, by local ID.
        held: local IDs of rows that are held.

    Raises:
        ModelMovedError: another process has moved the index to another model or token key.
    """
    if source.holdings is not Holdings.TOKENS:
        return
    index.config_id(unit)  # refuses a process that missed a change of token keys
    unit.pupil_tokens.replace(
        source.id,
        {
            pupil_key(index, source, local_id): _pack_tokens(unpack_features(record), index.keyed_hash)
            for local_id, record in dropped.items()
        },
        make_label(index.keyed_hash.token_keys),
    )
    unit.pupil_tokens.delete(source.id, [pupil_key(index, source, local_id) for local_id in held])


def keep_tokens_of_stored(unit: WriteUnit, index: Index, source: Source, records: Collection[int]) -> None:
    """Keep the tokens of stored records that are about to be dropped."""
    if source.holdings is not Holdings.TOKENS:
        return
    labels = unit.records.labels(records)
    features = load_features(unit, index.config_id(unit), records)
    unit.pupil_tokens.replace(
        source.id,
        {
            pupil_key(index, source, labels[record].local_id): _pack_tokens(own, index.keyed_hash)
            for record, own in features.items()
        },
        make_label(index.keyed_hash.token_keys),
    )


def delete_other_tokens(unit: WriteUnit, index: Index, source: Source, local_ids: Collection[str]) -> None:
    """Delete the tokens of pupils whom a full file lacks.

    Args:
        unit: the transaction.
        index: the open index.
        source: the source of the file.
        local_ids: the pupils whom it names.
    """
    named = {pupil_key(index, source, local_id) for local_id in local_ids}
    pages = unit.pupil_tokens.iterate(source.id)
    unit.pupil_tokens.delete(source.id, [pupil for page in pages for pupil, *_ in page if pupil not in named])


def count_tokens_of_held(unit: ReadUnit, index: Index) -> dict[str, int]:
    """Count held records whose tokens are kept, by source."""
    counts: dict[str, int] = {}
    for source in unit.sources.all():
        kept = _list_pupils(unit, source)
        active = unit.records.ids_of_source(source.id, (RecordState.ACTIVE,)) if kept else []
        labels = unit.records.labels(active).values()
        wrong = sum(pupil_key(index, source, label.local_id) in kept for label in labels)
        if wrong:
            counts[source.code] = wrong
    return counts


def count_tokens_of_buried(unit: ReadUnit, index: Index) -> dict[str, int]:
    """Count pupils with a tombstone whose tokens are kept, by source."""
    counts: dict[str, int] = {}
    for source in unit.sources.all():
        kept = _list_pupils(unit, source)
        sealed = unit.records.ids_of_source(source.id, (RecordState.SEALED,)) if kept else []
        tokens = {token for own in unit.tombstones.tokens_of(sealed).values() for token in own}
        wrong = sum(make_pupil_key(index.keyed_hash, token) in kept for token in tokens)
        if wrong:
            counts[source.code] = wrong
    return counts


def _list_pupils(unit: ReadUnit, source: Source) -> set[int]:
    """Return the keys of a source's pupils of whom tokens are kept."""
    return {pupil for page in unit.pupil_tokens.iterate(source.id) for pupil, *_ in page}


def pupil_key(index: Index, source: Source, local_id: str) -> int:
    """Return the keyed hash of a pupil's source and local ID."""
    return make_pupil_key(index.keyed_hash, make_record_token(index.keyed_hash, source.code, local_id))


def count_rows_to_ask(index: Index, viewer: Viewer) -> list[RowsToAsk]:
    """Count dropped rows whose tokens meet a child in care.

    Raises:
        AccessDenied: the viewer may not administer sources, or may not see all of them.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.read(viewer) as unit:
        sources = [
            source
            for source in unit.sources.all()
            if source.holdings is Holdings.TOKENS and viewer.may_see(source.code)
        ]
        care_tokens = _CareTokens(unit, index)
        return [
            RowsToAsk(
                source.code,
                unit.pupil_tokens.count(source.id),
                sum(_count_meeting(page, care_tokens) for page in unit.pupil_tokens.iterate(source.id)),
            )
            for source in sources
        ]


class _CareTokens:
    """Tokens of all active records of child welfare, under labelled keys.

    Args:
        unit: the transaction.
        index: the open index.
    """

    def __init__(self, unit: ReadUnit, index: Index) -> None:
        self._unit = unit
        self._index = index
        self._by_label: dict[str, np.ndarray] = {}

    def get(self, label: str) -> np.ndarray:
        """Return the tokens as made under the keys of a label."""
        if label not in self._by_label:
            made, again = parse_label(label)
            keyed_hash = self._index.with_token_keys(made).keyed_hash
            tokens = {
                token
                for features in _each_care_features(self._unit, self._index, keyed_hash)
                for token in compute_tokens(features, keyed_hash)
            }
            packed = np.fromiter(tokens, _DTYPE, len(tokens)).tobytes()
            for number in again:
                packed = hash_tokens_again(packed, self._index.with_token_keys((number,)).keyed_hash)
            self._by_label[label] = np.frombuffer(packed, _DTYPE)
        return self._by_label[label]


def make_label(token_keys: tuple[int, ...], again: Collection[int] = ()) -> str:
    """Return the label of the keys that made tokens of dropped rows.

    Args:
        token_keys: the token keys that were in force.
        again: keys under which the tokens were hashed again, in this order.
    """
    return ";".join([format_token_keys(token_keys), *map(str, again)])


def parse_label(label: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the two parts that ``make_label`` wrote."""
    made, *again = label.split(";")
    return parse_token_keys(made), tuple(map(int, again))


def hash_tokens_again(tokens: bytes, keyed_hash: KeyedHash) -> bytes:
    """Return tokens of dropped rows, hashed under the newest token key.

    Args:
        tokens: packed tokens of one pupil.
        keyed_hash: hash function with the key.
    """
    texts = map(str, np.frombuffer(tokens, _DTYPE).tolist())
    return np.array(sorted(keyed_hash.to_int64s([("pupil again", texts)])), _DTYPE).tobytes()


def _each_care_features(unit: ReadUnit, index: Index, keyed_hash: KeyedHash) -> Iterator[Features]:
    """Yield the features of child welfare's records, as token keys make them."""
    config_id = index.config_id(unit)
    shared = index.shared_values_of(unit, config_id)
    for source in unit.sources.all():
        if source.kind not in CARE_KINDS:
            continue
        for records in iter_chunks(unit.records.ids_of_source(source.id, (RecordState.ACTIVE,))):
            if keyed_hash.token_keys == index.keyed_hash.token_keys:
                yield from load_features(unit, config_id, records).values()
                continue
            for _, payload in unit.record_versions.payloads(records).values():
                features = standardize(record_from_bytes(payload), source.code, keyed_hash)
                yield drop_shared_values(features, shared, index.keyed_hash)


def _count_meeting(page: list[tuple[int, bytes, str]], care_tokens: _CareTokens) -> int:
    """Count a page's pupils with a token of a child in care."""
    counts = 0
    for label in {label for *_, label in page}:
        packed = [tokens for _, tokens, own_label in page if own_label == label]
        owners = np.repeat(np.arange(len(packed)), [len(tokens) // _DTYPE.itemsize for tokens in packed])
        tokens = np.frombuffer(b"".join(packed), _DTYPE)
        counts += len(np.unique(owners[np.isin(tokens, care_tokens.get(label))]))
    return counts


def _pack_tokens(features: Features, keyed_hash: KeyedHash) -> bytes:
    return np.array(compute_tokens(features, keyed_hash), _DTYPE).tobytes()

"""Values that many unrelated people use, and records without them.

A group home, a shelter, an agency's office or a block of flats is the address of dozens of children who are
not kin, and its telephone their telephone. Where two records agree on one it tells no household, so it is
taken out of their features before they are blocked or compared; a home is kept apart, as ``shared_homes``.

Which values these are is a *fact about the index*, found over all of its active records when a person
re-clusters it with fresh lists, and kept in its configuration. It is never counted while a record is scored:
the answer would depend on what had come before (law 1).
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Self

import orjson

from mpi.domain.errors import StoreError
from mpi.domain.features import LIST_COLUMNS, Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.standardize.address.addresses import format_address_key

SHARED_VALUE_COLUMNS = ("addresses", "phones", "email", "household_ids")
"""Columns whose values stand for one household. A guardian's name is shared by being common (ADR 0017)."""

MIN_BIRTH_DATES = 12
"""Distinct birth dates from which a value is not a household's (ADR 0017)."""

_HASH_DOMAIN = "shared"
_STOPPED_KEYS_NAME = "stopped_keys"


@dataclass(frozen=True)
class SharedValues:
    """The lists of a configuration: shared values, and stopped blocking keys, as keyed hashes.

    Args:
        hashes: column to the hashes of its shared values; a column that has none is left out.
        stopped: blocking keys that nobody uses (ADR 0048).
    """

    hashes: Mapping[str, frozenset[int]] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    stopped: frozenset[int] = field(default=frozenset(), repr=False)

    def __bool__(self) -> bool:
        """Whether anything is listed."""
        return bool(self.hashes or self.stopped)

    def __len__(self) -> int:
        """How many shared values are listed."""
        return sum(map(len, self.hashes.values()))

    def __sub__(self, other: Self) -> int:
        """How many values are listed here and not there."""
        return sum(len(mine - other.hashes.get(column, frozenset())) for column, mine in self.hashes.items())

    @cached_property
    def digest(self) -> str:
        """Names the lists: equal lists have equal digests. Made once: each record that is sent asks twice."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    def to_text(self) -> str:
        """The lists as JSON, sorted."""
        stated = {column: sorted(self.hashes[column]) for column in SHARED_VALUE_COLUMNS if column in self.hashes}
        stated |= {_STOPPED_KEYS_NAME: sorted(self.stopped)} if self.stopped else {}
        return orjson.dumps(stated).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """The lists that ``to_text`` wrote.

        Raises:
            StoreError: it wrote no such text.
        """
        try:
            stated = {column: frozenset(map(int, held)) for column, held in orjson.loads(text).items()}
            stopped = stated.pop(_STOPPED_KEYS_NAME, frozenset())
            return cls(MappingProxyType(stated), stopped)
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreError("the configuration's lists cannot be read: restore a backup") from error


NO_SHARED_VALUES = SharedValues()


def make_shared_values(values: Mapping[str, Iterable[str]], seal: KeyedHash) -> SharedValues:
    """Lists of values that are known to be shared: column to its values."""
    hashes = {column: frozenset(hash_value(seal, value) for value in held) for column, held in values.items()}
    return SharedValues(MappingProxyType({column: held for column, held in hashes.items() if held}))


def drop_shared_values(features: Features, shared: SharedValues, seal: KeyedHash) -> Features:
    """The features without shared values; city and postal code stay, as they never stood for a household.

    Args:
        features: of one record, as standardized.
        shared: the lists of the configuration.
        seal: the secret that the lists were made under.
    """
    changes: dict[str, tuple[str, ...] | str | None] = {}
    for column, listed in shared.hashes.items():
        gone = {value for value in list_shareable_values(features, column) if hash_value(seal, value) in listed}
        if not gone:
            continue
        if column == "addresses":
            changes |= _remove_homes(features, gone)
        elif column in LIST_COLUMNS:
            changes[column] = tuple(value for value in getattr(features, column) if value not in gone)
        else:
            changes[column] = None
    return replace(features, **changes) if changes else features  # type: ignore[arg-type]


def _remove_homes(features: Features, gone: Collection[str]) -> dict[str, tuple[str, ...] | None]:
    """What tells of shared addresses, taken out; a flat in a shared house stays unless shared itself."""
    house, flat = _find_first_home(features)
    instead = {house: flat} if flat not in gone else {}

    def kept(homes: Iterable[str]) -> tuple[str, ...]:
        left = (instead.get(home) if home in gone else home for home in homes)
        return tuple(sorted(home for home in left if home))

    changes: dict[str, tuple[str, ...] | None] = {
        "addresses": kept(features.addresses),
        "shared_homes": tuple(sorted(gone)),
        "placement_homes": kept(features.placement_homes),
    }
    if house in gone:
        changes |= dict.fromkeys(("street_number", "street", "unit"))
    return changes


def _find_first_home(features: Features) -> tuple[str | None, str | None]:
    """The first address as ``addresses`` has it, and the flat in it where there is one."""
    where = features.postal_code or features.city
    house = format_address_key(features.street_number, features.street, where) if features.street and where else None
    if house not in features.addresses:
        return None, None
    return house, f"{house}|{features.unit}" if features.unit else None


def list_shareable_values(features: Features, column: str) -> tuple[str, ...]:
    """What is counted and looked up: a column's values, and the flat in a house beside the house."""
    value = getattr(features, column)
    if column not in LIST_COLUMNS:
        return () if value is None else (value,)
    flat = _find_first_home(features)[1] if column == "addresses" else None
    return tuple(value) if flat is None else (*value, flat)


def hash_value(seal: KeyedHash, value: str) -> int:
    """A value as lists have it."""
    return seal.to_int64(_HASH_DOMAIN, value)

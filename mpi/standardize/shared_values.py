"""Values that many unrelated people share, and their removal from features.

A group home, a shelter, an agency's office or a block of flats is the address of dozens of children who are
not kin, and its telephone is their telephone. Two records that agree on one need not be of one household,
so it is removed from their features before they are blocked or compared; a home is kept separately, as
``shared_homes``.

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
"""Feature columns whose values normally identify one household.

A guardian's name is not among them, because common names are shared anyway (ADR 0017).
"""

MIN_BIRTH_DATES = 12
"""Distinct birth dates from which a value is shared (ADR 0017)."""

_HASH_DOMAIN = "shared"
_STOPPED_KEYS_NAME = "stopped_keys"


@dataclass(frozen=True)
class SharedValues:
    """Lists of values that many people share, and of stopped blocking keys.

    Args:
        hashes: column to the hashes of its shared values; a column that has none is left out.
        stopped: blocking keys that no record uses (ADR 0048).
    """

    hashes: Mapping[str, frozenset[int]] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    stopped: frozenset[int] = field(default=frozenset(), repr=False)

    def __bool__(self) -> bool:
        """Return whether any shared value or stopped key is listed."""
        return bool(self.hashes or self.stopped)

    def __len__(self) -> int:
        """Return the number of shared values listed."""
        return sum(map(len, self.hashes.values()))

    def __sub__(self, other: Self) -> int:
        """Return the number of shared values listed here and not there."""
        return sum(
            len(own_hashes - other.hashes.get(column, frozenset()))
            for column, own_hashes in self.hashes.items()
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the shared-value lists, in hexadecimal, equal for equal lists.

        Computed once, because each record that is sent reads it twice.
        """
        return hashlib.sha256(self.to_text().encode()).hexdigest()

    def to_text(self) -> str:
        """Return the shared-value lists as JSON, sorted."""
        lists = {
            column: sorted(self.hashes[column]) for column in SHARED_VALUE_COLUMNS if column in self.hashes
        }
        lists |= {_STOPPED_KEYS_NAME: sorted(self.stopped)} if self.stopped else {}
        return orjson.dumps(lists).decode()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Parse shared-value lists that ``to_text`` wrote.

        Raises:
            StoreError: the text is no such list.
        """
        try:
            lists = {column: frozenset(map(int, values)) for column, values in orjson.loads(text).items()}
            stopped = lists.pop(_STOPPED_KEYS_NAME, frozenset())
            return cls(MappingProxyType(lists), stopped)
        except (ValueError, TypeError, AttributeError) as error:
            raise StoreError("the configuration's lists cannot be read: restore a backup") from error


NO_SHARED_VALUES = SharedValues()


def make_shared_values(values: Mapping[str, Iterable[str]], keyed_hash: KeyedHash) -> SharedValues:
    """Make lists of values known to be shared by many people."""
    hashes = {
        column: frozenset(hash_value(keyed_hash, value) for value in column_hashes)
        for column, column_hashes in values.items()
    }
    return SharedValues(
        MappingProxyType({column: column_hashes for column, column_hashes in hashes.items() if column_hashes})
    )


def drop_shared_values(features: Features, shared: SharedValues, keyed_hash: KeyedHash) -> Features:
    """Return a record's features without values that many people share.

    City and postal code stay, as they never identify a household.

    Args:
        features: features of one record, as standardized.
        shared: lists of the configuration.
        keyed_hash: the keyed hash that made the lists.
    """
    changes: dict[str, tuple[str, ...] | str | None] = {}
    for column, column_hashes in shared.hashes.items():
        shared_here = {
            value
            for value in list_shareable_values(features, column)
            if hash_value(keyed_hash, value) in column_hashes
        }
        if not shared_here:
            continue
        if column == "addresses":
            changes |= _remove_homes(features, shared_here)
        elif column in LIST_COLUMNS:
            changes[column] = tuple(value for value in getattr(features, column) if value not in shared_here)
        else:
            changes[column] = None
    return replace(features, **changes) if changes else features  # type: ignore[arg-type]


def _remove_homes(features: Features, shared_homes: Collection[str]) -> dict[str, tuple[str, ...] | None]:
    """Return a record's address columns without addresses that many people share.

    A flat in a shared house stays unless shared itself.
    """
    house, flat = _find_first_home(features)
    replacements = {house: flat} if flat not in shared_homes else {}

    def keep_homes(homes: Iterable[str]) -> tuple[str, ...]:
        remaining = (replacements.get(home) if home in shared_homes else home for home in homes)
        return tuple(sorted(home for home in remaining if home))

    changes: dict[str, tuple[str, ...] | None] = {
        "addresses": keep_homes(features.addresses),
        "shared_homes": tuple(sorted(shared_homes)),
        "placement_homes": keep_homes(features.placement_homes),
    }
    if house in shared_homes:
        changes |= dict.fromkeys(("street_number", "street", "unit"))
    return changes


def _find_first_home(features: Features) -> tuple[str | None, str | None]:
    """Return keys of a record's first address, and its flat if any."""
    place = features.postal_code or features.city
    house = (
        format_address_key(features.street_number, features.street, place)
        if features.street and place
        else None
    )
    if house not in features.addresses:
        return None, None
    return house, f"{house}|{features.unit}" if features.unit else None


def list_shareable_values(features: Features, column: str) -> tuple[str, ...]:
    """Return a column's values that many people may share, houses included."""
    value = getattr(features, column)
    if column not in LIST_COLUMNS:
        return () if value is None else (value,)
    flat = _find_first_home(features)[1] if column == "addresses" else None
    return tuple(value) if flat is None else (*value, flat)


def hash_value(keyed_hash: KeyedHash, value: str) -> int:
    """Hash a value as the shared-value lists hold it."""
    return keyed_hash.to_int64(_HASH_DOMAIN, value)

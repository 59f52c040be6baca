"""Blocking keys: keyed hashes that two records must share to be compared.

A rule is a list of parts; a record has one key for each way of filling every part, and none where a part
is missing. Two records are candidates if they share a key. Keys are keyed hashes, so an index of them
says nothing about a person to whoever lacks the secret; batch and online block on equal integers.

A key that too many records share can be *stopped* by a list in the configuration (ADR 0048).
No record then has it; where its rule declares a refinement, each record has finer keys instead. A key that
is *purged*, since too many records hold it now, brings no pairs, and its records have finer keys besides
(ADR 0093).
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import chain, product
from operator import attrgetter, itemgetter
from typing import Any, Self

from mpi.domain.errors import ModelError
from mpi.domain.features import FEATURE_COLUMNS, LIST_COLUMNS, Features
from mpi.domain.keyed_hash import KeyedHash

_PART_SYNTAX = re.compile(r"(?P<columns>\w+(?:\|\w+)*)(?::(?P<take>-?[1-9]\d?))?")
_RULE_NAME = re.compile(r"[a-z0-9-]{1,12}")  # the hash's domain keeps 16 bytes, of which "key:" takes four
_SEPARATOR = "\x1f"
_REFINED_DOMAIN = "kf:"

# Both are made once for all records, of partials: a spec that was used can still go to another process.
PartReader = Callable[[Features], tuple[str, ...]]
"""A function that reads the values of a part from features."""
PartValues = Sequence[tuple[str, ...]]
"""The values of each of some parts."""
KeyTextMaker = Callable[[PartValues], Iterable[str]]
"""A function that makes a rule's key texts from the values of parts.

It makes one text for each way of filling every part.
"""


@dataclass(frozen=True, slots=True)
class BlockingPart:
    """One part of a blocking rule, as written in ``model.toml``.

    ``surname`` takes the column's value, or each of a list column's; ``given:3`` the first three
    characters, ``birth_date:-5`` the last five; ``birth_dates|birth_date_swapped`` any of several columns.

    Args:
        columns: columns of Features, any of which fills the part.
        take: characters to keep, from the start or (negative) from the end; None for all.
    """

    columns: tuple[str, ...]
    take: int | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse one part of a blocking rule.

        Raises:
            ModelError: it is not of the documented form, or names a column that Features does not have.
        """
        match = _PART_SYNTAX.fullmatch(text)
        if match is None:
            raise ModelError(f"blocking: {text!r} is not a column, or columns joined by '|', and ':n'")
        columns = tuple(match["columns"].split("|"))
        unknown_columns = [column for column in columns if column not in FEATURE_COLUMNS]
        if unknown_columns:
            raise ModelError(f"blocking: there is no column {unknown_columns[0]!r}")
        return cls(columns, int(match["take"]) if match["take"] else None)

    def make_reader(self) -> PartReader:
        """Make the function that reads the part's values from a record's features.

        Too short a value is kept as it is.
        """
        readers = [_make_column_reader(column, self.take) for column in self.columns]
        return readers[0] if len(readers) == 1 else partial(_read_any, readers)


def _make_column_reader(column: str, take: int | None) -> PartReader:
    """Make the function that reads a column's values for a blocking-rule part."""
    value_of = attrgetter(column)
    kept_slice = slice(take) if take is None or take > 0 else slice(take, None)
    if column not in LIST_COLUMNS:
        return partial(_read_text, value_of, kept_slice)
    return value_of if take is None else partial(_read_texts, value_of, kept_slice)


def _read_text(
    value_of: Callable[[Features], object], kept_slice: slice, features: Features
) -> tuple[str, ...]:
    """Return the characters of a text column that a blocking rule compares."""
    value = value_of(features)
    return () if value is None else (str(value)[kept_slice],)


def _read_texts(values_of: PartReader, kept_slice: slice, features: Features) -> tuple[str, ...]:
    """Return the characters of a list column's texts that a rule compares."""
    return tuple(dict.fromkeys([text[kept_slice] for text in values_of(features)]))


def _read_any(readers: Sequence[PartReader], features: Features) -> tuple[str, ...]:
    """Return the values of several columns for one blocking-rule part."""
    return tuple(dict.fromkeys(chain.from_iterable([read(features) for read in readers])))


@dataclass(frozen=True, slots=True)
class BlockingRule:
    """Named list of values that two records must share to be compared.

    Args:
        name: hash domain, so that no key of one rule ever equals a key of another; it stays when
            parts change only if the keys shall stay comparable.
        parts: what must agree.
        finer: what must agree too, where a key of the rule is stopped or purged; empty for no refinement.
    """

    name: str
    parts: tuple[BlockingPart, ...]
    finer: tuple[BlockingPart, ...] = ()

    @classmethod
    def parse(cls, name: str, parts: Iterable[str], finer: Iterable[str] = ()) -> Self:
        """Parse a blocking rule, with finer parts for its stopped keys.

        Raises:
            ModelError: the name is not 1 to 12 of a-z, 0-9 and '-', there are no parts, or a part is
                invalid.
        """
        if not _RULE_NAME.fullmatch(name):
            raise ModelError(f"blocking: {name!r} is not 1 to 12 of a-z, 0-9 and '-'")
        rule = cls(name, tuple(map(BlockingPart.parse, parts)), tuple(map(BlockingPart.parse, finer)))
        if not rule.parts:
            raise ModelError(f"blocking: rule {name!r} has no columns")
        return rule


@dataclass(frozen=True)
class BlockingSpec:
    """Blocking rules of a model, in order, and the stopped keys.

    No record uses a stopped key, since too many would share it.
    """

    rules: tuple[BlockingRule, ...]
    stopped: frozenset[int] = field(default=frozenset(), repr=False)

    @classmethod
    def parse(
        cls, rules: Mapping[str, Iterable[str]], refinements: Mapping[str, Iterable[str]] | None = None
    ) -> Self:
        """Parse a model's tables of blocking rules and their refinements.

        Args:
            rules: rule name to parts.
            refinements: rule name to parts.

        Raises:
            ModelError: there is no rule, or one is wrong.
        """
        if not rules:
            raise ModelError("blocking: the model has no blocking rule")
        finer_parts = refinements or {}
        for name in finer_parts:
            if name not in rules:
                raise ModelError(f"refinements: there is no blocking rule {name!r}")
        return cls(tuple(BlockingRule.parse(name, rules[name], finer_parts.get(name, ())) for name in rules))

    def with_stopped_keys(self, stopped: frozenset[int]) -> Self:
        """Return these blocking rules with certain keys out of use."""
        return replace(self, stopped=stopped)

    @property
    def has_refinements(self) -> bool:
        """Whether any rule has a refinement for its too common keys."""
        return any(rule.finer for rule in self.rules)

    @cached_property
    def parts(self) -> tuple[BlockingPart, ...]:
        """Distinct parts of all blocking rules: each is read once a record."""
        return tuple(dict.fromkeys(part for rule in self.rules for part in (*rule.parts, *rule.finer)))

    @cached_property
    def readers(self) -> tuple[PartReader, ...]:
        """Functions that read the values of the blocking rules' parts."""
        return tuple(part.make_reader() for part in self.parts)

    @cached_property
    def key_text_makers(self) -> tuple[tuple[str, KeyTextMaker], ...]:
        """Hash domain and key-text function of each blocking rule."""
        position_of = {part: number for number, part in enumerate(self.parts)}
        return tuple(
            (_name_domain(rule), _make_key_text_maker([position_of[part] for part in rule.parts]))
            for rule in self.rules
        )


def _make_key_text_maker(positions: Sequence[int]) -> KeyTextMaker:
    """Make the function that writes a record's key texts of one rule."""
    select: Callable[[PartValues], Any] = itemgetter(*positions)
    return select if len(positions) == 1 else partial(_join_key_texts, select)


def _join_key_texts(select: Callable[[PartValues], PartValues], values: PartValues) -> Iterable[str]:
    """Return a blocking-key text for each combination of the parts' values."""
    return map(_SEPARATOR.join, product(*select(values)))


def compute_keys(features: Features, blocking: BlockingSpec, keyed_hash: KeyedHash) -> list[int]:
    """Return a record's blocking keys: sorted, unique, signed 64-bit integers."""
    part_values = [read(features) for read in blocking.readers]
    record_keys = set(
        keyed_hash.to_int64s(
            [(domain, make_key_texts(part_values)) for domain, make_key_texts in blocking.key_text_makers]
        )
    )
    if blocking.stopped.isdisjoint(record_keys):
        return sorted(record_keys)
    return sorted(set(compute_keys_by_rule(features, blocking, keyed_hash).values()))


def compute_keys_by_rule(
    features: Features, blocking: BlockingSpec, keyed_hash: KeyedHash
) -> dict[tuple[str, str], int]:
    """Return a record's blocking keys by rule and text.

    The texts are never stored.
    """
    values = {part: read(features) for part, read in zip(blocking.parts, blocking.readers, strict=True)}
    record_keys: dict[tuple[str, str], int] = {}
    for rule in blocking.rules:
        domain = _name_domain(rule)
        for combination in product(*(values[part] for part in rule.parts)):
            text = _SEPARATOR.join(combination)
            key = keyed_hash.to_int64(domain, text)
            if key not in blocking.stopped:
                record_keys[rule.name, text] = key
                continue
            for finer_text, finer_key in _refine(rule, text, values, keyed_hash):
                if finer_key not in blocking.stopped:
                    record_keys[rule.name, finer_text] = finer_key
    return record_keys


def compute_finer_keys(
    features: Features, blocking: BlockingSpec, keyed_hash: KeyedHash, refined: Collection[int]
) -> list[int]:
    """Return a record's finer keys for some of its blocking keys.

    They are sorted, unique, signed 64-bit integers, without stopped keys. A key whose rule has no refinement
    has none.

    Args:
        features: features of the record.
        blocking: blocking rules of the configuration.
        keyed_hash: keyed hash of the index.
        refined: the blocking keys, of any record.
    """
    values = {part: read(features) for part, read in zip(blocking.parts, blocking.readers, strict=True)}
    finer_keys: set[int] = set()
    for rule in blocking.rules:
        if not rule.finer:
            continue
        for combination in product(*(values[part] for part in rule.parts)):
            text = _SEPARATOR.join(combination)
            if keyed_hash.to_int64(_name_domain(rule), text) in refined:
                finer_keys.update(key for _, key in _refine(rule, text, values, keyed_hash))
    return sorted(finer_keys - blocking.stopped)


def compute_named_keys(
    features: Features, blocking: BlockingSpec, keyed_hash: KeyedHash
) -> set[tuple[str, int]]:
    """Return every key and finer key of a record, with its domain.

    Stopped keys are among them.
    """
    values = {part: read(features) for part, read in zip(blocking.parts, blocking.readers, strict=True)}
    named_keys: set[tuple[str, int]] = set()
    for rule in blocking.rules:
        for combination in product(*(values[part] for part in rule.parts)):
            text = _SEPARATOR.join(combination)
            named_keys.add((_name_domain(rule), keyed_hash.to_int64(_name_domain(rule), text)))
            finer_keys = _refine(rule, text, values, keyed_hash)
            named_keys.update((_REFINED_DOMAIN + rule.name, key) for _, key in finer_keys)
    return named_keys


def _refine(
    rule: BlockingRule, text: str, values: Mapping[BlockingPart, tuple[str, ...]], keyed_hash: KeyedHash
) -> Iterator[tuple[str, int]]:
    """Yield the texts and keys that refine a rule's key text."""
    if not rule.finer:
        return
    for finer_values in product(*(values[part] for part in rule.finer)):
        finer_text = _SEPARATOR.join((text, *finer_values))
        yield finer_text, keyed_hash.to_int64(_REFINED_DOMAIN + rule.name, finer_text)


def _name_domain(rule: BlockingRule) -> str:
    """Return the hash domain of a blocking rule."""
    return f"key:{rule.name}"

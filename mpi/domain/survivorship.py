"""Survivorship: which of the values that records state stands in the golden record. Pure.

A rule is an order of criteria. A criterion ranks each value by itself, never against the others: so it does
not matter in which order records are read, and a record whose value does not stand can go without changing
the one that does. What is left equal is settled by the records' canonical keys.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

from mpi.domain.errors import SurvivorshipError

STEWARD_SOURCE_KIND = "steward"
"""Kind of the one source whose records are stewards' corrections; they stand before every other value."""

SINGLE_VALUE_ATTRIBUTES = (
    "first_name", "middle_name", "last_name", "suffix", "preferred_name", "birth_date", "sex", "birth_place",
    "multiple_birth", "phone", "email", "ethnicity", "death_date",
)  # fmt: skip
"""Attributes of which one value stands. ``birth_place`` is its city, state and country, of one record."""

MULTI_VALUE_ATTRIBUTES = (
    "other_names", "previous_birth_dates", "identifiers", "addresses", "guardians", "household_ids",
    "enrollments", "placements", "race", "flags",
)  # fmt: skip
"""Attributes of which every value stands, each with the records that state it, current ones first."""

SOURCE_KINDS = ("state_id", "ccwis", "sis", "other")
"""Kinds of sources that a survivorship file may trust."""


class Criterion(StrEnum):
    """What a value can be preferred by."""

    TRUST = "trust"
    VERIFICATION = "verification"
    RECENCY = "recency"
    COMPLETENESS = "completeness"


class SelectionReason(StrEnum):
    """Why a value stands.

    ``only``: no other record states any; ``agreed``: all that do state the same; ``correction``: a steward
    said so; ``choose_all_values``: all values of this attribute stand; ``key``: nothing told them apart but the canonical
    key. The others are the criterion that left this value alone.
    """

    ONLY = "only"
    AGREED = "agreed"
    CORRECTION = "correction"
    TRUST = "trust"
    VERIFICATION = "verification"
    RECENCY = "recency"
    COMPLETENESS = "completeness"
    KEY = "key"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class StatedValue:
    """One value as one record states it.

    Args:
        value: as it is shown.
        comparable: its comparable form; two values that share it are one value.
        record: number of the record.
        key: the record's canonical key.
        source: code of the record's source.
        kind: kind of that source.
        as_of: when the record was true at its source.
        verified: how well its source has checked it, the higher the better.
        complete: how much it says, the higher the more.
        begin: first day on which it holds, of a dated value.
        end: first day on which it no longer holds.
        position: its place in the record's list.
    """

    value: Any
    comparable: str
    record: int
    key: int
    source: str
    kind: str
    as_of: str
    verified: int = 0
    complete: int = 0
    begin: str | None = None
    end: str | None = None
    position: int = 0

    def is_current(self, day: str) -> bool:
        """Whether it holds on a day, as far as its dates tell."""
        return (self.begin is None or self.begin <= day) and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class SurvivingValue:
    """A value that stands.

    Args:
        stated: the value and its record.
        reason: why it stands.
        agreeing: the same value of other records, by canonical key.
        others: other values, in the order in which they would stand if this one were not there.
    """

    stated: StatedValue
    reason: SelectionReason
    agreeing: tuple[StatedValue, ...] = ()
    others: tuple[StatedValue, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceTrust:
    """How far sources are trusted: the higher the more, 0 for those that are not named.

    Args:
        kinds: by kind of source.
        sources: by code, in place of the source's kind.
    """

    kinds: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)

    def rank_source(self, said: StatedValue) -> int:
        """How far the source of a value is trusted."""
        return self.sources.get(said.source, self.kinds.get(said.kind, 0))

    def override(self, own: "SourceTrust") -> "SourceTrust":
        """The same with what one attribute says of its own."""
        return SourceTrust({**self.kinds, **own.kinds}, {**self.sources, **own.sources})


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """How the value of one attribute is chosen: criteria in order, and the trust that it reckons with."""

    criteria: tuple[Criterion, ...]
    trust: SourceTrust = SourceTrust()

    def rank_value(self, criterion: Criterion, said: StatedValue) -> tuple[int, str]:
        """How a value stands by one criterion; the higher is preferred."""
        match criterion:
            case Criterion.TRUST:
                return self.trust.rank_source(said), ""
            case Criterion.VERIFICATION:
                return said.verified, ""
            case Criterion.COMPLETENESS:
                return said.complete, ""
            case Criterion.RECENCY:
                return 0, said.as_of


@dataclass(frozen=True, slots=True)
class SurvivorshipRules:
    """The rules of an index.

    Args:
        rules: by attribute; every one of ``SINGLE_VALUE_ATTRIBUTES`` and ``MULTI_VALUE_ATTRIBUTES`` has one.
        verifying_systems: systems of identifiers that are issued on proof of who a child is: a record that bears one
            has had its name and birth date checked.
    """

    rules: Mapping[str, AttributeRule]
    verifying_systems: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str, name: str = "survivorship") -> Self:
        """Read a survivorship file (docs/reference/golden-record.md has its form).

        Args:
            text: TOML.
            name: the file, for messages.

        Raises:
            SurvivorshipError: it is no TOML, lacks something, or says what cannot be; names line and key.
        """
        return cls(*_SurvivorshipParser(name, text).parse())


def choose_value(said: Iterable[StatedValue], rule: AttributeRule) -> SurvivingValue | None:
    """The value that stands; None where none is stated."""
    ranked = _rank_values(said, rule)
    if not ranked:
        return None
    first = ranked[0]
    return SurvivingValue(
        first,
        _find_selection_reason(ranked, rule),
        tuple(sorted((s for s in ranked[1:] if s.comparable == first.comparable), key=lambda each: each.key)),
        tuple(each for each in ranked if each.comparable != first.comparable),
    )


def choose_all_values(said: Iterable[StatedValue], rule: AttributeRule, day: str) -> tuple[SurvivingValue, ...]:
    """Every value, each as the record states it that the rule prefers; those of the day first, latest first.

    Args:
        said: values of any records.
        rule: of the attribute.
        day: today, ``YYYY-MM-DD``.
    """
    alike: dict[str, list[StatedValue]] = {}
    for each in said:
        alike.setdefault(each.comparable, []).append(each)
    chosen = []
    for values in alike.values():
        first, *rest = _rank_values(values, rule)
        chosen.append(SurvivingValue(first, SelectionReason.EVERY, tuple(sorted(rest, key=lambda each: (each.key, each.position)))))
    chosen.sort(key=lambda one: (one.stated.key, one.stated.position))
    chosen.sort(key=lambda one: (one.stated.begin or "", one.stated.as_of), reverse=True)
    return tuple(sorted(chosen, key=lambda one: not one.stated.is_current(day)))


def _rank_values(said: Iterable[StatedValue], rule: AttributeRule) -> list[StatedValue]:
    """Values from the one that stands on, in the order in which they would."""
    found = sorted(said, key=lambda each: (each.key, each.position))
    found.sort(key=lambda each: [rule.rank_value(criterion, each) for criterion in rule.criteria], reverse=True)
    # A later correction takes the place of an earlier one, whatever the attribute is ranked by.
    corrections = [each for each in found if each.kind == STEWARD_SOURCE_KIND]
    corrections.sort(key=lambda each: each.as_of, reverse=True)
    return [*corrections, *(each for each in found if each.kind != STEWARD_SOURCE_KIND)]


def _find_selection_reason(ranked: Sequence[StatedValue], rule: AttributeRule) -> SelectionReason:
    first = ranked[0]
    if first.kind == STEWARD_SOURCE_KIND:
        return SelectionReason.CORRECTION
    left = [*ranked]
    if len({each.comparable for each in left}) == 1:
        return SelectionReason.AGREED if len(left) > 1 else SelectionReason.ONLY
    for criterion in rule.criteria:
        best = rule.rank_value(criterion, first)
        left = [each for each in left if rule.rank_value(criterion, each) == best]
        if len({each.comparable for each in left}) == 1:
            return SelectionReason(criterion.value)
    return SelectionReason.KEY


class _SurvivorshipParser:
    """A survivorship file while it is read; every refusal names its line and key."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def parse(self) -> tuple[dict[str, AttributeRule], frozenset[str]]:
        try:
            stated = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as fault:
            raise SurvivorshipError(f"{self._name}: not TOML: {fault}") from None
        self._require_known_keys(stated, ("default", "verifying", "trust", "attributes"), ())
        shared = self._parse_trust(self._require_table(stated, "trust", ()), ("trust",))
        default = self._parse_criteria(stated.get("default"), ("default",))
        attributes = self._require_table(stated, "attributes", ())
        self._require_known_keys(attributes, (*SINGLE_VALUE_ATTRIBUTES, *MULTI_VALUE_ATTRIBUTES), ("attributes",))
        rules = {attribute: AttributeRule(default, shared) for attribute in (*SINGLE_VALUE_ATTRIBUTES, *MULTI_VALUE_ATTRIBUTES)}
        rules |= {attribute: self._parse_rule(attribute, said, shared) for attribute, said in attributes.items()}
        return rules, frozenset(self._require_texts(stated.get("verifying", []), ("verifying",)))

    def _parse_rule(self, attribute: str, said: Any, shared: SourceTrust) -> AttributeRule:  # noqa: ANN401 - TOML
        path = ("attributes", attribute)
        if not isinstance(said, dict):
            return AttributeRule(self._parse_criteria(said, path), shared)
        self._require_known_keys(said, ("by", "kinds", "sources"), path)
        own = self._parse_trust({name: value for name, value in said.items() if name != "by"}, path)
        return AttributeRule(self._parse_criteria(said.get("by"), (*path, "by")), shared.override(own))

    def _parse_trust(self, said: Mapping[str, Any], path: tuple[str, ...]) -> SourceTrust:
        self._require_known_keys(said, ("kinds", "sources"), path)
        kinds = self._require_table(said, "kinds", path)
        self._require_known_keys(kinds, SOURCE_KINDS, (*path, "kinds"))
        sources = self._require_table(said, "sources", path)
        for name, table in (("kinds", kinds), ("sources", sources)):
            for key, value in table.items():
                if not isinstance(value, int) or isinstance(value, bool):
                    raise self._make_error(
                        "give a whole number: the higher, the more it is trusted", path, name, key
                    )
        return SourceTrust(kinds, sources)

    def _parse_criteria(self, said: Any, path: tuple[str, ...]) -> tuple[Criterion, ...]:  # noqa: ANN401 - TOML
        if said is None:
            raise self._make_error("it is missing: give a list of criteria", path)
        known = [criterion.value for criterion in Criterion]
        names = self._require_texts(said, path)
        if not names or len(set(names)) != len(names) or not set(names) <= set(known):
            raise self._make_error(f"give a list of {', '.join(known)}, each at most once", path)
        return tuple(Criterion(name) for name in names)

    def _require_texts(self, said: Any, path: tuple[str, ...]) -> list[str]:  # noqa: ANN401 - TOML
        if not isinstance(said, list) or not all(isinstance(each, str) for each in said):
            raise self._make_error("give a list of texts", path)
        return said

    def _require_table(self, said: Mapping[str, Any], name: str, path: tuple[str, ...]) -> dict[str, Any]:
        table = said.get(name, {})
        if not isinstance(table, dict):
            raise self._make_error("give a table", path, name)
        return table

    def _require_known_keys(self, said: Mapping[str, Any], names: Sequence[str], path: tuple[str, ...]) -> None:
        for key in said:
            if key not in names:
                raise self._make_error(f"there is no such key; it is one of {', '.join(names)}", path, key)

    def _make_error(self, what: str, path: tuple[str, ...], *rest: str) -> SurvivorshipError:
        whole = (*path, *rest)
        line = self._find_line(whole)
        where = f"{self._name}, line {line}" if line else self._name
        return SurvivorshipError(f"{where}: {'.'.join(whole)}: {what}")

    def _find_line(self, path: tuple[str, ...]) -> int:
        """The line of a key, or of the nearest table or key that holds it; 0 where the file has none."""
        table: tuple[str, ...] = ()
        found, depth = 0, 0
        for number, line in enumerate(self._text.splitlines(), 1):
            if header := re.match(r"\s*\[([^\[\]]+)\]", line):
                table = _split_key(header[1])
                here = table
            elif stated := re.match(r"\s*([^=#\[\]]+?)\s*=", line):
                here = (*table, *_split_key(stated[1]))
            else:
                continue
            if len(here) > depth and here == path[: len(here)]:
                found, depth = number, len(here)
        return found


def _split_key(key: str) -> tuple[str, ...]:
    """The parts of a dotted key; a source's code may hold a full stop and then stands in quotes."""
    return tuple((double or plain).strip() for double, plain in re.findall(r'"([^"]*)"|([^."]+)', key))

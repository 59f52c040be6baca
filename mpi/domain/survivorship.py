"""Survivorship: which stated value becomes the golden record's value.

A rule is an order of criteria. A criterion ranks each value by itself, never against the others. So the
order in which records are read does not matter, and a record whose value does not stand can go without
changing the one that does. Ties are settled by the records' canonical keys.

A person's name is the exception. All its parts come from one record, and the criterion ``agreement`` counts
the other records with the same name (ADR 0106).
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from mpi.domain.documents.bounded_toml import parse_toml
from mpi.domain.errors import SurvivorshipError

STEWARD_SOURCE_KIND = "steward"
"""Kind of the source of stewards' corrections, which outrank every other value."""

SINGLE_VALUE_ATTRIBUTES = (
    "first_name", "middle_name", "last_name", "suffix", "preferred_name", "birth_date", "sex", "birth_place",
    "multiple_birth", "birth_order", "phone", "email", "ethnicity", "death_date",
)  # fmt: skip
"""Attributes with one surviving value.

``birth_place`` is city, state and country of one record.
"""

NAME_PARTS = ("first_name", "middle_name", "last_name", "suffix")
"""Attributes that are chosen together, from one record."""

NAME_RULE = "name"
"""Key of the one rule for all parts of a name."""

MULTI_VALUE_ATTRIBUTES = (
    "other_names", "previous_birth_dates", "identifiers", "addresses", "guardians", "household_ids",
    "enrollments", "placements", "race", "flags",
)  # fmt: skip
"""Attributes whose values all survive, current ones first."""

RULED_ATTRIBUTES = (
    NAME_RULE,
    *(attribute for attribute in SINGLE_VALUE_ATTRIBUTES if attribute not in NAME_PARTS),
    *MULTI_VALUE_ATTRIBUTES,
)
"""Keys of the rules: every attribute, and one key for all parts of a name."""

SOURCE_KINDS = ("state_id", "ccwis", "sis", "other")
"""Kinds of sources that a survivorship file may rank by trust."""


class Criterion(StrEnum):
    """Property by which golden-record rules prefer one stated value to another."""

    TRUST = "trust"
    VERIFICATION = "verification"
    RECENCY = "recency"
    COMPLETENESS = "completeness"
    AGREEMENT = "agreement"


_OWN_CRITERIA = tuple(criterion for criterion in Criterion if criterion is not Criterion.AGREEMENT)
"""Criteria that rank a value by itself.

Only the rule of the name may also hold ``agreement``, which counts records.
"""


class SelectionReason(StrEnum):
    """Reason why a value survived into the golden record.

    ``only``: no other record states a value; ``agreed``: all records that state one agree; ``correction``:
    a steward corrected it; ``every``: all values of this attribute survive; ``key``: only the canonical key
    told the values apart. The others name the criterion that left this value alone.
    """

    ONLY = "only"
    AGREED = "agreed"
    CORRECTION = "correction"
    TRUST = "trust"
    VERIFICATION = "verification"
    RECENCY = "recency"
    COMPLETENESS = "completeness"
    AGREEMENT = "agreement"
    KEY = "key"
    EVERY = "every"


@dataclass(frozen=True, slots=True)
class StatedValue:
    """One value of a person's attribute as one record states it.

    Args:
        value: as it is shown.
        comparable: comparable form; two values that share it are one value.
        record: number of the record.
        key: canonical key of the record.
        source: code of the record's source.
        kind: kind of that source.
        as_of: when the record was true at its source.
        verified: how well the source has checked the value; higher is better.
        complete: how much the value says; higher is more.
        agreement: number of other records that state the same name; only names have it.
        begin: first day on which a dated value holds.
        end: first day on which a dated value no longer holds.
        position: position in the record's list.
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
    agreement: int = 0
    begin: str | None = None
    end: str | None = None
    position: int = 0

    def is_current(self, day: str) -> bool:
        """Return whether the stated value's dates include a day."""
        return (self.begin is None or self.begin <= day) and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class SurvivingValue:
    """Value of the golden record, with the values that it prevailed over.

    Args:
        stated: the value and its record.
        reason: why the value survived.
        agreeing: equal values of other records, by canonical key.
        others: other values, in the order in which they would survive without this one.
    """

    stated: StatedValue
    reason: SelectionReason
    agreeing: tuple[StatedValue, ...] = ()
    others: tuple[StatedValue, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceTrust:
    """Trust in sources' values: higher is preferred, 0 where not named.

    Args:
        kinds: trust by kind of source.
        sources: trust by source code; it replaces the trust in the source's kind.
    """

    kinds: Mapping[str, int] = field(default_factory=dict)
    sources: Mapping[str, int] = field(default_factory=dict)

    def rank_source(self, value: StatedValue) -> int:
        """Return the trust in the source of a stated value."""
        return self.sources.get(value.source, self.kinds.get(value.kind, 0))

    def override(self, other: "SourceTrust") -> "SourceTrust":
        """Return this trust in sources with another's entries in its place."""
        return SourceTrust({**self.kinds, **other.kinds}, {**self.sources, **other.sources})


@dataclass(frozen=True, slots=True)
class AttributeRule:
    """Ordered criteria that choose an attribute's value for the golden record."""

    criteria: tuple[Criterion, ...]
    trust: SourceTrust = SourceTrust()

    def rank_value(self, criterion: Criterion, value: StatedValue) -> tuple[int, str]:
        """Rank a stated value by one criterion; the higher is preferred."""
        match criterion:
            case Criterion.TRUST:
                return self.trust.rank_source(value), ""
            case Criterion.VERIFICATION:
                return value.verified, ""
            case Criterion.COMPLETENESS:
                return value.complete, ""
            case Criterion.AGREEMENT:
                return value.agreement, ""
            case Criterion.RECENCY:
                return 0, value.as_of


@dataclass(frozen=True, slots=True)
class SurvivorshipRules:
    """Rules by which the golden record's values are chosen.

    Args:
        rules: rule of every attribute; all parts of a name share the rule ``NAME_RULE``.
        verifying_systems: systems of identifiers that are issued on proof of identity. A record with such an
            identifier has had its name and birth date checked.
    """

    rules: Mapping[str, AttributeRule]
    verifying_systems: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str, name: str = "survivorship") -> Self:
        """Parse a file of golden-record rules (docs/reference/golden-record.md has its form).

        Args:
            text: TOML.
            name: name of the file, for messages.

        Raises:
            SurvivorshipError: no TOML, or a key is missing or wrong; names line and key.
        """
        return cls(*_SurvivorshipParser(name, text).parse())


def choose_value(values: Iterable[StatedValue], rule: AttributeRule) -> SurvivingValue | None:
    """Choose an attribute's golden-record value; None where none is stated."""
    ranked = _rank_values(values, rule)
    if not ranked:
        return None
    return _survive(ranked, _find_selection_reason(ranked, rule))


def choose_name(
    values: Mapping[str, Sequence[StatedValue]], rule: AttributeRule
) -> dict[str, SurvivingValue]:
    """Choose a person's name from one record, for the golden record.

    A name that has a first and a last name precedes every other. A steward's correction replaces the part
    that it corrects.

    Args:
        values: what each record states, by part of the name.
        rule: rule of the name.

    Returns:
        The parts that the chosen record states, or a steward corrected.
    """
    names = _rank_names(values, rule)
    chosen: dict[str, SurvivingValue] = {}
    for part in NAME_PARTS:
        corrections = [value for value in values.get(part, ()) if value.kind == STEWARD_SOURCE_KIND]
        if corrections:
            ranked = [*_rank_values(corrections, rule), *_list_part(names, part)]
            chosen[part] = _survive(ranked, SelectionReason.CORRECTION)
        elif names and part in names[0].value:
            chosen[part] = _survive(_list_part(names, part), _find_part_reason(names, part, rule))
    return chosen


def choose_all_values(
    values: Iterable[StatedValue], rule: AttributeRule, day: str
) -> tuple[SurvivingValue, ...]:
    """Choose, for the golden record, one statement of each distinct value.

    Args:
        values: values of any records.
        rule: rule of the attribute.
        day: today, ``YYYY-MM-DD``.

    Returns:
        One entry for each distinct value: values current on the day first, latest first.
    """
    statements_of: dict[str, list[StatedValue]] = {}
    for value in values:
        statements_of.setdefault(value.comparable, []).append(value)
    survivors = []
    for statements in statements_of.values():
        first, *others = _rank_values(statements, rule)
        survivors.append(
            SurvivingValue(
                first,
                SelectionReason.EVERY,
                tuple(sorted(others, key=lambda value: (value.key, value.position))),
            )
        )
    survivors.sort(key=lambda survivor: (survivor.stated.key, survivor.stated.position))
    survivors.sort(key=lambda survivor: (survivor.stated.begin or "", survivor.stated.as_of), reverse=True)
    return tuple(sorted(survivors, key=lambda survivor: not survivor.stated.is_current(day)))


def _rank_values(values: Iterable[StatedValue], rule: AttributeRule) -> list[StatedValue]:
    """Return stated values by preference, the surviving one first."""
    ranked = sorted(values, key=lambda value: (value.key, value.position))
    ranked.sort(
        key=lambda value: [rule.rank_value(criterion, value) for criterion in rule.criteria], reverse=True
    )
    # A later correction takes the place of an earlier one, whatever the attribute is ranked by.
    corrections = [value for value in ranked if value.kind == STEWARD_SOURCE_KIND]
    corrections.sort(key=lambda value: value.as_of, reverse=True)
    return [*corrections, *(value for value in ranked if value.kind != STEWARD_SOURCE_KIND)]


def _find_selection_reason(ranked: Sequence[StatedValue], rule: AttributeRule) -> SelectionReason:
    """Return why the first of ranked values survives in the golden record."""
    first = ranked[0]
    if first.kind == STEWARD_SOURCE_KIND:
        return SelectionReason.CORRECTION
    remaining = [*ranked]
    if len({value.comparable for value in remaining}) == 1:
        return SelectionReason.AGREED if len(remaining) > 1 else SelectionReason.ONLY
    for criterion in rule.criteria:
        best = rule.rank_value(criterion, first)
        remaining = [value for value in remaining if rule.rank_value(criterion, value) == best]
        if len({value.comparable for value in remaining}) == 1:
            return SelectionReason(criterion.value)
    return SelectionReason.KEY


def _survive(ranked: Sequence[StatedValue], reason: SelectionReason) -> SurvivingValue:
    """Return the first of ranked values as the surviving one."""
    first, *rest = ranked
    agreeing = sorted(
        (value for value in rest if value.comparable == first.comparable), key=lambda value: value.key
    )
    others = tuple(value for value in rest if value.comparable != first.comparable)
    return SurvivingValue(first, reason, tuple(agreeing), others)


_NameForm = tuple[str | None, ...]
"""Comparable parts of a name, in the order of ``NAME_PARTS``."""


def _rank_names(values: Mapping[str, Sequence[StatedValue]], rule: AttributeRule) -> list[StatedValue]:
    """Return the name of each record by preference, without corrections.

    The value of a name is its parts: stated values by attribute.
    """
    parts_by_record: dict[int, dict[str, StatedValue]] = {}
    for part in NAME_PARTS:
        for value in values.get(part, ()):
            if value.kind != STEWARD_SOURCE_KIND:
                parts_by_record.setdefault(value.record, {})[part] = value
    agreement = _count_agreement([_form_of(parts) for parts in parts_by_record.values()])
    ranked = _rank_values(
        (_join_parts(parts, agreement[_form_of(parts)]) for parts in parts_by_record.values()), rule
    )
    return sorted(ranked, key=lambda name: not _is_whole(name))


def _form_of(parts: Mapping[str, StatedValue]) -> _NameForm:
    return tuple(parts[part].comparable if part in parts else None for part in NAME_PARTS)


def _count_agreement(forms: Sequence[_NameForm]) -> dict[_NameForm, int]:
    """Count the other records that agree with each form of name."""
    counts = Counter(forms)
    return {
        form: sum(count for other, count in counts.items() if _agree(form, other)) - _agree(form, form)
        for form in counts
    }


def _agree(left: _NameForm, right: _NameForm) -> bool:
    """Return whether two names agree as wholes.

    First and last name are the same. Middle name and suffix are the same, or one of the names leaves them
    out, or one has only the initial.
    """
    first, middle, last, suffix = left
    other_first, other_middle, other_last, other_suffix = right
    if first is None or last is None or (first, last) != (other_first, other_last):
        return False
    return _agree_on_part(suffix, other_suffix) and _agree_on_part(middle, other_middle)


def _agree_on_part(left: str | None, right: str | None) -> bool:
    if left is None or right is None or left == right:
        return True
    shorter, longer = sorted((left, right), key=len)
    return len(shorter) == 1 and longer.startswith(shorter)


def _join_parts(parts: Mapping[str, StatedValue], agreement: int) -> StatedValue:
    """Return a record's name as one value that holds its parts."""
    first = next(iter(parts.values()))
    return replace(
        first,
        value=parts,
        comparable="|".join(part or "" for part in _form_of(parts)),
        verified=max(part.verified for part in parts.values()),
        complete=sum(part.complete for part in parts.values()),
        agreement=agreement,
    )


def _is_whole(name: StatedValue) -> bool:
    """Return whether a name has a first and a last name."""
    return "first_name" in name.value and "last_name" in name.value


def _list_part(names: Iterable[StatedValue], part: str) -> list[StatedValue]:
    """Return one part of those names that state it."""
    return [name.value[part] for name in names if part in name.value]


def _find_part_reason(names: Sequence[StatedValue], part: str, rule: AttributeRule) -> SelectionReason:
    """Return why a part of the first of ranked names survives."""

    def is_settled(remaining: Iterable[StatedValue]) -> bool:
        return len({value.comparable for value in _list_part(remaining, part)}) == 1

    if is_settled(names):
        return SelectionReason.AGREED if len(_list_part(names, part)) > 1 else SelectionReason.ONLY
    first = names[0]
    remaining = [name for name in names if _is_whole(name) == _is_whole(first)]
    if is_settled(remaining):
        return SelectionReason.COMPLETENESS
    for criterion in rule.criteria:
        best = rule.rank_value(criterion, first)
        remaining = [name for name in remaining if rule.rank_value(criterion, name) == best]
        if is_settled(remaining):
            return SelectionReason(criterion.value)
    return SelectionReason.KEY


class _SurvivorshipParser:
    """Parser of golden-record rule files; every error names line and key."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text

    def parse(self) -> tuple[dict[str, AttributeRule], frozenset[str]]:
        """Return every attribute's rule, and the systems that verify identity."""
        try:
            document = parse_toml(self._text)
        except tomllib.TOMLDecodeError as error:
            raise SurvivorshipError(f"{self._name}: not TOML: {error}") from None
        self._require_known_keys(document, ("default", "verifying", "trust", "attributes"), ())
        shared_trust = self._parse_trust(self._require_table(document, "trust", ()), ("trust",))
        default = self._parse_criteria(document.get("default"), ("default",), _OWN_CRITERIA)
        attributes = self._require_table(document, "attributes", ())
        for part in NAME_PARTS:
            if part in attributes:
                raise self._make_error(
                    f"a name comes from one record: give one rule, with the key {NAME_RULE}",
                    ("attributes",),
                    part,
                )
        self._require_known_keys(attributes, RULED_ATTRIBUTES, ("attributes",))
        rules = {attribute: AttributeRule(default, shared_trust) for attribute in RULED_ATTRIBUTES}
        rules |= {
            attribute: self._parse_rule(attribute, rule_table, shared_trust)
            for attribute, rule_table in attributes.items()
        }
        return rules, frozenset(self._require_texts(document.get("verifying", []), ("verifying",)))

    def _parse_rule(self, attribute: str, stated: Any, shared_trust: SourceTrust) -> AttributeRule:  # noqa: ANN401 - TOML
        path = ("attributes", attribute)
        permitted = tuple(Criterion) if attribute == NAME_RULE else _OWN_CRITERIA
        if not isinstance(stated, dict):
            return AttributeRule(self._parse_criteria(stated, path, permitted), shared_trust)
        self._require_known_keys(stated, ("by", "kinds", "sources"), path)
        own_trust = self._parse_trust({name: value for name, value in stated.items() if name != "by"}, path)
        return AttributeRule(
            self._parse_criteria(stated.get("by"), (*path, "by"), permitted), shared_trust.override(own_trust)
        )

    def _parse_trust(self, stated: Mapping[str, Any], path: tuple[str, ...]) -> SourceTrust:
        self._require_known_keys(stated, ("kinds", "sources"), path)
        kinds = self._require_table(stated, "kinds", path)
        self._require_known_keys(kinds, SOURCE_KINDS, (*path, "kinds"))
        sources = self._require_table(stated, "sources", path)
        for name, table in (("kinds", kinds), ("sources", sources)):
            for key, value in table.items():
                if not isinstance(value, int) or isinstance(value, bool):
                    raise self._make_error(
                        "give a whole number: the higher, the more it is trusted", path, name, key
                    )
        return SourceTrust(kinds, sources)

    def _parse_criteria(
        self,
        stated: Any,  # noqa: ANN401 - TOML
        path: tuple[str, ...],
        permitted: Sequence[Criterion],
    ) -> tuple[Criterion, ...]:
        if stated is None:
            raise self._make_error("it is missing: give a list of criteria", path)
        criterion_names = [criterion.value for criterion in permitted]
        names = self._require_texts(stated, path)
        if not names or len(set(names)) != len(names) or not set(names) <= set(criterion_names):
            raise self._make_error(f"give a list of {', '.join(criterion_names)}, each at most once", path)
        return tuple(Criterion(name) for name in names)

    def _require_texts(self, stated: Any, path: tuple[str, ...]) -> list[str]:  # noqa: ANN401 - TOML
        if not isinstance(stated, list) or not all(isinstance(text, str) for text in stated):
            raise self._make_error("give a list of texts", path)
        return stated

    def _require_table(self, parent: Mapping[str, Any], name: str, path: tuple[str, ...]) -> dict[str, Any]:
        table = parent.get(name, {})
        if not isinstance(table, dict):
            raise self._make_error("give a table", path, name)
        return table

    def _require_known_keys(
        self, table: Mapping[str, Any], names: Sequence[str], path: tuple[str, ...]
    ) -> None:
        for key in table:
            if key not in names:
                raise self._make_error(f"there is no such key; it is one of {', '.join(names)}", path, key)

    def _make_error(self, fault: str, path: tuple[str, ...], *rest: str) -> SurvivorshipError:
        full_path = (*path, *rest)
        line = self._find_line(full_path)
        location = f"{self._name}, line {line}" if line else self._name
        return SurvivorshipError(f"{location}: {'.'.join(full_path)}: {fault}")

    def _find_line(self, path: tuple[str, ...]) -> int:
        """Return a TOML key's line, or its nearest parent's, or 0."""
        table: tuple[str, ...] = ()
        nearest_line, depth = 0, 0
        for number, line in enumerate(self._text.splitlines(), 1):
            if header := re.match(r"\s*\[([^\[\]]+)\]", line):
                table = _split_key(header[1])
                line_path = table
            elif assignment := re.match(r"\s*([^=#\[\]]+?)\s*=", line):
                line_path = (*table, *_split_key(assignment[1]))
            else:
                continue
            if len(line_path) > depth and line_path == path[: len(line_path)]:
                nearest_line, depth = number, len(line_path)
        return nearest_line


def _split_key(key: str) -> tuple[str, ...]:
    """Split a dotted TOML key; quoted parts may hold a full stop."""
    return tuple((quoted or bare).strip() for quoted, bare in re.findall(r'"([^"]*)"|([^."]+)', key))

"""Reader of TOML files with rules about the values of records."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any

from mpi.domain.errors import InputError
from mpi.domain.record import (
    Address,
    CanonicalRecord,
    Enrollment,
    Flag,
    Guardian,
    Identifier,
    OtherName,
    Placement,
)
from mpi.standardize.quality.declared_rules import TODAY, Check, DeclaredRule, Limit

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+){0,7}")
_MAX_NAME_LENGTH = 40
_MAX_TITLE_LENGTH = 200
MAX_RULES = 200
"""Most rules of a file: each is checked for every record."""
_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "identifiers": Identifier._fields, "other_names": OtherName._fields, "addresses": Address._fields,
    "guardians": Guardian._fields, "enrollments": Enrollment._fields, "placements": Placement._fields,
    "flags": Flag._fields,
})  # fmt: skip
"""Columns of the entries of each list."""
_FORBIDDEN = frozenset(
    {"local_id", "ssn_token", "ssn_last4_token", "linkage_tokens", "restrictions", "as_of"}
)
"""Fields without a value of their own, or that decide what a record is."""
_KEYS = MappingProxyType({
    Check.REQUIRED: frozenset[str](),
    Check.PATTERN: frozenset({"pattern"}),
    Check.RANGE: frozenset({"min", "max"}),
    Check.ONE_OF: frozenset({"values"}),
    Check.NOT_AFTER: frozenset({"other"}),
    Check.UNIQUE: frozenset[str](),
})  # fmt: skip
_COMMON_KEYS = frozenset({"name", "field", "check", "title", "when"})


def parse_declared_rules(text: str, name: str, base: Iterable[DeclaredRule] = ()) -> tuple[DeclaredRule, ...]:
    """Parse a file of declared rules, added to those of the program.

    Args:
        text: the TOML text: ``[[rule]]`` tables, and ``off``, a list of names of rules that are left out.
        name: name of the file, for errors.
        base: rules that the file extends.

    Raises:
        InputError: the file is no such TOML; says which rule is wrong and why.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: {error}") from None
    if unknown := table.keys() - {"rule", "off"}:
        raise InputError(f"{name}: unknown key {min(unknown)!r}; there are rule and off")
    entries, off = table.get("rule", []), table.get("off", [])
    if not isinstance(entries, list) or not isinstance(off, list) or len(entries) > MAX_RULES:
        raise InputError(f"{name}: write rules as [[rule]], at most {MAX_RULES}, and off as a list of names")
    kept = {rule.name: rule for rule in base}
    if strange := [each for each in off if each not in kept]:
        raise InputError(f"{name}: off: there is no rule {strange[0]!r}; there are: {', '.join(kept)}")
    rules = {each: rule for each, rule in kept.items() if each not in off}
    for number, entry in enumerate(entries, 1):
        rule = _parse_rule(entry, f"{name}: rule {number}")
        if rule.name in rules:
            raise InputError(f"{name}: rule {number}: there is a rule {rule.name!r} already")
        rules[rule.name] = rule
    return tuple(rules.values())


def _parse_rule(entry: object, place: str, *, is_condition: bool = False) -> DeclaredRule:
    """Parse one rule, or the condition of one."""
    if not isinstance(entry, dict):
        raise InputError(f"{place}: is no table")
    check = _parse_check(entry.get("check"), place, is_condition=is_condition)
    known = (_COMMON_KEYS - {"name", "title", "when"} if is_condition else _COMMON_KEYS) | _KEYS[check]
    if unknown := entry.keys() - known:
        raise InputError(
            f"{place}: unknown key {min(unknown)!r}; {check.value} takes {', '.join(sorted(known))}"
        )
    when = entry.get("when")
    rule = DeclaredRule(
        name="condition" if is_condition else _parse_name(entry.get("name"), place),
        field=_parse_field(entry.get("field"), f"{place}: field"),
        check=check,
        title="" if is_condition else _parse_title(entry.get("title"), place),
        values=_parse_values(entry, place) if check is Check.ONE_OF else frozenset(),
        pattern=_parse_pattern(entry, place) if check is Check.PATTERN else "",
        low=_parse_limit(entry.get("min"), f"{place}: min"),
        high=_parse_limit(entry.get("max"), f"{place}: max"),
        other=_parse_field(entry.get("other"), f"{place}: other") if check is Check.NOT_AFTER else "",
        condition=None if when is None else _parse_rule(when, f"{place}: when", is_condition=True),
    )
    if check is Check.RANGE and rule.low is None and rule.high is None:
        raise InputError(f"{place}: a range has min, max or both")
    return rule


def _parse_check(value: object, place: str, *, is_condition: bool) -> Check:
    """Parse what is checked; a condition is about one value."""
    allowed = [
        check.value
        for check in Check
        if not is_condition or check in (Check.REQUIRED, Check.PATTERN, Check.RANGE, Check.ONE_OF)
    ]
    if value not in allowed:
        raise InputError(f"{place}: check: choose one of {', '.join(allowed)}")
    return Check(value)


def _parse_name(value: object, place: str) -> str:
    if not isinstance(value, str) or len(value) > _MAX_NAME_LENGTH or not _NAME.fullmatch(value):
        raise InputError(f"{place}: name: up to {_MAX_NAME_LENGTH} of a-z, 0-9 and single hyphens")
    return value


def _parse_title(value: object, place: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TITLE_LENGTH or not value.isprintable():
        raise InputError(f"{place}: title: say in a sentence what the source does about it")
    return value


def _parse_field(value: object, place: str) -> str:
    """Parse a canonical field or a column of a list."""
    name, _, column = value.partition(".") if isinstance(value, str) else ("", "", "")
    if name not in CanonicalRecord._fields or name in _FORBIDDEN:
        raise InputError(f"{place}: name a field of the canonical record, such as birth_date")
    known = _COLUMNS.get(name)
    if known is None and not column:
        return name
    if known is None or column not in known:
        columns = "it has no columns" if known is None else f"its columns are {', '.join(known)}"
        raise InputError(f"{place}: name a column of {name}: {columns}")
    return f"{name}.{column}"


def _parse_values(entry: Mapping[str, Any], place: str) -> frozenset[str]:
    values = entry.get("values")
    if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
        raise InputError(f"{place}: values: list the allowed codes as texts")
    return frozenset(value.strip().casefold() for value in values)


def _parse_pattern(entry: Mapping[str, Any], place: str) -> str:
    pattern = entry.get("pattern")
    try:
        re.compile(pattern if isinstance(pattern, str) and pattern else "(")
    except re.error as error:
        raise InputError(f"{place}: pattern: is no regular expression: {error}") from None
    return str(pattern)


def _parse_limit(value: object, place: str) -> Limit | None:
    """Parse the limit of a range: a number, a day, or today."""
    if value is None or value == TODAY:
        return None if value is None else TODAY
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return date.fromisoformat(value.isoformat() if isinstance(value, date) else str(value)).isoformat()
    except ValueError:
        raise InputError(f"{place}: give a number, a day such as 2010-09-01, or today") from None

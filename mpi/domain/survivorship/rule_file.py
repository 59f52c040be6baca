"""Parser of golden-record rule files."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from mpi.domain.documents.bounded_toml import parse_toml
from mpi.domain.errors import SurvivorshipError
from mpi.domain.survivorship.attributes import NAME_PARTS, NAME_RULE, RULED_ATTRIBUTES
from mpi.domain.survivorship.rules import (
    OWN_CRITERIA,
    AttributeRule,
    Criterion,
    SourceTrust,
    SurvivorshipRules,
)

SOURCE_KINDS = ("state_id", "ccwis", "sis", "other")
"""Kinds of sources that a survivorship file may rank by trust."""


def parse_rules(text: str, name: str = "survivorship") -> SurvivorshipRules:
    """Parse a file of golden-record rules (docs/reference/golden-record.md has its form).

    Args:
        text: TOML.
        name: name of the file, for messages.

    Raises:
        SurvivorshipError: no TOML, or a key is missing or wrong; names line and key.
    """
    return SurvivorshipRules(*_SurvivorshipParser(name, text).parse())


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
        default = self._parse_criteria(document.get("default"), ("default",), OWN_CRITERIA)
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
        permitted = tuple(Criterion) if attribute == NAME_RULE else OWN_CRITERIA
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

"""Legal bases: who may disclose to whom, about whom, for what.

The table ``legal_bases.toml`` beside this module is the default. Counsel may edit a copy of it
(docs/reference/legal-bases.md has its form).
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mpi.domain.documents.bounded_toml import parse_toml
from mpi.domain.errors import InputError
from mpi.policy.parties import ALL, Party, PartyKind

MARKS = ("R", "F", "V", "BK", "K", "INF", "?")
"""Marks of how far a fact of law was checked.

R: read in a public page. F: read in a public file. V: read in a stored page. BK, K: background knowledge.
INF: own proposal. ?: unsure. Counsel must check every row before anyone relies on it.
"""

POPULATIONS = (
    "foster_care", "homeless", "unaccompanied_youth", "runaway", "disability", "section_504",
    "english_learner", "migrant", "neglected_or_delinquent", "military_connected", "pregnant_or_parenting",
    "economic_disadvantage",
)  # fmt: skip
"""Populations that an agreement may name (docs/reference/flags.md).

A row of the table of legal bases may name others, and an agreement then may too.
"""

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KEYS = ("title", "citation", "mark", "from", "to", "within_party", "populations", "purposes", "note")
_REQUIRED_KEYS = ("title", "citation", "mark", "from", "to", "populations", "purposes")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """Rule of law that permits disclosure between two kinds of parties.

    Args:
        code: stable code, such as ``ferpa_studies``.
        title: name for people.
        citation: where the rule is written.
        mark: how far the row was checked, one of ``MARKS``.
        disclosers: kinds of parties that may disclose.
        recipients: kinds of parties that may receive.
        populations: codes of the populations that it covers; ``ALL`` for every child.
        purposes: codes of the purposes that it can carry; ``ALL`` for every purpose.
        within_party: whether it covers only a party's own use of its own records.
        note: what counsel must check.
    """

    code: str
    title: str
    citation: str
    mark: str
    disclosers: frozenset[PartyKind]
    recipients: frozenset[PartyKind]
    populations: frozenset[str]
    purposes: frozenset[str]
    within_party: bool = False
    note: str = ""

    def covers_direction(self, discloser: Party, recipient: Party) -> bool:
        """Return whether a party may disclose to another one on this basis."""
        if (discloser.code == recipient.code) is not self.within_party:
            return False
        return discloser.kind in self.disclosers and recipient.kind in self.recipients

    def covers_population(self, population: str) -> bool:
        """Return whether the basis covers a population, or ``ALL`` children."""
        return population in self.populations or ALL in self.populations

    def carries(self, purpose: str) -> bool:
        """Return whether the basis can carry a purpose of use."""
        return purpose in self.purposes or ALL in self.purposes


def parse_legal_bases(text: str, name: str = "legal_bases.toml") -> dict[str, LegalBasis]:
    """Parse the table of legal bases.

    Args:
        text: TOML with one table for each basis.
        name: name of the file, for messages.

    Returns:
        The bases by code.

    Raises:
        InputError: no TOML, or a key is missing or wrong; names basis and key.
    """
    try:
        document = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not TOML: {error}") from None
    if not document:
        raise InputError(f"{name}: has no legal basis: start each with a line such as [own_records]")
    return {code: _parse_basis(code, table, f"{name}: [{code}]") for code, table in document.items()}


def known_populations(legal_bases: Mapping[str, LegalBasis]) -> frozenset[str]:
    """Return the codes of the populations that an agreement may name."""
    named = {population for basis in legal_bases.values() for population in basis.populations}
    return frozenset(POPULATIONS) | (named - {ALL})


def _parse_basis(code: str, table: Any, place: str) -> LegalBasis:  # noqa: ANN401 - TOML
    if not isinstance(table, dict):
        raise InputError(f"{place}: write it as a table")
    if not _CODE.fullmatch(code):
        raise InputError(f"{place}: a code has lower-case letters, digits and underscores")
    for key in table.keys() - set(_KEYS):
        raise InputError(f"{place}: unknown key {key!r}; the keys are {', '.join(_KEYS)}")
    for key in _REQUIRED_KEYS:
        if key not in table:
            raise InputError(f"{place}: {key!r} is missing")
    mark = _read(table, "mark", str, "", place)
    if mark not in MARKS:
        raise InputError(f"{place}: mark is one of {', '.join(MARKS)}")
    return LegalBasis(
        code=code,
        title=_read(table, "title", str, "", place),
        citation=_read(table, "citation", str, "", place),
        mark=mark,
        disclosers=_read_kinds(table, "from", place),
        recipients=_read_kinds(table, "to", place),
        populations=_read_codes(table, "populations", place),
        purposes=_read_codes(table, "purposes", place),
        within_party=_read(table, "within_party", bool, False, place),
        note=_read(table, "note", str, "", place),
    )


def _read(table: Mapping[str, Any], key: str, kind: type[_Value], default: _Value, place: str) -> _Value:
    value = table.get(key, default)
    if not isinstance(value, kind):
        raise InputError(f"{place}: {key} must be {'true or false' if kind is bool else 'text'}")
    return value


def _read_codes(table: Mapping[str, Any], key: str, place: str) -> frozenset[str]:
    codes = table[key]
    if not isinstance(codes, list) or not codes:
        raise InputError(f'{place}: {key} must be a list of codes, such as ["all"]')
    for code in codes:
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            raise InputError(f"{place}: {key}: a code has lower-case letters, digits and underscores")
    return frozenset(codes)


def _read_kinds(table: Mapping[str, Any], key: str, place: str) -> frozenset[PartyKind]:
    codes = _read_codes(table, key, place)
    if ALL in codes:
        return frozenset(PartyKind)
    for code in sorted(codes - set(PartyKind)):
        raise InputError(f"{place}: {key}: no kind of party {code!r}; the kinds are {', '.join(PartyKind)}")
    return frozenset(PartyKind(code) for code in codes)

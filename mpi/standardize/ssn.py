"""Social Security numbers: which can be real, and their passage into keyed tokens.

The digits live only inside the functions of this module and the door's call to them. What is never
issued: area 000, 666 and 900-999, group 00, serial 0000 (https://www.ssa.gov/employer/randomization.html);
numbers known from advertisements and sample cards
(https://www.ssa.gov/history/ssn/misused.html); keyboard fills.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import QualityIssue
from mpi.standardize.text import split_words

_NINE_DIGITS = re.compile(r"([0-9]{3})[- ]?([0-9]{2})[- ]?([0-9]{4})\Z")
_FOUR_DIGITS = re.compile(r"[0-9]{4}\Z")
_KNOWN_INVALID_NUMBERS = frozenset(("123456789", "078051120", "219099999"))
_CAMEL_CASE_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OID_DIGITS = "216840111388341"
"""The SSN's object identifier, 2.16.840.1.113883.4.1, as HL7 messages name the system."""


@dataclass(frozen=True, slots=True)
class SsnTokens:
    """Keyed tokens of an SSN.

    Args:
        full_token: token of the nine digits.
        last4_token: token of the last four.
        issues: what was wrong with the number as sent.
    """

    full_token: str | None
    last4_token: str | None
    issues: tuple[QualityIssue, ...] = ()


NO_SSN = SsnTokens(None, None)


@lru_cache
def is_ssn_system(system: str) -> bool:
    """Whether an identifier system is the SSN, whole or in part, by any of its usual names."""
    parts = split_words(_CAMEL_CASE_BOUNDARY.sub(" ", system))
    name = "".join(parts)
    return (
        "SSN" in parts
        or name.startswith("SSN")
        or name.endswith(("SSN", _OID_DIGITS))
        or "SOCIALSECURITY" in name
    )


def tokenize_ssn(full: str | None, last4: str | None, others: Sequence[str], seal: KeyedHash) -> SsnTokens:
    """Make tokens of whatever form of the SSN was sent, and forget the digits.

    The field ``ssn`` wins over an identifier, and nine digits win over four.

    Args:
        full: the field ``ssn``.
        last4: the field ``ssn_last4``.
        others: values of identifiers whose system is the SSN: nine digits, or the last four.
        seal: the index's secret.
    """
    if full is None and last4 is None and not others:
        return NO_SSN
    nines = [_check_nine_digits("ssn", full)] + [_check_nine_digits("identifiers", v) for v in others if not _FOUR_DIGITS.match(v)]
    fours = [_check_four_digits("ssn_last4", last4)]
    fours += [_check_four_digits("identifiers", v) for v in others if _FOUR_DIGITS.match(v)]
    issues = [found for found in nines + fours if isinstance(found, QualityIssue)]
    nine = [found for found in nines if isinstance(found, str)]
    four = [found for found in fours if isinstance(found, str)]
    if len(set(nine)) > 1:
        issues.append(QualityIssue("ssn", "conflicting-ssn"))
    if len(set(four) | {number[-4:] for number in nine[:1]}) > 1:
        issues.append(QualityIssue("ssn_last4", "conflicting-ssn"))
    tail = nine[0][-4:] if nine else four[0] if four else None
    return SsnTokens(
        seal.to_token("ssn", nine[0]) if nine else None,
        seal.to_token("ssn4", tail) if tail else None,
        tuple(issues),
    )


def _check_nine_digits(field: str, text: str | None) -> str | QualityIssue | None:
    """The nine digits of a number that can have been issued; an issue for any other text."""
    if text is None:
        return None
    found = _NINE_DIGITS.match(text)
    if found is None:
        return QualityIssue(field, "invalid-ssn")
    area, group, serial = found.groups()
    digits = area + group + serial
    never_issued = (
        area in {"000", "666"}
        or area >= "900"
        or group == "00"
        or serial == "0000"
        or len(set(digits)) == 1
        or digits in _KNOWN_INVALID_NUMBERS
    )
    return QualityIssue(field, "invalid-ssn") if never_issued else digits


def _check_four_digits(field: str, text: str | None) -> str | QualityIssue | None:
    """The last four digits of a number that can have been issued; an issue for any other text."""
    if text is None:
        return None
    if not _FOUR_DIGITS.match(text) or text == "0000":
        return QualityIssue(field, "invalid-ssn")
    return text

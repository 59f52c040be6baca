"""Validation of Social Security numbers, and their replacement by keyed tokens.

The digits live only inside the functions of this module and record validation's call to them. Never
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
from mpi.standardize.missing_values import name_fault
from mpi.standardize.text_folding import split_words

_NINE_DIGITS = re.compile(r"([0-9]{3})[- ]?([0-9]{2})[- ]?([0-9]{4})\Z")
_FOUR_DIGITS = re.compile(r"[0-9]{4}\Z")
_KNOWN_INVALID_NUMBERS = frozenset(("123456789", "078051120", "219099999"))
_CAMEL_CASE_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OID_DIGITS = "216840111388341"
"""The SSN's object identifier in HL7, 2.16.840.1.113883.4.1."""


@dataclass(frozen=True, slots=True)
class SsnTokens:
    """Keyed tokens of an SSN.

    Args:
        full_token: kept tokens of the nine digits.
        last4_token: kept tokens of the last four.
        issues: faults of the number as sent.
    """

    full_token: str | None
    last4_token: str | None
    issues: tuple[QualityIssue, ...] = ()


NO_SSN = SsnTokens(None, None)
_WRITTEN_FORM = re.compile(r"([0-9]{3})([- ])([0-9]{2})\2([0-9]{4})\Z")
_INVALID_AREAS = frozenset(("000", "666"))


def has_ssn_form(text: str) -> bool:
    """Return whether a text is written as ``123-45-6789``, or with spaces.

    Nine digits alone are no such form: many systems number students so.
    """
    match = _WRITTEN_FORM.match(text.strip())
    return match is not None and match[1] not in _INVALID_AREAS and match[1] < "900"


@lru_cache
def is_ssn_system(system: str) -> bool:
    """Return whether an identifier system is the SSN, whole or in part.

    It may have any of its usual names.
    """
    parts = split_words(_CAMEL_CASE_BOUNDARY.sub(" ", system))
    name = "".join(parts)
    return (
        "SSN" in parts
        or name.startswith("SSN")
        or name.endswith(("SSN", _OID_DIGITS))
        or "SOCIALSECURITY" in name
    )


def tokenize_ssn(
    full: str | None, last4: str | None, others: Sequence[str], keyed_hash: KeyedHash
) -> SsnTokens:
    """Make keyed tokens of an SSN, and drop the digits.

    The field ``ssn`` prevails over an identifier, and nine digits over four.

    Args:
        full: the field ``ssn``.
        last4: the field ``ssn_last4``.
        others: values of identifiers whose system is the SSN: nine digits, or the last four.
        keyed_hash: the keyed hash of the index.
    """
    if full is None and last4 is None and not others:
        return NO_SSN
    nine_digit_checks = [_check_nine_digits("ssn", full)] + [
        _check_nine_digits("identifiers", value) for value in others if not _FOUR_DIGITS.match(value)
    ]
    four_digit_checks = [_check_four_digits("ssn_last4", last4)]
    four_digit_checks += [
        _check_four_digits("identifiers", value) for value in others if _FOUR_DIGITS.match(value)
    ]
    issues = [check for check in nine_digit_checks + four_digit_checks if isinstance(check, QualityIssue)]
    full_numbers = [check for check in nine_digit_checks if isinstance(check, str)]
    last4_numbers = [check for check in four_digit_checks if isinstance(check, str)]
    if len(set(full_numbers)) > 1:
        issues.append(QualityIssue("ssn", "conflicting-ssn"))
    if len(set(last4_numbers) | {number[-4:] for number in full_numbers[:1]}) > 1:
        issues.append(QualityIssue("ssn_last4", "conflicting-ssn"))
    last_digits = full_numbers[0][-4:] if full_numbers else last4_numbers[0] if last4_numbers else None
    return SsnTokens(
        keyed_hash.make_kept_tokens("ssn", full_numbers[0]) if full_numbers else None,
        keyed_hash.make_kept_tokens("ssn4", last_digits) if last_digits else None,
        tuple(issues),
    )


def find_valid_ssn(text: str | None) -> str | None:
    """Return the nine digits of an issuable SSN, or None.

    Only a maker of linkage tokens calls this: no index keeps the digits.
    """
    digits = _check_nine_digits("ssn", text)
    return digits if isinstance(digits, str) else None


def _check_nine_digits(field: str, text: str | None) -> str | QualityIssue | None:
    """Return an SSN that can have been issued, or a quality issue."""
    if text is None:
        return None
    match = _NINE_DIGITS.match(text)
    if match is None:
        return QualityIssue(field, name_fault(text, "invalid-ssn"))
    area, group, serial = match.groups()
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
    """Return an SSN's last four digits if issuable, or a quality issue."""
    if text is None:
        return None
    if not _FOUR_DIGITS.match(text) or text == "0000":
        return QualityIssue(field, name_fault(text, "invalid-ssn"))
    return text

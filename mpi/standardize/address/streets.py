"""Parsing of street lines: house number, USPS street name, unit.

Lines with something to decide are parsed by ``usaddress``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import usaddress

from mpi.standardize.address.usps_abbreviations import (
    DIRECTIONALS,
    NUMBERED_ROADS,
    ORDINALS,
    PLACE_WORDS,
    STREET_SUFFIXES,
    UNIT_WORDS,
)
from mpi.standardize.missing_values import has_lost_digits, is_missing_marker
from mpi.standardize.text_folding import CACHE_SIZE, fold, squeeze

_MAX_UNIT_CHARACTERS = 10
_MAX_BARE_UNIT_CHARACTERS = 2

_NOT_AN_ADDRESS = frozenset(
    ("", "UNKNOWN", "UNK", "NONE", "NA", "NULL", "NOADDRESS", "NOTAVAILABLE", "NOTPROVIDED", "HOMELESS",
     "TRANSIENT", "TBD", "SAME", "SAMEASABOVE", "CONFIDENTIAL", "TEST")
)  # fmt: skip
_DIGIT = re.compile(r"[0-9]")
_SEPARATORS = re.compile(r"[^A-Z0-9#/&,-]+")
_POST_BOX = re.compile(r"(?:P\s?O\s?BOX|POST OFFICE BOX|BOX)[\s#]*([0-9A-Z][0-9A-Z-]*)\b")
_PLAIN_LINE = re.compile(r"([0-9]+[A-Z]?(?:-[0-9]+)?(?: [1-9]/[1-9])?) ([A-Z0-9 ]+)\Z")
_COMMON_SUFFIXES = frozenset(
    ("ST", "AVE", "RD", "DR", "LN", "CT", "BLVD", "PL", "CIR", "TRL", "WAY", "PKWY", "HWY", "TER", "RTE")
)
_NUMBER_FIRST = re.compile(r"([0-9][0-9A-Z/-]*)\s+(.+)")
_BARE_NUMBER = re.compile(r"[0-9]+[A-Z]?\Z")
_UNIT_LAST = re.compile(rf"\s(?:#|(?:{'|'.join(sorted(UNIT_WORDS - {'NO'}))})\b)[\s#]*(\S+)\s*$")
_GLUED_UNIT = re.compile(r"(?:APT|APARTMENT|UNIT|STE|SUITE|LOT|RM)([0-9].*)\Z")
_ORDINAL_ENDINGS = {"1": "ST", "2": "ND", "3": "RD"}
_ORDINAL = re.compile(r"([0-9]+)(?:ST|ND|RD|TH)\Z")

_NUMBER_LABELS = ("AddressNumberPrefix", "AddressNumber", "AddressNumberSuffix")
_UNIT_LABELS = ("SubaddressIdentifier", "OccupancyIdentifier")
_BOX_LABELS = ("USPSBoxGroupType", "USPSBoxGroupID", "USPSBoxType", "USPSBoxID")


@dataclass(frozen=True, slots=True)
class ParsedStreet:
    """Parts of a street line of an address.

    Args:
        number: house number, a fraction included.
        street: name of the street, or of a post-office box.
        unit: apartment or other unit, without the word for it.
        is_box: whether ``street`` is a box, which needs no house number.
        city: name of the city, where the line holds it.
        postal_code: ZIP code as written, where the line holds it.
    """

    number: str | None = None
    street: str | None = None
    unit: str | None = None
    is_box: bool = False
    city: str | None = None
    postal_code: str | None = None


NO_STREET = ParsedStreet()


@lru_cache(CACHE_SIZE)
def parse_street(line: str | None) -> ParsedStreet:
    """Parse a street line of an address; what is none is missing."""
    if not line or is_missing_marker(line) or has_lost_digits(line):
        return NO_STREET
    text = _SEPARATORS.sub(" ", fold(line)).strip()
    if _DIGIT.search(text) is None and squeeze(text) in _NOT_AN_ADDRESS:  # none of those has a digit
        return NO_STREET
    if _BARE_NUMBER.match(text):
        return ParsedStreet(number=text)
    if box_match := _POST_BOX.match(text):
        return ParsedStreet(street=f"PO BOX {box_match[1]}", is_box=True)
    return _parse_plain_line(text) or _parse_with_usaddress(text) or _parse_by_position(text)


@lru_cache(CACHE_SIZE)
def parse_unit(text: str | None) -> str | None:
    """Return the unit of an address line, without its kind's word.

    ``Apt # 4-B`` is ``4B``. Text that names no unit ("c/o" and a name, say) is missing.
    """
    if not text or is_missing_marker(text):
        return None
    parts = re.findall(r"[A-Z0-9]+", fold(text))
    if parts and parts[0] in {"BASEMENT", "BSMT"}:
        return "BSMT"
    unit_parts = [_strip_unit(part) for part in parts if part not in UNIT_WORDS]
    unit = "".join(unit_parts)
    says_unit = len(unit_parts) < len(parts) or "#" in text or len(unit) <= _MAX_BARE_UNIT_CHARACTERS
    if not 0 < len(unit) <= _MAX_UNIT_CHARACTERS or not (says_unit or any(map(str.isdigit, unit))):
        return None
    return unit


def abbreviate_street(names: list[str]) -> str:
    """Write a street's name in USPS abbreviations.

    A directional is abbreviated at either end, a suffix at the end, as long as a name is left:
    ``NORTH ST`` is a street called North. A numbered street's number is an ordinal.

    Args:
        names: words of the name, upper case.
    """
    names = [PLACE_WORDS.get(name, name) for name in names[:-1]] + names[-1:]
    names = [ORDINALS.get(name, name) for name in names]
    end = len(names) - 1
    if end > 0 and names[end] in DIRECTIONALS:
        names[end] = DIRECTIONALS[names[end]]
        end -= 1
    if len(names) > 1 and names[end] in STREET_SUFFIXES:
        names[end] = STREET_SUFFIXES[names[end]]
        if end > 0:
            names[end - 1] = _to_ordinal(names[end - 1])
    elif end > 0 and (names[end].isdigit() or len(names[end]) == 1):
        kind = names[end - 1]
        names[end - 1] = NUMBERED_ROADS.get(kind) or STREET_SUFFIXES.get(kind, kind)
    if len(names) > 1 and not (names[1] in STREET_SUFFIXES and names[2:] == []):
        names[0] = DIRECTIONALS.get(names[0], names[0])
    return " ".join(names)


def _parse_plain_line(text: str) -> ParsedStreet | None:
    """Parse a street line that has only one reading; None for others.

    Such a line has number, name, suffix, and perhaps a unit. ``usaddress`` reads 99.9 % of them alike, at
    20 times the cost; the rest it gets wrong (it takes the St of ``1 SW ST JAMES DR`` for the suffix).
    """
    unit_match = _UNIT_LAST.search(text)
    line_match = _PLAIN_LINE.match(text[: unit_match.start()].rstrip(" ,") if unit_match else text)
    if line_match is None:
        return None
    names = line_match[2].split()
    suffix_position = len(names) - 1 if names[-1] not in DIRECTIONALS else len(names) - 2
    if suffix_position < 1 or names[suffix_position] not in STREET_SUFFIXES:
        return None
    name_position = 1 if names[0] in DIRECTIONALS else 0
    middle_words = names[name_position + 1 : suffix_position]
    if middle_words and (len(names[name_position]) == 1 or names[name_position][0].isdigit()):
        return None  # a letter or a number there may belong to the house number
    if any(STREET_SUFFIXES.get(name) in _COMMON_SUFFIXES or name in UNIT_WORDS for name in middle_words):
        return None
    return ParsedStreet(
        line_match[1], abbreviate_street(names), parse_unit(unit_match[1]) if unit_match else None
    )


def _parse_with_usaddress(text: str) -> ParsedStreet | None:
    """Parse a street line by ``usaddress``; None without exactly one street."""
    try:
        labels, _ = usaddress.tag(text)
    except usaddress.RepeatedLabelError:
        return None
    return _street_from_labels(labels)


def _street_from_labels(labels: dict[str, str]) -> ParsedStreet | None:
    """Build a street from labels of ``usaddress``; None without a street."""
    if "USPSBoxID" in labels and "StreetName" not in labels:
        return ParsedStreet(street=_join_labels(labels, _BOX_LABELS), is_box=True)
    if "CornerOf" in labels or "IntersectionSeparator" in labels:
        return None
    names = _list_street_words(labels)
    number = _join_labels(labels, _NUMBER_LABELS)
    if number and not any(map(str.isdigit, number)):
        return None  # a word of the street's name, taken for its number
    if not names:
        return NO_STREET if "Recipient" in labels else None
    return ParsedStreet(
        number=number,
        street=abbreviate_street(names),
        unit=parse_unit(_join_labels(labels, _UNIT_LABELS)),
        city=labels.get("PlaceName") if _has_place_labels(labels) else None,
        postal_code=labels.get("ZipCode"),
    )


def _list_street_words(labels: dict[str, str]) -> list[str]:
    """Return the words of the street's name from ``usaddress`` labels."""
    text = " ".join(value for label, value in labels.items() if label.startswith("StreetName"))
    if "PlaceName" in labels and "StreetNamePostType" not in labels and not _has_place_labels(labels):
        # Without a suffix before it or a ZIP code behind it, a "place" is the street's last words.
        text = f"{text} {labels['PlaceName']}"
    return re.findall(r"[A-Z0-9/-]+", text)


def _has_place_labels(labels: dict[str, str]) -> bool:
    """Return whether ``usaddress`` found a ZIP code or state."""
    return "ZipCode" in labels or "StateName" in labels


def _join_labels(labels: dict[str, str], names: Iterable[str]) -> str | None:
    """Join the address parts with certain labels; None where there is none."""
    text = " ".join(labels[name] for name in names if name in labels)
    return " ".join(text.replace(",", " ").split()) or None


def _parse_by_position(text: str) -> ParsedStreet:
    """Parse number, street and unit by their positions in a street line."""
    text = text.replace(",", " ")
    unit_match = _UNIT_LAST.search(text)
    if unit_match:
        text = text[: unit_match.start()]
    number_match = _NUMBER_FIRST.match(text)
    number, name = number_match.groups() if number_match else (None, text)
    names = re.findall(r"[A-Z0-9/-]+", name)
    if not any(part.strip("-/") for part in names):
        return NO_STREET
    return ParsedStreet(number, abbreviate_street(names), parse_unit(unit_match[1]) if unit_match else None)


def _strip_unit(part: str) -> str:
    """Strip an apartment's glued word (APT3) or ordinal ending (5TH)."""
    if glued_match := _GLUED_UNIT.match(part):
        part = glued_match[1]
    part = ORDINALS.get(part, part)
    ordinal_match = _ORDINAL.match(part)
    return ordinal_match[1] if ordinal_match else part


def _to_ordinal(name: str) -> str:
    """Write a number as an ordinal, 102ND; keep any other text."""
    if not name.isdigit():
        return name
    is_teen = name[-2:-1] == "1"
    return name + ("TH" if is_teen else _ORDINAL_ENDINGS.get(name[-1], "TH"))

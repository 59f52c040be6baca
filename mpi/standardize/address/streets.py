"""Street lines: house number, street in USPS abbreviations, and unit, parsed by ``usaddress``."""

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
from mpi.standardize.text import CACHE_SIZE, fold, squeeze

_MAX_UNIT_CHARACTERS = 10

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
    """A street line in parts.

    Args:
        number: house number, a fraction included.
        street: the street's name, or a box.
        unit: apartment or other unit, without the word for it.
        is_box: whether ``street`` is a box, which needs no house number.
        city: the place's name, where the line holds it.
        postal_code: the ZIP code as written, where the line holds it.
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
    """Read a street line; what is no address is missing."""
    if not line:
        return NO_STREET
    text = _SEPARATORS.sub(" ", fold(line)).strip()
    if _DIGIT.search(text) is None and squeeze(text) in _NOT_AN_ADDRESS:  # none of those has a digit
        return NO_STREET
    if _BARE_NUMBER.match(text):
        return ParsedStreet(number=text)
    if box := _POST_BOX.match(text):
        return ParsedStreet(street=f"PO BOX {box[1]}", is_box=True)
    return _parse_plain_line(text) or _parse_with_usaddress(text) or _parse_by_position(text)


@lru_cache(CACHE_SIZE)
def parse_unit(text: str | None) -> str | None:
    """The unit in a second address line, without the word for its kind: ``Apt # 4-B`` is ``4B``.

    Text that names no unit ("c/o" and a name, say) is missing.
    """
    if not text:
        return None
    parts = re.findall(r"[A-Z0-9]+", fold(text))
    if parts and parts[0] in {"BASEMENT", "BSMT"}:
        return "BSMT"
    kept = [_strip_unit(part) for part in parts if part not in UNIT_WORDS]
    unit = "".join(kept)
    says_unit = len(kept) < len(parts) or "#" in text or len(unit) <= 2  # noqa: PLR2004
    if not 0 < len(unit) <= _MAX_UNIT_CHARACTERS or not (says_unit or any(map(str.isdigit, unit))):
        return None
    return unit


def abbreviate_street(names: list[str]) -> str:
    """A street's name in USPS abbreviations.

    A directional is abbreviated at either end, a suffix at the end, as long as a name is left:
    ``NORTH ST`` is a street called North. A numbered street's number is an ordinal.
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
    if len(names) > 1 and not (len(names) == 2 and names[1] in STREET_SUFFIXES):  # noqa: PLR2004
        names[0] = DIRECTIONALS.get(names[0], names[0])
    return " ".join(names)


def _parse_plain_line(text: str) -> ParsedStreet | None:
    """The parts of a line that can be read in one way only: number, name, suffix, and perhaps a unit.

    The parser reads 99.9 % of such lines alike, at 20 times the cost; the rest it gets wrong (it takes
    the St of ``1 SW ST JAMES DR`` for the suffix). It is left all lines with something to decide.
    """
    unit = _UNIT_LAST.search(text)
    numbered = _PLAIN_LINE.match(text[: unit.start()].rstrip(" ,") if unit else text)
    if numbered is None:
        return None
    names = numbered[2].split()
    last = len(names) - 1 if names[-1] not in DIRECTIONALS else len(names) - 2
    if last < 1 or names[last] not in STREET_SUFFIXES:
        return None
    first = 1 if names[0] in DIRECTIONALS else 0
    between = names[first + 1 : last]
    if between and (len(names[first]) == 1 or names[first][0].isdigit()):
        return None  # a letter or a number there may belong to the house number
    if any(STREET_SUFFIXES.get(name) in _COMMON_SUFFIXES or name in UNIT_WORDS for name in between):
        return None
    return ParsedStreet(numbered[1], abbreviate_street(names), parse_unit(unit[1]) if unit else None)


def _parse_with_usaddress(text: str) -> ParsedStreet | None:
    """The parts of a line as the parser sees them; None where it sees no street, or several."""
    try:
        labels, _ = usaddress.tag(text)
    except usaddress.RepeatedLabelError:
        return None
    return _street_from_labels(labels)


def _street_from_labels(labels: dict[str, str]) -> ParsedStreet | None:
    """The parts of a line that ``usaddress`` labelled; None where it saw no street."""
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
    """The words of the street's name, in order."""
    text = " ".join(value for label, value in labels.items() if label.startswith("StreetName"))
    if "PlaceName" in labels and "StreetNamePostType" not in labels and not _has_place_labels(labels):
        # Without a suffix before it or a ZIP code behind it, a "place" is the street's last words.
        text = f"{text} {labels['PlaceName']}"
    return re.findall(r"[A-Z0-9/-]+", text)


def _has_place_labels(labels: dict[str, str]) -> bool:
    return "ZipCode" in labels or "StateName" in labels


def _join_labels(labels: dict[str, str], names: Iterable[str]) -> str | None:
    text = " ".join(labels[name] for name in names if name in labels)
    return " ".join(text.replace(",", " ").split()) or None


def _parse_by_position(text: str) -> ParsedStreet:
    """Number, street and unit by their places in the line."""
    text = text.replace(",", " ")
    unit = _UNIT_LAST.search(text)
    if unit:
        text = text[: unit.start()]
    numbered = _NUMBER_FIRST.match(text)
    number, name = numbered.groups() if numbered else (None, text)
    names = re.findall(r"[A-Z0-9/-]+", name)
    if not any(part.strip("-/") for part in names):
        return NO_STREET
    return ParsedStreet(number, abbreviate_street(names), parse_unit(unit[1]) if unit else None)


def _strip_unit(part: str) -> str:
    """A unit without a glued word (APT3) and as a plain number (5TH)."""
    if glued := _GLUED_UNIT.match(part):
        part = glued[1]
    part = ORDINALS.get(part, part)
    ordinal = _ORDINAL.match(part)
    return ordinal[1] if ordinal else part


def _to_ordinal(name: str) -> str:
    """A number as an ordinal, 102ND; any other text as it is."""
    if not name.isdigit():
        return name
    is_teen = name[-2:-1] == "1"
    return name + ("TH" if is_teen else _ORDINAL_ENDINGS.get(name[-1], "TH"))

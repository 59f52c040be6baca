"""Parsing of addresses into comparable parts, and exclusion of confidential ones."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from mpi.domain.record import Address, CanonicalRecord
from mpi.standardize.address.postal_codes import names_a_street, parse_postal_code, parse_zip_code
from mpi.standardize.address.streets import ParsedStreet, parse_street, parse_unit
from mpi.standardize.address.usps_abbreviations import PLACE_WORDS
from mpi.standardize.fields import codes
from mpi.standardize.fields.dates import to_iso_day
from mpi.standardize.missing_values import is_missing_marker
from mpi.standardize.text_folding import CACHE_SIZE, split_words

# What an Address Confidentiality Program's substitute address carries.
_SUBSTITUTE_ADDRESS = re.compile(r"\(\s*ACP\s*\)|ADDRESS CONFIDENTIALITY|SAFE AT HOME", re.IGNORECASE)
_NOT_A_CITY = frozenset(("UNKNOWN", "UNK", "NONE", "N A", "NULL", "HOMELESS", "TRANSIENT", "TBD"))
_STREET_LINE = re.compile(r"\s*[0-9]\S*\s+\S")
_DIGIT = re.compile(r"[0-9]")


@dataclass(frozen=True, slots=True)
class ParsedAddress:
    """Parts of an address in standardized form.

    The fields are the columns of these names in ``Features``; ``key`` is an entry of ``addresses``.
    """

    number: str | None = None
    street: str | None = None
    unit: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    key: str | None = None


NO_ADDRESS = ParsedAddress()


def parse_addresses(record: CanonicalRecord) -> tuple[ParsedAddress, ...]:
    """Parse a record's addresses into comparable parts, in its order.

    A confidential record may state the program's substitute address or, by mistake, the true one:
    neither says where the person lives, so neither is compared.

    Returns:
        Nothing where the record's address is confidential.
    """
    if not record.addresses or is_address_confidential(record):
        return ()
    return tuple(map(parse_address, record.addresses))


def is_address_confidential(record: CanonicalRecord) -> bool:
    """Return whether a record's addresses are confidential at its own date.

    A restriction whose end cannot be read, or lies ahead, holds; so does one that is yet to begin. The clock
    does not count, since what is compared follows from the record alone; for what may be shown today see
    ``mpi.standardize.restrictions``.
    """
    as_of = (record.as_of or "")[:10]
    for restriction in record.restrictions:
        end = to_iso_day(restriction.end)
        if restriction.kind == "address_confidential" and not (end and as_of and end <= as_of):
            return True
    return any(is_substitute_address(address) for address in record.addresses)


def list_address_keys(addresses: Iterable[ParsedAddress]) -> tuple[str, ...]:
    """Return comparison keys of complete addresses, sorted."""
    return tuple(sorted({address.key for address in addresses if address.key}))


@lru_cache(CACHE_SIZE)
def parse_address(address: Address) -> ParsedAddress:
    """Parse one address into comparable parts."""
    street, unit = _parse_lines(address.address_line1, address.address_line2)
    city = parse_city(address.city or street.city)
    postal_code = (
        parse_postal_code(address.postal_code) if address.postal_code else parse_zip_code(street.postal_code)
    )
    where = postal_code or city
    key = None
    is_home = street.number or street.is_box or names_a_street(postal_code)
    if street.street and where and is_home:
        key = format_address_key(street.number, street.street, where)
    return ParsedAddress(
        street.number, street.street, unit, city, codes.parse_state(address.state), postal_code, key
    )


def format_address_key(number: str | None, street: str, where: str) -> str:
    """Format an address's comparison key: ``number street|where``.

    Args:
        number: house number; None for a post-office box, or a house that is known by its name.
        street: street in USPS abbreviations.
        where: postal code, or else city.
    """
    return f"{number} {street}|{where}" if number else f"{street}|{where}"


@lru_cache(CACHE_SIZE)
def parse_city(text: str | None) -> str | None:
    """Fold a city's name, its St, Mt and Ft spelled out."""
    if not text or is_missing_marker(text):
        return None
    first, *rest = split_words(text) or ("",)
    name = " ".join((PLACE_WORDS.get(first, first) if rest else first, *rest))
    return name if name and name not in _NOT_A_CITY else None


def _parse_lines(line1: str | None, line2: str | None) -> tuple[ParsedStreet, str | None]:
    """Return the street of the line that holds one, and the unit."""
    if line1 and line2 and not _DIGIT.search(line1) and _STREET_LINE.match(line2):
        street = parse_street(line2)  # "c/o" and a name come first
        return street, street.unit
    street = parse_street(line1)
    return street, street.unit or parse_unit(line2)


def is_substitute_address(address: Address) -> bool:
    """Return whether an address is a confidentiality program's substitute."""
    if address.type and address.type.upper() == "ACP":
        return True
    lines = (address.address_line1, address.address_line2, address.city)
    return _SUBSTITUTE_ADDRESS.search("|".join(filter(None, lines))) is not None  # no mark spans two of them

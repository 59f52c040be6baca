"""Code lists of scalar fields, with the meaning of each code.

Sources: CEDS elements 000255 (sex), 000033 (birth date), 000431 (multiple birth) and 000051 (country);
Ed-Fi descriptors Sex and OperationalStatus; AFCARS 2020 element 6 (child's sex: 1, 2); HL7 FHIR R4
administrative gender; USPS Publication 28, appendix B, for the states.
"""

from functools import lru_cache

from mpi.standardize.missing_values import is_missing_marker
from mpi.standardize.text_folding import squeeze

_SEX = {
    **dict.fromkeys(("M", "MALE", "BOY", "MAN", "1"), "M"),
    **dict.fromkeys(("F", "FEMALE", "GIRL", "WOMAN", "2"), "F"),
    **dict.fromkeys(("X", "NOTSELECTED", "NONBINARY", "OTHER", "NB", "ANOTHERGENDER"), "X"),
}
_SEX_NOT_STATED = frozenset(
    ("U", "UNK", "UNKNOWN", "NA", "NONE", "0", "9", "99", "NOTREPORTED", "MISSING", "DECLINED")
)

SEX_CODES = frozenset(_SEX) | _SEX_NOT_STATED
"""Known codes of a sex, folded."""

_YES = frozenset(("Y", "YES", "TRUE", "T", "1"))
_NO = frozenset(("N", "NO", "FALSE", "F", "0"))
_YES_NO_UNKNOWN = frozenset(("U", "UNK", "UNKNOWN", "NA", "NOTREPORTED", "9"))
YES_NO_CODES = _YES | _NO | _YES_NO_UNKNOWN
"""Known codes of yes, no and unknown, folded."""

BIRTH_DATE_QUALITIES = frozenset(("VERIFIED", "REPORTED", "ESTIMATED", "PLACEHOLDER"))
"""Known codes of ``birth_date_quality``, folded."""
MAX_BIRTH_ORDER = 20
"""Highest place of a child in the order of one birth; a higher number is a mistake."""
RESTRICTION_KINDS = frozenset(("sealed", "expunged", "address_confidential", "protective_order", "opt_out"))
"""Kinds of restrictions that the index obeys."""
FLAG_VALUES = frozenset("YNU")
"""Values of a flag: yes, no, unknown."""

STATES = {
    "ALABAMA": "AL", "ALASKA": "AK", "ARIZONA": "AZ", "ARKANSAS": "AR", "CALIFORNIA": "CA",
    "COLORADO": "CO", "CONNECTICUT": "CT", "DELAWARE": "DE", "DISTRICTOFCOLUMBIA": "DC",
    "FLORIDA": "FL", "GEORGIA": "GA", "HAWAII": "HI", "IDAHO": "ID", "ILLINOIS": "IL",
    "INDIANA": "IN", "IOWA": "IA", "KANSAS": "KS", "KENTUCKY": "KY", "LOUISIANA": "LA",
    "MAINE": "ME", "MARYLAND": "MD", "MASSACHUSETTS": "MA", "MICHIGAN": "MI", "MINNESOTA": "MN",
    "MISSISSIPPI": "MS", "MISSOURI": "MO", "MONTANA": "MT", "NEBRASKA": "NE", "NEVADA": "NV",
    "NEWHAMPSHIRE": "NH", "NEWJERSEY": "NJ", "NEWMEXICO": "NM", "NEWYORK": "NY",
    "NORTHCAROLINA": "NC", "NORTHDAKOTA": "ND", "OHIO": "OH", "OKLAHOMA": "OK", "OREGON": "OR",
    "PENNSYLVANIA": "PA", "RHODEISLAND": "RI", "SOUTHCAROLINA": "SC", "SOUTHDAKOTA": "SD",
    "TENNESSEE": "TN", "TEXAS": "TX", "UTAH": "UT", "VERMONT": "VT", "VIRGINIA": "VA",
    "WASHINGTON": "WA", "WESTVIRGINIA": "WV", "WISCONSIN": "WI", "WYOMING": "WY",
    "AMERICANSAMOA": "AS", "GUAM": "GU", "NORTHERNMARIANAISLANDS": "MP", "PUERTORICO": "PR",
    "VIRGINISLANDS": "VI",
}  # fmt: skip
"""Folded names of US states and territories, with their codes."""
STATE_CODES = frozenset(STATES.values())
"""Two-letter codes of US states and territories."""

_COUNTRIES = {
    **dict.fromkeys(("US", "USA", "UNITEDSTATES", "UNITEDSTATESOFAMERICA", "AMERICA"), "US"),
    **dict.fromkeys(("MX", "MEX", "MEXICO"), "MX"),
    **dict.fromkeys(("CA", "CAN", "CANADA"), "CA"),
}


@lru_cache
def parse_sex(text: str | None) -> str | None:
    """Return ``M``, ``F`` or ``X``; None where not stated or unknown."""
    return _SEX.get(squeeze(text)) if text else None


@lru_cache
def is_sex_code(text: str) -> bool:
    """Return whether a text is a known sex code, "not stated" included."""
    code = squeeze(text)
    return code in _SEX or code in _SEX_NOT_STATED


def parse_birth_order(text: str | None) -> int | None:
    """Return a child's place among a multiple birth, from 1, or None."""
    if not text or not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_BIRTH_ORDER)):
        return None
    return int(text) if 1 <= int(text) <= MAX_BIRTH_ORDER else None


def parse_yes_no(text: str) -> bool | None:
    """Return True or False for a yes or a no, else None."""
    code = squeeze(text)
    if code in _YES:
        return True
    return False if code in _NO else None


def parse_flag_value(text: str) -> str | None:
    """Return a flag's value, ``Y``, ``N`` or ``U``; None for other text."""
    if text in FLAG_VALUES:
        return text
    if is_missing_marker(text) or not is_yes_no_code(text):
        return None
    return {True: "Y", False: "N", None: "U"}[parse_yes_no(text)]


def is_yes_no_code(text: str) -> bool:
    """Return whether a text is a yes, a no or "unknown"."""
    code = squeeze(text)
    return code in _YES or code in _NO or code in _YES_NO_UNKNOWN


@lru_cache(1024)
def parse_state(text: str | None) -> str | None:
    """Return the two letters of a US state, or another place folded."""
    if not text or is_missing_marker(text):
        return None
    code = squeeze(text)
    bare_code = code.removeprefix("US")  # ISO 3166-2 writes US-OH
    return bare_code if bare_code in STATE_CODES else STATES.get(code, code) or None


@lru_cache(1024)
def parse_country(text: str | None) -> str | None:
    """Return a country as ``US``, ``MX``, ``CA``, or another name folded."""
    if not text or is_missing_marker(text):
        return None
    code = squeeze(text)
    return _COUNTRIES.get(code, code) or None

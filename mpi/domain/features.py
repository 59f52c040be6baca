"""Features: one record made comparable. What the model compares, and all that it may compare.

Every column is missing (None or an empty tuple) rather than empty, folded (ASCII, upper case) and free
of placeholders. Special-population flags, race and ethnicity are not here: they are never evidence (law 8).
The columns are the columns of the scoring table in DuckDB and of the compiled scorer alike.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Features:
    """The comparable form of a record version.

    Args:
        given: first name, letters only, spaces closed up (``MARYANN``); None for a placeholder.
        given_forms: every given name the record bears: ``given``, its tokens, preferred and other names.
        given_roots: ``given_forms`` with the formal names that each is a nickname of
            (``LIZ``: ``ELIZABETH``).
        middle: middle name or initial, letters only.
        middle_initial: its first letter.
        surname: last name with particles, hyphens and spaces closed up (``VANDENBERG``).
        surname_tokens: its parts, sorted, without particles; two surnames are two tokens.
        surname_forms: every last name the record bears, each closed up: current, preferred, other names.
        suffix: ``JR``, ``SR``, ``II``, ``III``, ``IV``.
        birth_date: ``YYYY-MM-DD`` if whole and not a placeholder.
        birth_date_swapped: day and month exchanged, where that is another real date.
        birth_dates: ``birth_date`` with previous birth dates.
        birth_year: the year, also of a partial or placeholder date.
        sex: ``M``, ``F`` or ``X``.
        ssn: keyed token of a valid nine-digit number.
        ssn_last4: keyed token of the last four digits, from either field.
        identifiers: keyed tokens of (system, assigner, value), sorted.
        identifiers_near: shorter keyed tokens of the same with one character of the value left out, and of
            the whole; two values that one slip of the pen tells apart share one.
        identifier_systems: keyed tokens of (system, assigner) alone, sorted.
        street_number: house number.
        street: street name in USPS abbreviations, without number and unit.
        unit: apartment or unit.
        city: city.
        state: two letters where known.
        postal_code: five digits.
        addresses: ``number street|postal code or city`` of each address, sorted; ``|unit`` after it where the
            configuration lists the house as a shared one.
        phones: E.164 numbers, sorted.
        email: lower case.
        guardians: ``GIVEN SURNAME`` of each parent or guardian, closed up, and with the formal names that the
            given name may be a nickname of; sorted.
        household_ids: the source's household or family identifiers, namespaced by source, sorted.
        birth_place: ``CITY|STATE|COUNTRY`` of birth.
        multiple_birth: whether the source says twin or other multiple; may only lower a band.
        placement_homes: those of ``addresses`` in which the child is or was placed, sorted; may only lower a
            band.
        shared_homes: addresses that the configuration lists as homes of many people, taken out of
            ``addresses``, sorted.
        guardian_surnames: the last names of ``guardians``, sorted.
        household_system: the source whose ``household_ids`` they are; None where it gave none.
    """

    given: str | None = None
    given_forms: tuple[str, ...] = ()
    given_roots: tuple[str, ...] = ()
    middle: str | None = None
    middle_initial: str | None = None
    surname: str | None = None
    surname_tokens: tuple[str, ...] = ()
    surname_forms: tuple[str, ...] = ()
    suffix: str | None = None
    birth_date: str | None = None
    birth_date_swapped: str | None = None
    birth_dates: tuple[str, ...] = ()
    birth_year: int | None = None
    sex: str | None = None
    ssn: str | None = None
    ssn_last4: str | None = None
    identifiers: tuple[str, ...] = ()
    identifiers_near: tuple[str, ...] = ()
    identifier_systems: tuple[str, ...] = ()
    street_number: str | None = None
    street: str | None = None
    unit: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    addresses: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    email: str | None = None
    guardians: tuple[str, ...] = ()
    household_ids: tuple[str, ...] = ()
    birth_place: str | None = None
    multiple_birth: bool | None = None
    placement_homes: tuple[str, ...] = ()
    shared_homes: tuple[str, ...] = ()
    guardian_surnames: tuple[str, ...] = ()
    household_system: str | None = None


FEATURE_COLUMNS = tuple(field.name for field in fields(Features))
LIST_COLUMNS = frozenset(field.name for field in fields(Features) if str(field.type).startswith("tuple"))
TEXT_COLUMNS = frozenset(field.name for field in fields(Features) if field.type == str | None)

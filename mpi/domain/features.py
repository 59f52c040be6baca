"""Features: the comparable form of a record, which a model compares.

Every column is missing (None or an empty tuple) rather than empty, folded (ASCII, upper case) and free
of placeholders. Special-population flags, race and ethnicity are not here: they are never evidence (law 8).
The scoring table in DuckDB and the compiled scorer have the same columns.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Features:
    """Standardized values of a record version, by which records are compared.

    Args:
        given: first name, letters only, without spaces (``MARYANN``); None for a placeholder.
        given_forms: every given name of the record: ``given``, its tokens, preferred and other names.
        given_roots: ``given_forms`` with the formal names of each nickname (``LIZ``: ``ELIZABETH``).
        middle: middle name or initial, letters only.
        middle_initial: first letter of ``middle``.
        surname: last name with particles, without hyphens and spaces (``VANDENBERG``).
        surname_tokens: parts of the last name, sorted, without particles; two surnames are two tokens.
        surname_forms: every last name of the record, without spaces: current, preferred, other names.
        suffix: ``JR``, ``SR``, ``II``, ``III``, ``IV``.
        birth_date: ``YYYY-MM-DD`` if whole and not a placeholder.
        birth_date_swapped: day and month exchanged, where that is another real date.
        birth_dates: ``birth_date`` with previous birth dates.
        birth_year: year of birth, also of a partial or placeholder date.
        sex: ``M``, ``F`` or ``X``.
        ssn: keyed token of a valid nine-digit number.
        ssn_last4: keyed token of the last four digits, from either field.
        identifiers: keyed tokens of (system, assigner, value), sorted.
        identifiers_near: shorter keyed tokens of each value whole and with one character left out; two
            values that differ by one typing error share one.
        identifier_systems: keyed tokens of (system, assigner) alone, sorted.
        street_number: house number.
        street: street name in USPS abbreviations, without number and unit.
        unit: apartment or unit.
        city: city.
        state: two letters where known.
        postal_code: five digits of a ZIP code; a code of another country in upper case, its halves, if it
            has two, parted by a blank (``SW1A 1AA``).
        addresses: ``number street|postal code or city`` of each address, sorted; followed by ``|unit`` where
            the configuration lists the house as a shared one.
        phones: E.164 numbers, sorted; a number of an unknown country is its digits (``02079460018``).
        email: lower case.
        guardians: ``GIVEN SURNAME`` of each parent or guardian, without spaces inside a name, also under each
            formal name of a nickname; sorted.
        household_ids: the source's household or family identifiers, prefixed by the source, sorted.
        birth_place: ``CITY|STATE|COUNTRY`` of birth.
        multiple_birth: whether the source says twin or other multiple; can only lower a band.
        placement_homes: the ``addresses`` in which the child is or was placed, sorted; can only lower a band.
        shared_homes: addresses that the configuration lists as homes of many people, removed from
            ``addresses``, sorted.
        guardian_surnames: last names of ``guardians``, sorted.
        household_system: the source that issued ``household_ids``; None where it gave none.
        source: code of the record's source; only conditions that can lower a band may read it.
        tokens_initial: keyed hashes of linkage tokens of rule T1: last name, first letter, sex, birth date.
        tokens_place: the same of rule T2: names, birth date, first digits of the ZIP code.
        tokens_name: the same of rule T3: names, sex, birth date.
        tokens_number: the same of rule T4: SSN, sex, birth date.
        tokens_short: the same of rule T5: last name, first three letters, sex.
        token_exchanges: keyed hashes of the exchanges of its tokens of rules T1, T3 and T5.
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
    source: str | None = None
    tokens_initial: tuple[str, ...] = ()
    tokens_place: tuple[str, ...] = ()
    tokens_name: tuple[str, ...] = ()
    tokens_number: tuple[str, ...] = ()
    tokens_short: tuple[str, ...] = ()
    token_exchanges: tuple[str, ...] = ()


FEATURE_COLUMNS = tuple(field.name for field in fields(Features))
"""Names of all feature columns, in stored order."""
LIST_COLUMNS = frozenset(field.name for field in fields(Features) if str(field.type).startswith("tuple"))
"""Feature columns that hold a list of texts."""
TEXT_COLUMNS = frozenset(field.name for field in fields(Features) if field.type == str | None)
"""Feature columns that hold one text."""

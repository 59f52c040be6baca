"""Standardization of one canonical record into features.

Every path of the index uses it.
"""

from mpi.domain.features import Features
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.record import CanonicalRecord
from mpi.standardize.address.addresses import NO_ADDRESS, list_address_keys, parse_addresses, parse_city
from mpi.standardize.address.placements import find_placement_homes
from mpi.standardize.birth_dates import BirthDates, parse_birth_dates
from mpi.standardize.fields import codes
from mpi.standardize.identifiers import normalize_household_ids, tokenize_identifiers
from mpi.standardize.name.guardians import build_guardian_names, extract_surnames
from mpi.standardize.name.person_names import PersonNames, parse_person_names
from mpi.standardize.phones import parse_email, parse_phones
from mpi.standardize.tokens.record_tokens import compare_by_tokens


def standardize(record: CanonicalRecord, source: str, keyed_hash: KeyedHash) -> Features:
    """Convert a record to the features by which records are compared.

    Flags, race and ethnicity have no influence; a restriction can only remove address evidence; the
    local ID does not enter.

    Args:
        record: a validated record.
        source: code of its source, which also prefixes its household identifiers.
        keyed_hash: the keyed hash of the index, for identifiers, with its exchanges of linkage tokens.
    """
    names: PersonNames = parse_person_names(record)
    birth_dates: BirthDates = parse_birth_dates(record)
    identifier_tokens = tokenize_identifiers(record.identifiers, keyed_hash)
    homes = parse_addresses(record)
    first_home = homes[0] if homes else NO_ADDRESS
    guardians = build_guardian_names(record.guardians)
    households = normalize_household_ids(record.household_ids, source)
    features = Features(
        given=names.given,
        given_forms=names.given_forms,
        given_roots=names.given_roots,
        middle=names.middle,
        middle_initial=names.middle[0] if names.middle else None,
        surname=names.surname,
        surname_tokens=names.surname_tokens,
        surname_forms=names.surname_forms,
        suffix=names.suffix,
        birth_date=birth_dates.day,
        birth_date_swapped=birth_dates.swapped,
        birth_dates=birth_dates.days,
        birth_year=birth_dates.year,
        sex=codes.parse_sex(record.sex),
        ssn=keyed_hash.read_kept_token("ssn", record.ssn_token),
        ssn_last4=keyed_hash.read_kept_token("ssn4", record.ssn_last4_token),
        identifiers=identifier_tokens.tokens,
        identifiers_near=identifier_tokens.near,
        identifier_systems=identifier_tokens.systems,
        street_number=first_home.number,
        street=first_home.street,
        unit=first_home.unit,
        city=first_home.city,
        state=first_home.state,
        postal_code=first_home.postal_code,
        addresses=list_address_keys(homes),
        phones=parse_phones(record.phone),
        email=parse_email(record.email),
        guardians=guardians,
        household_ids=households,
        birth_place=format_birth_place(record),
        multiple_birth=True if names.says_multiple_birth else record.multiple_birth,
        placement_homes=find_placement_homes(record, homes),
        guardian_surnames=extract_surnames(guardians),
        household_system=source if households else None,
        source=source,
    )
    return compare_by_tokens(features, record, keyed_hash) if keyed_hash.exchanges else features


def format_birth_place(record: CanonicalRecord) -> str | None:
    """Format city, state and country of birth; None without a city."""
    city = parse_city(record.birth_city)
    if city is None:
        return None
    state = codes.parse_state(record.birth_state)
    country = codes.parse_country(record.birth_country)
    if country is None and state in codes.STATE_CODES:
        country = "US"
    return f"{city}|{state or ''}|{country or ''}"

"""Groups of record fields with the feature columns that depend on them.

Every reader function calls ``mpi.standardize`` for a record of which only the group's fields are
known.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from mpi.domain.features import FEATURE_COLUMNS
from mpi.domain.record import Address, CanonicalRecord, Enrollment, Guardian, Placement
from mpi.matching.scoring.splink_engine import make_feature_schema
from mpi.standardize.address.addresses import NO_ADDRESS, list_address_keys, parse_addresses
from mpi.standardize.address.placements import find_placement_homes
from mpi.standardize.birth_dates import parse_birth_dates
from mpi.standardize.fields import codes, list_items
from mpi.standardize.fields.lists import parse_scalars
from mpi.standardize.fields.record_shape import FLAT_COLUMNS
from mpi.standardize.fields.scalars import parse_local_id, parse_text
from mpi.standardize.identifiers import normalize_household_ids, tokenize_identifiers
from mpi.standardize.name.guardians import build_guardian_names, extract_surnames
from mpi.standardize.name.names import add_formal_names, parse_given_name, parse_middle_name, parse_suffix
from mpi.standardize.name.person_names import choose_surname
from mpi.standardize.name.placeholders import is_multiple_birth_name
from mpi.standardize.phones import parse_email, parse_phones
from mpi.standardize.record_validation import parse_as_of, parse_multiple_birth
from mpi.standardize.ssn import tokenize_ssn
from mpi.standardize.standardizer import format_birth_place
from training.records import KEYED_HASH, SOURCE_COLUMN

Values = Sequence[str | None]
"""Values of a group's fields in one record, in field order."""

RARE_FIELDS = frozenset(("preferred_name", "other_names", "previous_birth_dates", "restrictions"))
"""Fields that few records fill and that several groups need.

A record with one of them is standardized as a whole.
"""

REFUSED_COLUMN = "refused"

_DAY_COLUMN, _CAREGIVER_COLUMN = "as_of_day", "carer"
_DUMMY_LOCAL_ID = "0"  # for records of which only other fields matter
_FEATURE_TYPES = {field.name: field.type for field in make_feature_schema(FEATURE_COLUMNS)}
_HELPER_TYPES = {
    "given_suffix": pa.string(), "surname_suffix": pa.string(), "middle_suffix": pa.string(),
    "own_suffix": pa.string(), "says_multiple_birth": pa.bool_(), "said_multiple_birth": pa.bool_(),
    _DAY_COLUMN: pa.string(), _CAREGIVER_COLUMN: pa.string(),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FieldGroup:
    """Feature columns that are standardized together from the same raw fields.

    Args:
        name: name of the group.
        fields: raw fields, or columns that an earlier group outputs.
        outputs: columns that the group outputs; none if it only checks whether a record is refused.
        read: function from values and time of receipt to the columns; raises RecordError as record
            validation does.
        required_field: field without which the group reads nothing.
        trivial_pattern: pattern of values of a lone field that the group may treat as missing.
    """

    name: str
    fields: tuple[str, ...]
    outputs: tuple[str, ...]
    read: Callable[[Values, datetime], Sequence[object]]
    required_field: str | None = None
    trivial_pattern: str | None = None

    @property
    def column_types(self) -> dict[str, pa.DataType]:
        """Arrow type of each feature column that the group makes."""
        return {name: _FEATURE_TYPES.get(name, _HELPER_TYPES.get(name)) for name in self.outputs}

    @property
    def null_row(self) -> tuple[None, ...]:
        """Feature values of a record that validation refuses."""
        return (None,) * len(self.outputs)


def find_group(name: str) -> FieldGroup:
    """Return the group of raw fields with a given name."""
    return _GROUPS_BY_NAME[name]


def _read_as_of(values: Values, received: datetime) -> Sequence[object]:
    """Standardize the day of ``as_of``, when a record was true."""
    return (parse_as_of(values[0], received)[:10],)


def _read_first_name(values: Values, _: datetime) -> Sequence[object]:
    """Standardize a first name to its feature columns."""
    text = parse_text("first_name", values[0])
    name = parse_given_name(text)
    name_roots = tuple(sorted(add_formal_names(frozenset(name.forms))))
    is_multiple_birth = text is not None and is_multiple_birth_name(text)
    return name.name, name.forms or None, name_roots or None, name.suffix, is_multiple_birth


def _read_last_name(values: Values, _: datetime) -> Sequence[object]:
    """Standardize a last name to its feature columns."""
    name = choose_surname(parse_text("first_name", values[0]), parse_text("last_name", values[1]))
    return name.name, name.tokens or None, (name.name,) if name.name else None, name.suffix


def _read_middle_name(values: Values, _: datetime) -> Sequence[object]:
    """Standardize a middle name to its feature columns."""
    name = parse_middle_name(parse_text("middle_name", values[0]))
    return name.name, name.name[0] if name.name else None, name.suffix


def _read_name_suffix(values: Values, _: datetime) -> Sequence[object]:
    """Standardize a name suffix such as Jr."""
    return (parse_suffix(parse_text("suffix", values[0])),)


def _read_birth_date(values: Values, _: datetime) -> Sequence[object]:
    """Standardize a birth date to its feature columns."""
    day, quality, as_of = values
    record = CanonicalRecord(
        _DUMMY_LOCAL_ID,
        birth_date=parse_text("birth_date", day),
        birth_date_quality=parse_text("birth_date_quality", quality),
        as_of=as_of,
    )
    birth = parse_birth_dates(record)
    return birth.day, birth.swapped, birth.days or None, birth.year


def _read_sex(values: Values, _: datetime) -> Sequence[object]:
    """Standardize a sex code."""
    return (codes.parse_sex(parse_text("sex", values[0])),)


def _read_numbers(values: Values, _: datetime) -> Sequence[object]:
    """Convert SSN and identifiers to keyed tokens."""
    ssn, last4, cell = values
    identifiers, ssns = list_items.build_identifiers(cell)
    sealed = tokenize_ssn(parse_text("ssn", ssn), parse_text("ssn_last4", last4), ssns, KEYED_HASH)
    tokens = tokenize_identifiers(identifiers, KEYED_HASH)
    return (
        sealed.full_token,
        sealed.last4_token,
        tokens.tokens or None,
        tokens.near or None,
        tokens.systems or None,
    )


def _read_home(values: Values, _: datetime) -> Sequence[object]:
    """Standardize addresses to their feature columns."""
    *address_values, relationship = values
    fields = {
        name: value for name, value in zip(_ADDRESS_FIELDS, address_values, strict=True) if value is not None
    }
    record = CanonicalRecord(
        _DUMMY_LOCAL_ID,
        addresses=list_items.build_dated_items("addresses", Address, fields),
        guardians=(Guardian(guardian_relationship=relationship),) if relationship else (),
    )
    homes = parse_addresses(record)
    home = homes[0] if homes else NO_ADDRESS
    return (
        home.number,
        home.street,
        home.unit,
        home.city,
        home.state,
        home.postal_code,
        list_address_keys(homes) or None,
        find_placement_homes(record, homes) or None,
    )


def _read_phone(values: Values, _: datetime) -> Sequence[object]:
    """Standardize phone numbers."""
    return (parse_phones(parse_text("phone", values[0])) or None,)


def _read_email_address(values: Values, _: datetime) -> Sequence[object]:
    """Standardize an e-mail address."""
    return (parse_email(parse_text("email", values[0])),)


def _read_guardians(values: Values, _: datetime) -> Sequence[object]:
    """Standardize guardians' names to their feature columns."""
    fields = {name: value for name, value in zip(_GUARDIAN_FIELDS, values, strict=True) if value is not None}
    guardians = list_items.build_dated_items("guardians", Guardian, fields)
    names = build_guardian_names(guardians)
    relationship = guardians[0].guardian_relationship if guardians else None
    return names or None, extract_surnames(names) or None, relationship


def _read_households(values: Values, _: datetime) -> Sequence[object]:
    """Standardize household IDs."""
    cell, source = values
    household_tokens = normalize_household_ids(parse_scalars("household_ids", cell), str(source))
    return household_tokens or None, str(source) if household_tokens else None


def _read_birth_place(values: Values, _: datetime) -> Sequence[object]:
    """Standardize a birth place."""
    city, state, country = map(parse_text, _BIRTH_PLACE_FIELDS, values)
    return (
        format_birth_place(
            CanonicalRecord(_DUMMY_LOCAL_ID, birth_city=city, birth_state=state, birth_country=country)
        ),
    )


def _read_multiple_birth(values: Values, _: datetime) -> Sequence[object]:
    """Standardize whether the birth was multiple."""
    return (parse_multiple_birth(values[0])[0],)


def _check_local_id(values: Values, _: datetime) -> Sequence[object]:
    """Raise if record validation refuses the local ID."""
    if values[0] is not None:  # a missing local ID becomes the row number
        parse_local_id(values[0])
    return ()


def _check_race(values: Values, _: datetime) -> Sequence[object]:
    """Raise if record validation refuses the race."""
    parse_scalars("race", values[0])
    return ()


def _check_flags(values: Values, _: datetime) -> Sequence[object]:
    """Raise if record validation refuses the special-population flags."""
    list_items.build_flags(values[0])
    return ()


def _check_placements(values: Values, _: datetime) -> Sequence[object]:
    """Raise if record validation refuses the placements in care."""
    list_items.build_dated_items("placements", Placement, {"placements": values[0]})
    return ()


def _check_enrollments(values: Values, _: datetime) -> Sequence[object]:
    """Raise if record validation refuses the school enrollments."""
    fields = {
        name: value for name, value in zip(_ENROLLMENT_FIELDS, values, strict=True) if value is not None
    }
    list_items.build_dated_items("enrollments", Enrollment, fields)
    return ()


_ADDRESS_FIELDS = ("addresses", *FLAT_COLUMNS["addresses"])
_GUARDIAN_FIELDS = ("guardians", *FLAT_COLUMNS["guardians"])
_ENROLLMENT_FIELDS = ("enrollments", *FLAT_COLUMNS["enrollments"])
_BIRTH_PLACE_FIELDS = ("birth_city", "birth_state", "birth_country")
_ADDRESS_COLUMNS = (
    "street_number", "street", "unit", "city", "state", "postal_code", "addresses", "placement_homes",
)  # fmt: skip

GROUPS = (
    FieldGroup("guardian", _GUARDIAN_FIELDS, ("guardians", "guardian_surnames", _CAREGIVER_COLUMN),
               _read_guardians),
    FieldGroup("as_of", ("as_of",), (_DAY_COLUMN,), _read_as_of),
    FieldGroup("numbers", ("ssn", "ssn_last4", "identifiers"),
               ("ssn", "ssn_last4", "identifiers", "identifiers_near", "identifier_systems"), _read_numbers),
    FieldGroup("home", (*_ADDRESS_FIELDS, _CAREGIVER_COLUMN), _ADDRESS_COLUMNS, _read_home),
    FieldGroup("surname", ("first_name", "last_name"),
               ("surname", "surname_tokens", "surname_forms", "surname_suffix"), _read_last_name),
    FieldGroup("birth", ("birth_date", "birth_date_quality", _DAY_COLUMN),
               ("birth_date", "birth_date_swapped", "birth_dates", "birth_year"), _read_birth_date),
    FieldGroup("given", ("first_name",),
               ("given", "given_forms", "given_roots", "given_suffix", "says_multiple_birth"),
               _read_first_name),
    FieldGroup("middle", ("middle_name",), ("middle", "middle_initial", "middle_suffix"), _read_middle_name),
    FieldGroup("suffix", ("suffix",), ("own_suffix",), _read_name_suffix),
    FieldGroup("phone", ("phone",), ("phones",), _read_phone),
    FieldGroup("email", ("email",), ("email",), _read_email_address),
    FieldGroup("household", ("household_ids", SOURCE_COLUMN), ("household_ids", "household_system"),
               _read_households),
    FieldGroup("birth_place", _BIRTH_PLACE_FIELDS, ("birth_place",), _read_birth_place),
    FieldGroup("sex", ("sex",), ("sex",), _read_sex),
    FieldGroup("multiple", ("multiple_birth",), ("said_multiple_birth",), _read_multiple_birth),
    FieldGroup(name="local_id", fields=("local_id",), outputs=(), read=_check_local_id,
               trivial_pattern="^[!-~]{1,100}$"),
    FieldGroup("race", ("race",), (), _check_race),
    FieldGroup("flags", ("flags",), (), _check_flags),
    FieldGroup("placements", ("placements",), (), _check_placements),
    FieldGroup(name="enrollments", fields=_ENROLLMENT_FIELDS, outputs=(), read=_check_enrollments,
               required_field="enrollments"),
)  # fmt: skip
"""All field groups, in processing order.

The first two output columns that others read. The rest begin with those that take longest.
"""

FIRST_GROUPS, OTHER_GROUPS = GROUPS[:2], GROUPS[2:]

_GROUPS_BY_NAME = {group.name: group for group in GROUPS}

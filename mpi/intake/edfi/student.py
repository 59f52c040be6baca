"""Conversion of one Ed-Fi student to canonical fields.

By design, citizenship, visas, immigrant, refugee and asylee characteristics, grades, health and discipline
are not read. Names of properties: the Ed-Fi API, Data Standards 3.3 to 6.1. Descriptor codes: the Ed-Fi data
standard 5.2 (Apache-2.0).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mpi.intake.edfi.items import Item, list_objects, read_code, read_object, read_text
from mpi.intake.edfi.resources import POPULATION_OF_PROGRAM

Fields = dict[str, object]

FLAG_DEFINITION = "Ed-Fi 5.2"
"""Definition of flags from characteristics, which name no law."""

_POPULATION_OF_CHARACTERISTIC = {
    "Economic Disadvantaged": "economic_disadvantage",
    "Foster Care": "foster_care",
    "Homeless": "homeless",
    "Parent in Military": "military_connected",
    "Pregnant": "pregnant_or_parenting",
    "Runaway": "runaway",
    "Single Parent": "pregnant_or_parenting",
    "Unaccompanied Youth": "unaccompanied_youth",
}
_IDENTIFIER_SYSTEMS = {
    "District": "local_student_id",
    "Federal": "federal_student_id",
    "National Migrant": "msix_id",
    "School": "school_student_id",
    "State": "state_student_id",
    "State Migrant": "state_migrant_id",
    "Student Number": "student_number",
}
"""Ed-Fi systems whose codes identify a student.

A national insurance number is none of them, and is not read.
"""


@dataclass(slots=True)
class StudentDetails:
    """What Ed-Fi files other than the student file say about one student."""

    fields: Fields = field(default_factory=dict)
    flags: list[Fields] = field(default_factory=list)
    enrollments: list[Fields] = field(default_factory=list)
    contacts: list[tuple[str, str | None, bool]] = field(default_factory=list)
    """Reference of each contact, relationship, and whether the student lives with the contact."""


@dataclass(frozen=True, slots=True)
class StudentContact:
    """A parent, guardian or other contact, whom many students may share."""

    name: Fields
    addresses: tuple[Fields, ...]


def read_student(
    student: Item, details: StudentDetails | None, contacts: Mapping[str, StudentContact]
) -> Fields:
    """Return the canonical fields of an Ed-Fi student.

    Args:
        student: an item of ``students``.
        details: what other items say of the student.
        contacts: all contacts by their references.
    """
    fields = _drop_empty({
        "local_id": read_text(student, "studentUniqueId"),
        "first_name": read_text(student, "firstName"),
        "middle_name": read_text(student, "middleName"),
        "last_name": read_text(student, "lastSurname"),
        "suffix": read_text(student, "generationCodeSuffix"),
        "preferred_name": read_text(student, "preferredFirstName"),
        "other_names": list(_read_other_names(student)),
        "birth_date": read_text(student, "birthDate"),
        "sex": read_code(student, "birthSexDescriptor"),
        "birth_city": read_text(student, "birthCity"),
        "birth_state": read_code(student, "birthStateAbbreviationDescriptor"),
        "birth_country": read_code(student, "birthCountryDescriptor"),
        "multiple_birth": read_text(student, "multipleBirthStatus"),
    })  # fmt: skip
    merge_fields(fields, read_description(student))
    if details is not None:
        merge_fields(fields, details.fields)
        merge_fields(fields, _drop_empty({"flags": details.flags, "enrollments": details.enrollments}))
        merge_fields(
            fields, _read_contact_fields(details, contacts, with_addresses="addresses" not in fields)
        )
    return fields


def read_description(item: Item) -> Fields:
    """Return an Ed-Fi student's fields other than names and birth.

    Args:
        item: a student, or an item of one of the resources that describe a student.
    """
    fields = _drop_empty({
        "sex": read_code(item, "sexDescriptor"),
        "addresses": list(_read_addresses(item)),
        "phone": _read_first(item, "telephones", "telephoneNumber"),
        "email": _read_first(item, "electronicMails", "electronicMailAddress"),
        "flags": list(_read_characteristics(item)),
    })  # fmt: skip
    person = read_text(item, "personReference", "personId")
    system = read_code(item, "personReference", "sourceSystemDescriptor")
    if person and system:
        merge_fields(fields, {"identifiers": [_make_identifier("edfi_person_id", system, person)]})
    for code in list_objects(item, "studentIdentificationCodes"):
        merge_fields(fields, read_identification_code(code))
    return fields


def read_program_flag(resource: str, item: Item) -> Fields:
    """Return the special-population flag of an Ed-Fi program association."""
    return _make_flag(*POPULATION_OF_PROGRAM[resource], item)


def read_enrollment(item: Item) -> Fields:
    """Return the enrollment of an item of ``studentSchoolAssociations``."""
    return _drop_empty({
        "school_id": read_text(item, "schoolReference", "schoolId"),
        "grade": read_code(item, "entryGradeLevelDescriptor"),
        "entry_date": read_text(item, "entryDate"),
        "exit_date": read_text(item, "exitWithdrawDate"),
    })  # fmt: skip


def read_contact(item: Item) -> StudentContact:
    """Return what a student's record repeats of a contact or parent."""
    name = {
        "guardian_first_name": read_text(item, "firstName"),
        "guardian_last_name": read_text(item, "lastSurname"),
    }
    return StudentContact(_drop_empty(name), tuple(map(_drop_dates, _read_addresses(item))))


def read_identification_code(code: Item) -> Fields:
    """Return the canonical field that an Ed-Fi identification code fills.

    The organization that assigned it is the one that is named, or the one that the code belongs to.
    """
    system = read_code(code, "studentIdentificationSystemDescriptor") or ""
    value = read_text(code, "identificationCode")
    assigner = read_text(code, "assigningOrganizationIdentificationCode") or read_text(
        code, "educationOrganizationReference", "educationOrganizationId"
    )
    if value is None:
        return {}
    if system == "SSN":
        return {"ssn": value}
    if system == "Family":
        return {"household_ids": [value]}
    if system in _IDENTIFIER_SYSTEMS and assigner:
        return {"identifiers": [_make_identifier(_IDENTIFIER_SYSTEMS[system], assigner, value)]}
    return {}


def _drop_dates(address: Fields) -> Fields:
    """Return a contact's address without its dates.

    They say since when the contact lives there, not the student.
    """
    return {name: value for name, value in address.items() if name not in {"begin", "end"}}


def _read_contact_fields(
    details: StudentDetails, contacts: Mapping[str, StudentContact], *, with_addresses: bool
) -> Fields:
    """Return a student's guardians, and addresses of contacts sharing the home.

    The addresses are taken only where the student has none.
    """
    guardians: list[Fields] = []
    addresses: list[Fields] = []
    for reference, relationship, lives_with in details.contacts:
        contact = contacts.get(reference)
        if contact is None or not contact.name:
            continue
        guardians.append(_drop_empty({**contact.name, "guardian_relationship": relationship}))
        if lives_with and with_addresses:
            addresses += [address for address in contact.addresses if address not in addresses]
    return _drop_empty({"guardians": guardians, "addresses": addresses})


def _read_first(item: Item, name: str, value: str) -> str | None:
    """Return a value of the first object of a list."""
    return next((read_text(entry, value) for entry in list_objects(item, name)), None)


def _read_other_names(student: Item) -> Iterator[Fields]:
    """Yield the preferred and other names of a student."""
    preferred = {
        "first_name": read_text(student, "preferredFirstName"),
        "last_name": read_text(student, "preferredLastSurname"),
    }
    if preferred["last_name"]:
        yield {**_drop_empty(preferred), "type": "preferred"}
    for name in list_objects(student, "otherNames"):
        yield _drop_empty({
            "first_name": read_text(name, "firstName"),
            "middle_name": read_text(name, "middleName"),
            "last_name": read_text(name, "lastSurname"),
            "type": read_code(name, "otherNameTypeDescriptor"),
        })  # fmt: skip


def _read_addresses(item: Item) -> Iterator[Fields]:
    """Yield the addresses of an item."""
    for address in list_objects(item, "addresses"):
        period = next(list_objects(address, "periods"), read_object(address))
        yield _drop_empty({
            "address_line1": read_text(address, "streetNumberName"),
            "address_line2": read_text(address, "apartmentRoomSuiteNumber"),
            "city": read_text(address, "city"),
            "state": read_code(address, "stateAbbreviationDescriptor"),
            "postal_code": read_text(address, "postalCode"),
            "county": read_text(address, "nameOfCounty"),
            "type": read_code(address, "addressTypeDescriptor"),
            "begin": read_text(period, "beginDate"),
            "end": read_text(period, "endDate"),
        })  # fmt: skip


def _read_characteristics(item: Item) -> Iterator[Fields]:
    """Yield a special-population flag for each period of a known characteristic."""
    for entry in list_objects(item, "studentCharacteristics"):
        code = read_code(entry, "studentCharacteristicDescriptor")
        population = _POPULATION_OF_CHARACTERISTIC.get(code or "")
        if population is None:
            continue
        for period in [*list_objects(entry, "periods")] or [{}]:
            yield _make_flag(population, FLAG_DEFINITION, period)
    if read_code(item, "limitedEnglishProficiencyDescriptor") == "Limited":
        yield _make_flag("english_learner", FLAG_DEFINITION, {})


def _make_identifier(system: str, assigner: str, value: str) -> Fields:
    """Return an identifier in the form of canonical fields."""
    return {"system": system, "assigner": assigner, "value": value}


def _make_flag(population: str, definition: str, period: Item) -> Fields:
    """Return a special-population flag with the dates of an Ed-Fi period."""
    return _drop_empty({
        "population": population,
        "value": "Y",
        "definition": definition,
        "begin": read_text(period, "beginDate"),
        "end": read_text(period, "endDate"),
    })  # fmt: skip


def _drop_empty(values: Mapping[str, object]) -> Fields:
    """Return the canonical fields that have a value."""
    return {name: value for name, value in values.items() if value}


def merge_fields(fields: Fields, more: Fields) -> None:
    """Merge fields into a student's fields.

    Lists grow by entries that they do not hold yet; single values stay as they were.

    Args:
        fields: changed in place.
        more: fields to add.
    """
    for name, value in more.items():
        current = fields.setdefault(name, [] if isinstance(value, list) else value)
        if isinstance(current, list) and isinstance(value, list):
            # A new list: the old one may belong to what was gathered about the student.
            fields[name] = [*current, *(item for item in value if item not in current)]

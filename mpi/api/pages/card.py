"""What the page of a person shows, gathered from the use cases and put into words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mpi.domain.viewer import Viewer
from mpi.service.context import Index
from mpi.service.persons import LineageStep, PersonView, lineage, person
from mpi.service.records import read
from mpi.standardize.addresses import is_confidential_as_sent

WITHHELD = "withheld: confidential"

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RecordCard:
    """One source record in words."""

    agency: str
    system: str
    local_id: str
    as_of: str
    rows: tuple[tuple[str, str], ...]
    issues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonCard:
    """A person in words."""

    person: PersonView
    records: tuple[RecordCard, ...]
    steps: tuple[LineageStep, ...]


def person_card(index: Index, viewer: Viewer, text: str) -> PersonCard:
    """Gather what the page of an enterprise ID shows.

    Raises:
        EidError: it is not an enterprise ID.
        NotFoundError: it was never minted here.
        AccessDenied: the viewer may not read persons and records.
    """
    view = person(index, viewer, text)
    with index.database.read(viewer) as unit:
        sources = {source.code: source for source in unit.sources.all()}
    held = [(label, read(index, viewer, label.source, label.local_id)) for label in view.records]
    # What one agency must keep confidential, another agency's record of the child would tell.
    confidential = any(is_confidential_as_sent(stored["record"]) for _label, stored in held)
    cards = []
    for label, stored in held:
        record: Record = stored["record"]
        source = sources[label.source]
        issues = tuple(f"{issue['field']} ({issue['code'].replace('-', ' ')})" for issue in stored["issues"])
        cards.append(
            RecordCard(
                source.agency,
                source.name,
                label.local_id,
                day(record["as_of"]),
                tuple((name, value) for name, value in _rows(record, confidential=confidential) if value),
                issues,
            )
        )
    return PersonCard(view, tuple(cards), tuple(reversed(lineage(index, viewer, text))))


def day(moment: str) -> str:
    """The day of a moment, as the pages write it."""
    return moment[:10]


def minute(moment: str) -> str:
    """A moment to the minute, as the pages write it."""
    return moment[:16].replace("T", " ")


def _rows(record: Record, *, confidential: bool) -> Iterator[tuple[str, str]]:
    """The rows of a record's card; those without a value are for the caller to leave out."""
    yield "Name", _joined(record, "first_name", "middle_name", "last_name", "suffix")
    yield "Called", _joined(record, "preferred_name")
    yield (
        "Other names",
        "; ".join(
            _joined(name, "first_name", "middle_name", "last_name") for name in record.get("other_names", ())
        ),
    )
    yield "Born", _joined(record, "birth_date")
    yield "Earlier birth date", ", ".join(record.get("previous_birth_dates", ()))
    yield "Sex", _joined(record, "sex")
    yield from _where(record, confidential=confidential)
    yield "Guardian", "; ".join(_guardian(guardian) for guardian in record.get("guardians", ()))
    yield "School", "; ".join(_enrollment(enrollment) for enrollment in record.get("enrollments", ()))
    yield "Placement", "; ".join(_placement(placement) for placement in record.get("placements", ()))
    yield (
        "Identifiers",
        "; ".join(
            f"{identifier['system']} {identifier['value']}" for identifier in record.get("identifiers", ())
        ),
    )


def _where(record: Record, *, confidential: bool) -> Iterator[tuple[str, str]]:
    """Where the person lives and is called, or that it is withheld."""
    address = "; ".join(_address(address) for address in record.get("addresses", ()))
    phone = _joined(record, "phone")
    yield "Address", WITHHELD if confidential and address else address
    yield "Phone", WITHHELD if confidential and phone else phone


def _joined(values: Record, *names: str) -> str:
    return " ".join(values[name] for name in names if values.get(name))


def _address(address: Record) -> str:
    street = _joined(address, "address_line1", "address_line2")
    return ", ".join(line for line in (street, _joined(address, "city", "state", "postal_code")) if line)


def _guardian(guardian: Record) -> str:
    relationship = guardian.get("guardian_relationship")
    name = _joined(guardian, "guardian_first_name", "guardian_last_name")
    return f"{name} ({relationship})" if relationship else name


def _enrollment(enrollment: Record) -> str:
    return _told(
        enrollment,
        school_id="school {}",
        district_id="district {}",
        grade="grade {}",
        entry_date="from {}",
        exit_date="until {}",
    )


def _placement(placement: Record) -> str:
    return _told(placement, type="{}", county="{} county", begin="from {}", end="until {}")


def _told(values: Record, **words: str) -> str:
    """Those values that there are, each in its words."""
    return ", ".join(phrase.format(values[name]) for name, phrase in words.items() if values.get(name))

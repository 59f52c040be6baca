"""Quality of a match by agreeing elements, as in Identity Matching (IDI).

Compared is what the caller sent with what the caller is shown. So the score tells nothing that the answer
does not. Only an SSN, which no answer holds, is known by the comparison of the search itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rapidfuzz.distance import OSA

from mpi.api.fhir.patient_input import SentRecord
from mpi.api.fhir.patient_output import list_record_refs
from mpi.domain.record import Address
from mpi.matching.compiler.online_scorer import WeightContribution
from mpi.service.persons.golden_record import GoldenRecord
from mpi.standardize.address.addresses import ParsedAddress, parse_address
from mpi.standardize.fields.codes import parse_sex
from mpi.standardize.fields.dates import parse_birth_date
from mpi.standardize.name.names import parse_given_name, parse_middle_name, parse_surname
from mpi.standardize.phones import parse_email, parse_phones


class Element(StrEnum):
    """An element that agrees."""

    NAMES = "first and last name"
    BIRTH_DATE = "birth date"
    SEX = "sex"
    MIDDLE_NAME = "middle name"
    SSN = "SSN"
    SSN_LAST4 = "last four digits of the SSN"
    STREET = "address line"
    POSTAL_CODE = "ZIP code"
    CITY = "city"
    STATE = "state"
    PHONE = "phone"
    EMAIL = "e-mail"
    NUMBER = "number of another system"
    RECORD = "local ID or enterprise ID"


_NAMED = frozenset((Element.NAMES, Element.BIRTH_DATE))
GRADES: tuple[tuple[float, tuple[frozenset[Element], ...]], ...] = (
    (
        0.99,
        (
            frozenset((Element.RECORD,)),
            frozenset((Element.NAMES, Element.NUMBER)),
            _NAMED | {Element.SSN},
        ),
    ),
    (
        0.8,
        (
            _NAMED | {Element.STREET, Element.POSTAL_CODE},
            _NAMED | {Element.STREET, Element.CITY, Element.STATE},
            _NAMED | {Element.EMAIL},
        ),
    ),
    (
        0.7,
        (
            _NAMED | {Element.SEX, Element.SSN_LAST4},
            _NAMED | {Element.SEX, Element.POSTAL_CODE},
            _NAMED | {Element.SEX, Element.MIDDLE_NAME},
            _NAMED | {Element.PHONE},
        ),
    ),
    (0.6, (_NAMED,)),
)
"""Scores of IDI 2.0.0, best first, each with the sets of elements of which one must agree."""
LOWEST_SCORE = 0.5
"""Highest score of a match of which no set of elements agrees."""
_SAME_LEVELS = ("same", "equal")


@dataclass(frozen=True, slots=True)
class ComparedValues:
    """Values of a record in comparable form.

    Args:
        first_name: first name, folded.
        last_name: last name, folded.
        middle_name: middle name of more than an initial, folded.
        birth_date: whole birth date.
        sex: code of the sex.
        phones: phone numbers.
        email: e-mail address.
        addresses: homes.
        numbers: system, assigner and value of identifiers.
    """

    first_name: str | None
    last_name: str | None
    middle_name: str | None
    birth_date: str | None
    sex: str | None
    phones: frozenset[str]
    email: str | None
    addresses: tuple[ParsedAddress, ...]
    numbers: frozenset[tuple[str, str, str]]


def read_compared_values(values: Mapping[str, Any]) -> ComparedValues:
    """Return canonical values in comparable form."""
    return ComparedValues(
        first_name=parse_given_name(values.get("first_name")).name,
        last_name=parse_surname(values.get("last_name")).name,
        middle_name=_read_middle_name(values.get("middle_name")),
        birth_date=parse_birth_date(values.get("birth_date") or "").day,
        sex=parse_sex(values.get("sex")),
        phones=frozenset(parse_phones(values.get("phone"))),
        email=parse_email(values.get("email")),
        addresses=tuple(parse_address(Address(**one)) for one in values.get("addresses", ())),
        numbers=frozenset(
            (one["system"], one["assigner"], one["value"]) for one in values.get("identifiers", ())
        ),
    )


def find_agreements(
    sent: SentRecord, record: GoldenRecord, contributions: Iterable[WeightContribution]
) -> frozenset[Element]:
    """Return the elements in which a sent and a shown record agree.

    Args:
        sent: what the caller sent.
        record: the golden record that the caller is shown.
        contributions: comparisons of the search, of which that of the SSN is used.
    """
    left, right = read_compared_values(sent.fields), read_compared_values(_collect_values(record))
    agreeing = {
        Element.NAMES: _are_alike(left.first_name, right.first_name)
        and _are_alike(left.last_name, right.last_name),
        Element.BIRTH_DATE: _are_same(left.birth_date, right.birth_date),
        Element.SEX: _are_same(left.sex, right.sex),
        Element.MIDDLE_NAME: _are_same(left.middle_name, right.middle_name),
        Element.PHONE: bool(left.phones & right.phones),
        Element.EMAIL: _are_same(left.email, right.email),
        Element.NUMBER: bool(left.numbers & right.numbers),
        Element.RECORD: _names_record(sent, record),
    }
    found = {element for element, agrees in agreeing.items() if agrees}
    return frozenset(found | _compare_homes(left, right) | _compare_ssn(contributions))


def compute_quality_score(agreements: frozenset[Element], probability: float) -> float:
    """Return a match's score by IDI's grades, from 0 to 0.99.

    It is never above the probability of the match: relatives agree on much, which the model weighs.

    Args:
        agreements: the elements that agree.
        probability: probability that both are one person.
    """
    best = next(
        (score for score, sets in GRADES if any(required <= agreements for required in sets)), LOWEST_SCORE
    )
    return min(best, probability)


def _collect_values(record: GoldenRecord) -> dict[str, Any]:
    """Return a golden record's values by attribute; those of lists together."""
    values: dict[str, Any] = {"addresses": [], "identifiers": []}
    for value in record.values:
        if value.attribute in ("addresses", "identifiers"):
            values[value.attribute].append(value.value)
        else:
            values.setdefault(value.attribute, value.value)
    return values


def _read_middle_name(text: str | None) -> str | None:
    name = parse_middle_name(text).name
    return name if name is not None and len(name) > 1 else None


def _are_same(left: str | None, right: str | None) -> bool:
    return left is not None and left == right


def _are_alike(left: str | None, right: str | None) -> bool:
    """Return whether names differ by one letter, or two exchanged ones."""
    return left is not None and right is not None and OSA.distance(left, right, score_cutoff=1) <= 1


def _names_record(sent: SentRecord, record: GoldenRecord) -> bool:
    refs = {(ref.source, ref.local_id) for ref in list_record_refs(record)}
    return record.enterprise_id in sent.enterprise_ids or not sent.local_ids.isdisjoint(refs)


def _compare_homes(left: ComparedValues, right: ComparedValues) -> set[Element]:
    """Return the elements of an address that agree, of the closest homes."""
    pairs = ((one, other) for one in left.addresses for other in right.addresses)
    return max((_compare_home(one, other) for one, other in pairs), key=len, default=set())


def _compare_home(one: ParsedAddress, other: ParsedAddress) -> set[Element]:
    agreeing = {
        Element.STREET: _are_same(one.street, other.street) and one.number == other.number,
        Element.POSTAL_CODE: _are_same(one.postal_code, other.postal_code),
        Element.CITY: _are_same(one.city, other.city),
        Element.STATE: _are_same(one.state, other.state),
    }
    return {element for element, agrees in agreeing.items() if agrees}


def _compare_ssn(contributions: Iterable[WeightContribution]) -> set[Element]:
    level = next((each.level for each in contributions if each.comparison == "ssn"), None)
    if level in _SAME_LEVELS:
        return {Element.SSN, Element.SSN_LAST4}
    return {Element.SSN_LAST4} if level == "same last four" else set()

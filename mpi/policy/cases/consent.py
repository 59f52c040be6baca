"""Consents of families to disclose single records (34 CFR 99.30).

A consent is signed and dated, and names the record, the fields, the purposes and the party that may receive
them. Only a grant that rests on consent needs one.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mpi.domain.errors import InputError
from mpi.policy.agreement import Agreement, Grant

MAX_DAYS = 3_660
"""Most days for which a consent is in force: ten years."""


class Signer(StrEnum):
    """Who signed a consent."""

    PARENT = "parent"
    """A parent or guardian."""
    STUDENT = "student"
    """The student, who is 18 or older (34 CFR 99.3, eligible student)."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent as it was signed.

    Args:
        agreement: code of the agreement under which the record may be disclosed.
        recipient: code of the party that may receive it.
        purposes: codes of the purposes.
        fields: fields that an answer may hold, or ``flags.POPULATION``.
        signer: who signed.
        signed: day of the signature, from which the consent is in force.
        ends: last day on which it is in force.
        reference: number under which the signed paper is filed.
    """

    agreement: str
    recipient: str
    purposes: frozenset[str]
    fields: frozenset[str]
    signer: Signer
    signed: date
    ends: date
    reference: str


def check_consent(consent: Consent, terms: Agreement | None, source: str, today: date) -> None:
    """Refuse a consent that permits nothing, or more than can be.

    Args:
        consent: the consent.
        terms: terms in force of its agreement; None where there are none.
        source: code of the source of the record.
        today: the present day.

    Raises:
        InputError: a day is wrong, or no grant on the basis of consent covers source, recipient, a purpose or
            a field.
    """
    if consent.signed > today:
        raise InputError("signed: the day has not come")
    if not 0 <= (consent.ends - consent.signed).days <= MAX_DAYS:
        raise InputError(f"ends: give a day on or after the signature, {MAX_DAYS:,} days later at most")
    if consent.ends < today:
        raise InputError("ends: the day has passed")
    grants = [] if terms is None else _find_grants(terms, consent.recipient, source)
    if not grants:
        raise InputError(
            "agreement, recipient: no grant of this agreement discloses the record's source to this party on "
            "the basis of consent"
        )
    _require_permitted("purposes", consent.purposes, {p for grant in grants for p in grant.purposes})
    _require_permitted(
        "fields", consent.fields, {f for f in consent.fields if any(g.permits_output(f) for g in grants)}
    )


def _find_grants(terms: Agreement, recipient: str, source: str) -> list[Grant]:
    """Return a source's grants to a party that rest on consent."""
    disclosers = {party.code for party in terms.parties if party.owns(source)}
    return [
        grant
        for grant in terms.grants
        if grant.needs_consent and grant.recipient == recipient and grant.discloser in disclosers
    ]


def _require_permitted(name: str, named: frozenset[str], permitted: Iterable[str]) -> None:
    if not named:
        raise InputError(f"{name}: name at least one")
    outside = named - set(permitted)
    if outside:
        raise InputError(f"{name}: the agreement does not permit {len(outside)} of those named")

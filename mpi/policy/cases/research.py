"""Rules of research extracts: what a project may have, until when.

A study has the agreement that 34 CFR 99.31(a)(6)(iii)(C) [K] asks for, or that 99.35(a)(3) [K] asks for where
programs are audited or evaluated. De-identified data is released under 99.31(b) [K]. Counsel must check which
of them fits. The rules here only hold a project to what is written down.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from mpi.domain.errors import InputError
from mpi.policy.agreement import CONSENT, FLAG_PREFIX, Agreement, AgreementState, Grant, LinkedBy
from mpi.policy.parties import PartyKind
from mpi.policy.tiers import FIELD_TIERS, POPULATION_TIERS, Tier

RESEARCH_PURPOSE = "program_evaluation"
"""Purpose of use that an agreement has to grant, and that the ledger names for each extract."""
DEIDENTIFIED = "ferpa_deidentified"
"""Legal basis of data from which nobody can be told: 34 CFR 99.31(b) [K]. It needs the risk rule."""
MAX_FIELDS = 60

RESEARCH_FIELDS = frozenset({
    "birth_date", "sex", "race", "ethnicity", "birth_state", "birth_country", "multiple_birth", "death_date",
    "county", "state", "postal_code", "school_id", "district_id", "grade", "entry_date", "exit_date",
    "placements",
})  # fmt: skip
"""Canonical fields that an extract may hold, flags apart.

Names, numbers, streets, contacts, caregivers and households tell who a child is, and are in no extract.
"""
_NAMED_TIER = Tier.SENSITIVE
"""Tier from which on an agreement has to name a field itself, and not as part of ``all``."""


class IrbDecision(StrEnum):
    """Decision of the institutional review board about a project."""

    APPROVED = "approved"
    EXEMPT = "exempt"
    NOT_RESEARCH = "not_research"
    """An audit or evaluation that is no human-subjects research: 45 CFR 46.102(l) [K]."""


@dataclass(frozen=True, slots=True)
class ResearchTerms:
    """What a project may have, as its responsible office recorded it.

    Args:
        agreement: code of the data-sharing agreement.
        recipient: code of the agreement's party that receives the extract.
        irb_reference: number of the board's decision.
        irb_decision: the decision.
        expires: last day on which the project may have data.
        fields: canonical fields and ``flags.POPULATION`` that the project asks for.
        levels: detail of a variable where it is less than the finest, by variable.
        recorded_by: name of who recorded it.
        linked_by: partition from which its children come.
    """

    agreement: str
    recipient: str
    irb_reference: str
    irb_decision: IrbDecision
    expires: date
    fields: tuple[str, ...]
    levels: Mapping[str, str]
    recorded_by: str
    linked_by: LinkedBy = LinkedBy.OPERATIONAL


@dataclass(frozen=True, slots=True)
class ExtractRefusal:
    """Why a project gets no extract.

    Args:
        code: stable code for the record of refusals.
        sentence: the reason for people.
    """

    code: str
    sentence: str


def check_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """Return the fields of a project in order, each once.

    Raises:
        InputError: there is none, there are too many, or no extract may hold one of them.
    """
    wanted = tuple(sorted(set(fields)))
    if not 1 <= len(wanted) <= MAX_FIELDS:
        raise InputError(f"fields: a project has 1 to {MAX_FIELDS} fields")
    for field in wanted:
        if field.startswith(FLAG_PREFIX):
            population = field.removeprefix(FLAG_PREFIX)
            if POPULATION_TIERS.get(population, Tier.RESTRICTED) > _NAMED_TIER:
                raise InputError(f"fields: no extract holds the flags of {population!r}")
        elif field not in RESEARCH_FIELDS:
            raise InputError(
                f"fields: no extract holds {field!r}; the fields are {', '.join(sorted(RESEARCH_FIELDS))} "
                "and flags.POPULATION"
            )
    return wanted


def find_grants(agreement: Agreement, recipient: str) -> tuple[Grant, ...]:
    """Return the grants under which an extract may hold records.

    A grant by consent is none of them: it discloses single records.
    """
    return tuple(
        grant
        for grant in agreement.grants
        if grant.recipient == recipient
        and RESEARCH_PURPOSE in grant.purposes
        and grant.legal_basis != CONSENT
    )


def permits_field(grant: Grant, field: str) -> bool:
    """Return whether an extract may hold a field of a grant's records.

    A sensitive field, and each flag, has to be named by its own name.
    """
    if field.startswith(FLAG_PREFIX) or FIELD_TIERS[field] >= _NAMED_TIER:
        return field in grant.output_fields
    return grant.permits_output(field)


def find_refusal(terms: ResearchTerms, agreement: Agreement | None, day: date) -> ExtractRefusal | None:
    """Return why a project gets no extract on a day, or None.

    Args:
        terms: what the project may have.
        agreement: the terms of its agreement in force on the day; None where there are none.
        day: the day.
    """
    if agreement is None:
        return ExtractRefusal("no-agreement", f"the agreement {terms.agreement!r} is not in force")
    state = agreement.state(day)
    if state is not AgreementState.ACTIVE:
        return ExtractRefusal(f"agreement-{state}", f"the agreement {terms.agreement!r} is {state}")
    if day > terms.expires:
        return ExtractRefusal("project-expired", f"the project expired on {terms.expires.isoformat()}")
    return _find_unnamed(terms, agreement)


def _find_unnamed(terms: ResearchTerms, agreement: Agreement) -> ExtractRefusal | None:
    """Return which of a project's terms its agreement lacks, or None."""
    party = agreement.find_party(terms.recipient)
    if party is None or party.kind is not PartyKind.RESEARCH:
        sentence = f"the agreement has no party {terms.recipient!r} of the kind research"
        return ExtractRefusal("party-unknown", sentence)
    grants = find_grants(agreement, terms.recipient)
    if not grants:
        sentence = f"the agreement grants {terms.recipient!r} nothing for {RESEARCH_PURPOSE}"
        return ExtractRefusal("purpose-not-named", sentence)
    if terms.linked_by not in agreement.partitions:
        sentence = f"the agreement does not name the partition {str(terms.linked_by)!r}"
        return ExtractRefusal("partition-not-named", sentence)
    for field in terms.fields:
        if not any(permits_field(grant, field) for grant in grants):
            return ExtractRefusal("field-not-named", f"the agreement does not name the field {field!r}")
    return None


def find_last_day_to_keep(terms: ResearchTerms, agreement: Agreement, made_on: date) -> date:
    """Return the last day on which a recipient may hold an extract.

    Args:
        terms: terms under which it is made.
        agreement: their agreement, as it is in force on the day.
        made_on: day of the extract.
    """
    days = [terms.expires, agreement.ends, agreement.ended_on]
    if agreement.retention_days is not None:
        days.append(made_on + timedelta(days=agreement.retention_days))
    return min(day for day in days if day is not None)


def is_deidentified(grants: Iterable[Grant]) -> bool:
    """Return whether an extract has to pass the risk rule.

    The rows of all grants share IDs, so that one grant of de-identified data binds all.
    """
    return any(grant.legal_basis == DEIDENTIFIED for grant in grants)

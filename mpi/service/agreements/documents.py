"""Agreements as documents: TOML file, request body and stored JSON.

docs/reference/agreements.md describes the form.
"""

import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Annotated

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt, ValidationError

from mpi.domain.documents.bounded_toml import parse_toml
from mpi.domain.errors import InputError
from mpi.domain.statistics.small_cells import SMALLEST_SHOWN_COUNT
from mpi.policy.agreement import Agreement, Clock, CodeList, Grant, LinkedBy, Owner
from mpi.policy.parties import Party, PartyKind

MAX_FILE_BYTES = 1_000_000
"""Most bytes of a file that describes an agreement."""
_NOT_A_DAY = "must be a day, such as 2027-06-30"
_PROBLEMS = {
    "missing": "is missing",
    "extra_forbidden": "is not a key of this table",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "value_error": _NOT_A_DAY,
    "enum": "must be one of {expected}",
}
"""What is wrong, by pydantic's type of error, with a place for what pydantic expected."""


def _require_day(value: object) -> object:
    """Refuse numbers, times and loose spellings of a date."""
    if type(value) is date:
        return value
    if isinstance(value, str):
        with suppress(ValueError):
            day = date.fromisoformat(value)
            if day.isoformat() == value:
                return day
    raise ValueError(_NOT_A_DAY)


Day = Annotated[date, BeforeValidator(_require_day)]
"""A date, as TOML writes it or as text of the form YYYY-MM-DD."""


class _Table(BaseModel):
    """Base class of the tables of an agreement, which refuse unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PartyDocument(_Table):
    """A party of an agreement."""

    code: str = Field(description="Code of the party within the agreement.")
    name: str = Field(description="Name for people.")
    kind: PartyKind = Field(description="Kind of the party.")
    sources: tuple[str, ...] = Field(default=(), description="Sources whose records are the party's own.")


class GrantDocument(_Table):
    """What one party discloses to another one."""

    discloser: str = Field(description="Code of the party whose records are disclosed.")
    recipient: str = Field(description="Code of the party that receives them.")
    population: str = Field(description="Code of a population, or `all`.")
    legal_basis: str = Field(description="Code of a legal basis.")
    purposes: tuple[str, ...] = Field(description="Codes of the permitted purposes.")
    output_fields: tuple[str, ...] = Field(default=(), description="Fields that an answer may hold.")
    matching_fields: tuple[str, ...] = Field(default=(), description="Fields that may be compared.")


class OwnerDocument(_Table):
    """Office that answers for a duty."""

    party: str = Field(description="Code of the party.")
    duty: str = Field(description="Such as `data_steward` or `breach_contact`.")
    office: str = Field(description="The office or position, not a person's name.")


class AgreementDocument(_Table):
    """Terms of an agreement, as people write them."""

    code: str = Field(description="Code of the agreement.")
    title: str = Field(description="Name for people.")
    begins: Day = Field(description="First day on which it is in force.")
    ends: Day | None = Field(default=None, description="Last day on which it is in force.")
    parties: tuple[PartyDocument, ...] = Field(description="The parties.")
    grants: tuple[GrantDocument, ...] = Field(description="What they disclose to each other.")
    retention_days: StrictInt | None = Field(
        default=None, description="Days after which a recipient destroys the data."
    )
    redisclosure: StrictBool = Field(default=False, description="Whether a recipient may pass the data on.")
    small_cell: StrictInt = Field(
        default=SMALLEST_SHOWN_COUNT, description="Smallest count above 0 that a recipient may publish."
    )
    clocks: dict[str, StrictInt] = Field(default={}, description="Days within which something must be done.")
    owners: tuple[OwnerDocument, ...] = Field(default=(), description="Offices that answer for duties.")
    codes: dict[str, tuple[str, ...]] = Field(
        default={}, description="Values that a research extract may hold as they were sent, by list."
    )
    partitions: tuple[LinkedBy, ...] = Field(
        default=(LinkedBy.OPERATIONAL,),
        description="Partitions from which a research extract may have its children.",
    )


def parse_agreement_file(text: str, name: str) -> Agreement:
    """Parse the TOML file of an agreement.

    Args:
        text: content of the file.
        name: name of the file, for messages.

    Raises:
        InputError: no TOML, or a key is missing, unknown or of the wrong kind; names the key.
    """
    try:
        document = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: not TOML: {error}") from None
    try:
        return to_agreement(AgreementDocument.model_validate(document), 0)
    except ValidationError as error:
        raise InputError(f"{name}: {describe_errors(error)}") from None


def to_agreement(document: AgreementDocument, version: int) -> Agreement:
    """Convert a document to an agreement that nobody approved yet."""
    return Agreement(
        code=document.code,
        version=version,
        title=document.title,
        parties=tuple(
            Party(party.code, party.name, party.kind, frozenset(party.sources)) for party in document.parties
        ),
        grants=tuple(
            Grant(
                discloser=grant.discloser,
                recipient=grant.recipient,
                population=grant.population,
                legal_basis=grant.legal_basis,
                purposes=frozenset(grant.purposes),
                output_fields=frozenset(grant.output_fields),
                matching_fields=frozenset(grant.matching_fields),
            )
            for grant in document.grants
        ),
        begins=document.begins,
        ends=document.ends,
        retention_days=document.retention_days,
        redisclosure=document.redisclosure,
        small_cell=document.small_cell,
        clocks=tuple(Clock(name, days) for name, days in sorted(document.clocks.items())),
        owners=tuple(Owner(owner.party, owner.duty, owner.office) for owner in document.owners),
        codes=tuple(CodeList(name, frozenset(codes)) for name, codes in sorted(document.codes.items())),
        partitions=frozenset(document.partitions),
    )


def to_document(agreement: Agreement) -> AgreementDocument:
    """Convert an agreement to a document; lists of codes are in order."""
    return AgreementDocument(
        code=agreement.code,
        title=agreement.title,
        begins=agreement.begins,
        ends=agreement.ends,
        parties=tuple(
            PartyDocument(
                code=party.code, name=party.name, kind=party.kind, sources=tuple(sorted(party.sources))
            )
            for party in agreement.parties
        ),
        grants=tuple(
            GrantDocument(
                discloser=grant.discloser,
                recipient=grant.recipient,
                population=grant.population,
                legal_basis=grant.legal_basis,
                purposes=tuple(sorted(grant.purposes)),
                output_fields=tuple(sorted(grant.output_fields)),
                matching_fields=tuple(sorted(grant.matching_fields)),
            )
            for grant in agreement.grants
        ),
        retention_days=agreement.retention_days,
        redisclosure=agreement.redisclosure,
        small_cell=agreement.small_cell,
        clocks={clock.name: clock.days for clock in agreement.clocks},
        owners=tuple(
            OwnerDocument(party=owner.party, duty=owner.duty, office=owner.office)
            for owner in agreement.owners
        ),
        codes={each.name: tuple(sorted(each.codes)) for each in agreement.codes},
        partitions=tuple(sorted(agreement.partitions)),
    )


def to_content(agreement: Agreement) -> str:
    """Return the terms of an agreement as the JSON that is stored."""
    return to_document(agreement).model_dump_json(exclude={"code"})


@lru_cache(1_000)
def from_content(code: str, version: int, content: str) -> Agreement:
    """Return the agreement of stored JSON, cached to save repeated parsing."""
    return to_agreement(AgreementDocument.model_validate({"code": code, **orjson.loads(content)}), version)


def describe_errors(error: ValidationError) -> str:
    """Describe which keys of a document are wrong, and why."""
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(
        f"{_format_place(problem['loc'])}: {_describe_problem(problem['type'], problem.get('ctx', {}))}"
        for problem in problems[:5]
    )


def _describe_problem(kind: str, context: Mapping[str, object]) -> str:
    """Return what is wrong, with the values that the key may have."""
    expected = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
    return _PROBLEMS.get(kind, "is wrong").replace("{expected}", expected)


def _format_place(location: Iterable[int | str]) -> str:
    """Return the place of a key, such as ``grants 2: purposes``."""
    parts: list[str] = []
    for part in location:
        if isinstance(part, int) and parts:
            parts[-1] += f" {part + 1}"
        else:
            parts.append(str(part))
    return ": ".join(parts)

"""Checks of an agreement's terms before it is registered."""

import re
from collections.abc import Collection, Mapping

from mpi.domain.errors import InputError
from mpi.domain.record import SENT_FIELDS
from mpi.policy.agreement import CODE_LISTS, FLAG_PREFIX, MATCHING_FIELDS, OUTPUT_FIELDS, Agreement, Grant
from mpi.policy.legal_bases import LegalBasis, known_populations
from mpi.policy.parties import ALL
from mpi.policy.purposes import Purpose

_CODE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_CLOCK_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
MAX_TITLE_LENGTH = 200
MAX_PARTIES = 1000
MAX_GRANTS = 1000
MAX_DAYS = 36_525
MAX_SMALL_CELL = 1_000_000
MAX_CODES = 10_000
MAX_CODE_LENGTH = 64


def check_agreement(
    agreement: Agreement,
    legal_bases: Mapping[str, LegalBasis],
    purposes: Mapping[str, Purpose],
    sources: Collection[str] | None = None,
) -> None:
    """Refuse an agreement that cannot be put in force.

    Args:
        agreement: the version to check.
        legal_bases: the table of legal bases, by code.
        purposes: the registered purposes, by code.
        sources: codes of the index's sources; None where they are not checked.

    Raises:
        InputError: a text, date or number is wrong; a party, source, field, population, purpose or legal
            basis is unknown; or a legal basis does not cover a grant's direction, population or purpose.
    """
    _check_terms(agreement)
    _check_codes(agreement)
    _check_parties(agreement, sources)
    if not 1 <= len(agreement.grants) <= MAX_GRANTS:
        raise InputError(f"an agreement has 1 to {MAX_GRANTS} grants")
    populations = known_populations(legal_bases)
    for number, grant in enumerate(agreement.grants, 1):
        place = f"grant {number}"
        _check_direction(agreement, grant, legal_bases, place)
        _check_population(grant, legal_bases[grant.legal_basis], populations, place)
        _check_purposes(grant, legal_bases[grant.legal_basis], purposes, place)
        _check_fields(grant, populations, place)


def _check_terms(agreement: Agreement) -> None:
    if not _CODE.fullmatch(agreement.code):
        raise InputError("code: 1 to 64 lower-case letters, digits, '-', '_' or '.', no sign first")
    _check_text("title", agreement.title)
    if agreement.ends is not None and agreement.ends < agreement.begins:
        raise InputError("ends: the last day must not be before the first day, begins")
    if not 1 <= agreement.small_cell <= MAX_SMALL_CELL:
        raise InputError(f"small_cell: the smallest count that may be published is 1 to {MAX_SMALL_CELL:,}")
    if agreement.retention_days is not None:
        _check_days("retention_days", agreement.retention_days)
    for clock in agreement.clocks:
        if not _CLOCK_NAME.fullmatch(clock.name):
            raise InputError("clocks: a name has lower-case letters, digits and underscores")
        _check_days(f"clocks: {clock.name}", clock.days)
    _refuse_repeats("clocks", [clock.name for clock in agreement.clocks])
    if not agreement.partitions:
        raise InputError("partitions: name at least one")


def _check_codes(agreement: Agreement) -> None:
    for code_list in agreement.codes:
        place = f"codes: {code_list.name}"
        if code_list.name not in CODE_LISTS:
            raise InputError(f"{place}: there is no such list; there are {', '.join(CODE_LISTS)}")
        if not 1 <= len(code_list.codes) <= MAX_CODES:
            raise InputError(f"{place}: a list has 1 to {MAX_CODES:,} codes")
        for code in code_list.codes:
            if not code.strip() or len(code) > MAX_CODE_LENGTH or not code.isprintable():
                raise InputError(f"{place}: a code has 1 to {MAX_CODE_LENGTH} characters that can be seen")


def _check_parties(agreement: Agreement, sources: Collection[str] | None) -> None:
    if not 1 <= len(agreement.parties) <= MAX_PARTIES:
        raise InputError(f"an agreement has 1 to {MAX_PARTIES} parties")
    _refuse_repeats("parties", [party.code for party in agreement.parties])
    for party in agreement.parties:
        if not _CODE.fullmatch(party.code):
            raise InputError("parties: a code has 1 to 64 lower-case letters, digits, '-', '_' or '.'")
        _check_text(f"parties: {party.code}: name", party.name)
        for source in sorted(party.sources - {ALL}):
            if sources is not None and source not in sources:
                raise InputError(f"parties: {party.code}: there is no source {source!r}: add it first")
    _refuse_shared_sources(agreement)
    for owner in agreement.owners:
        if agreement.find_party(owner.party) is None:
            raise InputError(f"owners: there is no party {owner.party!r}")
        _check_text("owners: duty", owner.duty)
        _check_text("owners: office", owner.office)


def _refuse_shared_sources(agreement: Agreement) -> None:
    has_owner_of_all = any(ALL in party.sources for party in agreement.parties)
    named = [party.code for party in agreement.parties if party.sources - {ALL}]
    if has_owner_of_all and named:
        raise InputError(
            f"parties: one party owns all sources, so {named[0]} can name none: name those of each party"
        )
    party_of: dict[str, str] = {}
    for party in agreement.parties:
        for source in sorted(party.sources):
            other = party_of.setdefault(source, party.code)
            if other != party.code:
                raise InputError(f"parties: {source!r} can be of {other} or of {party.code}, not of both")


def _check_direction(
    agreement: Agreement, grant: Grant, legal_bases: Mapping[str, LegalBasis], place: str
) -> None:
    discloser, recipient = (agreement.find_party(code) for code in (grant.discloser, grant.recipient))
    if discloser is None or recipient is None:
        missing = grant.discloser if discloser is None else grant.recipient
        raise InputError(f"{place}: there is no party {missing!r}")
    basis = legal_bases.get(grant.legal_basis)
    if basis is None:
        raise InputError(
            f"{place}: there is no legal basis {grant.legal_basis!r}; there are {', '.join(legal_bases)}"
        )
    if not basis.covers_direction(discloser, recipient):
        raise InputError(
            f"{place}: {basis.code} does not cover a disclosure from {discloser.code} ({discloser.kind}) "
            f"to {recipient.code} ({recipient.kind})"
        )


def _check_population(grant: Grant, basis: LegalBasis, populations: Collection[str], place: str) -> None:
    if grant.population != ALL and grant.population not in populations:
        raise InputError(f"{place}: there is no population {grant.population!r} (docs/reference/flags.md)")
    if not basis.covers_population(grant.population):
        raise InputError(
            f"{place}: {basis.code} covers only {', '.join(sorted(basis.populations))}, "
            f"not {grant.population}"
        )


def _check_purposes(grant: Grant, basis: LegalBasis, purposes: Mapping[str, Purpose], place: str) -> None:
    if not grant.purposes:
        raise InputError(f"{place}: name at least one purpose")
    for purpose in sorted(grant.purposes):
        if purpose not in purposes:
            raise InputError(f"{place}: there is no purpose {purpose!r}: see mpi purpose list")
        if not basis.carries(purpose):
            raise InputError(f"{place}: {basis.code} cannot carry the purpose {purpose}")


def _check_fields(grant: Grant, populations: Collection[str], place: str) -> None:
    known_output = OUTPUT_FIELDS | {ALL} | {FLAG_PREFIX + population for population in populations}
    for name, fields, known in (
        ("output_fields", grant.output_fields, known_output),
        ("matching_fields", grant.matching_fields, MATCHING_FIELDS | {ALL}),
    ):
        for field in sorted(fields - known):
            why = "may not be permitted here" if field in SENT_FIELDS else "is not a field of a record"
            raise InputError(f"{place}: {name}: {field!r} {why} (docs/canonical-record.md)")
    if not grant.output_fields and not grant.matching_fields:
        raise InputError(f"{place}: name at least one output field or matching field")


def _check_text(name: str, text: str) -> None:
    if not text.strip() or len(text) > MAX_TITLE_LENGTH or not text.isprintable():
        raise InputError(f"{name}: 1 to {MAX_TITLE_LENGTH} characters that can be seen, in one line")


def _check_days(name: str, days: int) -> None:
    if not 1 <= days <= MAX_DAYS:
        raise InputError(f"{name}: 1 to {MAX_DAYS} days")


def _refuse_repeats(name: str, values: list[str]) -> None:
    for value in values:
        if values.count(value) > 1:
            raise InputError(f"{name}: {value!r} is named twice")

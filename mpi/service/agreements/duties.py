"""Duties under agreements: clocks, attested destructions, and what is due.

The index cannot destroy another party's copy. It says what is due, and keeps the attestation of a named
person.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from operator import attrgetter
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.agreement import Agreement, choose_terms
from mpi.policy.decision_table import find_party
from mpi.policy.duties import Duty, DutyKind, find_destruction, receives_from_others
from mpi.service.agreements.terms import build_versions
from mpi.service.core.index import Index
from mpi.storage.repositories.access.agreement_duties import StoredClock, StoredDestruction
from mpi.storage.unit_of_work.units import ReadUnit

MAX_TEXT_LENGTH = 200


@dataclass(frozen=True, slots=True)
class Attestation:
    """A named person's attestation that a party destroyed its copies.

    Args:
        agreement: code of the agreement.
        party: code of the party.
        through: last day whose answers are destroyed.
        attested_by: name of the person.
        method: how they were destroyed.
        recorded_at: when it was recorded (ISO, UTC).
        recorded_by: who recorded it.
    """

    agreement: str
    party: str
    through: date
    attested_by: str
    method: str
    recorded_at: str
    recorded_by: str


def begin_clock(
    index: Index,
    viewer: Viewer,
    code: str,
    name: str,
    party: str,
    begun: date,
    reference: str | None = None,
) -> Duty:
    """Let a clock of an agreement begin to run for one party.

    Args:
        index: the open index.
        viewer: who records it.
        code: code of the agreement.
        name: name of the clock, such as ``inspection``.
        party: code of the party that has to act.
        begun: day on which it began, such as that of a parent's request.
        reference: number under which the parties file it; no name.

    Raises:
        NotFoundError: there is no such agreement, or nobody approved a version.
        InputError: the agreement has no such clock or party, the day has not come, or the reference is wrong.
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    today = clock.now().date()
    if begun > today:
        raise InputError("begun: the day has not come")
    if reference is not None:
        _check_text("reference", reference)
    with index.database.write(viewer, "agreement-clock") as unit:
        terms = _require_terms(unit, code, today)
        days = next((each.days for each in terms.clocks if each.name == name), None)
        if days is None:
            raise InputError(f"clock: the agreement has none of this name; it has {_list_clocks(terms)}")
        _require_party(terms, party)
        clock_code = index.keyed_hash.to_case_code("agreement-clock", unit.commit_no)
        due = begun + timedelta(days=days)
        unit.agreement_duties.begin(
            StoredClock(
                clock_code, code, name, party, begun.isoformat(), due.isoformat(), reference, unit.commit_no
            )
        )
    return Duty(DutyKind.CLOCK, code, party, name, begun, due, clock_code, reference)


def meet_clock(index: Index, viewer: Viewer, code: str, person: str, day: date) -> None:
    """Record that a party did what a running clock is about.

    Args:
        index: the open index.
        viewer: who records it.
        code: code of the running clock.
        person: name of the person who attests it.
        day: day on which it was done.

    Raises:
        NotFoundError: there is no such clock.
        ConflictError: it is met already.
        InputError: the day has not come or is before the clock began, or the name is wrong.
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    _check_text("person", person)
    with index.database.write(viewer, "agreement-clock-met") as unit:
        running = unit.agreement_duties.find(code)
        if running is None:
            raise NotFoundError("there is no such clock: see mpi agreement due")
        if running.met_commit is not None:
            raise ConflictError("this clock is met already")
        if not date.fromisoformat(running.begun) <= day <= clock.now().date():
            raise InputError("day: give a day from the clock's beginning until today")
        unit.agreement_duties.meet(code, day.isoformat(), person, unit.commit_no)


def attest_destruction(
    index: Index, viewer: Viewer, code: str, party: str, through: date, person: str, method: str
) -> None:
    """Record a named person's attestation that a party destroyed its copies.

    Args:
        index: the open index.
        viewer: who records it.
        code: code of the agreement.
        party: code of the party.
        through: last day whose answers are destroyed.
        person: name of the person who attests it.
        method: how they were destroyed.

    Raises:
        NotFoundError: there is no such agreement, or nobody approved a version.
        InputError: the agreement has no such party, the day is not over, or a text is wrong.
        ConflictError: a later day is attested already.
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    _check_text("person", person)
    _check_text("method", method)
    today = clock.now().date()
    if through >= today:
        raise InputError("through: give a day that is over")
    with index.database.write(viewer, "destruction-attested") as unit:
        _require_party(_require_terms(unit, code, today), party)
        attested = _read_attested(unit).get((code, party))
        if attested is not None and attested >= through:
            raise ConflictError(f"destruction is attested through {attested.isoformat()} already")
        unit.agreement_duties.attest(
            StoredDestruction(unit.commit_no, code, party, through.isoformat(), person, method)
        )


def list_attestations(index: Index, viewer: Viewer) -> list[Attestation]:
    """Return every attested destruction, oldest first.

    Raises:
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.read(viewer) as unit:
        stored = unit.agreement_duties.destructions()
        commits = unit.commit_info({each.commit_no for each in stored})
    return [
        Attestation(
            each.agreement,
            each.party,
            date.fromisoformat(each.through),
            each.attested_by,
            each.method,
            *commits[each.commit_no][:2],
        )
        for each in stored
    ]


def list_duties(index: Index, viewer: Viewer) -> list[Duty]:
    """Return what parties have to do, the earliest due day first.

    Copies to destroy follow from the first line of the disclosure ledger for each recipient under each
    agreement with a retention. An index finds it, however long the ledger is.

    Raises:
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.read(viewer) as unit:
        duties = [*read_clocks(unit), *_find_destructions(unit, clock.now().date())]
    return sorted(duties, key=attrgetter("due", "agreement", "party", "name"))


def read_clocks(unit: ReadUnit) -> list[Duty]:
    """Return the clocks that run, the earliest due day first."""
    return [
        Duty(
            DutyKind.CLOCK,
            running.agreement,
            running.party,
            running.name,
            date.fromisoformat(running.begun),
            date.fromisoformat(running.due),
            running.code,
            running.reference,
        )
        for running in unit.agreement_duties.running()
    ]


def describe_duty(duty: Duty, today: date) -> str:
    """Describe in a sentence what is due, and when."""
    days = duty.days_left(today)
    what = (
        "destroy what it received, and attest it" if duty.kind is DutyKind.DESTRUCTION else f"do {duty.name}"
    )
    when = f"by {duty.due.isoformat()}" if days >= 0 else f"since {duty.due.isoformat()}, {-days} days ago"
    return f"agreement {duty.agreement}: {duty.party} has to {what} {when}"


def to_plain_values(duty: Duty, today: date) -> dict[str, Any]:
    """Return a duty as plain values for JSON."""
    return {
        "kind": str(duty.kind),
        "agreement": duty.agreement,
        "party": duty.party,
        "name": duty.name,
        "begun": duty.begun.isoformat(),
        "due": duty.due.isoformat(),
        "days_left": duty.days_left(today),
        "code": duty.code,
        "reference": duty.reference,
    }


def _find_destructions(unit: ReadUnit, today: date) -> list[Duty]:
    """Return the parties that have to destroy what they received."""
    attested = _read_attested(unit)
    callers = _read_callers(unit)
    duties: list[Duty | None] = []
    for history in unit.agreements.all():
        terms = choose_terms(build_versions(history), today)
        if terms is None or terms.retention_days is None:
            continue
        received: dict[str, list[date]] = {}
        for name in unit.disclosures.recipients(terms.code):
            party = _find_recipient(terms, callers.get(name))
            if party is None:
                continue
            day = _find_first_day(unit, terms.code, name, attested.get((terms.code, party)))
            if day is not None:
                received.setdefault(party, []).append(day)
        duties += [find_destruction(terms, party, days) for party, days in received.items()]
    return [duty for duty in duties if duty is not None]


def _find_first_day(unit: ReadUnit, agreement: str, name: str, attested: date | None) -> date | None:
    """Return the first day of an answer not destroyed, or None."""
    since = "" if attested is None else (attested + timedelta(days=1)).isoformat()
    at = unit.disclosures.first_answer(agreement, name, since)
    return None if at is None else date.fromisoformat(at[: len("2026-11-29")])


_Caller = tuple[Role | None, frozenset[str] | None, str | None]
"""Role of a person, or None for a client; the granted sources; and the party that the binding names."""


def _find_recipient(terms: Agreement, caller: _Caller | None) -> str | None:
    """Return a caller's party, if the caller receives records of others."""
    if caller is None:
        return None
    party = find_party(terms, *caller)
    return party if party is not None and receives_from_others(terms, party, caller[1]) else None


def _read_callers(unit: ReadUnit) -> dict[str, _Caller]:
    """Return every client and account there ever was, by name."""
    clients: dict[str, _Caller] = {
        client.name: (None, client.sources, client.party) for client, *_ in unit.clients.all_with_commits()
    }
    return clients | {
        account.name: (Role(account.role), account.sources, account.party) for account in unit.accounts.all()
    }


def _read_attested(unit: ReadUnit) -> Mapping[tuple[str, str], date]:
    """Return the last day attested as destroyed, by agreement and party."""
    return {
        (each.agreement, each.party): date.fromisoformat(each.through)
        for each in unit.agreement_duties.destructions()
    }


def _require_terms(unit: ReadUnit, code: str, today: date) -> Agreement:
    history = unit.agreements.find(code)
    terms = None if history is None else choose_terms(build_versions(history), today)
    if terms is None:
        raise NotFoundError(f"there is no approved agreement {code!r}: see mpi agreement list")
    return terms


def _require_party(terms: Agreement, party: str) -> None:
    if terms.find_party(party) is None:
        raise InputError("party: the agreement has no party of this code")


def _list_clocks(terms: Agreement) -> str:
    return ", ".join(each.name for each in terms.clocks) or "none"


def _check_text(name: str, text: str) -> None:
    if not text.strip() or len(text) > MAX_TEXT_LENGTH or not text.isprintable():
        raise InputError(f"{name}: 1 to {MAX_TEXT_LENGTH} characters that can be seen, in one line")

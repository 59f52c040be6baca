"""Consents to disclose single records: record, revoke and list them.

The party that owns a record's source records a consent, never the party that is to receive it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed, is_allowed_on, require_permission
from mpi.policy.agreement import OUTPUT_FIELDS, Agreement, AgreementState, Grant, choose_terms
from mpi.policy.cases.consent import Consent, Signer, check_consent
from mpi.policy.parties import ALL
from mpi.policy.tiers import OWN_FIELDS
from mpi.service.agreements.terms import build_versions, find_terms
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.visibility import find_nameable_records
from mpi.service.legal.references import check_reference, require_reference
from mpi.standardize.fields.scalars import parse_local_id
from mpi.storage.repositories.access.disclosure_consents import StoredConsent
from mpi.storage.unit_of_work.units import ReadUnit

_NO_SUCH_CONSENT = "there is no such consent about a record of yours"


@dataclass(frozen=True, slots=True)
class ConsentView:
    """A consent as the party that recorded it reads it.

    Args:
        code: code of the consent.
        consent: the consent as it was signed.
        recorded_by: who recorded it.
        revoked_at: when it was revoked (ISO, UTC); None while it is not.
    """

    code: str
    consent: Consent
    recorded_by: str
    revoked_at: str | None


@dataclass(frozen=True, slots=True)
class ConsentChoice:
    """What a consent about a record of the viewer's party may permit.

    Args:
        agreement: code of an agreement in force.
        title: its title.
        recipient: code of the party that may receive the record.
        recipient_name: its name.
        purposes: codes of the purposes, ascending.
        fields: fields that an answer may hold, ascending.
    """

    agreement: str
    title: str
    recipient: str
    recipient_name: str
    purposes: tuple[str, ...]
    fields: tuple[str, ...]


def list_consent_choices(index: Index, viewer: Viewer) -> list[ConsentChoice]:
    """Return what consents the agreements in force have room for.

    Only grants on the basis of consent count by which the viewer's own party discloses.

    Raises:
        AccessDenied: the viewer may not record consents.
    """
    require_permission(viewer, Action.CONSENT_RECORD)
    today = clock.now().date()
    with index.database.read(viewer) as unit:
        own = [
            source.code
            for source in unit.sources.all()
            if is_allowed_on(viewer, Action.CONSENT_RECORD, source.code)
        ]
        terms = [choose_terms(build_versions(history), today) for history in unit.agreements.all()]
    active = [each for each in terms if each is not None and each.state(today) is AgreementState.ACTIVE]
    return [choice for each in active for choice in _find_choices(each, own)]


def _find_choices(terms: Agreement, own: Collection[str]) -> list[ConsentChoice]:
    """Return what consents one agreement has room for, by recipient."""
    disclosers = {party.code for party in terms.parties if any(map(party.owns, own))}
    grants_by_recipient: dict[str, list[Grant]] = {}
    for grant in terms.grants:
        if grant.needs_consent and grant.discloser in disclosers:
            grants_by_recipient.setdefault(grant.recipient, []).append(grant)
    names = {party.code: party.name for party in terms.parties}
    return [
        ConsentChoice(
            agreement=terms.code,
            title=terms.title,
            recipient=recipient,
            recipient_name=names[recipient],
            purposes=tuple(sorted(frozenset().union(*(grant.purposes for grant in grants)))),
            fields=_list_permitted_fields(grants),
        )
        for recipient, grants in grants_by_recipient.items()
    ]


def _list_permitted_fields(grants: Collection[Grant]) -> tuple[str, ...]:
    named = frozenset[str]().union(*(grant.output_fields for grant in grants))
    return tuple(sorted(OUTPUT_FIELDS - OWN_FIELDS if ALL in named else named))


def record_consent(index: Index, viewer: Viewer, source: str, local_id: str, consent: Consent) -> str:
    """Record a consent to disclose a record of the viewer's own party.

    The same signed paper is recorded once, until it is revoked.

    Args:
        index: the open index.
        viewer: who records it.
        source: code of the record's source.
        local_id: its local ID.
        consent: the consent as it was signed.

    Returns:
        The code of the consent; of the one in force if the same was recorded before.

    Raises:
        InputError: the reference has not the form of one, a day is wrong, or no grant on the basis of
            consent covers it.
        NotFoundError: the record does not exist for the viewer.
        AccessDenied: the viewer may not record consents about this source.
    """
    require_permission(viewer, Action.CONSENT_RECORD, source)
    reference = check_reference(consent.reference)
    today = clock.now().date()
    with index.database.write(viewer, "disclosure-consent") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return str(stored_answer["code"])
        record_id = _find_record(unit, source, local_id)
        check_consent(consent, find_terms(unit, consent.agreement, today), source, today)
        signed = _build_stored(record_id, consent, reference)
        if (code := _find_same(unit, signed)) is not None:
            return code
        code = index.keyed_hash.to_case_code("disclosure-consent", unit.commit_no)
        unit.disclosure_consents.add(replace(signed, code=code, recorded_commit=unit.commit_no))
        store_answer(unit, index, {"code": code}, ())
    return code


def _build_stored(record_id: int, consent: Consent, reference: str) -> StoredConsent:
    """Return a consent as it is stored, without its code and commit."""
    return StoredConsent(
        code="",
        record_id=record_id,
        agreement=consent.agreement,
        recipient=consent.recipient,
        purposes=tuple(sorted(consent.purposes)),
        fields=tuple(sorted(consent.fields)),
        signer=consent.signer.value,
        signed=consent.signed.isoformat(),
        ends=consent.ends.isoformat(),
        reference=reference,
        recorded_commit=0,
    )


def _find_same(unit: ReadUnit, signed: StoredConsent) -> str | None:
    """Return the code of an equal consent that is not revoked."""
    recorded = unit.disclosure_consents.of_record(signed.record_id)
    return next((each.code for each in recorded if replace(each, code="", recorded_commit=0) == signed), None)


def revoke_consent(index: Index, viewer: Viewer, code: str, reference: str | None = None) -> None:
    """Revoke a consent at once.

    What was disclosed before stays disclosed, and no link is undone.

    Args:
        index: the open index.
        viewer: who revokes it.
        code: code of the consent.
        reference: number of the signed paper, to be sure; None to do without.

    Raises:
        InputError: the reference is another paper's.
        NotFoundError: there is no such consent about a record of the viewer's party.
        ConflictError: it is revoked already.
        AccessDenied: the viewer may not record consents.
    """
    require_permission(viewer, Action.CONSENT_RECORD)
    with index.database.write(viewer, "disclosure-consent-revoke") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        consent = _get_own(unit, code)
        require_reference(reference, consent.reference)
        if consent.revoked_commit is not None:
            raise ConflictError("this consent is revoked already")
        unit.disclosure_consents.revoke(code, unit.commit_no)
        store_answer(unit, index, {}, ())


def list_consents(index: Index, viewer: Viewer, source: str, local_id: str) -> list[ConsentView]:
    """Return every consent to disclose a record, oldest first.

    Raises:
        NotFoundError: the record does not exist for the viewer.
        AccessDenied: the viewer may not record consents about this source.
    """
    require_permission(viewer, Action.CONSENT_RECORD, source)
    with index.database.read(viewer) as unit:
        record_id = _find_record(unit, source, local_id)
        stored = unit.disclosure_consents.of_record(record_id)
        commits = _read_commits(unit, stored)
    disclose(index, viewer, Action.CONSENT_RECORD, [record_id], ("consents",))
    return [_to_view(each, commits) for each in stored]


def find_consent_record(index: Index, viewer: Viewer, code: str) -> RecordRef:
    """Return the record that a consent is about.

    Raises:
        NotFoundError: there is no such consent about a record that the viewer may name.
        AccessDenied: the viewer may not record consents.
    """
    require_permission(viewer, Action.CONSENT_RECORD)
    with index.database.read(viewer) as unit:
        record_id = _get_own(unit, code).record_id
        record = unit.records.get([record_id])[record_id]
        if not find_nameable_records(unit, record.source_id, [record.local_id]):
            raise NotFoundError(_NO_SUCH_CONSENT)
        source = next(source.code for source in unit.sources.all() if source.id == record.source_id)
    return RecordRef(source, record.local_id)


def show_consent(index: Index, viewer: Viewer, code: str) -> ConsentView:
    """Return one consent about a record of the viewer's party.

    Raises:
        NotFoundError: there is no such consent.
        AccessDenied: the viewer may not record consents.
    """
    require_permission(viewer, Action.CONSENT_RECORD)
    with index.database.read(viewer) as unit:
        stored = _get_own(unit, code)
        commits = _read_commits(unit, [stored])
    disclose(index, viewer, Action.CONSENT_RECORD, [stored.record_id], ("consents",))
    return _to_view(stored, commits)


def to_plain_values(view: ConsentView) -> dict[str, Any]:
    """Return a consent as plain values for JSON."""
    consent = view.consent
    return {
        "code": view.code,
        "agreement": consent.agreement,
        "recipient": consent.recipient,
        "purposes": sorted(consent.purposes),
        "fields": sorted(consent.fields),
        "signer": str(consent.signer),
        "signed": consent.signed.isoformat(),
        "ends": consent.ends.isoformat(),
        "reference": consent.reference,
        "recorded_by": view.recorded_by,
        "revoked_at": view.revoked_at,
    }


def _find_record(unit: ReadUnit, source_code: str, local_id: str) -> int:
    source = unit.sources.get_by_code(source_code)
    local_id = parse_local_id(local_id)
    record = find_nameable_records(unit, source.id, [local_id]).get(local_id)
    if record is None:
        raise NotFoundError(f"source {source_code!r} has no such record")
    return record.id


def _get_own(unit: ReadUnit, code: str) -> StoredConsent:
    consent = unit.disclosure_consents.find(code)
    if consent is None or not _is_own(unit, consent):
        raise NotFoundError(_NO_SUCH_CONSENT)
    return consent


def _is_own(unit: ReadUnit, consent: StoredConsent) -> bool:
    """Return whether the consent's record is of the viewer's own party."""
    viewer = unit.viewer
    source_id = unit.records.get([consent.record_id])[consent.record_id].source_id
    source = next(source.code for source in unit.sources.all() if source.id == source_id)
    if not is_allowed(viewer, Action.CONSENT_RECORD) or not viewer.may_see(source):
        return False
    return viewer.rights is None or viewer.rights.find_refusal(Action.CONSENT_RECORD, source) is None


def _read_commits(unit: ReadUnit, consents: Iterable[StoredConsent]) -> dict[int, tuple[str, str, str]]:
    numbers = {number for each in consents for number in (each.recorded_commit, each.revoked_commit)}
    return unit.commit_info({number for number in numbers if number is not None})


def _to_view(stored: StoredConsent, commits: Mapping[int, tuple[str, str, str]]) -> ConsentView:
    consent = Consent(
        agreement=stored.agreement,
        recipient=stored.recipient,
        purposes=frozenset(stored.purposes),
        fields=frozenset(stored.fields),
        signer=Signer(stored.signer),
        signed=date.fromisoformat(stored.signed),
        ends=date.fromisoformat(stored.ends),
        reference=stored.reference,
    )
    revoked_at = None if stored.revoked_commit is None else commits[stored.revoked_commit][0]
    return ConsentView(stored.code, consent, commits[stored.recorded_commit][1], revoked_at)

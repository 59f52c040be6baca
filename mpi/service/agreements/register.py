"""The register of agreements: propose a version, approve it, suspend, resume, end.

Every step is a commit under the name of its maker. A step changes what is answered from then on. It changes
no ID and no partition.
"""

from datetime import date

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, ConflictError, InputError, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.policy.agreement import HOUSE, Agreement, choose_terms
from mpi.policy.agreement_checks import check_agreement
from mpi.policy.decision_table import find_party
from mpi.service.agreements.documents import to_content
from mpi.service.agreements.purposes import read_purposes
from mpi.service.agreements.terms import build_versions
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.storage.repositories.access.agreements import (
    AgreementHistory,
    AgreementStep,
    AgreementVersion,
    StepKind,
)
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_REASON_LENGTH = 200
ALONE = "approved without a second person"
"""Reason of an approval by the operator who proposed the version."""


def propose_version(index: Index, viewer: Viewer, agreement: Agreement) -> int:
    """Add a version of an agreement, which waits for approval.

    The version in force stays in force until then.

    Args:
        index: the open index.
        viewer: who proposes it.
        agreement: the terms; its version and state are ignored.

    Returns:
        The number of the version.

    Raises:
        InputError: the agreement cannot be put in force.
        ConflictError: the agreement of that code has ended, or its latest version has the same terms.
        AccessDenied: the viewer may not administer agreements.
    """
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    with index.database.write(viewer, "agreement-add") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return int(stored_answer["version"])
        _check(unit, index, agreement)
        version = _next_version(unit, agreement)
        unit.agreements.add_version(
            AgreementVersion(agreement.code, version, to_content(agreement), unit.commit_no)
        )
        store_answer(unit, index, {"version": version}, ())
    return version


def approve_version(
    index: Index, viewer: Viewer, code: str, version: int | None = None, *, alone: bool = False
) -> int:
    """Approve the latest version of an agreement, as a second person.

    Args:
        index: the open index.
        viewer: who approves; not who proposed it.
        code: code of the agreement.
        version: the version that the viewer has read; None for the latest.
        alone: let who proposed it approve it. Only the command line offers this, and the history shows it.

    Returns:
        The number of the version.

    Raises:
        NotFoundError: there is no such agreement or version.
        ConflictError: the viewer is no second person for it, it is approved already, a later
            version exists, the agreement has ended, or its last day has passed.
        InputError: the legal bases, purposes or sources have changed so that it cannot be put in force.
        AccessDenied: the viewer may not approve agreements.
    """
    require_approver(viewer)
    today = clock.now().date()
    with index.database.write(viewer, "agreement-approve") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return int(stored_answer["version"])
        history = _get(unit, code)
        _require_open(history)
        latest = build_versions(history)[-1]
        _require_approvable(latest, version, today)
        obstacle = find_obstacle(unit, history.versions[-1].created_commit)
        if obstacle is not None and not alone:
            raise ConflictError(f"this version is {obstacle}: somebody else has to approve it")
        _check(unit, index, latest)
        _add_step(unit, latest, StepKind.APPROVE, today, None if obstacle is None else ALONE)
        store_answer(unit, index, {"version": latest.version}, ())
    return latest.version


def suspend_agreement(index: Index, viewer: Viewer, code: str, reason: str) -> None:
    """Suspend an agreement at once: nothing is answered under it.

    Raises:
        NotFoundError: there is no such agreement.
        ConflictError: it is not in force, or suspended already.
        InputError: the reason is empty or too long.
        AccessDenied: the viewer may not administer agreements.
    """
    _take_step(index, viewer, code, StepKind.SUSPEND, reason)


def resume_agreement(index: Index, viewer: Viewer, code: str, reason: str) -> None:
    """Resume a suspended agreement. Raises as ``suspend_agreement`` does."""
    _take_step(index, viewer, code, StepKind.RESUME, reason)


def end_agreement(index: Index, viewer: Viewer, code: str, reason: str) -> None:
    """End an agreement for good. Raises as ``suspend_agreement`` does."""
    _take_step(index, viewer, code, StepKind.END, reason)


def require_approver(viewer: Viewer) -> None:
    """Check that a viewer may approve agreements.

    Raises:
        AccessDenied: the viewer may not approve, may not read agreements, or sees only some sources.
    """
    require_permission(viewer, Action.APPROVE)
    require_permission(viewer, Action.AGREEMENT_READ)
    if viewer.sources is not None:
        raise AccessDenied("agreements are approved by somebody who may see all sources")


def may_see_all(viewer: Viewer) -> bool:
    """Return whether a viewer may read all agreements, beyond the own."""
    if is_allowed(viewer, Action.AGREEMENT_ADMIN):
        return True
    is_approver = is_allowed(viewer, Action.APPROVE) and is_allowed(viewer, Action.AGREEMENT_READ)
    return is_approver and viewer.sources is None


def choose_agreement(unit: ReadUnit, viewer: Viewer, code: str | None) -> str:
    """Return the agreement to which a client or account is bound.

    Args:
        unit: the caller's transaction.
        viewer: who binds it.
        code: code of the agreement; None for the operator's own rule, where the index holds the records of
            one agency or has no scopes.

    Raises:
        InputError: no agreement is named in the shared index of several scopes.
        NotFoundError: there is no such agreement.
        ConflictError: it has ended.
        AccessDenied: the viewer neither acts under it nor administers agreements.
    """
    if code is None:
        if unit.scopes.all():
            raise InputError(
                "name the agreement to act under: this index holds the records of several agencies "
                "(--agreement CODE; see mpi agreement list)"
            )
        code = HOUSE
    if viewer.agreement != code and not is_allowed(viewer, Action.AGREEMENT_ADMIN):
        raise AccessDenied("who does not administer agreements can bind others to the own agreement only")
    if _has_ended(_get(unit, code)):
        raise ConflictError(f"the agreement {code!r} has ended: name another one")
    return code


def choose_party(
    unit: ReadUnit,
    viewer: Viewer,
    code: str,
    party: str | None,
    role: Role | None,
    sources: frozenset[str] | None,
) -> str | None:
    """Return the party for which a client or account acts.

    Args:
        unit: the caller's transaction.
        viewer: who binds it.
        code: code of the agreement.
        party: code of the party; None to let the sources name it.
        role: role of a person; None for a client.
        sources: codes of the sources that the client or account was granted; None for all.

    Raises:
        NotFoundError: no version of the agreement has this party.
        ConflictError: the party owns none of the sources, or is of a kind that does not fit the role.
        AccessDenied: the viewer does not administer agreements.
    """
    if party is None:
        return None
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    versions = [terms for terms in build_versions(_get(unit, code)) if terms.find_party(party) is not None]
    if not versions:
        raise NotFoundError(f"the agreement {code!r} has no party {party!r}")
    if all(find_party(terms, role, sources, party) is None for terms in versions):
        raise ConflictError(
            f"the party {party!r} owns none of these sources, or is of a kind that does not fit the role"
        )
    return party


def find_fault(unit: ReadUnit, index: Index, agreement: Agreement) -> str | None:
    """Return why terms could not be approved today, if so.

    The legal bases, purposes or sources may have changed since.
    """
    try:
        _check(unit, index, agreement)
    except InputError as error:
        return str(error)
    return None


def _check(unit: ReadUnit, index: Index, agreement: Agreement) -> None:
    sources = {source.code for source in unit.sources.all()}
    check_agreement(agreement, index.settings.legal_bases, read_purposes(unit), sources)


def _get(unit: ReadUnit, code: str) -> AgreementHistory:
    history = unit.agreements.find(code)
    if history is None:
        raise NotFoundError(f"there is no agreement {code!r}: see mpi agreement list")
    return history


def _require_open(history: AgreementHistory) -> None:
    if _has_ended(history):
        raise ConflictError(f"the agreement {history.code!r} has ended for good: add one with another code")


def _has_ended(history: AgreementHistory) -> bool:
    return any(step.kind is StepKind.END for step in history.steps)


def _next_version(unit: ReadUnit, agreement: Agreement) -> int:
    """Return the number of an agreement's next version, if permitted."""
    history = unit.agreements.find(agreement.code)
    if history is None:
        return 1
    _require_open(history)
    latest = history.versions[-1]
    if latest.content == to_content(agreement):
        raise ConflictError(f"version {latest.version} of {agreement.code!r} has these terms already")
    return latest.version + 1


def _add_step(unit: WriteUnit, agreement: Agreement, kind: StepKind, day: date, reason: str | None) -> None:
    unit.agreements.add_step(
        AgreementStep(agreement.code, unit.commit_no, agreement.version, kind, day.isoformat(), reason)
    )


def _take_step(index: Index, viewer: Viewer, code: str, kind: StepKind, reason: str) -> None:
    """Suspend, resume or end an agreement, if its present state allows it."""
    require_permission(viewer, Action.AGREEMENT_ADMIN)
    if not reason.strip() or len(reason) > MAX_REASON_LENGTH or not reason.isprintable():
        raise InputError(f"reason: 1 to {MAX_REASON_LENGTH} characters that can be seen, in one line")
    today = clock.now().date()
    with index.database.write(viewer, f"agreement-{kind}") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        history = _get(unit, code)
        _require_open(history)
        versions = build_versions(history)
        terms = choose_terms(versions, today) or versions[-1]
        if kind is not StepKind.END:
            _require_pausable(terms, kind)
        _add_step(unit, terms, kind, today, reason)
        store_answer(unit, index, {}, ())


def _require_approvable(latest: Agreement, version: int | None, today: date) -> None:
    if version is not None and version != latest.version:
        raise ConflictError(f"version {latest.version} is the latest one: read it, then approve it")
    if latest.is_approved:
        raise ConflictError(f"version {latest.version} of {latest.code!r} is approved already")
    if latest.ends is not None and latest.ends < today:
        raise ConflictError("its last day has passed: propose a version that ends later")


def _require_pausable(terms: Agreement, kind: StepKind) -> None:
    if not terms.is_approved:
        raise ConflictError(f"the agreement {terms.code!r} is a draft: nobody has approved a version yet")
    if kind is StepKind.SUSPEND and terms.is_suspended:
        raise ConflictError(f"the agreement {terms.code!r} is suspended already")
    if kind is StepKind.RESUME and not terms.is_suspended:
        raise ConflictError(f"the agreement {terms.code!r} is not suspended")

"""Consent of source owners to others' steps; a refusal ends the step.

A step is one action that can be undone, such as a decision or a merge. It waits while consent is missing.

An owner who may see everything in a step is shown all of it. Another owner is shown which of its own records
are affected and what would become of them, but not the kind of step, its maker or its reason.
"""

from dataclasses import dataclass, replace

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_source_owner, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.service.core.undoable_steps import add_step, check_note, check_reason, step_transaction
from mpi.service.decisions.decision_log import is_wholly_visible
from mpi.service.gates.sent_back import return_to_maker
from mpi.service.persons.step_effects import FIELDS, StepEffect, effect_fields
from mpi.service.statements.sources import require_own_source, require_owned_source
from mpi.service.stewardship.approvals import REFUSAL, apply_if_approved, end_step, load_step_decisions
from mpi.service.stewardship.decisions import effect_from_answer
from mpi.storage.repositories.steps.consents import ConsentStatus
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit

CONSENT = "consent"
"""Kind of an owner's consent, in commits and effects."""


@dataclass(frozen=True, slots=True)
class ConsentSetting:
    """Whether others' decisions about a source's records require its owner's consent."""

    source: str
    asks_consent: bool


def set_consent_required(
    index: Index, viewer: Viewer, source: str, *, asks: bool, reason: str = "setting"
) -> ConsentSetting:
    """Set whether others' decisions about a source's records need its owner's consent.

    Steps that already wait keep waiting for the owners that were asked: no setting approves anything.

    Raises:
        InputError: the reason is invalid.
        NotFoundError: there is no such source.
        ConflictError: the source is the steward source, which nobody else owns.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source)
    reason_code = check_reason(reason)
    with index.database.write(viewer, "ask consent") as unit:
        stored_source = require_owned_source(unit, source)
        require_own_source(stored_source)
        unit.sources.set_asks_consent(stored_source.id, asks_consent=asks)
        add_step(unit, "ask consent", reason_code, {"source": stored_source.id, "asks": asks})
    return ConsentSetting(source, asks)


def give_consent(
    index: Index, viewer: Viewer, step_id: int, reason: str = "consent", *, preview: bool = False
) -> StepEffect:
    """Consent to a step for each asked source of the viewer.

    The step takes effect once no approval or consent is missing.

    Args:
        index: the open index.
        viewer: an owner of a source that was asked; not the maker of the step.
        step_id: the step.
        reason: reason code.
        preview: change nothing.

    Raises:
        InputError: the reason is invalid.
        NotFoundError: the viewer's sources were asked about no such step.
        ConflictError: consent is no longer needed, the step is the viewer's own, or it would revoke what a
            freeze window protects.
        DecisionConflict: the step contradicts a later decision.
        AccessDenied: the viewer may not consent.
    """
    return _answer_consent(index, viewer, step_id, reason, ConsentStatus.GIVEN, preview=preview)


def refuse_consent(
    index: Index,
    viewer: Viewer,
    step_id: int,
    reason: str = "refused",
    note: str | None = None,
    *,
    preview: bool = False,
) -> StepEffect:
    """Refuse consent to a steward's step, which ends it without effect.

    The question that the step answered is asked again at once, on the desk of the step's maker.

    Args:
        index: the open index.
        viewer: an owner of a source that was asked; not the maker of the step.
        step_id: the step.
        reason: reason code.
        note: free text for the maker of the step.
        preview: change nothing.

    Raises:
        InputError: the reason or the note is invalid.
        NotFoundError: the viewer's sources were asked about no such step.
        ConflictError: consent is no longer needed, or the step is the viewer's own.
        AccessDenied: the viewer may not consent.
    """
    return _answer_consent(index, viewer, step_id, reason, ConsentStatus.REFUSED, note, preview=preview)


def _answer_consent(
    index: Index,
    viewer: Viewer,
    step_id: int,
    reason: str,
    status: ConsentStatus,
    note: str | None = None,
    *,
    preview: bool,
) -> StepEffect:
    """Store an owner's consent or refusal; apply or end the step."""
    require_permission(viewer, Action.CONSENT)
    reason_code, clean_note = check_reason(reason), check_note(note)
    kind = CONSENT if status is ConsentStatus.GIVEN else REFUSAL
    with step_transaction(index, viewer, kind, preview=preview) as unit:
        if (stored_answer := find_stored_answer(unit, index, FIELDS)) is not None:
            return effect_from_answer(stored_answer, viewer)
        step, source_ids = _require_open_request(unit, step_id)
        unit.consents.record_answers(step_id, source_ids, status, unit.commit_no, reason_code)
        decisions = load_step_decisions(unit, step)
        if status is ConsentStatus.GIVEN:
            effect, shown_records = apply_if_approved(unit, index, step, decisions, preview=preview)
        else:
            effect, shown_records = end_step(unit, index, step, decisions, preview=preview), frozenset()
            return_to_maker(unit, index, step, decisions, reason_code, clean_note)
        if not all(is_wholly_visible(unit, decision, step_id) for decision in decisions):
            # Kind and number of decisions would reveal hidden records.
            effect = replace(
                effect, kind=kind, decisions=(), awaiting=bool(effect.consent_of), approval=False
            )
        store_answer(unit, index, effect.as_dict(), shown_records)
    disclose(index, viewer, Action.CONSENT, shown_records, effect_fields(effect))
    return effect


def _require_open_request(unit: ReadUnit, step_id: int) -> tuple[Step, list[int]]:
    """Return a steward's step and the viewer's sources yet to consent."""
    step = unit.steps.get(step_id)
    codes = {source.id: source.code for source in unit.sources.all()}
    requests = unit.consents.consents_of_steps([step_id]).get(step_id, ()) if step is not None else ()
    own_requests = [request for request in requests if is_source_owner(unit.viewer, codes[request.source_id])]
    if step is None or not own_requests:
        raise NotFoundError(f"there is no step {step_id} that your sources were asked about")
    if obstacle := find_obstacle(unit, step.commit_no):
        raise ConflictError(f"step {step_id} is {obstacle}: another owner has to consent")
    unanswered = [request.source_id for request in own_requests if request.status is ConsentStatus.ASKED]
    if not unanswered or not unit.pending_approvals.all_of_step(step_id):
        raise ConflictError(f"step {step_id} does not wait for your consent")
    return step, unanswered

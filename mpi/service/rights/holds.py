"""Legal holds: place one, lift one, list them."""

from dataclasses import dataclass
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.policy.cases.subject_rights import check_person
from mpi.policy.parties import ALL
from mpi.service.agreements.terms import find_terms
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.legal_holds import AGREEMENT, CHILD, SOURCE
from mpi.service.core.visibility import visible_labels
from mpi.service.legal.references import check_reference
from mpi.service.rights.cases import ACTIONS, require_handler, require_second_person
from mpi.service.rights.record_values import require_record
from mpi.service.statements.sources import require_own_source
from mpi.storage.repositories.access.legal_holds import StoredLegalHold
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class LegalHoldOrder:
    """A legal hold as somebody asks for it.

    Args:
        reference: number of the paper that asks for it; no name.
        reason: why, without a name of a child.
        placed_by: name of the person who answers for it.
        source: code of the source to hold, or of the record's source; None for an agreement.
        local_id: local ID of a record of the child; None for another target.
        agreement: code of the agreement; None for another target.
    """

    reference: str
    reason: str
    placed_by: str
    source: str | None = None
    local_id: str | None = None
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class LegalHoldView:
    """A legal hold as those who handle it read it.

    Args:
        stored: the hold.
        source: code of its source; None for an agreement.
        local_id: local ID of the named record; None for another target, or where it is not visible.
        placed_on: day on which it was placed.
        entered_by: who entered it.
    """

    stored: StoredLegalHold
    source: str | None
    local_id: str | None
    placed_on: str
    entered_by: str

    @property
    def stands(self) -> bool:
        """Whether it was not lifted."""
        return self.stored.lifted_commit is None


def place_hold(index: Index, viewer: Viewer, order: LegalHoldOrder) -> str:
    """Place a legal hold: what it reaches is neither expunged nor destroyed.

    A hold on a child reaches the child's records of the same source. If the viewer is of all sources, it
    reaches the child's records of all.

    Args:
        index: the open index.
        viewer: who enters it.
        order: what is held, why, and who answers for it.

    Returns:
        The code of the hold.

    Raises:
        InputError: a text is wrong, or not one child, source or agreement is named.
        NotFoundError: the record, source or agreement does not exist for the viewer.
        ConflictError: the source sends its records to a scope, in whose index the hold belongs.
        AccessDenied: the viewer may not place holds on this source.
    """
    target = _find_target(order)
    require_permission(viewer, Action.RIGHTS_MANAGE, order.source)
    if target == AGREEMENT and viewer.sources is not None:
        # Other parties' sources are reached too, which is not for one of them to say.
        raise NotFoundError("there is no such agreement on which you may place a hold")
    reference = check_reference(order.reference)
    reason, placed_by = check_person("reason", order.reason), check_person("placed_by", order.placed_by)
    with index.database.write(viewer, "legal-hold") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return str(stored_answer["code"])
        code = index.keyed_hash.to_case_code("legal-hold", unit.commit_no)
        source = None if order.source is None else unit.sources.get_by_code(order.source)
        record_id = None
        if source is not None:
            # The records are destroyed where they are sent to, and a hold elsewhere would stop nothing there.
            require_own_source(source)
        if source is not None and order.local_id is not None:
            record_id = require_record(unit, source, order.local_id)
        unit.legal_holds.add(
            StoredLegalHold(
                code=code,
                target=target,
                record_id=record_id,
                source_id=None if source is None else source.id,
                agreement=order.agreement,
                sources=_find_reach(unit, order, target),
                reference=reference,
                reason=reason,
                placed_by=placed_by,
                placed_commit=unit.commit_no,
            )
        )
        store_answer(unit, index, {"code": code}, ())
    return code


def lift_hold(index: Index, viewer: Viewer, code: str, lifted_by: str, reason: str) -> None:
    """Lift a legal hold, as the second person.

    Args:
        index: the open index.
        viewer: who lifts it; not who placed it.
        code: code of the hold.
        lifted_by: name of the person who answers for it.
        reason: why.

    Raises:
        NotFoundError: there is no such hold that the viewer may lift.
        ConflictError: the viewer placed it, or it is lifted already.
        InputError: a text is wrong.
        AccessDenied: the viewer may not decide about holds.
    """
    require_permission(viewer, Action.RIGHTS_DECIDE)
    name, why = check_person("lifted_by", lifted_by), check_person("reason", reason)
    with index.database.write(viewer, "legal-hold-lift") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        hold = next((each for each in unit.legal_holds.all() if each.code == code), None)
        if hold is None or not _may_handle(unit, hold, Action.RIGHTS_DECIDE):
            raise NotFoundError("there is no such legal hold that you may lift: see mpi legal-hold list")
        if hold.lifted_commit is not None:
            raise ConflictError("this legal hold is lifted already")
        require_second_person(unit, hold.placed_commit)
        unit.legal_holds.lift(code, name, why, unit.commit_no)
        store_answer(unit, index, {}, ())


def list_holds(index: Index, viewer: Viewer) -> list[LegalHoldView]:
    """Return the legal holds that the viewer handles, oldest first.

    Raises:
        AccessDenied: the viewer may neither place nor lift holds.
    """
    require_handler(viewer)
    with index.database.read(viewer) as unit:
        codes = {source.id: source.code for source in unit.sources.all()}
        holds = [
            hold
            for hold in unit.legal_holds.all()
            if any(_may_handle(unit, hold, action) for action in ACTIONS)
        ]
        labels = visible_labels(unit, {hold.record_id for hold in holds if hold.record_id is not None})
        commits = unit.commit_info({hold.placed_commit for hold in holds})
    if labels:
        disclose(index, viewer, Action.RIGHTS_MANAGE, labels, ("source", "local_id", "reference"))
    return [
        LegalHoldView(
            stored=hold,
            source=None if hold.source_id is None else codes[hold.source_id],
            local_id=labels[hold.record_id].local_id if hold.record_id in labels else None,
            placed_on=commits[hold.placed_commit][0][:10],
            entered_by=commits[hold.placed_commit][1],
        )
        for hold in holds
    ]


def to_plain_values(view: LegalHoldView) -> dict[str, Any]:
    """Return a hold as plain values for JSON."""
    hold = view.stored
    return {
        "code": hold.code,
        "target": hold.target,
        "source": view.source,
        "local_id": view.local_id,
        "agreement": hold.agreement,
        "reference": hold.reference,
        "reason": hold.reason,
        "placed_by": hold.placed_by,
        "placed_on": view.placed_on,
        "entered_by": view.entered_by,
        "stands": view.stands,
        "lifted_by": hold.lifted_by,
        "lift_reason": hold.lift_reason,
    }


def _find_target(order: LegalHoldOrder) -> str:
    """Return what an order holds.

    Raises:
        InputError: it names not exactly one child, source or agreement.
    """
    if order.agreement is not None and order.source is None and order.local_id is None:
        return AGREEMENT
    if order.agreement is None and order.source is not None:
        return SOURCE if order.local_id is None else CHILD
    raise InputError("target: name a source, a source with a local ID, or an agreement alone")


def _find_reach(unit: WriteUnit, order: LegalHoldOrder, target: str) -> tuple[str, ...] | None:
    """Return the sources that a hold reaches; None for all.

    Raises:
        NotFoundError: there is no such agreement in force or with a past.
    """
    if target != AGREEMENT:
        is_wide = target == CHILD and unit.viewer.sources is None
        return None if is_wide or order.source is None else (order.source,)
    terms = find_terms(unit, order.agreement or "", clock.now().date())
    if terms is None:
        raise NotFoundError("there is no such agreement on which you may place a hold")
    owned = {source for party in terms.parties for source in party.sources}
    return None if ALL in owned else tuple(sorted(owned))


def _may_handle(unit: ReadUnit, hold: StoredLegalHold, action: Action) -> bool:
    """Return whether a viewer's sources are all that a hold reaches."""
    viewer = unit.viewer
    if viewer.sources is None:
        return action in viewer.actions
    codes = {source.id: source.code for source in unit.sources.all()}
    if hold.source_id is None or hold.sources != (codes[hold.source_id],):
        return False
    return is_allowed_on(viewer, action, codes[hold.source_id])

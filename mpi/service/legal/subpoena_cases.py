"""Subpoena cases: open one, record the notice, decide, list.

One person opens a case. Another one, who is counsel, decides what it may release. Both answer for records of
the agency that keeps them: a case asks for records of one source.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed, require_permission
from mpi.policy.cases.subpoena import (
    MAX_RECORDS,
    CaseScope,
    CaseState,
    CounselDecision,
    CounselVerdict,
    Subpoena,
    SubpoenaCase,
    check_fields,
    check_subpoena,
    check_text,
    decide_scope,
)
from mpi.service.core.disclosure import disclose
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.service.core.visibility import find_nameable_records, visible_labels
from mpi.service.legal.references import check_reference
from mpi.standardize.fields.scalars import parse_local_id
from mpi.storage.repositories.access.subpoenas import (
    StoredSubpoena,
    SubpoenaHistory,
    SubpoenaStep,
    SubpoenaStepKind,
)
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

_ACTIONS = (Action.SUBPOENA_MANAGE, Action.SUBPOENA_DECIDE)


@dataclass(frozen=True, slots=True)
class SubpoenaView:
    """A subpoena case as those who handle it read it.

    Args:
        case: the case.
        state: its state.
        local_ids: local IDs of the records that it asks for, without sealed ones.
        released_local_ids: those that counsel permits to release.
        obstacle: why nothing may be released yet.
        is_own: whether the viewer is no second person, and somebody else has to decide.
    """

    case: SubpoenaCase
    state: CaseState
    local_ids: tuple[str, ...]
    released_local_ids: tuple[str, ...]
    obstacle: str | None
    is_own: bool


def open_case(
    index: Index, viewer: Viewer, subpoena: Subpoena, local_ids: Collection[str], fields: Collection[str]
) -> str:
    """Open the case of a subpoena that was served.

    Args:
        index: the open index.
        viewer: who opens it.
        subpoena: what was served.
        local_ids: the records that it asks for, ``MAX_RECORDS`` at most.
        fields: the canonical fields that it asks for.

    Returns:
        The code of the case.

    Raises:
        InputError: a text, day or field is wrong, the reference has not the form of one, no record is named,
            or too many are.
        NotFoundError: one of the records does not exist for the viewer.
        AccessDenied: the viewer may not handle cases about this source.
    """
    require_permission(viewer, Action.SUBPOENA_MANAGE, subpoena.source)
    check_subpoena(subpoena, clock.now().date())
    reference = check_reference(subpoena.reference)
    checked_fields = check_fields(fields)
    with index.database.write(viewer, "subpoena-open") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return str(stored_answer["code"])
        record_ids = _find_records(unit, subpoena.source, local_ids)
        code = index.keyed_hash.to_case_code("subpoena", unit.commit_no)
        unit.subpoenas.add(
            StoredSubpoena(
                code=code,
                source_id=unit.sources.get_by_code(subpoena.source).id,
                court=subpoena.court,
                reference=reference,
                served_by=subpoena.served_by,
                received=subpoena.received.isoformat(),
                due=subpoena.due.isoformat(),
                notice_forbidden=subpoena.notice_forbidden,
                record_ids=tuple(sorted(record_ids)),
                fields=tuple(sorted(checked_fields)),
                opened_commit=unit.commit_no,
            )
        )
        store_answer(unit, index, {"code": code}, ())
    return code


def record_notice(index: Index, viewer: Viewer, code: str, day: date) -> None:
    """Record the day on which the parents were notified of a case.

    A reasonable effort to notify them counts.

    Raises:
        NotFoundError: there is no such case that the viewer may handle.
        ConflictError: the order forbids the notice, or it is recorded already.
        InputError: the day has not come, or is before the one on which the subpoena was received.
        AccessDenied: the viewer may not handle cases.
    """
    require_permission(viewer, Action.SUBPOENA_MANAGE)
    with index.database.write(viewer, "subpoena-notify") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        case = get_case(unit, Action.SUBPOENA_MANAGE, code)
        if case.subpoena.notice_forbidden:
            raise ConflictError("the order forbids to notify the parents")
        if case.notified is not None:
            raise ConflictError("the notice of this case is recorded already")
        if not case.subpoena.received <= day <= clock.now().date():
            raise InputError("day: give a day from the one on which the subpoena was received until today")
        unit.subpoenas.add_step(
            SubpoenaStep(code, unit.commit_no, SubpoenaStepKind.NOTIFY, day=day.isoformat())
        )
        store_answer(unit, index, {}, ())


def decide_case(
    index: Index,
    viewer: Viewer,
    code: str,
    decision: CounselDecision,
    local_ids: Collection[str] = (),
    fields: Collection[str] = (),
) -> None:
    """Decide, as counsel, what a case may release.

    Args:
        index: the open index.
        viewer: who decides; not who opened the case.
        code: code of the case.
        decision: counsel's verdict, name and reason; its scope is ignored.
        local_ids: records that a narrower release keeps; empty for all.
        fields: fields that it keeps; empty for all.

    Raises:
        NotFoundError: there is no such case that the viewer may handle.
        ConflictError: the viewer is no second person for the case, or it is decided already.
        InputError: a text is wrong, or records or fields are not some of those asked for.
        AccessDenied: the viewer may not decide cases.
    """
    require_permission(viewer, Action.SUBPOENA_DECIDE)
    check_text("counsel", decision.counsel)
    check_text("reason", decision.reason)
    with index.database.write(viewer, "subpoena-decide") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        case = get_case(unit, Action.SUBPOENA_DECIDE, code)
        if obstacle := find_obstacle(unit, case.opened_commit):
            raise ConflictError(f"this case is {obstacle}: somebody else, who is counsel, has to decide")
        if case.decision is not None:
            raise ConflictError("counsel has decided about this case already: open another one")
        kept = _find_asked_records(unit, case, local_ids)
        scope = decide_scope(case, decision.verdict, kept, frozenset(fields))
        unit.subpoenas.add_step(
            SubpoenaStep(
                code,
                unit.commit_no,
                SubpoenaStepKind.DECIDE,
                verdict=decision.verdict.value,
                counsel=decision.counsel,
                reason=decision.reason,
                record_ids=None if scope is None else tuple(sorted(scope.record_ids)),
                fields=None if scope is None else tuple(sorted(scope.fields)),
            )
        )
        store_answer(unit, index, {}, ())


def list_cases(index: Index, viewer: Viewer) -> list[SubpoenaView]:
    """Return the viewer's cases, the earliest due day first.

    Raises:
        AccessDenied: the viewer may neither handle nor decide cases.
    """
    return _read_views(index, viewer, lambda unit: unit.subpoenas.all())


def show_case(index: Index, viewer: Viewer, code: str) -> SubpoenaView:
    """Return one of the viewer's cases.

    Raises:
        NotFoundError: there is no such case that the viewer may handle.
        AccessDenied: the viewer may neither handle nor decide cases.
    """

    def find(unit: ReadUnit) -> list[SubpoenaHistory]:
        history = unit.subpoenas.find(code)
        return [] if history is None else [history]

    views = _read_views(index, viewer, find)
    if not views:
        raise _unknown_case()
    return views[0]


def _read_views(
    index: Index, viewer: Viewer, find: Callable[[ReadUnit], list[SubpoenaHistory]]
) -> list[SubpoenaView]:
    """Return the viewer's cases among some, once the ledger has them."""
    if not any(is_allowed(viewer, action) for action in _ACTIONS):
        require_permission(viewer, Action.SUBPOENA_MANAGE)
    with index.database.read(viewer) as unit:
        cases = _build_cases(unit, find(unit))
        handled = [case for case in cases if any(_may_handle(viewer, action, case) for action in _ACTIONS)]
        views, named = _build_views(unit, handled)
    if named:
        fields = ("source", "local_id", "court", "reference")
        disclose(index, viewer, Action.SUBPOENA_MANAGE, named, fields)
    return views


def to_plain_values(view: SubpoenaView) -> dict[str, Any]:
    """Return a case as plain values for JSON."""
    case, subpoena, decision = view.case, view.case.subpoena, view.case.decision
    scope = None if decision is None else decision.scope
    return {
        "code": case.code,
        "state": str(view.state),
        "source": subpoena.source,
        "court": subpoena.court,
        "reference": subpoena.reference,
        "served_by": subpoena.served_by,
        "received": subpoena.received.isoformat(),
        "due": subpoena.due.isoformat(),
        "notice_forbidden": subpoena.notice_forbidden,
        "notified": None if case.notified is None else case.notified.isoformat(),
        "local_ids": list(view.local_ids),
        "fields": sorted(case.asked.fields),
        "opened_by": case.opened_by,
        "verdict": None if decision is None else str(decision.verdict),
        "counsel": None if decision is None else decision.counsel,
        "reason": None if decision is None else decision.reason,
        "released_local_ids": list(view.released_local_ids),
        "released_fields": [] if scope is None else sorted(scope.fields),
        "obstacle": view.obstacle,
    }


def get_case(unit: ReadUnit, action: Action, code: str) -> SubpoenaCase:
    """Return a case that the viewer may handle.

    Raises:
        NotFoundError: there is none of that code, or it is about a source of others. The message does not
            tell which.
    """
    history = unit.subpoenas.find(code)
    if history is None:
        raise _unknown_case()
    case = build_case(unit, history)
    if not _may_handle(unit.viewer, action, case):
        raise _unknown_case()
    return case


def build_case(unit: ReadUnit, history: SubpoenaHistory) -> SubpoenaCase:
    """Return a stored case with what became of it."""
    [case] = _build_cases(unit, [history])
    return case


def _build_cases(unit: ReadUnit, histories: Collection[SubpoenaHistory]) -> list[SubpoenaCase]:
    """Return stored cases, with all commits read at once."""
    commits = unit.commit_info({history.subpoena.opened_commit for history in histories})
    codes = {source.id: source.code for source in unit.sources.all()}
    return [
        _to_case(history, codes[history.subpoena.source_id], commits[history.subpoena.opened_commit][1])
        for history in histories
    ]


def _to_case(history: SubpoenaHistory, source: str, opened_by: str) -> SubpoenaCase:
    stored = history.subpoena
    notices = [step.day for step in history.steps if step.kind is SubpoenaStepKind.NOTIFY]
    decisions = [step for step in history.steps if step.kind is SubpoenaStepKind.DECIDE]
    return SubpoenaCase(
        code=stored.code,
        subpoena=Subpoena(
            source=source,
            court=stored.court,
            reference=stored.reference,
            served_by=stored.served_by,
            received=date.fromisoformat(stored.received),
            due=date.fromisoformat(stored.due),
            notice_forbidden=stored.notice_forbidden,
        ),
        asked=CaseScope(frozenset(stored.record_ids), frozenset(stored.fields)),
        opened_by=opened_by,
        opened_commit=stored.opened_commit,
        notified=date.fromisoformat(notices[0]) if notices and notices[0] is not None else None,
        decision=_build_decision(decisions[0]) if decisions else None,
        is_released=any(step.kind is SubpoenaStepKind.RELEASE for step in history.steps),
    )


def add_release(unit: WriteUnit, code: str) -> None:
    """Add to a case that its records are released."""
    unit.subpoenas.add_step(SubpoenaStep(code, unit.commit_no, SubpoenaStepKind.RELEASE))


def _build_decision(step: SubpoenaStep) -> CounselDecision:
    scope = None
    if step.record_ids is not None and step.fields is not None:
        scope = CaseScope(frozenset(step.record_ids), frozenset(step.fields))
    return CounselDecision(CounselVerdict(step.verdict or ""), step.counsel or "", step.reason or "", scope)


def _build_views(unit: ReadUnit, cases: Collection[SubpoenaCase]) -> tuple[list[SubpoenaView], set[int]]:
    """Return cases as people read them, and the records that they name."""
    asked = {record for case in cases for record in case.asked.record_ids}
    labels = visible_labels(unit, asked)

    def name(scope: CaseScope | None) -> tuple[str, ...]:
        record_ids: Iterable[int] = () if scope is None else scope.record_ids & labels.keys()
        return tuple(sorted(labels[record].local_id for record in record_ids))

    views = [
        SubpoenaView(
            case=case,
            state=case.state,
            local_ids=name(case.asked),
            released_local_ids=name(None if case.decision is None else case.decision.scope),
            obstacle=case.find_obstacle(),
            is_own=find_obstacle(unit, case.opened_commit) is not None,
        )
        for case in cases
    ]
    return views, set(labels)


def _may_handle(viewer: Viewer, action: Action, case: SubpoenaCase) -> bool:
    """Return whether a case is about records of the viewer's own party."""
    source = case.subpoena.source
    if not is_allowed(viewer, action) or not viewer.may_see(source):
        return False
    return viewer.rights is None or viewer.rights.find_refusal(action, source) is None


def _find_records(unit: ReadUnit, source_code: str, local_ids: Collection[str]) -> frozenset[int]:
    """Return the numbers of a source's records that a case names.

    Raises:
        RecordError: a local ID is invalid.
        InputError: none is named, or too many are.
        NotFoundError: one of them does not exist for the viewer.
    """
    named = frozenset(map(parse_local_id, local_ids))
    if not 0 < len(named) <= MAX_RECORDS:
        raise InputError(f"local_ids: name 1 to {MAX_RECORDS} records")
    source = unit.sources.get_by_code(source_code)
    records = find_nameable_records(unit, source.id, named)
    if len(records) < len(named):
        raise NotFoundError(f"source {source_code!r} has no such record for {len(named) - len(records)} IDs")
    return frozenset(record.id for record in records.values())


def _find_asked_records(unit: ReadUnit, case: SubpoenaCase, local_ids: Collection[str]) -> frozenset[int]:
    return _find_records(unit, case.subpoena.source, local_ids) if local_ids else frozenset()


def _unknown_case() -> NotFoundError:
    return NotFoundError("there is no such case that you may handle: see mpi subpoena list")

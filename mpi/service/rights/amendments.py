"""Requests to amend a record: decision, hearing and statement.

A granted request asks the source to correct its record. The case is closed by the source's own statement:
once the value has changed, the state is ``corrected``. A steward's correction of a value, which overrides the
records, is another step (docs/how-to/correct-a-value.md).
"""

from mpi.domain import clock
from mpi.domain.errors import ConflictError
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.policy.cases.subject_rights import CaseKind, RightsState, add_days, check_person, check_statement
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.rights.cases import RightsCase, add_step, get_case, require_second_person, require_state
from mpi.service.rights.record_values import make_value_token
from mpi.storage.repositories.access.rights_cases import StoredText


def grant_amendment(index: Index, viewer: Viewer, code: str, decided_by: str) -> None:
    """Grant a request to amend, so that the source corrects its record.

    Args:
        index: the open index.
        viewer: who decides; not who opened the case.
        code: code of the case.
        decided_by: name of the person who decides.

    Raises:
        NotFoundError: there is no such case that the viewer may decide.
        ConflictError: it is no request to amend, the viewer opened it, or it is decided already.
        InputError: the name is wrong.
        AccessDenied: the viewer may not decide cases.
    """
    require_permission(viewer, Action.RIGHTS_DECIDE)
    name = check_person("decided_by", decided_by)
    with index.database.write(viewer, "rights-grant") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        case = get_case(unit, index, Action.RIGHTS_DECIDE, code, CaseKind.AMEND)
        require_state(case, RightsState.OPEN)
        require_second_person(unit, case.stored.opened_commit)
        value = make_value_token(unit, index, case.stored.record_id, case.stored.details["field"])
        add_step(unit, code, "grant", decided_by=name, value=value)
        store_answer(unit, index, {}, ())


def ask_hearing(index: Index, viewer: Viewer, code: str) -> None:
    """Record that a hearing was asked for after a refusal.

    Raises:
        NotFoundError: there is no such case that the viewer may handle.
        ConflictError: it was not refused, or the time to ask has passed.
        AccessDenied: the viewer may not handle cases.
    """
    require_permission(viewer, Action.RIGHTS_MANAGE)
    with index.database.write(viewer, "rights-hearing") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        case = get_case(unit, index, Action.RIGHTS_MANAGE, code, CaseKind.AMEND)
        require_state(case, RightsState.REFUSED)
        last = add_days(clock.parse_day(_refusal_day(case), "day"), case.stored.details["days"]["hearing"])
        if clock.now().date() > last:
            raise ConflictError(f"the time to ask for a hearing ended on {last.isoformat()}")
        add_step(unit, code, "ask_hearing")
        store_answer(unit, index, {}, ())


def decide_hearing(index: Index, viewer: Viewer, code: str, officer: str, *, amends: bool) -> None:
    """Record the decision of a hearing.

    Args:
        index: the open index.
        viewer: who records it: neither who opened the case nor who refused it.
        code: code of the case.
        officer: name of the person who held the hearing, without an interest in its outcome.
        amends: whether the record is to be amended.

    Raises:
        NotFoundError: there is no such case that the viewer may decide.
        ConflictError: no hearing was asked for, or the viewer opened or refused the case.
        InputError: the name is wrong.
        AccessDenied: the viewer may not decide cases.
    """
    require_permission(viewer, Action.RIGHTS_DECIDE)
    name = check_person("officer", officer)
    with index.database.write(viewer, "rights-hear") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        case = get_case(unit, index, Action.RIGHTS_DECIDE, code, CaseKind.AMEND)
        require_state(case, RightsState.HEARING)
        for commit_no in (case.stored.opened_commit, *_commits_of(case, "refuse")):
            require_second_person(unit, commit_no)
        if amends:
            value = make_value_token(unit, index, case.stored.record_id, case.stored.details["field"])
            add_step(unit, code, "amend", officer=name, value=value)
        else:
            add_step(unit, code, "uphold", officer=name)
        store_answer(unit, index, {}, ())


def attach_statement(index: Index, viewer: Viewer, code: str, statement: str) -> None:
    """Attach a person's statement to the record, for later readers.

    Args:
        index: the open index.
        viewer: who records it.
        code: code of the case.
        statement: what the person wrote, at most ``MAX_STATEMENT_LENGTH`` characters.

    Raises:
        NotFoundError: there is no such case that the viewer may handle.
        ConflictError: no hearing has upheld the record, a statement is attached, or the record is gone.
        InputError: the statement is empty or too long.
        AccessDenied: the viewer may not handle cases.
    """
    require_permission(viewer, Action.RIGHTS_MANAGE)
    text = check_statement("statement", statement)
    with index.database.write(viewer, "rights-statement") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        case = get_case(unit, index, Action.RIGHTS_MANAGE, code, CaseKind.AMEND)
        require_state(case, RightsState.UPHELD)
        if case.local_id is None:
            raise ConflictError("the record is no longer there: nothing can be attached to it")
        if "statement" in case.texts:
            raise ConflictError("a statement is attached already")
        unit.rights_cases.add_text(StoredText(code, "statement", case.stored.record_id, text, unit.commit_no))
        add_step(unit, code, "statement")
        store_answer(unit, index, {}, ())


def _refusal_day(case: RightsCase) -> str:
    return next(str(step.details["day"]) for step in case.steps if step.kind == "refuse")


def _commits_of(case: RightsCase, kind: str) -> list[int]:
    return [step.commit_no for step in case.steps if step.kind == kind]

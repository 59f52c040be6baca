"""Rights cases as their handlers read them.

A case is about one record of one source. Who handles cases of that source sees it, and nobody else. It names
the record by its local ID as long as the record is visible.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mpi.domain import clock
from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.viewer import Action, Viewer, is_allowed, is_allowed_on, require_permission
from mpi.policy.cases.subject_rights import (
    CaseKind,
    Deadline,
    Relation,
    RightsState,
    add_days,
    format_refusal,
)
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.second_person import find_obstacle
from mpi.service.core.visibility import visible_labels
from mpi.service.rights.record_values import make_value_token
from mpi.storage.repositories.access.rights_cases import StoredCase, StoredStep
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

ACTIONS = (Action.RIGHTS_MANAGE, Action.RIGHTS_DECIDE)
_STATE_BY_STEP = {
    "release": RightsState.RELEASED,
    "refuse": RightsState.REFUSED,
    "grant": RightsState.GRANTED,
    "ask_hearing": RightsState.HEARING,
    "amend": RightsState.GRANTED,
    "uphold": RightsState.UPHELD,
}
"""State of a case after each kind of step; other steps do not change it."""


@dataclass(frozen=True, slots=True)
class RightsCase:
    """A request about a child's record, with what became of it.

    Args:
        stored: the request as it was received.
        source: code of the source whose record it names.
        steps: what persons did with it, oldest first.
        state: its state.
        opened_by: who opened it.
        local_id: local ID of the record; None where it is no longer visible.
        deadline: the clock that runs; None where none does.
        texts: what was written, by ``wanted`` and ``statement``.
    """

    stored: StoredCase
    source: str
    steps: tuple[StoredStep, ...]
    state: RightsState
    opened_by: str
    local_id: str | None
    deadline: Deadline | None
    texts: Mapping[str, str]

    @property
    def code(self) -> str:
        """The code of the case."""
        return self.stored.code

    @property
    def kind(self) -> CaseKind:
        """What is asked for."""
        return CaseKind(self.stored.kind)

    @property
    def relation(self) -> Relation:
        """Who asks."""
        return Relation(self.stored.details["relation"])

    @property
    def letter(self) -> str | None:
        """The letter about a refusal; None where it is not refused."""
        if self.state is not RightsState.REFUSED:
            return None
        with_hearing = self.kind is CaseKind.AMEND
        return format_refusal(self.stored.details["appeal_office"], with_hearing=with_hearing)


def list_cases(index: Index, viewer: Viewer) -> list[RightsCase]:
    """Return the viewer's cases, the earliest due day first.

    Raises:
        AccessDenied: the viewer may neither handle nor decide cases.
    """
    require_handler(viewer)
    with index.database.read(viewer) as unit:
        cases = _build_cases(unit, index, unit.rights_cases.all())
    _disclose_cases(index, viewer, cases)
    latest = date.max
    return sorted(cases, key=lambda case: case.deadline.due if case.deadline else latest)


def show_case(index: Index, viewer: Viewer, code: str) -> RightsCase:
    """Return one of the viewer's cases.

    Raises:
        NotFoundError: there is no such case that the viewer may handle.
        AccessDenied: the viewer may neither handle nor decide cases.
    """
    require_handler(viewer)
    with index.database.read(viewer) as unit:
        found = unit.rights_cases.find(code)
        cases = _build_cases(unit, index, [] if found is None else [found])
    if not cases:
        raise _unknown_case()
    _disclose_cases(index, viewer, cases)
    return cases[0]


def get_case(unit: ReadUnit, index: Index, action: Action, code: str, kind: CaseKind) -> RightsCase:
    """Return a case on which the viewer may perform an action.

    Raises:
        NotFoundError: there is none, or it is about a source of others. The message does not tell which.
        ConflictError: it is a case of the other kind.
    """
    found = unit.rights_cases.find(code)
    cases = _build_cases(unit, index, [] if found is None else [found])
    if not cases or not is_allowed_on(unit.viewer, action, cases[0].source):
        raise _unknown_case()
    if cases[0].kind is not kind:
        raise ConflictError(f"this case is a request to {cases[0].kind}")
    return cases[0]


def require_handler(viewer: Viewer) -> None:
    """Refuse a viewer who neither handles nor decides cases and holds.

    Raises:
        AccessDenied: the viewer has neither right.
    """
    if not any(is_allowed(viewer, action) for action in ACTIONS):
        require_permission(viewer, Action.RIGHTS_MANAGE)


def require_state(case: RightsCase, *states: RightsState) -> None:
    """Refuse a step that the state of a case does not permit.

    Raises:
        ConflictError: it is in another state.
    """
    if case.state not in states:
        raise ConflictError(f"the state of this case is {case.state.value!r}: {_list(states)} is needed")


def require_second_person(unit: ReadUnit, made_commit: int) -> None:
    """Refuse a viewer who is no second person for a commit.

    Raises:
        ConflictError: the viewer made it, or knew the maker's password.
    """
    obstacle = find_obstacle(unit, made_commit)
    if obstacle is not None:
        raise ConflictError(f"this step is {obstacle}: somebody else has to decide")


def add_step(unit: WriteUnit, code: str, kind: str, **details: object) -> None:
    """Add what a person did with a case today."""
    unit.rights_cases.add_step(StoredStep(code, unit.commit_no, kind, {"day": clock.today(), **details}))


def to_plain_values(case: RightsCase) -> dict[str, Any]:
    """Return a case as plain values for JSON."""
    details, today = case.stored.details, clock.now().date()
    return {
        "code": case.code,
        "kind": case.kind.value,
        "state": case.state.value,
        "source": case.source,
        "local_id": case.local_id,
        "received": case.stored.received,
        "relation": case.relation.value,
        "identification": details["identification"],
        "identified_by": details["identified_by"],
        "reference": details["reference"],
        "owner": details["owner"],
        "field": details.get("field"),
        "wanted": case.texts.get("wanted"),
        "statement": case.texts.get("statement"),
        "opened_by": case.opened_by,
        "clock": None if case.deadline is None else case.deadline.name,
        "due": None if case.deadline is None else case.deadline.due.isoformat(),
        "days_left": None if case.deadline is None else case.deadline.days_left(today),
        "notice": None if case.deadline is None else case.deadline.find_notice(today),
        "letter": case.letter,
        "steps": [{"kind": step.kind, **step.details} for step in case.steps],
    }


def _build_cases(
    unit: ReadUnit, index: Index, found: Sequence[tuple[StoredCase, tuple[StoredStep, ...]]]
) -> list[RightsCase]:
    """Return those of some cases that the viewer handles."""
    codes = {source.id: source.code for source in unit.sources.all()}
    handled = [
        (stored, steps)
        for stored, steps in found
        if any(is_allowed_on(unit.viewer, action, codes[stored.source_id]) for action in ACTIONS)
    ]
    records = {stored.record_id for stored, _ in handled}
    labels = visible_labels(unit, records)
    commits = unit.commit_info({stored.opened_commit for stored, _ in handled})
    texts: dict[str, dict[str, str]] = {}
    for text in unit.rights_cases.texts(labels):
        texts.setdefault(text.code, {})[text.kind] = text.text
    cases = []
    for stored, steps in handled:
        label = labels.get(stored.record_id)
        state = _find_state(unit, index, stored, steps)
        cases.append(
            RightsCase(
                stored=stored,
                source=codes[stored.source_id],
                steps=steps,
                state=state,
                opened_by=commits[stored.opened_commit][1],
                local_id=None if label is None else label.local_id,
                deadline=_find_deadline(stored, steps, state),
                texts=texts.get(stored.code, {}),
            )
        )
    return cases


def _find_state(
    unit: ReadUnit, index: Index, stored: StoredCase, steps: Collection[StoredStep]
) -> RightsState:
    """Return the state of a case.

    A granted one is corrected once the source's value has changed.
    """
    state = RightsState.OPEN
    value_token = None
    for step in steps:
        state = _STATE_BY_STEP.get(step.kind, state)
        value_token = step.details.get("value", value_token)
    if state is RightsState.GRANTED and value_token is not None:
        current = make_value_token(unit, index, stored.record_id, stored.details["field"])
        return RightsState.GRANTED if current == value_token else RightsState.CORRECTED
    return state


def _find_deadline(stored: StoredCase, steps: Sequence[StoredStep], state: RightsState) -> Deadline | None:
    """Return the clock that runs in a state."""
    days = stored.details["days"]
    since = date.fromisoformat(stored.received)
    if state is RightsState.OPEN:
        name = "inspection" if stored.kind == CaseKind.INSPECT else "amendment"
        return Deadline(name, add_days(since, days[name]))
    if state is RightsState.GRANTED:
        return Deadline("correction", add_days(_last_day(steps, since), days["amendment"]))
    if state is RightsState.HEARING:
        return Deadline("hearing", add_days(_last_day(steps, since), days["hearing"]))
    return None


def _last_day(steps: Sequence[StoredStep], received: date) -> date:
    return date.fromisoformat(steps[-1].details["day"]) if steps else received


def _disclose_cases(index: Index, viewer: Viewer, cases: Collection[RightsCase]) -> None:
    """Write the ledger's line about cases that are shown, one for all."""
    named = {case.stored.record_id for case in cases if case.local_id is not None}
    if named:
        disclose(index, viewer, Action.RIGHTS_MANAGE, named, ("source", "local_id", "wanted", "statement"))


def _unknown_case() -> NotFoundError:
    return NotFoundError("there is no such case that you may handle: see mpi rights list")


def _list(states: Collection[RightsState]) -> str:
    return " or ".join(repr(state.value) for state in states)

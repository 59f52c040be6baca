"""Lineage of enterprise IDs: each change of a record's person."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from mpi.domain import eid as eids
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import is_within, visible_labels
from mpi.service.decisions.decision_log import find_visible_groups
from mpi.service.persons.former_ids import require_former_id
from mpi.service.persons.person_status import require_visible_status
from mpi.storage.repositories.persons.identity_events import IdentityEvent
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class LineageStep:
    """One change of which person a record belongs to, with its cause.

    A decision or undo that changed nothing is included without a record. ``client`` is None where it would
    reveal a hidden record.
    """

    at: str
    client: str | None
    cause: str
    record: RecordRef | None
    before: str | None
    after: str | None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class _NamedStep:
    """A merge, split, move or decision, as the lineage names it."""

    id: int
    cause: str


def look_up_lineage(index: Index, viewer: Viewer, text: str) -> tuple[LineageStep, ...]:
    """Return every change of an enterprise ID's records, oldest first.

    Decisions, merges, splits and moves about its records are included, and their undos, even where they
    changed nothing because the model or another decision agrees.

    Raises:
        EidError: the text is not an enterprise ID.
        NotFoundError: the ID was never minted here, or holds nothing that the viewer may see.
        AccessDenied: the viewer may not read persons.
    """
    require_permission(viewer, Action.PERSON_READ)
    with index.database.read(viewer) as unit:
        person = unit.persons.find_by_eid(eids.parse_eid(text))
        if person is None:
            require_former_id(unit, text)
            return ()
        require_visible_status(unit, person)
        events = unit.identity_events.events_of([person.id])
        labels = visible_labels(unit, {event.record_id for event in events})
        events = _keep_visible_events(unit, events, labels)
        steps = _build_steps(unit, events, labels)
    disclose(index, viewer, Action.PERSON_READ, labels, ("before", "after", "cause"))
    return steps


def _keep_visible_events(
    unit: ReadUnit, events: Iterable[IdentityEvent], labels: Mapping[int, RecordRef]
) -> list[IdentityEvent]:
    """Return the changes of visible records outside a seal's time.

    A sealed record has no label, so its changes are hidden; so are those under a seal that was lifted.
    """
    lifted_seals = unit.boundary_orders.lifted_seals(labels)
    return [
        event
        for event in events
        if event.record_id in labels and not is_within(lifted_seals.get(event.record_id, ()), event.commit_no)
    ]


def _build_steps(
    unit: ReadUnit, events: Sequence[IdentityEvent], labels: Mapping[int, RecordRef]
) -> tuple[LineageStep, ...]:
    """Return the changes, and the steps that changed nothing, oldest first."""
    named_steps = _steps_by_commit(unit, labels)
    steps_without_events = named_steps.keys() - {event.commit_no for event in events}
    commits = unit.commit_info({event.commit_no for event in events} | steps_without_events)
    eids_of_persons = _read_eids(unit, events)
    numbered_steps = [
        (
            event.commit_no,
            LineageStep(
                at=commits[event.commit_no][0],
                client=_visible_client(
                    unit.viewer, commits[event.commit_no][1], is_by_step=event.commit_no in named_steps
                ),
                cause=event.cause,
                record=labels[event.record_id],
                before=None if event.before is None else eids_of_persons[event.before],
                after=None if event.after is None else eids_of_persons[event.after],
                step=named_steps[event.commit_no].id if event.commit_no in named_steps else None,
            ),
        )
        for event in events
    ] + [
        (commit_no, _build_step_without_event(commits[commit_no], named_steps[commit_no]))
        for commit_no in steps_without_events
    ]
    return tuple(step for _, step in sorted(numbered_steps, key=itemgetter(0)))


def _build_step_without_event(commit: tuple[str, str, str], step: _NamedStep) -> LineageStep:
    """Return a step that moved no record."""
    at, client, _ = commit
    return LineageStep(at, client, step.cause, record=None, before=None, after=None, step=step.id)


def _read_eids(unit: ReadUnit, events: Iterable[IdentityEvent]) -> dict[int, str]:
    """Return the enterprise IDs of all persons that changes name."""
    person_ids = {person for event in events for person in (event.before, event.after) if person is not None}
    return {person_id: person.eid for person_id, person in unit.persons.by_ids(person_ids).items()}


def _visible_client(viewer: Viewer, client: str, *, is_by_step: bool) -> str | None:
    """Return the client that made a change, or None if hidden.

    The maker is hidden where the name would reveal another source's record.
    """
    return client if viewer.sources is None or is_by_step or client == viewer.client else None


def _steps_by_commit(unit: ReadUnit, labels: Mapping[int, RecordRef]) -> dict[int, _NamedStep]:
    """Return the merges, decisions and other steps done or undone per commit."""
    decisions = unit.decisions.of_records(labels)
    groups = find_visible_groups(unit, decisions.values())
    step_ids = {
        decision.step_id
        for decision in decisions.values()
        if decision.step_id is not None and groups[decision.id] is not None
    }
    steps: dict[int, _NamedStep] = {}
    for step_id, step in sorted(unit.steps.by_ids(step_ids).items()):
        steps[step.commit_no] = _NamedStep(step_id, step.kind)
        if step.undone_commit is not None:
            steps[step.undone_commit] = _NamedStep(step_id, f"undo {step.kind}")
    return steps

"""Workload: open questions of each person, and the oldest of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mpi.domain import clock
from mpi.domain.roles import APPROVER_ASSIGNEE
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.notices.colleagues import list_workers
from mpi.service.resolution.work_log_visibility import redact_work
from mpi.service.review.open_questions import load_questions
from mpi.storage.repositories.review.task_work import QuestionWork
from mpi.storage.unit_of_work.units import ReadUnit


@dataclass(frozen=True, slots=True)
class PersonLoad:
    """Open questions of one person that the viewer may see.

    Args:
        name: name of the account, or ``role:approver`` for all approvers.
        full_name: full name of the person; empty for all approvers.
        questions: number of questions that the person has claimed or is assigned.
        overdue: those of them whose due day, set by a person, is past.
        oldest: when the oldest of them was opened (ISO, UTC); None without questions.
    """

    name: str
    full_name: str
    questions: int
    overdue: int
    oldest: str | None


def load_workload(index: Index, viewer: Viewer) -> tuple[PersonLoad, ...]:
    """Return the open questions of each person, most questions first.

    Raises:
        AccessDenied: the viewer may not work on questions.
    """
    require_permission(viewer, Action.TASK_WORK)
    full_names = {person.name: person.full_name for person in list_workers(index, viewer)}
    names = {**full_names, viewer.client: full_names.get(viewer.client, viewer.client), APPROVER_ASSIGNEE: ""}
    with index.database.read(viewer) as unit:
        works = _list_visible_works(unit, names)
    now = clock.format_timestamp(clock.now())
    held: dict[str | None, list[QuestionWork]] = {}
    for work in works:
        held.setdefault(_find_holder(work, now), []).append(work)
    loads = [_measure(name, full_name, held.get(name, []), now) for name, full_name in names.items()]
    return tuple(sorted(loads, key=lambda load: (-load.questions, load.full_name.casefold(), load.name)))


def _list_visible_works(unit: ReadUnit, names: Collection[str]) -> list[QuestionWork]:
    """Return the visible work states of some people's questions.

    Each state is redacted to what the viewer may see.
    """
    works = unit.task_work.get(unit.task_work.questions_held_by(names))
    if unit.viewer.sources is None:
        return list(works.values())
    visible = load_questions(unit, works)
    return [redact_work(unit, work) for key, work in works.items() if key in visible]


def _find_holder(work: QuestionWork, now: str) -> str | None:
    """Return who has claimed a question, or else is assigned it."""
    has_claim = work.claimed_by is not None and (work.lease_until or "") > now
    return work.claimed_by if has_claim else work.assigned_to


def _measure(name: str, full_name: str, works: Sequence[QuestionWork], now: str) -> PersonLoad:
    """Count a person's questions."""
    return PersonLoad(
        name=name,
        full_name=full_name,
        questions=len(works),
        overdue=sum(1 for work in works if work.due_on is not None and work.due_on < now[:10]),
        oldest=min((work.opened_at for work in works), default=None),
    )

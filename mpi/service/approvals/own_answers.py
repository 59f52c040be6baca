"""Answers of a viewer to a step that waited for agreement."""

from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.gates.sent_back import SENT_BACK
from mpi.service.stewardship.approvals import load_step_decisions
from mpi.storage.unit_of_work.units import ReadUnit

_LATEST_ACTIONS = 1_000


def has_answered(index: Index, viewer: Viewer, step_id: int) -> bool:
    """Return whether the viewer approved, consented to or refused a step.

    It tells of the viewer's own acts only.
    """
    with index.database.read(viewer) as unit:
        commits = _list_answer_commits(unit, step_id)
        makers = {client for _, client, _ in unit.commit_info(commits).values()}
        return viewer.client in makers or any(
            act.action == SENT_BACK and act.detail.get("sent_back") == step_id
            for act in unit.task_work.latest_actions_by(viewer.client, _LATEST_ACTIONS)
        )


def _list_answer_commits(unit: ReadUnit, step_id: int) -> set[int]:
    """Return the commits of a step's approvals and owners' answers."""
    step = unit.steps.get(step_id)
    if step is None:
        return set()
    decisions = load_step_decisions(unit, step)
    approvals = unit.steps.approvals_of([decision.id for decision in decisions])
    consents = unit.consents.consents_of_steps([step_id]).get(step_id, ())
    return {commit for given in approvals.values() for kind, commit in given if kind == step.kind} | {
        consent.commit_no for consent in consents if consent.commit_no is not None
    }

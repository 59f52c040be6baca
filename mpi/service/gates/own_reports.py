"""Reports of wrong pairs, which nobody confirms who made them."""

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.unit_of_work.units import ReadUnit

JUDGES = "judges"
"""Member of a reporting step's detail: who judged the pair before it was reported."""


def find_reporters(unit: ReadUnit, report: StoredDecision) -> frozenset[str]:
    """Return the accounts and clients that reported a pair or judged it."""
    _, client, _ = unit.commit_info({report.commit_no})[report.commit_no]
    step = None if report.step_id is None else unit.steps.get(report.step_id)
    return frozenset({client, *(() if step is None else step.detail.get(JUDGES, ()))})


def require_not_own_report(unit: ReadUnit, report: StoredDecision, kind: DecisionKind) -> None:
    """Refuse a verdict that confirms the viewer's own report.

    Args:
        unit: the transaction.
        report: the reported pair.
        kind: the viewer's verdict. One that contradicts the report is permitted.

    Raises:
        ConflictError: the viewer reported the pair, or judged it in blind review, and confirms the report.
    """
    if kind is report.kind and unit.viewer.client in find_reporters(unit, report):
        raise ConflictError("you reported this yourself: somebody else has to confirm it")

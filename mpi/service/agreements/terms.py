"""Terms of an agreement on a day, from its versions and steps."""

from dataclasses import replace
from datetime import date

from mpi.policy.agreement import Agreement, choose_terms
from mpi.service.agreements.documents import from_content
from mpi.storage.repositories.access.agreements import AgreementHistory, StepKind
from mpi.storage.unit_of_work.units import ReadUnit


def find_terms(unit: ReadUnit, code: str, day: date) -> Agreement | None:
    """Return the version of an agreement whose terms hold on a day.

    Args:
        unit: the caller's transaction.
        code: code of the agreement.
        day: the day, in UTC.

    Returns:
        The latest approved version that has begun; None where the agreement does not exist or was never
        approved. It permits something only while ``state(day)`` is active.
    """
    history = unit.agreements.find(code)
    return None if history is None else choose_terms(build_versions(history), day)


def build_versions(history: AgreementHistory) -> list[Agreement]:
    """Return every version of an agreement, with what became of it."""
    approved = {step.version for step in history.steps if step.kind is StepKind.APPROVE}
    pauses = [step.kind for step in history.steps if step.kind in (StepKind.SUSPEND, StepKind.RESUME)]
    ends = [date.fromisoformat(step.day) for step in history.steps if step.kind is StepKind.END]
    return [
        replace(
            from_content(version.code, version.version, version.content),
            is_approved=version.version in approved,
            is_suspended=bool(pauses) and pauses[-1] is StepKind.SUSPEND,
            ended_on=ends[0] if ends else None,
        )
        for version in history.versions
    ]

"""Undoable steps of a steward, such as merges, and previews of them.

A preview runs the step itself and rolls back, so that it shows exactly what applying would do.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

MAX_REASON_LENGTH = 64
MAX_NOTE_LENGTH = 4000


class _PreviewRollbackError(Exception):
    """Signal that a step's preview is complete and must be rolled back."""


@contextmanager
def step_transaction(index: Index, viewer: Viewer, kind: str, *, preview: bool) -> Iterator[WriteUnit]:
    """Open a write transaction, which is rolled back for a preview.

    Args:
        index: the open index.
        viewer: who acts.
        kind: kind of the commit, such as ``merge``.
        preview: whether to roll back at the end.
    """
    try:
        with index.database.write(viewer, kind) as unit:
            yield unit
            _roll_back_if(preview)
    except _PreviewRollbackError:
        pass


def _roll_back_if(preview: bool) -> None:
    if preview:
        raise _PreviewRollbackError


def add_step(unit: WriteUnit, kind: str, reason: str, detail: Mapping[str, Any]) -> int:
    """Store an undoable step, such as a merge, and return its number."""
    step_id = unit.counters.take("step")
    unit.steps.add(
        Step(
            id=step_id,
            kind=kind,
            commit_no=unit.commit_no,
            undone_commit=None,
            reason=reason,
            detail=dict(detail),
        )
    )
    return step_id


def require_own_step(unit: ReadUnit, step: Step) -> None:
    """Check that the viewer may undo a step, such as a merge.

    A viewer who is limited to some sources may undo only steps of the viewer's own.

    Raises:
        ConflictError: somebody else made the step.
    """
    maker_name = unit.commit_info({step.commit_no})[step.commit_no][1]
    if unit.viewer.sources is not None and maker_name != unit.viewer.client:
        raise ConflictError(f"step {step.id} is another's: only its maker may undo it")


def check_reason(text: str) -> str:
    """Return a step's reason code after checking its length and characters.

    Raises:
        InputError: the code is empty, too long, or not one line.
    """
    if not text.strip() or len(text) > MAX_REASON_LENGTH or not text.isprintable():
        raise InputError(
            f"reason: give a code of 1 to {MAX_REASON_LENGTH} characters, "
            "and in the note what tells of a person"
        )
    return text


def check_note(text: str | None) -> str | None:
    """Return a step's note after checking its length; None if empty.

    Raises:
        InputError: the note is too long.
    """
    if text is not None and len(text) > MAX_NOTE_LENGTH:
        raise InputError(f"note: at most {MAX_NOTE_LENGTH:,} characters")
    return text or None

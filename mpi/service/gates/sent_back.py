"""Return of a refused step to the person who made it.

An approver or a source owner may send a step back. The question that the step answered is asked again at
once, with the reason in its history. It is assigned to the maker of the step, if the maker may still work on
it. A step that answered no question, such as a merge on a child's page, has a history of its own.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace

from mpi.domain import clock
from mpi.service.access.colleague_rights import may_take_back
from mpi.service.core.index import Index
from mpi.service.gates.consents import find_person_records
from mpi.service.resolution.work_log_visibility import ASSIGNED, DOUBTS, select_doubts, select_known_scope
from mpi.storage.repositories.review.task_work import OPEN, QuestionAction, QuestionWork
from mpi.storage.repositories.steps.consents import ConsentStatus
from mpi.storage.repositories.steps.decisions import StoredDecision
from mpi.storage.repositories.steps.steps import Step
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

SEND_BACK_REASONS = ("not-one-child", "not-two-children", "not-enough", "wrong-record", "other")
"""Reason codes that the desk offers for a step that is sent back."""
SENT_BACK = "sent-back"
"""Name in a question's history of a step that was sent back."""
REPLY = "reply"
"""Name in a question's history of the reply to an escalation."""
ADDRESSED = frozenset({SENT_BACK, REPLY})
"""Acts whose note is for one person, who may read it."""
ADDRESSEE = "to"
"""Member of an act's detail: the person whom its note is for."""
_STEP_PREFIX = "step:"
_DAY_LENGTH = len("2026-01-01")


def return_to_maker(
    unit: WriteUnit,
    index: Index,
    step: Step,
    decisions: Sequence[StoredDecision],
    reason: str,
    note: str | None,
) -> None:
    """Ask the question of a refused step again, on its maker's desk.

    It is open to all where the maker may no longer work on it.

    Args:
        unit: the transaction that ends the step.
        index: the open index.
        step: the refused step.
        decisions: its decisions; of an undo, those that it would have revoked.
        reason: reason code of the refusal.
        note: free text for the maker.
    """
    made_at, maker, _ = unit.commit_info({step.commit_no})[step.commit_no]
    acts = unit.task_work.actions_of_step(step.id, made_at[:_DAY_LENGTH])
    keys = dict.fromkeys(key for act in acts for key in (act.question, *act.detail.get("rest", ())))
    reopened = _reopen_questions(unit, index, keys, maker)
    key = next(iter([*reopened, *keys]), format_step_key(step.id))
    work = unit.task_work.get([key]).get(key)
    unit.task_work.add_action(
        QuestionAction(
            id=unit.counters.take("task_action"),
            question=key,
            at=clock.format_timestamp(clock.now()),
            actor=unit.viewer.client,
            action=SENT_BACK,
            detail={
                ADDRESSEE: maker,
                "reason": reason,
                "sent_back": step.id,
                "records": sorted(_find_concerned_records(unit, step, decisions)),
                "decisions": {} if work is None else work.about.get("decisions", {}),
                **({DOUBTS: []} if work is None else select_doubts(work.about)),
            },
            note=note,
        )
    )


def format_step_key(step_id: int) -> str:
    """Return the history key of a step that answered no question."""
    return f"{_STEP_PREFIX}{step_id}"


def parse_step_key(key: str) -> int | None:
    """Return the number of the step that a history key names.

    The result is None if the key names no step.
    """
    prefix, number = key[: len(_STEP_PREFIX)], key[len(_STEP_PREFIX) :]
    return int(number) if prefix == _STEP_PREFIX and number.isdigit() else None


def _reopen_questions(unit: WriteUnit, index: Index, keys: Collection[str], maker: str) -> list[str]:
    """Reopen those questions that are still asked; return their keys."""
    asked_keys = unit.queue.tasks_by_question(keys, None).keys()
    work_by_key = unit.task_work.get(asked_keys)
    reopened = [key for key in keys if key in asked_keys and key in work_by_key]
    for key in reopened:
        work = work_by_key[key]
        assignee = maker if may_take_back(index, unit, maker, work.about) else None
        unit.task_work.save(_reopen(work, assignee))
    return reopened


def _reopen(work: QuestionWork, assignee: str | None) -> QuestionWork:
    """Return a question's work state, open and assigned to a maker.

    The notes of the question are those that the maker saw, so nobody else learns of the assignment.
    """
    return replace(
        work,
        state=OPEN,
        asleep_until=None,
        closed_at=None,
        closed_because=None,
        assigned_to=assignee,
        about={**work.about, ASSIGNED: select_known_scope(work.about)},
    )


def _find_concerned_records(unit: ReadUnit, step: Step, decisions: Sequence[StoredDecision]) -> set[int]:
    """Return the records of a step and of its refusing owners.

    The records of a refusing owner are the persons' records in that owner's source. Who may not see the
    refusing owner's record must not learn of the refusal.
    """
    named_records = {record for decision in decisions for record in decision.seen}
    consents = unit.consents.consents_of_steps([step.id]).get(step.id, ())
    refusing_sources = {consent.source_id for consent in consents if consent.status is ConsentStatus.REFUSED}
    person_records = unit.records.get(find_person_records(unit, named_records))
    return named_records | {
        number for number, record in person_records.items() if record.source_id in refusing_sources
    }

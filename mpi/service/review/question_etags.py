"""ETags of review questions, which change with what a steward reads."""

from collections.abc import Collection

import orjson

from mpi.domain.errors import StaleError
from mpi.service.core.index import Index
from mpi.service.persons.etags import compute_etag
from mpi.service.review.open_questions import OpenQuestion
from mpi.service.statements.overlay_detection import find_pending_overlays
from mpi.storage.repositories.review.task_queue import Burst
from mpi.storage.unit_of_work.units import ReadUnit


def compute_question_etag(unit: ReadUnit, index: Index, question: OpenQuestion) -> str:
    """Return the ETag of a review question as the viewer sees it.

    The ETag changes with the question's evidence, records, persons and owner answers.
    """
    persons = unit.persons.by_ids(unit.persons.current_persons(question.records).values())
    stored = unit.records.get(question.records)
    answers = [
        [owner_question.id, owner_question.answer]
        for owner_question in unit.owner_questions.all_of_questions([question.key])
        if owner_question.record_id in stored and owner_question.answer is not None
    ]
    question_state = [
        sorted([task.key, task.kind, round(task.bits * 1e6), task.quiet_until] for task in question.tasks),
        sorted([record.id, record.state] for record in stored.values()),
        compute_etag(unit, index, persons.values()),
        answers,
        sorted(
            [record, sorted(versions)]
            for record, versions in find_pending_overlays(unit, question.records).items()
        ),
    ]
    return index.keyed_hash.to_token("question", orjson.dumps([question.key, *question_state]).decode())


def require_unchanged(
    unit: ReadUnit, index: Index, question: OpenQuestion, expected_etags: Collection[str] | None
) -> None:
    """Refuse an act on a question that changed since its reading.

    Raises:
        StaleError: the question's ETag is not among the expected ones.
    """
    if (
        expected_etags is not None
        and "*" not in expected_etags
        and compute_question_etag(unit, index, question) not in expected_etags
    ):
        raise StaleError("the question has changed since you read it: look again, then answer")


def compute_burst_etag(index: Index, burst: Burst) -> str:
    """Return a burst's ETag, which changes with its number of questions."""
    return index.keyed_hash.to_token(
        "burst", f"{burst.batch_id}|{burst.pattern}|{burst.questions}|{burst.weight}"
    )

"""Sending of many records in bulk, with the answers in order."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field
from typing import Any

import httpx

from mpi.client.calls import Call, encode_json
from mpi.client.errors import InvalidAnswerError, NotAuthenticatedError
from mpi.client.flows import Emit, Flow, Pause
from mpi.client.json_reader import parse_json, read_result
from mpi.client.problem_reader import error_from_members, read_request_id
from mpi.client.results import BulkAnswer, BulkProgress, Resolved
from mpi.client.session import Session

NDJSON = "application/x-ndjson"
MAX_LINES = 50_000
"""Most lines of a bulk call of the API."""
DEFAULT_LINES = 500
"""Lines of a call: enough that the call itself costs little, few enough that a repeated one costs little."""
_MAX_BYTES = 8_000_000
"""Most bytes of a call, unless its first line alone is larger."""

ReportProgress = Callable[[BulkProgress], None]


@dataclass(frozen=True, slots=True)
class _Line:
    """One record of a bulk call."""

    number: int
    local_id: str | None
    content: bytes = field(repr=False)


def upsert_many(
    session: Session,
    source: str,
    records: Iterable[Mapping[str, Any]],
    *,
    lines_per_call: int,
    report: ReportProgress | None,
    purpose: str | None,
) -> Flow[None]:
    """Return the flow that sends records and emits each answer in order.

    Args:
        session: the client's session.
        source: source of the records.
        records: the records; they are read as they are sent.
        lines_per_call: records of one call, from 1 to ``MAX_LINES``.
        report: called after each call, before its answers are emitted.
        purpose: purpose of use.

    Raises:
        ValueError: a call cannot have so many records.
        ProblemError: a whole call was refused. The answers to earlier calls were emitted.
        InvalidAnswerError: the index left records unanswered.
    """
    if not 1 <= lines_per_call <= MAX_LINES:
        raise ValueError(f"a call has 1 to {MAX_LINES:,} records")
    total = len(records) if isinstance(records, Sized) else None
    progress = _Progress(total, report)
    return _send_all(session, _split(source, records, lines_per_call), progress, purpose)


class _Progress:
    """Count of answered and refused records, and who is told."""

    def __init__(self, total: int | None, report: ReportProgress | None) -> None:
        self._total, self._report = total, report
        self._answered = self._refused = 0

    def add(self, answers: list[BulkAnswer]) -> None:
        """Count the answers of one call and report the sums."""
        self._answered += len(answers)
        self._refused += sum(answer.error is not None for answer in answers)
        if self._report is not None:
            self._report(BulkProgress(self._answered, self._refused, self._total))


def _send_all(
    session: Session, calls: Iterator[list[_Line]], progress: _Progress, purpose: str | None
) -> Flow[None]:
    """Send the lines of each call, and emit their answers."""
    for lines in calls:
        answers = yield from _send_lines(session, lines, purpose)
        progress.add(answers)
        for answer in answers:
            yield Emit(answer)


def _split(source: str, records: Iterable[Mapping[str, Any]], lines_per_call: int) -> Iterator[list[_Line]]:
    """Split records into calls, by number of lines and bytes."""
    lines: list[_Line] = []
    size = 0
    for number, record in enumerate(records, 1):
        local_id = record.get("local_id")
        content = encode_json({**record, "source": source})
        if lines and (len(lines) == lines_per_call or size + len(content) > _MAX_BYTES):
            yield lines
            lines, size = [], 0
        lines.append(_Line(number, None if local_id is None else str(local_id), content))
        size += len(content)
    if lines:
        yield lines


def _send_lines(session: Session, lines: list[_Line], purpose: str | None) -> Flow[list[BulkAnswer]]:
    """Send the lines of a call; repeat those that were not taken."""
    answers: dict[int, BulkAnswer] = {}
    waiting, attempt = lines, 1
    while True:
        replies = yield from session.exchange(_build_call(waiting), purpose)
        for line in waiting:
            answers.pop(line.number, None)  # an answer to an earlier attempt is void
        answers |= replies
        waiting = _select_unfinished(waiting, replies, session)
        pause_s = session.retry.find_pause_s(attempt, None) if waiting else None
        if pause_s is None:
            break
        yield Pause(pause_s)
        attempt += 1
    if any(line.number not in answers for line in lines):
        raise InvalidAnswerError("the answer to a bulk call ended before its last line: send the rest again")
    return [answers[line.number] for line in lines]


def _select_unfinished(
    lines: list[_Line], answers: Mapping[int, BulkAnswer], session: Session
) -> list[_Line]:
    """Return the lines to send again, in order.

    If a record stands in several lines, the later ones come along: the last one must be stored last.
    """
    errors = {line.number: answers[line.number].error for line in lines if line.number in answers}
    is_refused = any(isinstance(error, NotAuthenticatedError) for error in errors.values())
    gets_new_token = is_refused and session.discard_token()
    unfinished: list[_Line] = []
    local_ids: set[str | None] = set()
    for line in lines:
        error = errors.get(line.number)
        is_unfinished = (
            line.number not in errors
            or (error is not None and error.is_transient)
            or (gets_new_token and isinstance(error, NotAuthenticatedError))
        )
        if is_unfinished or line.local_id in local_ids:
            unfinished.append(line)
            local_ids.add(line.local_id)
    return unfinished


def _build_call(lines: list[_Line]) -> Call[dict[int, BulkAnswer]]:
    """Build the call that sends lines; its result has answers by number."""

    def read(response: httpx.Response) -> dict[int, BulkAnswer]:
        request_id = read_request_id(response)
        texts = (text for text in response.content.split(b"\n") if text.strip())
        answers = [_read_answer(parse_json(text), lines, request_id) for text in texts]
        return {answer.number: answer for answer in answers}

    content = b"".join(line.content + b"\n" for line in lines)
    return Call("POST", "/v1/records:bulk", read, headers={"Content-Type": NDJSON}, content=content)


def _read_answer(members: object, lines: list[_Line], request_id: str | None) -> BulkAnswer:
    """Read the answer to one line."""
    place = members.get("line") if isinstance(members, dict) else None
    if not isinstance(members, dict) or type(place) is not int or not 1 <= place <= len(lines):
        raise InvalidAnswerError("the answer to a bulk call names no line that was sent")
    line = lines[place - 1]
    problem = members.get("problem")
    if problem is None:
        return BulkAnswer(line.number, line.local_id, read_result(Resolved, members))
    status = problem.get("status") if isinstance(problem, dict) else None
    if not isinstance(problem, dict) or type(status) is not int:
        raise InvalidAnswerError("a line of the answer to a bulk call has a problem without a status")
    return BulkAnswer(line.number, line.local_id, None, error_from_members(problem, status, request_id))

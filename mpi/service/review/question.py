"""One question: its records side by side, its pairs, what was done with it, and a tag of what was read."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain.errors import NotFoundError, StaleError
from mpi.domain.record import CanonicalRecord
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, permit
from mpi.service.core.confidential_addresses import WITHHELD, any_confidential
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import numbers_shown, visible
from mpi.service.persons.etags import etag
from mpi.service.resolution.review_tasks import APPROVAL, CLAIM, CONFLICT, OVERLAID, RECHECK
from mpi.service.resolution.task_visibility import may_know
from mpi.service.review.households import find_household_members
from mpi.service.review.open_questions import (
    OpenQuestion,
    QuestionSummary,
    summarize_closed_question,
    is_burst_key,
    load_questions,
    summarize_questions,
)
from mpi.service.review.queue_reader import Filters, find_burst, summarize_burst, list_single_questions
from mpi.service.statements.overlay_detection import awaited
from mpi.service.stewardship.overlays import REFUSE, RELEASE
from mpi.standardize.address.addresses import is_confidential
from mpi.standardize.payload import from_payload, to_sent
from mpi.storage.repositories.review.task_queue import Burst
from mpi.storage.repositories.review.task_work import Act
from mpi.storage.repositories.review.tasks import Task
from mpi.storage.unit_of_work.unit import ReadUnit

STAR, GRID, DECISION, BURST = "star", "grid", "decision", "burst"
CONFIRM, REVOKE, APPROVE = "confirm", "revoke", "approve"
RESPONSES: Mapping[str, tuple[str, ...]] = {
    CONFLICT: (REVOKE,),
    RECHECK: (CONFIRM, REVOKE),
    CLAIM: (CONFIRM, REVOKE),
    APPROVAL: (APPROVE, REVOKE),
    OVERLAID: (RELEASE, REFUSE),
}
"""How a question that is not about pairs is answered, by kind."""
CARDS_OF_A_BURST = 10
_LEFT_OUT = frozenset({"flags", "restrictions", "local_id", "as_of"})
"""Flags are no evidence (law 8), and who decides need not know them."""


@dataclass(frozen=True, slots=True)
class RecordCard:
    """One record of a question.

    Args:
        label: its source and local ID.
        as_of: when it was true at its source.
        values: what it states, by canonical field; empty of a record that is withdrawn.
        enterprise_id: the person that it is held to be; None while it has none.
        household: records of its source that live with it.
        withheld: fields that it states and that are not shown, as an address is confidential.
    """

    label: RecordRef
    as_of: str
    values: Mapping[str, object]
    enterprise_id: str | None
    household: tuple[RecordRef, ...]
    withheld: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairView:
    """A pair of a question; ``verdict`` is what was said of it and left it open: ``unsure`` or ``ask``."""

    left: RecordRef
    right: RecordRef
    match_weight: float
    verdict: str | None


@dataclass(frozen=True, slots=True)
class ActionView:
    """One thing that somebody did with a question, or that became of it by itself.

    Args:
        at: when (ISO, UTC).
        actor: who.
        action: ``claim``, ``release``, ``defer``, ``assign``, ``escalate``, ``answer``, ``undo``, ``ask``,
            ``answered`` (by the owner of a record), ``closed`` or ``reopened``.
        detail: codes and days.
        note: free text; only one's own for a reader of certain sources.
        step: the step that it made, by which it can be taken back.
    """

    at: str
    actor: str
    action: str
    detail: Mapping[str, Any]
    note: str | None
    step: int | None


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question as it is worked on.

    Args:
        summary: as the queue lists it.
        shape: ``star`` (one record with its candidates), ``grid`` (several alike on both sides), ``decision``
            (it asks whether a decision holds, or a version is to stand) or ``burst`` (it stands for others).
        cards: its records, the subject first; of a burst the first few; of an overlay the version that
            stands and then the one that waits.
        pairs: that are asked, the heaviest first.
        history: what was done with it, oldest first.
        etag: names what was read, for ``If-Match``.
        responses: how it is answered where it is not about pairs: ``confirm``, ``revoke``, ``approve``,
            ``release`` or ``refuse``; empty where it is answered pair by pair.
        decisions: the decisions that it is about; of a conflict, the chain.
    """

    summary: QuestionSummary
    shape: str
    cards: tuple[RecordCard, ...]
    pairs: tuple[PairView, ...]
    history: tuple[ActionView, ...]
    etag: str
    responses: tuple[str, ...] = ()
    decisions: tuple[int, ...] = ()


def question(index: Index, viewer: Viewer, key: str) -> QuestionView:
    """One question, as far as the viewer may see it.

    Args:
        index: the open index.
        viewer: who asks.
        key: the question's, or that of one of its tasks.

    Raises:
        NotFoundError: there is no such question for this viewer.
        AccessDenied: the viewer may not read tasks, or not records.
    """
    permit(viewer, Action.TASK_READ)
    permit(viewer, Action.RECORD_READ)
    with index.database.read(viewer) as unit:
        view = _view(unit, index, key)
        shown = numbers_shown(unit, _labels_in(view))
    disclose(index, viewer, Action.TASK_READ, shown, _fields_of(view))
    return view


def require_question(unit: ReadUnit, key: str) -> OpenQuestion:
    """A question with a task, by its own key or that of one of its tasks.

    Raises:
        NotFoundError: there is none that the reader may know of.
    """
    found = load_questions(unit, [key]).get(key)
    if found is None and (of := unit.queue.question_of(key)) is not None:
        found = load_questions(unit, [of]).get(of)
        if found is not None and key not in {task.key for task in found.tasks}:
            # The reader may see of the question, and not of this.
            found = None
    if found is None:
        raise NotFoundError("there is no such question, or it is closed")
    return found


def tag(unit: ReadUnit, index: Index, one: OpenQuestion) -> str:
    """Names a question as the reader sees it: another as soon as its evidence, records or persons are."""
    persons = unit.persons.get(unit.persons.current(one.records).values())
    stored = unit.records.get(one.records)
    answers = [
        [asked.id, asked.answer]
        for asked in unit.owner_questions.of_questions([one.key])
        if asked.record_id in stored and asked.answer is not None
    ]
    seen = [
        sorted([task.key, task.kind, round(task.bits * 1e6), task.quiet_until] for task in one.tasks),
        sorted([record.id, record.state] for record in stored.values()),
        etag(unit, index, persons.values()),
        answers,
        sorted([record, sorted(versions)] for record, versions in awaited(unit, one.records).items()),
    ]
    return index.keyed_hash.token("question", orjson.dumps([one.key, *seen]).decode())


def require_fresh(unit: ReadUnit, index: Index, one: OpenQuestion, expected: Collection[str] | None) -> None:
    """Let an act pass if its maker read the question as it is.

    Raises:
        StaleError: it has changed since.
    """
    if expected is not None and "*" not in expected and tag(unit, index, one) not in expected:
        raise StaleError("the question has changed since you read it: look again, then answer")


def shape_of(one: OpenQuestion) -> str:
    """How a question is laid out."""
    if one.first.kind in RESPONSES:
        return DECISION
    if one.subject is not None or len(one.tasks) == 1:
        return STAR
    return GRID


def cards(unit: ReadUnit, index: Index, record_ids: Sequence[int]) -> tuple[RecordCard, ...]:
    """Records that the reader may see, side by side, in the order given."""
    labels = visible(unit, record_ids)
    stored = unit.records.get(labels)
    payloads = unit.records.payloads(labels)
    stated = {record: from_payload(payload) for record, (_, payload) in payloads.items()}
    current = unit.persons.current(labels)
    persons = unit.persons.get(current.values())
    living = find_household_members(unit, index, labels)
    names = visible(unit, {other for others in living.values() for other in others})
    confidential = any_confidential(unit, labels)
    shown = []
    for record in record_ids:
        if record in labels:
            said = stated.get(record)
            values, withheld = ({}, ()) if said is None else _values(said, confidential=confidential)
            shown.append(
                RecordCard(
                    labels[record],
                    stored[record].last_seen if said is None else (said.as_of or ""),
                    values,
                    persons[current[record]].eid if record in current else None,
                    tuple(names[other] for other in living.get(record, ()) if other in names),
                    withheld,
                )
            )
    return tuple(shown)


def _values(said: CanonicalRecord, *, confidential: bool) -> tuple[dict[str, object], tuple[str, ...]]:
    """What a record states, as far as it is shown; and the names of the fields that are withheld."""
    values = {name: value for name, value in to_sent(said).items() if name not in _LEFT_OUT}
    withheld = tuple(sorted(WITHHELD & values.keys())) if confidential else ()
    return {name: value for name, value in values.items() if name not in withheld}, withheld


def _waiting_cards(unit: ReadUnit, one: OpenQuestion) -> tuple[RecordCard, ...]:
    """Versions that wait for a person, of which the record would become another child."""
    if one.first.kind != OVERLAID:
        return ()
    labels = visible(unit, one.records)
    shown = []
    for record, waiting in awaited(unit, labels).items():
        versions = {version.id: version for version in unit.records.versions(record)}
        latest = versions[max(waiting)]
        said = from_payload(latest.payload)
        standing = [version for version in versions.values() if version.state == "active"]
        both = [said, *(from_payload(version.payload) for version in standing)]
        confidential = any(is_confidential(each) for each in both) or any_confidential(unit, labels)
        values, withheld = _values(said, confidential=confidential)
        shown.append(RecordCard(labels[record], latest.as_of, values, None, (), withheld))
    return tuple(shown)


def history(unit: ReadUnit, key: str) -> tuple[ActionView, ...]:
    """What was done with a question, as far as the reader may know of what it is about."""
    acts = unit.task_work.acts(key)
    labels = visible(unit, {record for act in acts for record in _records_of(act)})
    return tuple(_told(unit, act, labels) for act in acts if _may_know_of(unit, act))


def _labels_in(view: QuestionView) -> tuple[RecordRef, ...]:
    """The label of every record that a view names, each once."""
    found = [*view.summary.records, *(card.label for card in view.cards)]
    found += [other for card in view.cards for other in card.household]
    found += [end for pair in view.pairs for end in (pair.left, pair.right)]
    found += [label for act in view.history for label in _labels_of(act)]
    return tuple(dict.fromkeys(found))


def _labels_of(act: ActionView) -> Iterator[RecordRef]:
    for verdict in act.detail.get("verdicts", ()):
        yield from (verdict["left"], verdict["right"])
    if "record" in act.detail:
        yield act.detail["record"]


def _fields_of(view: QuestionView) -> tuple[str, ...]:
    """Names of the fields that a view shows."""
    stated = {name for card in view.cards for name in card.values}
    persons = ("enterprise_id",) if any(card.enterprise_id for card in view.cards) else ()
    homes = ("household",) if any(card.household for card in view.cards) else ()
    return ("source", "local_id", "match_weight", *persons, *homes, *sorted(stated))


def _view(unit: ReadUnit, index: Index, key: str) -> QuestionView:
    if is_burst_key(key):
        return _burst_view(unit, index, key)
    try:
        one = require_question(unit, key)
    except NotFoundError:
        return _closed_view(unit, index, key)
    [summary] = summarize_questions(unit, [one])
    labels = visible(unit, one.records)
    open_asks = {
        asked.record_id for asked in unit.owner_questions.of_questions([one.key]) if asked.state == "open"
    }
    decisions = {number for task in one.asked for number in one.decisions.get(task.key, ())}
    return QuestionView(
        summary,
        shape_of(one),
        cards(unit, index, one.records) + _waiting_cards(unit, one),
        tuple(_pair(task, one, labels, open_asks) for task in one.tasks if task.kind not in RESPONSES),
        history(unit, one.key),
        tag(unit, index, one),
        RESPONSES.get(one.first.kind, ()),
        tuple(sorted(decisions)),
    )


def _pair(task: Task, one: OpenQuestion, labels: Mapping[int, RecordRef], asked: Collection[int]) -> PairView:
    verdict = None if task in one.asked else "unsure"
    if verdict is None and {task.lo, task.hi} & set(asked):
        verdict = "ask"
    return PairView(labels[task.lo], labels[task.hi], task.bits, verdict)


def _burst_view(unit: ReadUnit, index: Index, key: str) -> QuestionView:
    burst = find_burst(unit, key)
    if burst is None:
        raise NotFoundError("there is no such question, or it is closed")
    members = list_single_questions(unit, Filters(state=None, burst=key), CARDS_OF_A_BURST)
    records = list(dict.fromkeys(record for one in members for record in one.records))
    labels = visible(unit, records)
    summary = summarize_burst(unit, burst, unit.task_work.get([key]).get(key))
    pairs = tuple(_pair(task, one, labels, ()) for one in members for task in one.asked)
    return QuestionView(
        summary, BURST, cards(unit, index, records), pairs, history(unit, key), burst_tag(index, burst)
    )


def burst_tag(index: Index, burst: Burst) -> str:
    """Names a burst as it is: another as soon as it stands for more or fewer questions."""
    return index.keyed_hash.token("burst", f"{burst.batch_id}|{burst.pattern}|{burst.questions}|{burst.weight}")


def _closed_view(unit: ReadUnit, index: Index, key: str) -> QuestionView:
    work = unit.task_work.get([key]).get(key)
    summary = None if work is None or work.state != "closed" else summarize_closed_question(unit, work)
    if work is None or summary is None:
        raise NotFoundError("there is no such question")
    records = [record for record in work.about.get("records", ()) if isinstance(record, int)]
    shown = cards(unit, index, records)
    named = index.keyed_hash.token("question", orjson.dumps([key, work.closed_at]).decode())
    return QuestionView(summary, STAR, shown, (), history(unit, key), named)


def _may_know_of(unit: ReadUnit, act: Act) -> bool:
    """Whether the reader may see all that an act was about, or did it without its being noted."""
    own = act.actor == unit.viewer.client and not act.detail.get("records")
    return own or may_know(unit, act.detail)


def _records_of(act: Act) -> list[int]:
    found = act.detail.get("records", [])
    return [record for record in found if isinstance(record, int)]


def _told(unit: ReadUnit, act: Act, labels: Mapping[int, RecordRef]) -> ActionView:
    # Another's note may tell of records that the reader may not see; an owner has seen its own record only.
    own = unit.viewer.sources is None or act.actor == unit.viewer.client or act.action == "answered"
    detail: dict[str, object] = {name: value for name, value in act.detail.items() if name not in _NUMBERS}
    if "verdicts" in act.detail:
        detail["verdicts"] = [
            {"left": labels[lo], "right": labels[hi], "kind": kind} for lo, hi, kind in act.detail["verdicts"]
        ]
    if "record" in act.detail:
        detail["record"] = labels[act.detail["record"]]
    return ActionView(act.at, act.actor, act.action, detail, act.note if own else None, act.step)


_NUMBERS = frozenset({"records", "decisions", "verdicts", "record", "claims", "asked", "rest"})

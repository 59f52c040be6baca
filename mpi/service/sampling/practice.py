"""Practice: simulated pairs whose truth is known, with the reason told after each answer.

The pairs travel with the program (``practice_pairs.json``, made by ``python -m training practice``): no
record of them is anybody's. Where the rules ask for it, a steward's account claims no question before its
answers agree with the truth often enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import InputError, NotFoundError
from mpi.domain.quality_rules import QualityRules
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.matching.compiler.online_scorer import WeightContribution
from mpi.service.core.index import Index
from mpi.service.sampling.blind_review import VERDICTS
from mpi.standardize.record_validation import validate_record
from mpi.storage.repositories.review.practice import PracticeAnswer
from mpi.storage.unit_of_work.unit import ReadUnit

_FILE = "practice_pairs.json"


@dataclass(frozen=True, slots=True)
class PracticeRecord:
    """One of the two simulated records: the kind of system it is from, and what it says."""

    source: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PracticePair:
    """A pair whose truth is known.

    Args:
        id: its number, which tells nothing.
        kind: what makes it hard, such as twins or a change of name.
        truth: ``same`` or ``different``.
        why: the truth and what shows it, in words.
        records: the two.
    """

    id: int
    kind: str
    truth: str
    why: str
    records: tuple[PracticeRecord, PracticeRecord]


@dataclass(frozen=True, slots=True)
class KindScore:
    """How often somebody was right about one kind of pair."""

    kind: str
    right: int
    answered: int


@dataclass(frozen=True, slots=True)
class PracticeProgress:
    """How far somebody is.

    Args:
        answered: pairs answered, each counted once.
        last: how many of the latest answers count.
        right: of these, the right ones.
        wanted: how many have to be answered before live work opens.
        agreement: the share of right ones that opens it.
        kinds: by kind of pair, over all answers.
        open: whether live work is open by these answers.
        required: whether live work waits for them at all.
    """

    answered: int
    last: int
    right: int
    wanted: int
    agreement: float
    kinds: tuple[KindScore, ...]
    open: bool
    required: bool


@dataclass(frozen=True, slots=True)
class PracticeView:
    """A pair to be judged, without its kind and truth."""

    id: int
    records: tuple[PracticeRecord, PracticeRecord]
    standing: PracticeProgress


@dataclass(frozen=True, slots=True)
class PracticeResult:
    """What is told once a practice pair is answered.

    Args:
        right: whether the answer is the truth; a pair can be decided from what is shown, so that
            ``unsure`` is not.
        truth: ``same`` or ``different``.
        kind: what makes the pair hard.
        why: the truth and what shows it, in words.
        match_weight: what the index's model makes of the pair, in bits.
        parts: that weight by comparison.
        standing: how far the person is now.
    """

    right: bool
    truth: str
    kind: str
    why: str
    match_weight: float
    parts: tuple[WeightContribution, ...]
    standing: PracticeProgress


def get_next_practice_pair(index: Index, viewer: Viewer) -> PracticeView:
    """The next pair to practise on: every kind in turn; once all are answered, the longest ago first.

    Raises:
        AccessDenied: the viewer may not work on tasks.
    """
    require_permission(viewer, Action.TASK_WORK)
    with index.database.read(viewer) as unit:
        answers = unit.practice_answers.answers_of(viewer.client)
        standing = _measure_progress(answers, index.settings.quality_rules)
    known = {answer.item: place for place, answer in enumerate(answers)}
    # Answers come latest first: what was answered longest ago has the last place, and what never was, none.
    pair = max(_order_pairs(index, viewer.client), key=lambda one: known.get(one.id, len(known)))
    return PracticeView(pair.id, pair.records, standing)


def answer_practice_pair(index: Index, viewer: Viewer, item: int, verdict: str) -> PracticeResult:
    """Judge a practice pair, and be told the truth and why.

    Args:
        index: the open index.
        viewer: who practises.
        item: the pair.
        verdict: ``same``, ``different`` or ``unsure``.

    Raises:
        InputError: no such verdict.
        NotFoundError: no such pair.
        AccessDenied: the viewer may not work on tasks.
    """
    require_permission(viewer, Action.TASK_WORK)
    if verdict not in VERDICTS:
        raise InputError(f"verdict: one of {', '.join(VERDICTS)}")
    pair = load_practice_pairs().get(item)
    if pair is None:
        raise NotFoundError("there is no such practice pair")
    right = verdict == pair.truth
    with index.database.write(viewer, "practice") as unit:
        at = clock.format_timestamp(clock.now())
        unit.practice_answers.save(PracticeAnswer(viewer.client, item, verdict, right, at))
        standing = _measure_progress(unit.practice_answers.answers_of(viewer.client), index.settings.quality_rules)
        parts = _explain_pair(unit, index, pair)
    return PracticeResult(
        right, pair.truth, pair.kind, pair.why, sum(part.bits for part in parts), parts, standing
    )


def may_work_live(index: Index, viewer: Viewer) -> bool:
    """Whether the viewer may claim live questions: always, but for a steward who has to practise first."""
    if not index.settings.quality_rules.practice_required:
        return True
    with index.database.read(viewer) as unit:
        account = unit.accounts.find_by_name(viewer.client)
        if account is None or account.role != Role.STEWARD:
            return True
        return _measure_progress(unit.practice_answers.answers_of(viewer.client), index.settings.quality_rules).open


@cache
def load_practice_pairs() -> Mapping[int, PracticePair]:
    """Every practice pair, by number; read once."""
    read = orjson.loads(files("mpi.service.sampling").joinpath(_FILE).read_bytes())
    return {pair["id"]: _build_pair(pair) for pair in read["pairs"]}


def _build_pair(read: Mapping[str, Any]) -> PracticePair:
    one, other = (PracticeRecord(each["source"], each["values"]) for each in read["records"])
    return PracticePair(read["id"], read["kind"], read["truth"], read["why"], (one, other))


def _order_pairs(index: Index, actor: str) -> list[PracticePair]:
    """Every pair in an order of the person's own, in which the kinds take turns."""
    order = {item: index.keyed_hash.int64("practice", f"{actor}|{item}") for item in load_practice_pairs()}
    by_kind: dict[str, list[PracticePair]] = {}
    for item in sorted(order, key=lambda each: order[each]):
        by_kind.setdefault(load_practice_pairs()[item].kind, []).append(load_practice_pairs()[item])
    turns = [(turn, order[pair.id], pair.id) for held in by_kind.values() for turn, pair in enumerate(held)]
    return [load_practice_pairs()[item] for *_, item in sorted(turns)]


def _measure_progress(answers: Sequence[PracticeAnswer], rules: QualityRules) -> PracticeProgress:
    last = answers[: rules.practice_last]
    right = sum(answer.right for answer in last)
    by_kind: dict[str, list[bool]] = {pair.kind: [] for pair in load_practice_pairs().values()}
    for answer in answers:
        pair = load_practice_pairs().get(answer.item)
        if pair is not None:
            by_kind[pair.kind].append(answer.right)
    enough = len(last) == rules.practice_last and right >= rules.practice_agreement * len(last)
    return PracticeProgress(
        len(answers),
        len(last),
        right,
        rules.practice_last,
        rules.practice_agreement,
        tuple(KindScore(kind, sum(held), len(held)) for kind, held in sorted(by_kind.items())),
        enough,
        rules.practice_required,
    )


def _explain_pair(unit: ReadUnit, index: Index, pair: PracticePair) -> tuple[WeightContribution, ...]:
    shared = index.shared_values(unit)
    one, other = (
        index.features_of(
            validate_record({**record.values, "local_id": "-"}, index.keyed_hash, clock.now()).record, record.source, shared
        )
        for record in pair.records
    )
    return tuple(index.matcher.scorer.explain(one, other))

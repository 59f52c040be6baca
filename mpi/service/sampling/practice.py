"""Practice for stewards on simulated pairs with known truth.

The reason is shown after each answer. The pairs are part of the program (``practice_pairs.json``, made by
``python -m training practice``) and describe no real child. Where the quality rules require practice, a
steward's account claims no question before its answers agree with the truth often enough.
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
from mpi.storage.unit_of_work.units import ReadUnit

_FILE = "practice_pairs.json"


@dataclass(frozen=True, slots=True)
class PracticeRecord:
    """Simulated record of a practice pair: source system and values."""

    source: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class PracticePair:
    """Simulated pair of records with known truth, for stewards to practice on.

    Args:
        id: its number, which reveals nothing.
        kind: what makes it hard, such as twins or a change of name.
        truth: ``same`` or ``different``.
        why: the truth and its evidence, in words.
        records: the two records.
    """

    id: int
    kind: str
    truth: str
    why: str
    records: tuple[PracticeRecord, PracticeRecord]


@dataclass(frozen=True, slots=True)
class KindScore:
    """Steward's right and total answers for one kind of practice pair."""

    kind: str
    right: int
    answered: int


@dataclass(frozen=True, slots=True)
class PracticeProgress:
    """Steward's progress in judging simulated record pairs.

    Args:
        answered: number of pairs answered.
        last: number of latest answers that count.
        right: right answers among these.
        wanted: answers required before live work opens.
        agreement: share of right answers that opens live work.
        kinds: scores by kind of pair, over all answers.
        open: whether these answers permit live work.
        required: whether live work requires practice at all.
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
    """Simulated record pair to judge, without its kind and truth."""

    id: int
    records: tuple[PracticeRecord, PracticeRecord]
    standing: PracticeProgress


@dataclass(frozen=True, slots=True)
class PracticeResult:
    """What a steward is shown after judging a simulated record pair.

    Args:
        right: whether the answer is the truth. Every pair can be decided from what is shown, so ``unsure`` is
            wrong.
        truth: ``same`` or ``different``.
        kind: what makes the pair hard.
        why: the truth and its evidence, in words.
        match_weight: the model's weight of the pair, in bits.
        parts: the contribution of each comparison to that weight.
        standing: the person's progress now.
    """

    right: bool
    truth: str
    kind: str
    why: str
    match_weight: float
    parts: tuple[WeightContribution, ...]
    standing: PracticeProgress


def get_next_practice_pair(index: Index, viewer: Viewer) -> PracticeView:
    """Return the steward's next simulated record pair, of every kind in turn.

    Once all pairs are answered, the one answered longest ago comes first.

    Raises:
        AccessDenied: the viewer may not work on tasks.
    """
    require_permission(viewer, Action.TASK_WORK)
    with index.database.read(viewer) as unit:
        answers = unit.practice_answers.answers_of(viewer.client)
        progress = _measure_progress(answers, index.settings.quality_rules)
    position_by_item = {answer.item: position for position, answer in enumerate(answers)}
    # Answers come latest first, so the highest position was answered longest ago.
    pair = max(
        _order_pairs(index, viewer.client),
        key=lambda candidate: position_by_item.get(candidate.id, len(position_by_item)),
    )
    return PracticeView(pair.id, pair.records, progress)


def answer_practice_pair(index: Index, viewer: Viewer, item: int, verdict: str) -> PracticeResult:
    """Store a steward's answer to a simulated pair; return the truth.

    Args:
        index: the open index.
        viewer: who practices.
        item: the pair.
        verdict: ``same``, ``different`` or ``unsure``.

    Raises:
        InputError: there is no such verdict.
        NotFoundError: there is no such pair.
        AccessDenied: the viewer may not work on tasks.
    """
    require_permission(viewer, Action.TASK_WORK)
    if verdict not in VERDICTS:
        raise InputError(f"verdict: one of {', '.join(VERDICTS)}")
    pair = load_practice_pairs().get(item)
    if pair is None:
        raise NotFoundError("there is no such practice pair")
    is_right = verdict == pair.truth
    with index.database.write(viewer, "practice") as unit:
        moment = clock.format_timestamp(clock.now())
        unit.practice_answers.save(
            PracticeAnswer(actor=viewer.client, item=item, verdict=verdict, right=is_right, at=moment)
        )
        progress = _measure_progress(
            unit.practice_answers.answers_of(viewer.client), index.settings.quality_rules
        )
        parts = _explain_pair(unit, index, pair)
    return PracticeResult(
        right=is_right,
        truth=pair.truth,
        kind=pair.kind,
        why=pair.why,
        match_weight=sum(part.bits for part in parts),
        parts=parts,
        standing=progress,
    )


def may_work_live(index: Index, viewer: Viewer) -> bool:
    """Return whether the viewer may claim clerical-review questions.

    Only a steward who has to practice on simulated pairs first may not.
    """
    if not index.settings.quality_rules.practice_required:
        return True
    with index.database.read(viewer) as unit:
        account = unit.accounts.find_by_name(viewer.client)
        if account is None or account.role != Role.STEWARD:
            return True
        return _measure_progress(
            unit.practice_answers.answers_of(viewer.client), index.settings.quality_rules
        ).open


@cache
def load_practice_pairs() -> Mapping[int, PracticePair]:
    """Load every simulated practice pair, by number; later calls use the cache."""
    content = orjson.loads(files("mpi.service.sampling").joinpath(_FILE).read_bytes())
    return {pair["id"]: _build_pair(pair) for pair in content["pairs"]}


def _build_pair(pair: Mapping[str, Any]) -> PracticePair:
    """Build a simulated practice pair from its JSON object."""
    first_record, second_record = (
        PracticeRecord(record["source"], record["values"]) for record in pair["records"]
    )
    return PracticePair(
        id=pair["id"],
        kind=pair["kind"],
        truth=pair["truth"],
        why=pair["why"],
        records=(first_record, second_record),
    )


def _order_pairs(index: Index, actor: str) -> list[PracticePair]:
    """Return practice pairs in a steward's own order of alternate kinds."""
    keyed_order = {
        item: index.keyed_hash.to_int64("practice", f"{actor}|{item}") for item in load_practice_pairs()
    }
    by_kind: dict[str, list[PracticePair]] = {}
    for item in sorted(keyed_order, key=lambda each: keyed_order[each]):
        by_kind.setdefault(load_practice_pairs()[item].kind, []).append(load_practice_pairs()[item])
    turns = [
        (turn, keyed_order[pair.id], pair.id)
        for kind_pairs in by_kind.values()
        for turn, pair in enumerate(kind_pairs)
    ]
    return [load_practice_pairs()[item] for *_, item in sorted(turns)]


def _measure_progress(answers: Sequence[PracticeAnswer], rules: QualityRules) -> PracticeProgress:
    """Compute a steward's practice progress from the answers, latest first."""
    latest_answers = answers[: rules.practice_last]
    right_count = sum(answer.right for answer in latest_answers)
    by_kind: dict[str, list[bool]] = {pair.kind: [] for pair in load_practice_pairs().values()}
    for answer in answers:
        pair = load_practice_pairs().get(answer.item)
        if pair is not None:
            by_kind[pair.kind].append(answer.right)
    is_enough = len(latest_answers) == rules.practice_last and right_count >= rules.practice_agreement * len(
        latest_answers
    )
    return PracticeProgress(
        answered=len(answers),
        last=len(latest_answers),
        right=right_count,
        wanted=rules.practice_last,
        agreement=rules.practice_agreement,
        kinds=tuple(KindScore(kind, sum(results), len(results)) for kind, results in sorted(by_kind.items())),
        open=is_enough,
        required=rules.practice_required,
    )


def _explain_pair(unit: ReadUnit, index: Index, pair: PracticePair) -> tuple[WeightContribution, ...]:
    """Return each comparison's contribution to a practice pair's match weight."""
    shared_values = index.shared_values(unit)
    first_record, second_record = (
        index.features_of(
            validate_record({**record.values, "local_id": "-"}, index.keyed_hash, clock.now()).record,
            record.source,
            shared_values,
        )
        for record in pair.records
    )
    return tuple(index.matcher.scorer.explain(first_record, second_record))

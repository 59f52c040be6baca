"""Explain why two records are linked or not, without revealing values.

An explanation also names what would change the answer.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, Thresholds, compute_probability, round_weight
from mpi.matching.compiler.online_scorer import compute_level_bits
from mpi.matching.diagnostics.pair_variations import PairVariation, generate_variations
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys_by_rule
from mpi.matching.model.scoring_parameters import Comparison
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import RecordGroups, find_record_numbers
from mpi.service.core.visible_features import VisibleFeatures, load_visible_features
from mpi.service.decisions.decision_log import find_visible_groups
from mpi.service.explanations import wording
from mpi.service.explanations.evidence_strength import (
    LikelyAnswer,
    Strength,
    find_likely_answer,
    grade_strength,
)
from mpi.service.explanations.pair_evidence import (
    ComparisonEvidence,
    FieldVerdict,
    collect_evidence,
    find_caution,
    list_against,
    list_for,
    sum_bits,
)
from mpi.service.persons.child_conditions import make_not_found, require_child_conditions
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.units import ReadUnit

FIELDS = ("match_weight", "explanation")
CONTACTS_WITHHELD = "Contact details are withheld from you, so this explanation leaves them out."
"""Sentence of an explanation whose viewer may not know contact details of a record."""
FIELDS_LIMITED = "Fields that your agreement does not let you compare are left out of this explanation."
"""Sentence of an explanation whose viewer may compare some fields of a record alone."""
MAX_CHANGES = 4
"""Most changes named in each direction, up and down."""
_UNKNOWN_PAIR = "one of the two records: there is no such record"
_IDENTITY_COMPARISONS = ("given", "surname", "birth_date")
_MIN_SENTENCE_BITS = 1.0
"""Lowest absolute weight in bits of a comparison named in summaries."""


@dataclass(frozen=True, slots=True)
class WeightPart:
    """Contribution of one comparison to the match weight of a record pair.

    Args:
        comparison: the model's name of the comparison; ``prior`` (before any comparison) first, ``caution``
            (a rule that caps the weight) last where one applies.
        level: the model's name of the comparison level.
        bits: weight of the level; all parts add up to the match weight.
        sentence: the level in words.
        frequency_bits: share of the bits that is due to the value being rarer, or more common, than most.
    """

    comparison: str
    level: str
    bits: float
    sentence: str
    frequency_bits: float = 0.0


@dataclass(frozen=True, slots=True)
class BandChange:
    """A single difference that would change a record pair's band.

    Bands are link, review and no link.

    Args:
        sentence: the difference and its result, in words.
        match_weight: resulting match weight in bits.
        band: resulting band.
    """

    sentence: str
    match_weight: float
    band: Band


@dataclass(frozen=True, slots=True)
class Explanation:
    """Reasons why the model links two records, or does not.

    Args:
        sentence: summary in plain sentences: strength, what speaks for and against, what holds the pair.
        match_weight: in bits, prior included, capped by a caution.
        probability: the match weight as a probability.
        band: band of the pair alone; decisions and other records are not considered.
        answer: which answer the match weight makes more likely.
        strength: strength of the evidence for it.
        evidence: what each comparison says, by field. The sentences, marks and bars follow from it.
        supports: evidence for one child, strongest first.
        parts: match weight by comparison.
        cautions: conditions that send the pair to review, however high its weight.
        opposes: evidence against, strongest first.
        found_by: names of the blocking rules that bring the pair together. Where empty, the model compares
            the two only if other records connect them.
        changes: single differences that would change the answer: first those that raise the band, then those
            that lower it, each with the smallest change of weight first.
        unchangeable: where there is no such difference, a sentence that says so.
        standing: current state whatever the model says: whether both are one person, decisions about the two,
            and what is left out.
    """

    sentence: str
    match_weight: float
    probability: float
    band: Band
    answer: LikelyAnswer
    strength: Strength
    evidence: tuple[ComparisonEvidence, ...]
    parts: tuple[WeightPart, ...]
    cautions: tuple[str, ...]
    supports: tuple[str, ...]
    opposes: tuple[str, ...]
    found_by: tuple[str, ...]
    changes: tuple[BandChange, ...]
    unchangeable: str | None
    standing: tuple[str, ...] = ()


def explain_pair(index: Index, viewer: Viewer, left: RecordRef, right: RecordRef) -> Explanation:
    """Explain why two records are linked or not, independent of their order.

    Contact details that are withheld from the viewer are not compared, nor are fields of another party's
    record that the agreement does not permit: the explanation is that of records which do not have them.

    Args:
        index: the open index.
        viewer: who asks.
        left: a record that the viewer may see.
        right: another such record.

    Raises:
        InputError: both are the same record.
        UnmetConditionError: a condition of the viewer's policy does not hold for one of them.
        NotFoundError: the viewer can see no such record.
        ConflictError: a record is inactive, so it is not compared.
        AccessDenied: the viewer may not read records.
    """
    require_permission(viewer, Action.RECORD_READ)
    if left == right:
        raise InputError("give two different records")
    with index.database.read(viewer) as unit:
        numbers = find_pair_numbers(unit, left, right)
        visible = load_visible_features(unit, index, numbers)
        explanation = explain_compared_pair(unit, index, visible, numbers)
    if explanation is None:
        raise ConflictError("one of the records is not active, so it is not compared")
    disclose(index, viewer, Action.RECORD_READ, numbers, FIELDS)
    return explanation


def explain_compared_pair(
    unit: ReadUnit, index: Index, visible: VisibleFeatures, pair: Collection[int]
) -> Explanation | None:
    """Explain two records whose features are loaded, independent of their order.

    Args:
        unit: the transaction of the viewer.
        index: the open index.
        visible: features of both records, and maybe of others.
        pair: numbers of two records that the viewer may see.

    Returns:
        None where a record is not active, and so is not compared.
    """
    if not visible.by_record.keys() >= set(pair):
        return None
    stored = unit.records.get(pair)
    left, right = sorted(pair, key=lambda number: stored[number].canonical_key)
    explanation = explain_features(
        index,
        visible.by_record[left],
        visible.by_record[right],
        index.blocking_of(unit, index.config_id(unit)),
    )
    limits = _describe_limits(visible, pair)
    return replace(explanation, standing=(*_describe_current_state(unit, left, right), *limits))


def find_pair_numbers(unit: ReadUnit, left: RecordRef, right: RecordRef) -> tuple[int, ...]:
    """Return the numbers of two records whose children meet the conditions.

    Which of them is missing is not told: that the other one exists could be news.

    Raises:
        InputError: both are the same record.
        UnmetConditionError: a condition of the viewer's policy does not hold for one of them.
        NotFoundError: the viewer can see no such record.
    """
    try:
        [numbers] = find_record_numbers(unit, [[left, right]])
    except NotFoundError:
        raise make_not_found(unit.viewer, _UNKNOWN_PAIR) from None
    for number in numbers:
        require_child_conditions(unit, [number], _UNKNOWN_PAIR)
    if len(set(numbers)) == 1:
        raise InputError("give two different records")
    return numbers


def explain_features(
    index: Index, left: Features, right: Features, blocking: BlockingSpec | None = None
) -> Explanation:
    """Explain why the model links two records' comparison features, or not.

    Args:
        index: the open index.
        left: features of one record.
        right: features of the other record.
        blocking: blocking rules of the configuration in force; None for the model's, with no stopped key.
    """
    thresholds = index.matcher.model.thresholds
    evidence = collect_evidence(index.matcher.scorer, left, right)
    weight = round_weight(sum_bits(evidence))
    band = thresholds.classify(weight)
    caution = find_caution(evidence)
    changes = tuple(_find_changes(index, left, right, weight, band))
    return Explanation(
        sentence=summarize_evidence(evidence, thresholds),
        match_weight=weight,
        probability=compute_probability(weight),
        band=band,
        answer=find_likely_answer(weight),
        strength=grade_strength(weight),
        evidence=evidence,
        parts=tuple(_build_part(index, item) for item in evidence),
        cautions=() if caution is None else (wording.format_sentence(caution.phrase),),
        supports=tuple(map(wording.format_sentence, list_phrases(list_for(evidence)))),
        opposes=tuple(wording.format_sentence(item.phrase) for item in list_against(evidence)),
        found_by=_list_shared_rules(index, blocking or index.matcher.model.blocking, left, right),
        changes=changes,
        unchangeable=None if changes else "No single change would change this answer.",
    )


def summarize_evidence(evidence: Sequence[ComparisonEvidence], thresholds: Thresholds) -> str:
    """Return in plain sentences how two records compare.

    A pair that weighs enough to link is never said to be linked: a decision or another record may hold it.

    Args:
        evidence: evidence of the pair.
        thresholds: thresholds of the model.
    """
    weight = round_weight(sum_bits(evidence))
    answer, strength = find_likely_answer(weight), grade_strength(weight)
    weighty = [item for item in evidence if _is_weighty(item)]
    lists = {
        LikelyAnswer.SAME: wording.join_phrases(list_phrases(list_for(weighty))),
        LikelyAnswer.DIFFERENT: wording.join_phrases(list_phrases(list_against(weighty))),
    }
    headline = wording.describe_evidence(strength, answer)
    reasons = lists.pop(answer)
    [contrary] = lists.values()
    sentences = [f"{headline}: {reasons}" if reasons else headline]
    if contrary:
        sentences.append(f"{'Against' if answer is LikelyAnswer.SAME else 'For'} the same child: {contrary}")
    caution = find_caution(evidence)
    if caution is not None:
        is_enough = weight - caution.bits >= thresholds.link
        sentences.append(f"{wording.describe_hold(is_enough=is_enough)} {caution.phrase}")
    return " ".join(map(wording.format_sentence, sentences))


def _is_weighty(item: ComparisonEvidence) -> bool:
    """Return whether a comparison is named in a summary."""
    return item.comparison in _IDENTITY_COMPARISONS or abs(item.bits) >= _MIN_SENTENCE_BITS


def _describe_current_state(unit: ReadUnit, left: int, right: int) -> tuple[str, ...]:
    """Return sentences on the current link and decisions between two records."""
    persons = unit.persons.current_persons([left, right])
    is_one_person = persons.get(left) == persons.get(right)
    sentences = [f"These records are currently {'one child' if is_one_person else 'two children'}."]
    decisions = unit.decisions.of_records([left, right])
    groups_by_decision = find_visible_groups(unit, decisions.values())
    for decision in decisions.values():
        groups = groups_by_decision[decision.id]
        statement = None if groups is None else _describe_decision(decision.kind, groups, left, right)
        if statement is None or decision.status is not DecisionStatus.IN_FORCE:
            continue
        if decision.authority is not Authority.HOLD:
            authority = wording.describe_authority(decision.authority.name)
            sentences.append(wording.format_sentence(f"{authority} answered “{statement}” (#{decision.id})"))
        elif unit.viewer.sources is None:
            sentences.append("A change on hold keeps these records as they are.")
    return tuple(sentences)


def _describe_limits(visible: VisibleFeatures, pair: Collection[int]) -> tuple[str, ...]:
    """Return sentences on what an explanation of two records leaves out."""
    limits = ((CONTACTS_WITHHELD, visible.withheld), (FIELDS_LIMITED, visible.limited))
    return tuple(sentence for sentence, records in limits if not records.isdisjoint(pair))


def _describe_decision(kind: DecisionKind, groups: RecordGroups, left: int, right: int) -> str | None:
    """Return the answer that a decision gives about two records.

    None where it does not name both, or keeps apart others than these.
    """
    positions = [
        [position for position, group in enumerate(groups) if record in group] for record in (left, right)
    ]
    if not all(positions):
        return None
    if kind is DecisionKind.DIFFERENT:
        return "different children" if positions[0] != positions[1] else None
    return "same child" if kind is DecisionKind.SAME else "cannot tell"


def list_phrases(items: Iterable[ComparisonEvidence]) -> list[str]:
    """List evidence in words: names and birth date first, equal ones together.

    Args:
        items: evidence for one answer, strongest first.
    """
    rest = {item.comparison: item for item in items}
    phrases = []
    equal_names = [
        name for name in _IDENTITY_COMPARISONS if name in rest and rest[name].verdict is FieldVerdict.SAME
    ]
    if {"given", "surname"} <= set(equal_names):
        phrases.append("same name and birth date" if "birth_date" in equal_names else "same name")
        rest = {name: item for name, item in rest.items() if name not in equal_names}
    first = [name for name in _IDENTITY_COMPARISONS if name in rest]
    others = [name for name in rest if name not in first]
    return phrases + [rest[name].phrase for name in (*first, *others)]


def _build_part(index: Index, item: ComparisonEvidence) -> WeightPart:
    """Build the explanation of one comparison's contribution to the match weight."""
    comparison = _find_comparison(index, item.comparison)
    level = (
        None
        if comparison is None
        else next(candidate for candidate in comparison.levels if candidate.label == item.level)
    )
    frequency_bits = 0.0
    if level is not None and level.adjustment is not None:
        frequency_bits = round_weight(item.bits - compute_level_bits(level))
    return WeightPart(
        comparison=item.comparison,
        level=item.level,
        bits=round_weight(item.bits),
        sentence=wording.format_sentence(item.phrase),
        frequency_bits=frequency_bits,
    )


def _find_comparison(index: Index, name: str) -> Comparison | None:
    """Return the match model's comparison of a name, if any.

    The prior and a caution are contributions without a comparison.
    """
    comparisons = index.matcher.scorer.parameters.comparisons
    return next((comparison for comparison in comparisons if comparison.name == name), None)


def _list_shared_rules(
    index: Index, blocking: BlockingSpec, left: Features, right: Features
) -> tuple[str, ...]:
    """List the blocking rules under which two records share a blocking key."""
    left_keys, right_keys = (
        compute_keys_by_rule(features, blocking, index.keyed_hash) for features in (left, right)
    )
    shared_rules = {rule for rule, _ in left_keys.keys() & right_keys.keys()}
    return tuple(rule.name for rule in blocking.rules if rule.name in shared_rules)


def _find_changes(
    index: Index, left: Features, right: Features, weight: float, band: Band
) -> list[BandChange]:
    """Find single differences between two records that would change their band.

    For each subject, such as a name, only the smallest variation counts.
    """
    thresholds = index.matcher.model.thresholds
    smallest_changes: dict[tuple[str, bool], tuple[float, PairVariation]] = {}
    for variation in generate_variations(left, right):
        varied_weight = round_weight(index.matcher.scorer.weigh(variation.left, variation.right))
        if thresholds.classify(varied_weight) is band:
            continue
        change_key = (variation.subject, varied_weight > weight)
        if change_key not in smallest_changes or abs(varied_weight - weight) < abs(
            smallest_changes[change_key][0] - weight
        ):
            smallest_changes[change_key] = (varied_weight, variation)
    changes: list[BandChange] = []
    for is_upwards in (True, False):
        candidates = [
            weighed for (_, change_key), weighed in smallest_changes.items() if change_key is is_upwards
        ]
        candidates.sort(key=lambda weighed: (abs(weighed[0] - weight), weighed[1].subject))
        changes += [
            _build_change(variation, varied_weight, thresholds.classify(varied_weight))
            for varied_weight, variation in candidates[:MAX_CHANGES]
        ]
    return changes


def _build_change(variation: PairVariation, weight: float, band: Band) -> BandChange:
    """Describe how a variation of two records would change their band."""
    would_be: Mapping[str, str] = wording.load_words()["would_be"]
    condition = wording.describe_what_if(variation.subject, variation.how)
    return BandChange(wording.format_sentence(f"if {condition}, {would_be[band.value]}"), weight, band)

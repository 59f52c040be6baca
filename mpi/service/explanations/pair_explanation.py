"""Explain why two records are linked or not, without revealing values.

An explanation also names what would change the answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, InputError, NotFoundError
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, compute_probability, round_weight
from mpi.matching.compiler.online_scorer import WeightContribution, compute_level_bits
from mpi.matching.diagnostics.pair_variations import PairVariation, generate_variations
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys_by_rule
from mpi.matching.model.scoring_parameters import Comparison
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.visibility import RecordGroups, find_record_numbers
from mpi.service.core.visible_features import VisibleFeatures, load_visible_features
from mpi.service.decisions.decision_log import visible_groups
from mpi.service.explanations import wording
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
_EQUAL_LEVELS = frozenset({"same", "equal"})
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
        sentence: summary in one plain sentence.
        match_weight: in bits, prior included, capped by a caution.
        probability: the match weight as a probability.
        band: band of the pair alone; decisions and other records are not considered.
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
    parts: tuple[WeightPart, ...]
    cautions: tuple[str, ...]
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
        numbers = _find_pair_numbers(unit, left, right)
        canonical_keys = {
            number: record.canonical_key for number, record in unit.records.get(numbers).items()
        }
        visible = load_visible_features(unit, index, numbers)
        features_by_number = visible.by_record
        blocking = index.blocking_of(unit, index.config_id(unit))
        current_state = (*_describe_current_state(unit, *numbers), *_describe_limits(visible))
    if len(features_by_number) < len(numbers):
        raise ConflictError("one of the records is not active, so it is not compared")
    first_features, second_features = (
        features_by_number[number] for number in sorted(features_by_number, key=canonical_keys.__getitem__)
    )
    explanation = replace(
        explain_features(index, first_features, second_features, blocking), standing=current_state
    )
    disclose(index, viewer, Action.RECORD_READ, numbers, FIELDS)
    return explanation


def _find_pair_numbers(unit: ReadUnit, left: RecordRef, right: RecordRef) -> tuple[int, ...]:
    """Return the numbers of two records whose children meet the conditions.

    Which of them is missing is not told: that the other one exists could be news.
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
    scorer, thresholds = index.matcher.scorer, index.matcher.model.thresholds
    scored = scorer.score(left, right)
    weight = round_weight(scored.bits)
    band = thresholds.classify(weight)
    contributions = scorer.explain(left, right)
    parts = tuple(_build_part(index, contribution) for contribution in contributions)
    changes = tuple(_find_changes(index, left, right, weight, band))
    return Explanation(
        sentence=summarize_pair(contributions, weight, band),
        match_weight=weight,
        probability=compute_probability(weight),
        band=band,
        parts=parts,
        cautions=()
        if scored.caution is None
        else (wording.format_sentence(wording.describe_caution(scored.caution)),),
        opposes=_list_opposing(contributions),
        found_by=_list_shared_rules(index, blocking or index.matcher.model.blocking, left, right),
        changes=changes,
        unchangeable=None if changes else "No single thing, were it otherwise, would change this answer.",
    )


def summarize_pair(contributions: Sequence[WeightContribution], weight: float, band: Band) -> str:
    """Return one sentence on how two records compare and their resulting band."""
    compared = [
        contribution
        for contribution in contributions
        if contribution.comparison not in (wording.PRIOR, wording.CAUTION)
    ]
    caution = next(
        (contribution for contribution in contributions if contribution.comparison == wording.CAUTION), None
    )
    comparison_phrases = (
        wording.join_phrases(_select_phrases(compared)) or "nothing of both records can be compared"
    )
    texts = wording.load_words()
    if caution is None:
        return wording.format_sentence(
            f"{comparison_phrases}: {wording.format_bits(weight)}, {texts['bands'][band.value]}"
        )
    uncapped_weight = wording.format_bits(weight - caution.bits)
    caution_phrase = wording.describe_caution(caution.level)
    return wording.format_sentence(
        f"{comparison_phrases}: {uncapped_weight}, held for a person because {caution_phrase}"
    )


def _describe_current_state(unit: ReadUnit, left: int, right: int) -> tuple[str, ...]:
    """Return sentences on the current link and decisions between two records."""
    persons = unit.persons.current_persons([left, right])
    is_one_person = persons.get(left) == persons.get(right)
    sentences = ["They are one person now." if is_one_person else "They are two persons now."]
    for decision in unit.decisions.of_records([left, right]).values():
        groups = visible_groups(unit, decision)
        statement = None if groups is None else _describe_decision(decision.kind, groups, left, right)
        if statement is None or decision.status is not DecisionStatus.IN_FORCE:
            continue
        if decision.authority is not Authority.HOLD:
            authority = wording.describe_authority(decision.authority.name)
            sentences.append(f"Decision {decision.id} of {authority} {statement}.")
        elif unit.viewer.sources is None:
            sentences.append("A held change keeps them as they are.")
    return tuple(sentences)


def _describe_limits(visible: VisibleFeatures) -> tuple[str, ...]:
    """Return sentences on what an explanation leaves out."""
    limits = ((CONTACTS_WITHHELD, visible.withheld), (FIELDS_LIMITED, visible.limited))
    return tuple(sentence for sentence, records in limits if records)


def _describe_decision(kind: DecisionKind, groups: RecordGroups, left: int, right: int) -> str | None:
    """Return a phrase on what a decision says about two records.

    None where it does not name both, or keeps apart others than these.
    """
    positions = [
        [position for position, group in enumerate(groups) if record in group] for record in (left, right)
    ]
    if not all(positions):
        return None
    if kind is DecisionKind.DIFFERENT:
        return "says that they are different children" if positions[0] != positions[1] else None
    return "says that they are the same child" if kind is DecisionKind.SAME else "leaves it open"


def _select_phrases(compared: Iterable[WeightContribution]) -> list[str]:
    """Select wordings of how two records' names, birth dates and more compare."""
    levels = {
        contribution.comparison: contribution
        for contribution in compared
        if contribution.level not in wording.SILENT
    }
    phrases, equal_names = (
        [],
        {name for name in _IDENTITY_COMPARISONS if name in levels and levels[name].level in _EQUAL_LEVELS},
    )
    if {"given", "surname"} <= equal_names:
        phrases.append("same name and birth date" if "birth_date" in equal_names else "same name")
        levels = {name: contribution for name, contribution in levels.items() if name not in equal_names}
    identity_names = [name for name in _IDENTITY_COMPARISONS if name in levels]
    other_names = sorted(
        levels.keys() - set(identity_names), key=lambda name: (-abs(levels[name].bits), name)
    )
    weighty_names = [name for name in other_names if abs(levels[name].bits) >= _MIN_SENTENCE_BITS]
    return phrases + [
        wording.describe_level(name, levels[name].level) for name in (*identity_names, *weighty_names)
    ]


def _build_part(index: Index, contribution: WeightContribution) -> WeightPart:
    """Build the explanation of one comparison's contribution to the match weight."""
    comparison = _find_comparison(index, contribution.comparison)
    level = (
        None
        if comparison is None
        else next(candidate for candidate in comparison.levels if candidate.label == contribution.level)
    )
    frequency_bits = 0.0
    if level is not None and level.adjustment is not None:
        frequency_bits = round_weight(contribution.bits - compute_level_bits(level))
    return WeightPart(
        comparison=contribution.comparison,
        level=contribution.level,
        bits=round_weight(contribution.bits),
        sentence=_describe_contribution(contribution),
        frequency_bits=frequency_bits,
    )


def _find_comparison(index: Index, name: str) -> Comparison | None:
    """Return the match model's comparison of a name, if any.

    The prior and a caution are contributions without a comparison.
    """
    comparisons = index.matcher.scorer.parameters.comparisons
    return next((comparison for comparison in comparisons if comparison.name == name), None)


def _list_opposing(contributions: Iterable[WeightContribution]) -> tuple[str, ...]:
    """List comparisons that count against a link, strongest first."""
    against = [
        contribution
        for contribution in contributions
        if contribution.bits < 0 and contribution.comparison != wording.PRIOR
    ]
    against.sort(key=lambda contribution: (contribution.bits, contribution.comparison))
    return tuple(_describe_contribution(contribution) for contribution in against)


def _describe_contribution(contribution: WeightContribution) -> str:
    """Return a sentence on one part of a pair's match weight.

    The part is a comparison's level, the prior, or a caution.
    """
    if contribution.comparison == wording.CAUTION:
        return wording.format_sentence(
            f"held for a person because {wording.describe_caution(contribution.level)}"
        )
    return wording.format_sentence(wording.describe_level(contribution.comparison, contribution.level))


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
    text = f"if {condition}, the pair would weigh {wording.format_bits(weight)} and {would_be[band.value]}"
    return BandChange(wording.format_sentence(text), weight, band)

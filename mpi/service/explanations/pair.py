"""Explain: why two records are held one child's or not, and what would change that. No value is ever told."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, InputError
from mpi.domain.features import Features
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.domain.weight import Band, compute_probability, round_weight
from mpi.matching.compiler.online_scorer import WeightContribution, compute_level_bits
from mpi.matching.diagnostics.what_if import PairVariation, generate_variations
from mpi.matching.model.blocking_keys import BlockingSpec, compute_keys_by_rule
from mpi.matching.model.levels import Comparison
from mpi.service.core.disclosure import disclose
from mpi.service.core.index import Index
from mpi.service.core.stored_features import load_features
from mpi.service.core.visibility import RecordGroups, find_record_numbers
from mpi.service.decisions.decision_log import visible_groups
from mpi.service.explanations import wording
from mpi.storage.repositories.steps.decisions import DecisionStatus
from mpi.storage.unit_of_work.unit import ReadUnit

FIELDS = ("match_weight", "explanation")
MAX_CHANGES = 4
"""Told of each way, up and down."""
_IDENTITY_COMPARISONS = ("given", "surname", "birth_date")
_EQUAL_LEVELS = frozenset({"same", "equal"})
_MIN_SENTENCE_BITS = 1.0
"""A comparison of fewer bits, either way, is left out of the sentence."""


@dataclass(frozen=True, slots=True)
class WeightPart:
    """What one comparison adds to the match weight, or takes from it.

    Args:
        comparison: the model's name of it; ``prior`` first, ``caution`` last where one holds.
        level: the model's name of how the pair compares.
        bits: what that adds; all parts together are the match weight.
        sentence: the same in words.
        frequency_bits: how much of it is because the value is rarer, or commoner, than most.
    """

    comparison: str
    level: str
    bits: float
    sentence: str
    frequency_bits: float = 0.0


@dataclass(frozen=True, slots=True)
class BandChange:
    """One thing about the pair that, were it otherwise, would change the answer.

    Args:
        sentence: what, and what would come of it.
        match_weight: in bits, as it would be.
        band: as it would be.
    """

    sentence: str
    match_weight: float
    band: Band


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the model takes two records for one child, or does not.

    Args:
        sentence: the whole in one plain sentence.
        match_weight: in bits, prior included, as far as a caution lets it.
        probability: the same as a probability.
        band: what the model makes of the pair by itself; decisions and other records come after it.
        parts: the weight by comparison; they add up to it.
        cautions: what holds the pair for a person, however much it weighs.
        opposes: what speaks against, the most first.
        found_by: names of the blocking rules that bring the pair together; where empty, the model compares
            the two only where other records lead from one to the other.
        changes: what would change the answer, one thing otherwise at a time: first what would make it more,
            then what would make it less, each with the least change first.
        unchangeable: where there is no such thing, a sentence that says so.
        standing: what stands now, whatever the model makes of the pair: whether they are one person, and what
            was decided about the two.
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
    """Why two records are taken for one child's, or not; the same whichever is named first.

    Args:
        index: the open index.
        viewer: who asks.
        left: a record that it may see.
        right: another.

    Raises:
        InputError: they are one and the same.
        NotFoundError: there is no such record that the viewer may know of.
        ConflictError: one of them takes no part now, so nothing of it is compared.
        AccessDenied: the viewer may not read records.
    """
    require_permission(viewer, Action.RECORD_READ)
    if left == right:
        raise InputError("give two different records")
    with index.database.read(viewer) as unit:
        [numbers] = find_record_numbers(unit, [[left, right]])
        if len(set(numbers)) == 1:
            raise InputError("give two different records")
        keys = {number: record.canonical_key for number, record in unit.records.get(numbers).items()}
        config_id = index.config_id(unit)
        known, blocking = load_features(unit, config_id, numbers), index.blocking_of(unit, config_id)
        standing = _describe_current_state(unit, *numbers)
    if len(known) < len(numbers):
        raise ConflictError("one of the records takes no part now: nothing of it is compared")
    first, other = (known[number] for number in sorted(known, key=keys.__getitem__))
    found = replace(explain_features(index, first, other, blocking), standing=standing)
    disclose(index, viewer, Action.RECORD_READ, numbers, FIELDS)
    return found


def explain_features(
    index: Index, left: Features, right: Features, blocking: BlockingSpec | None = None
) -> Explanation:
    """Why the model takes a pair for one child's, or not.

    Args:
        index: for the model and the secret.
        left: one record.
        right: the other.
        blocking: that of the configuration in force; None for the model's, no key of which is stopped.
    """
    scorer, thresholds = index.matcher.scorer, index.matcher.model.thresholds
    scored = scorer.score(left, right)
    weight = round_weight(scored.bits)
    band = thresholds.band(weight)
    contributions = scorer.explain(left, right)
    parts = tuple(_build_part(index, each) for each in contributions)
    changes = tuple(_find_changes(index, left, right, weight, band))
    return Explanation(
        summarize_pair(contributions, weight, band),
        weight,
        compute_probability(weight),
        band,
        parts,
        () if scored.caution is None else (wording.format_sentence(wording.describe_caution(scored.caution)),),
        _list_opposing(contributions),
        _list_shared_rules(index, blocking or index.matcher.model.blocking, left, right),
        changes,
        None if changes else "No single thing, were it otherwise, would change this answer.",
    )


def summarize_pair(contributions: Sequence[WeightContribution], weight: float, band: Band) -> str:
    """How a pair compares and what the model makes of it, in one sentence."""
    compared = [each for each in contributions if each.comparison not in (wording.PRIOR, wording.CAUTION)]
    caution = next((each for each in contributions if each.comparison == wording.CAUTION), None)
    alike = wording.join_phrases(_select_phrases(compared)) or "nothing of both records can be compared"
    words = wording.load_words()
    if caution is None:
        return wording.format_sentence(f"{alike}: {wording.format_bits(weight)}, {words['bands'][band.value]}")
    whole = wording.format_bits(weight - caution.bits)
    because = wording.describe_caution(caution.level)
    return wording.format_sentence(f"{alike}: {whole}, held for a person because {because}")


def _describe_current_state(unit: ReadUnit, left: int, right: int) -> tuple[str, ...]:
    persons = unit.persons.current_persons([left, right])
    one = persons.get(left) == persons.get(right)
    told = ["They are one person now." if one else "They are two persons now."]
    for decision in unit.decisions.of_records([left, right]).values():
        groups = visible_groups(unit, decision)
        kind = None if groups is None else _describe_decision(decision.kind, groups, left, right)
        if kind is None or decision.status is not DecisionStatus.IN_FORCE:
            continue
        if decision.authority is not Authority.HOLD:
            who = wording.describe_authority(decision.authority.name)
            told.append(f"Decision {decision.id} of {who} {kind}.")
        elif unit.viewer.sources is None:
            told.append("A held change keeps them as they are.")
    return tuple(told)


def _describe_decision(kind: DecisionKind, groups: RecordGroups, left: int, right: int) -> str | None:
    """What a decision says of two records; None where it says nothing of the two together."""
    places = [[place for place, group in enumerate(groups) if record in group] for record in (left, right)]
    if not all(places):
        return None
    if kind is DecisionKind.DIFFERENT:
        return "says that they are different children" if places[0] != places[1] else None
    return "says that they are the same child" if kind is DecisionKind.SAME else "leaves it open"


def _select_phrases(compared: Iterable[WeightContribution]) -> list[str]:
    """What a sentence tells of a pair: names and birth date always, and what else weighs."""
    levels = {each.comparison: each for each in compared if each.level not in wording.SILENT}
    told, same = [], {name for name in _IDENTITY_COMPARISONS if name in levels and levels[name].level in _EQUAL_LEVELS}
    if {"given", "surname"} <= same:
        told.append("same name and birth date" if "birth_date" in same else "same name")
        levels = {name: each for name, each in levels.items() if name not in same}
    always = [name for name in _IDENTITY_COMPARISONS if name in levels]
    others = sorted(levels.keys() - set(always), key=lambda name: (-abs(levels[name].bits), name))
    weighty = [name for name in others if abs(levels[name].bits) >= _MIN_SENTENCE_BITS]
    return told + [wording.describe_level(name, levels[name].level) for name in (*always, *weighty)]


def _build_part(index: Index, each: WeightContribution) -> WeightPart:
    found = _find_comparison(index, each.comparison)
    adjusted = None if found is None else next(x for x in found.levels if x.label == each.level)
    share = 0.0
    if adjusted is not None and adjusted.adjustment is not None:
        share = round_weight(each.bits - compute_level_bits(adjusted))
    return WeightPart(each.comparison, each.level, round_weight(each.bits), _describe_contribution(each), share)


def _find_comparison(index: Index, name: str) -> Comparison | None:
    comparisons = index.matcher.scorer.levels.comparisons
    return next((comparison for comparison in comparisons if comparison.name == name), None)


def _list_opposing(contributions: Iterable[WeightContribution]) -> tuple[str, ...]:
    """What speaks against; that any two records are seldom one child's goes without saying."""
    against = [each for each in contributions if each.bits < 0 and each.comparison != wording.PRIOR]
    against.sort(key=lambda each: (each.bits, each.comparison))
    return tuple(_describe_contribution(each) for each in against)


def _describe_contribution(each: WeightContribution) -> str:
    if each.comparison == wording.CAUTION:
        return wording.format_sentence(f"held for a person because {wording.describe_caution(each.level)}")
    return wording.format_sentence(wording.describe_level(each.comparison, each.level))


def _list_shared_rules(index: Index, blocking: BlockingSpec, left: Features, right: Features) -> tuple[str, ...]:
    mine, other = (compute_keys_by_rule(each, blocking, index.keyed_hash) for each in (left, right))
    shared = {rule for rule, _ in mine.keys() & other.keys()}
    return tuple(rule.name for rule in blocking.rules if rule.name in shared)


def _find_changes(index: Index, left: Features, right: Features, weight: float, band: Band) -> list[BandChange]:
    """The least change of each thing, upwards and downwards, that takes the pair into another band."""
    thresholds = index.matcher.model.thresholds
    least: dict[tuple[str, bool], tuple[float, PairVariation]] = {}
    for each in generate_variations(left, right):
        other = round_weight(index.matcher.scorer.weight(each.left, each.right))
        if thresholds.band(other) is band:
            continue
        way = (each.subject, other > weight)
        if way not in least or abs(other - weight) < abs(least[way][0] - weight):
            least[way] = (other, each)
    told: list[BandChange] = []
    for upwards in (True, False):
        found = [one for (_, way), one in least.items() if way is upwards]
        found.sort(key=lambda one: (abs(one[0] - weight), one[1].subject))
        told += [_build_change(each, other, thresholds.band(other)) for other, each in found[:MAX_CHANGES]]
    return told


def _build_change(each: PairVariation, weight: float, band: Band) -> BandChange:
    would_be: Mapping[str, str] = wording.load_words()["would_be"]
    says = (
        f"if {wording.describe_what_if(each.subject, each.how)}, the pair would weigh {wording.format_bits(weight)} "
        f"and {would_be[band.value]}"
    )
    return BandChange(wording.format_sentence(says), weight, band)

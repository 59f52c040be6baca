"""Evidence of a record pair: what each comparison says, by field.

The sentence, the marks of a table and the bars of a chart all follow from this one list. It comes from the
comparison levels of the model. Where a comparison covers several fields, the features that the model compares
say which of them agree.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from mpi.domain.features import Features
from mpi.matching.compiler.online_scorer import OnlineScorer, WeightContribution
from mpi.service.explanations import wording


class FieldVerdict(StrEnum):
    """What a comparison says about one field of two records."""

    SAME = "same"
    ALIKE = "alike"
    DIFFERENT = "different"
    MISSING = "missing"
    """At least one record has no value."""
    NEUTRAL = "neutral"
    """Both have a value, and another value is no sign of another child."""


@dataclass(frozen=True, slots=True)
class FieldEvidence:
    """Verdict on one field.

    Args:
        field: field code, such as ``first_name``; ``ssn`` for the Social Security number.
        verdict: what the comparison says about it.
    """

    field: str
    verdict: FieldVerdict


@dataclass(frozen=True, slots=True)
class ComparisonEvidence:
    """Evidence of one comparison of the model about a record pair.

    Args:
        comparison: the model's name of the comparison; ``prior`` first, ``caution`` last where one applies.
        level: the model's name of the comparison level.
        bits: weight of the level; all weights add up to the match weight.
        verdict: verdict on the comparison as a whole.
        fields: verdict on each field that the comparison covers.
        phrase: the level in words, as a part of a sentence.
    """

    comparison: str
    level: str
    bits: float
    verdict: FieldVerdict
    fields: tuple[FieldEvidence, ...]
    phrase: str

    @property
    def is_counted(self) -> bool:
        """Whether this is a comparison that carries evidence."""
        return self.comparison not in (wording.PRIOR, wording.CAUTION) and self.level not in wording.SILENT


_FIELD_OF_COMPARISON = {
    "given": "first_name",
    "middle": "middle_name",
    "surname": "last_name",
    "suffix": "suffix",
    "birth_date": "birth_date",
    "sex": "sex",
    "ssn": "ssn",
    "identifiers": "identifiers",
    "birth_place": "birth_place",
    "postal_code": "addresses",
    "phone": "phone",
    "email": "email",
}
"""Field of each comparison that covers one field."""
_RESIDENCE = "residence"
_UNMARKED_COMPARISONS = frozenset({wording.PRIOR, wording.CAUTION, "family", "multiple_birth"})
"""Parts of a weight that say nothing about a single field."""
_SAME_LEVELS = frozenset({
    "same", "equal", "same name", "same, a date that many have", "one in common",
    "same postal code and place", "same postal code", "same postal code, which many have", "same place",
})  # fmt: skip
_DIFFERENT_LEVELS = frozenset({
    "different", "two strokes off", "same year", "a year apart, day unknown",
    "three years apart at most, day unknown",
})  # fmt: skip
_MISSING_LEVEL = "missing"
_RANKED_VERDICTS = (FieldVerdict.SAME, FieldVerdict.ALIKE, FieldVerdict.DIFFERENT)
_STREET_ALIKE_LEVELS = frozenset({
    "street alike", "number a slip apart, street alike", "same street, number unknown",
})  # fmt: skip


def collect_evidence(scorer: OnlineScorer, left: Features, right: Features) -> tuple[ComparisonEvidence, ...]:
    """Return the evidence of each comparison, in the order of the model.

    The result does not depend on the order of the two records.

    Args:
        scorer: scorer of the model.
        left: features of one record, as the viewer may compare them.
        right: features of the other.
    """
    return tuple(_build_evidence(contribution, left, right) for contribution in scorer.explain(left, right))


def collect_field_verdicts(evidence: Iterable[ComparisonEvidence]) -> dict[str, FieldVerdict]:
    """Return the verdict on each field that a comparison covers.

    A field that no comparison covers has no entry.
    """
    return {field.field: field.verdict for item in evidence for field in item.fields}


def sum_bits(evidence: Iterable[ComparisonEvidence]) -> float:
    """Return the match weight in bits, which all parts add up to."""
    return sum(item.bits for item in evidence)


def list_for(evidence: Iterable[ComparisonEvidence]) -> list[ComparisonEvidence]:
    """List the evidence for one child, strongest first."""
    return sorted(
        (item for item in evidence if item.is_counted and item.bits > 0),
        key=lambda item: (-item.bits, item.comparison),
    )


def list_against(evidence: Iterable[ComparisonEvidence]) -> list[ComparisonEvidence]:
    """List the evidence against one child, strongest first."""
    return sorted(
        (item for item in evidence if item.is_counted and item.bits < 0),
        key=lambda item: (item.bits, item.comparison),
    )


def find_caution(evidence: Iterable[ComparisonEvidence]) -> ComparisonEvidence | None:
    """Return the caution that keeps a pair from being linked, if any."""
    return next((item for item in evidence if item.comparison == wording.CAUTION), None)


def _build_evidence(contribution: WeightContribution, left: Features, right: Features) -> ComparisonEvidence:
    """Build the evidence of one comparison's contribution."""
    name, level = contribution.comparison, contribution.level
    is_residence = name == _RESIDENCE
    fields = _compare_residence(level, left, right) if is_residence else _list_fields(name, level)
    return ComparisonEvidence(
        comparison=name,
        level=level,
        bits=contribution.bits,
        verdict=_summarize_fields(level, fields) if is_residence else _classify_level(name, level),
        fields=fields,
        phrase=_describe(name, level, fields),
    )


def _list_fields(comparison: str, level: str) -> tuple[FieldEvidence, ...]:
    """List the field that a comparison covers, if any."""
    field = _FIELD_OF_COMPARISON.get(comparison)
    return () if field is None else (FieldEvidence(field, _classify_level(comparison, level)),)


def _classify_level(comparison: str, level: str) -> FieldVerdict:
    """Return the verdict that a level of a comparison gives."""
    if comparison in _UNMARKED_COMPARISONS:
        return FieldVerdict.NEUTRAL
    if level == _MISSING_LEVEL:
        return FieldVerdict.MISSING
    if level in _DIFFERENT_LEVELS:
        return FieldVerdict.DIFFERENT
    return FieldVerdict.SAME if level in _SAME_LEVELS else FieldVerdict.ALIKE


def _summarize_fields(level: str, fields: Iterable[FieldEvidence]) -> FieldVerdict:
    """Return the verdict on home and contact as a whole.

    What agrees outweighs what differs, as it does in the model.
    """
    if level == _MISSING_LEVEL:
        return FieldVerdict.MISSING
    verdicts = {item.verdict for item in fields}
    return next((verdict for verdict in _RANKED_VERDICTS if verdict in verdicts), FieldVerdict.NEUTRAL)


def _compare_residence(level: str, left: Features, right: Features) -> tuple[FieldEvidence, ...]:
    """Return the verdict on each field of home and contact."""
    verdicts = {
        "addresses": _compare_addresses(level, left, right),
        "phone": _compare_values(left.phones, right.phones),
        "email": _compare_values(_to_tuple(left.email), _to_tuple(right.email)),
        # Two names may be those of mother and father, and each system has household keys of its own.
        "guardians": _compare_values(left.guardians, right.guardians, FieldVerdict.NEUTRAL),
        "household_ids": _compare_values(left.household_ids, right.household_ids, FieldVerdict.NEUTRAL),
    }
    return tuple(FieldEvidence(field, verdict) for field, verdict in verdicts.items())


def _compare_values(
    left: tuple[str, ...], right: tuple[str, ...], otherwise: FieldVerdict = FieldVerdict.DIFFERENT
) -> FieldVerdict:
    """Return whether two lists share a value, or ``otherwise``."""
    if not left or not right:
        return FieldVerdict.MISSING
    return otherwise if set(left).isdisjoint(right) else FieldVerdict.SAME


def _to_tuple(value: str | None) -> tuple[str, ...]:
    return () if value is None else (value,)


def _compare_addresses(level: str, left: Features, right: Features) -> FieldVerdict:
    """Return the verdict on two records' addresses.

    Where a record has no street address, only ZIP code and city are compared.
    """
    homes = _compare_values(left.addresses + left.shared_homes, right.addresses + right.shared_homes)
    if homes is FieldVerdict.SAME:
        return homes
    if level in _STREET_ALIKE_LEVELS:
        return FieldVerdict.ALIKE
    if homes is FieldVerdict.DIFFERENT:
        return homes
    for get_value in _AREAS:
        area = _compare_values(_to_tuple(get_value(left)), _to_tuple(get_value(right)))
        if area is not FieldVerdict.MISSING:
            return FieldVerdict.ALIKE if area is FieldVerdict.SAME else area
    return FieldVerdict.MISSING


_AREAS: tuple[Callable[[Features], str | None], ...] = (
    lambda features: features.postal_code,
    lambda features: features.city,
)
"""Parts of an address that say where it is, the smaller first."""


def _describe(comparison: str, level: str, fields: Iterable[FieldEvidence]) -> str:
    """Return a comparison level as a part of a sentence."""
    if comparison == wording.CAUTION:
        return wording.describe_caution(level)
    if comparison != _RESIDENCE or level == _MISSING_LEVEL:
        return wording.describe_level(comparison, level)
    return _describe_residence(level, {item.field: item.verdict for item in fields})


def _describe_residence(level: str, verdicts: dict[str, FieldVerdict]) -> str:
    """Return in words which parts of home and contact agree.

    Fields that agree say why the level is a high one. Only where none agrees, those that differ are named.
    """
    for verdict in _RANKED_VERDICTS:
        named = [field for field, value in verdicts.items() if value is verdict]
        if named:
            return wording.describe_contacts(verdict.value, named, level)
    return wording.describe_contacts(FieldVerdict.NEUTRAL.value, (), level)

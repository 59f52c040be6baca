"""Choice of the values of one attribute by its rule."""

from collections.abc import Iterable, Sequence

from mpi.domain.survivorship.rules import AttributeRule
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND, SelectionReason, StatedValue, SurvivingValue


def choose_value(values: Iterable[StatedValue], rule: AttributeRule) -> SurvivingValue | None:
    """Choose an attribute's golden-record value; None where none is stated."""
    ranked = rank_values(values, rule)
    if not ranked:
        return None
    return survive(ranked, _find_selection_reason(ranked, rule))


def choose_all_values(
    values: Iterable[StatedValue], rule: AttributeRule, day: str
) -> tuple[SurvivingValue, ...]:
    """Choose, for the golden record, one statement of each distinct value.

    Args:
        values: values of any records.
        rule: rule of the attribute.
        day: today, ``YYYY-MM-DD``.

    Returns:
        One entry for each distinct value: values current on the day first, latest first.
    """
    statements_of: dict[str, list[StatedValue]] = {}
    for value in values:
        statements_of.setdefault(value.comparable, []).append(value)
    survivors = []
    for statements in statements_of.values():
        first, *others = rank_values(statements, rule)
        survivors.append(
            SurvivingValue(
                first,
                SelectionReason.EVERY,
                tuple(sorted(others, key=lambda value: (value.key, value.position))),
            )
        )
    survivors.sort(key=lambda survivor: (survivor.stated.key, survivor.stated.position))
    survivors.sort(key=lambda survivor: (survivor.stated.begin or "", survivor.stated.as_of), reverse=True)
    return tuple(sorted(survivors, key=lambda survivor: not survivor.stated.is_current(day)))


def rank_values(values: Iterable[StatedValue], rule: AttributeRule) -> list[StatedValue]:
    """Return stated values by preference, the surviving one first."""
    ranked = sorted(values, key=lambda value: (value.key, value.position))
    ranked.sort(
        key=lambda value: [rule.rank_value(criterion, value) for criterion in rule.criteria], reverse=True
    )
    # A later correction takes the place of an earlier one, whatever the attribute is ranked by.
    corrections = [value for value in ranked if value.kind == STEWARD_SOURCE_KIND]
    corrections.sort(key=lambda value: value.as_of, reverse=True)
    return [*corrections, *(value for value in ranked if value.kind != STEWARD_SOURCE_KIND)]


def _find_selection_reason(ranked: Sequence[StatedValue], rule: AttributeRule) -> SelectionReason:
    """Return why the first of ranked values survives in the golden record."""
    first = ranked[0]
    if first.kind == STEWARD_SOURCE_KIND:
        return SelectionReason.CORRECTION
    remaining = [*ranked]
    if len({value.comparable for value in remaining}) == 1:
        return SelectionReason.AGREED if len(remaining) > 1 else SelectionReason.ONLY
    for criterion in rule.criteria:
        best = rule.rank_value(criterion, first)
        remaining = [value for value in remaining if rule.rank_value(criterion, value) == best]
        if len({value.comparable for value in remaining}) == 1:
            return SelectionReason(criterion.value)
    return SelectionReason.KEY


def survive(ranked: Sequence[StatedValue], reason: SelectionReason) -> SurvivingValue:
    """Return the first of ranked values as the surviving one."""
    first, *rest = ranked
    agreeing = sorted(
        (value for value in rest if value.comparable == first.comparable), key=lambda value: value.key
    )
    others = tuple(value for value in rest if value.comparable != first.comparable)
    return SurvivingValue(first, reason, tuple(agreeing), others)

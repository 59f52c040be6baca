"""Choice of a person's name: all its parts come from one record.

The criterion ``agreement`` counts the other records with the same name (ADR 0106).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mpi.domain.survivorship.attributes import NAME_PARTS
from mpi.domain.survivorship.rules import AttributeRule
from mpi.domain.survivorship.value_choice import rank_values, survive
from mpi.domain.survivorship.values import STEWARD_SOURCE_KIND, SelectionReason, StatedValue, SurvivingValue


def choose_name(
    values: Mapping[str, Sequence[StatedValue]], rule: AttributeRule
) -> dict[str, SurvivingValue]:
    """Choose a person's name from one record, for the golden record.

    A name that has a first and a last name precedes every other. A steward's correction replaces the part
    that it corrects.

    Args:
        values: what each record states, by part of the name.
        rule: rule of the name.

    Returns:
        The parts that the chosen record states, or a steward corrected.
    """
    names = _rank_names(values, rule)
    chosen: dict[str, SurvivingValue] = {}
    for part in NAME_PARTS:
        corrections = [value for value in values.get(part, ()) if value.kind == STEWARD_SOURCE_KIND]
        if corrections:
            ranked = [*rank_values(corrections, rule), *_list_part(names, part)]
            chosen[part] = survive(ranked, SelectionReason.CORRECTION)
        elif names and part in names[0].value:
            chosen[part] = survive(_list_part(names, part), _find_part_reason(names, part, rule))
    return chosen


_NameForm = tuple[str | None, ...]
"""Comparable parts of a name, in the order of ``NAME_PARTS``."""


def _rank_names(values: Mapping[str, Sequence[StatedValue]], rule: AttributeRule) -> list[StatedValue]:
    """Return the name of each record by preference, without corrections.

    The value of a name is its parts: stated values by attribute.
    """
    parts_by_record: dict[int, dict[str, StatedValue]] = {}
    for part in NAME_PARTS:
        for value in values.get(part, ()):
            if value.kind != STEWARD_SOURCE_KIND:
                parts_by_record.setdefault(value.record, {})[part] = value
    if len(parts_by_record) == 1:
        return [_join_parts(parts, 0) for parts in parts_by_record.values()]
    agreement = _count_agreement([_form_of(parts) for parts in parts_by_record.values()])
    ranked = rank_values(
        (_join_parts(parts, agreement[_form_of(parts)]) for parts in parts_by_record.values()), rule
    )
    return sorted(ranked, key=lambda name: not _is_whole(name))


def _form_of(parts: Mapping[str, StatedValue]) -> _NameForm:
    return tuple(parts[part].comparable if part in parts else None for part in NAME_PARTS)


def _count_agreement(forms: Sequence[_NameForm]) -> dict[_NameForm, int]:
    """Count the other records that agree with each form of name."""
    counts = Counter(forms)
    return {
        form: sum(count for other, count in counts.items() if _agree(form, other)) - _agree(form, form)
        for form in counts
    }


def _agree(left: _NameForm, right: _NameForm) -> bool:
    """Return whether two names agree as wholes.

    First and last name are the same. Middle name and suffix are the same, or one of the names leaves them
    out, or one has only the initial.
    """
    first, middle, last, suffix = left
    other_first, other_middle, other_last, other_suffix = right
    if first is None or last is None or (first, last) != (other_first, other_last):
        return False
    return _agree_on_part(suffix, other_suffix) and _agree_on_part(middle, other_middle)


def _agree_on_part(left: str | None, right: str | None) -> bool:
    if left is None or right is None or left == right:
        return True
    shorter, longer = sorted((left, right), key=len)
    return len(shorter) == 1 and longer.startswith(shorter)


def _join_parts(parts: Mapping[str, StatedValue], agreement: int) -> StatedValue:
    """Return a record's name as one value that holds its parts."""
    first = next(iter(parts.values()))
    return replace(
        first,
        value=parts,
        comparable="|".join(part or "" for part in _form_of(parts)),
        verified=max(part.verified for part in parts.values()),
        complete=sum(part.complete for part in parts.values()),
        agreement=agreement,
    )


def _is_whole(name: StatedValue) -> bool:
    """Return whether a name has a first and a last name."""
    return "first_name" in name.value and "last_name" in name.value


def _list_part(names: Iterable[StatedValue], part: str) -> list[StatedValue]:
    """Return one part of those names that state it."""
    return [name.value[part] for name in names if part in name.value]


def _find_part_reason(names: Sequence[StatedValue], part: str, rule: AttributeRule) -> SelectionReason:
    """Return why a part of the first of ranked names survives."""

    def is_settled(remaining: Iterable[StatedValue]) -> bool:
        return len({value.comparable for value in _list_part(remaining, part)}) == 1

    if is_settled(names):
        return SelectionReason.AGREED if len(_list_part(names, part)) > 1 else SelectionReason.ONLY
    first = names[0]
    remaining = [name for name in names if _is_whole(name) == _is_whole(first)]
    if is_settled(remaining):
        return SelectionReason.COMPLETENESS
    for criterion in rule.criteria:
        best = rule.rank_value(criterion, first)
        remaining = [name for name in remaining if rule.rank_value(criterion, name) == best]
        if is_settled(remaining):
            return SelectionReason(criterion.value)
    return SelectionReason.KEY

"""Answers that the page of a question asks for.

The page asks for one answer for all children, or for one answer for each pair.

A question about two children has one answer. So has a question about three or more: that all are one child,
that only one of them is the child in question, or that none is. An answer for each two children, or for each
pair of records, is the exception that the steward asks for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.domain.record_ref import RecordRef

_MIN_SIDES, _MAX_SIDES = 3, 8
"""Fewest and most children of a question that has one answer for all of them."""
_ONLY = "only-"
"""Begin of the form value that says that one side alone is the child in question."""


class AnswerLevel(StrEnum):
    """What one answer of the form is about."""

    QUESTION = ""
    CHILDREN = "child"
    PAIR = "pair"


@dataclass(frozen=True, slots=True)
class AskedPair:
    """Record pair that a review question asks about.

    ``verdict`` is the saved answer, ``chosen`` one entered in the form but not saved.
    """

    no: int
    key: str
    left: RecordRef
    right: RecordRef
    match_weight: float
    verdict: str | None
    chosen: str


@dataclass(frozen=True, slots=True)
class AnswerSide:
    """One child of a question, with a representative record and a name."""

    record: RecordRef
    name: str


@dataclass(frozen=True, slots=True)
class AnswerChoice:
    """One possible answer for all children of a question.

    ``value`` is the form's value, ``key`` the keyboard shortcut or empty, ``text`` the label.
    """

    value: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class AskedChildren:
    """Pairs that are answered once.

    Args:
        pairs: the pairs.
        left: the enterprise ID of the one child; None where a record has none, or both have the same.
        right: that of the other.
        sides: children of an answer for three or more; otherwise empty.
        choices: possible answers for them.
        chosen: value of the choice that the form holds.
        group_of: by number of a pair, the number of the first pair about the same two children.
    """

    pairs: tuple[AskedPair, ...]
    left: str | None
    right: str | None
    sides: tuple[AnswerSide, ...] = ()
    choices: tuple[AnswerChoice, ...] = ()
    chosen: str = ""
    group_of: Mapping[int, int] | None = None


def group_by_children(
    pairs: Sequence[AskedPair], child_of: Mapping[RecordRef, str | None], *, by_pair: bool
) -> tuple[AskedChildren, ...]:
    """Group pairs about the same two children, or keep each alone.

    Args:
        pairs: the asked pairs.
        child_of: enterprise ID of each record.
        by_pair: whether each pair is answered by itself.
    """
    groups: dict[object, list[AskedPair]] = {}
    for pair in pairs:
        children = frozenset((child_of.get(pair.left), child_of.get(pair.right)))
        is_about_two = len(children) > 1 and None not in children
        groups.setdefault(children if is_about_two and not by_pair else pair.no, []).append(pair)
    return tuple(
        AskedChildren(tuple(group), child_of.get(group[0].left), child_of.get(group[0].right))
        for group in groups.values()
    )


def join_groups(
    groups: Sequence[AskedChildren],
    child_of: Mapping[RecordRef, str | None],
    name_of: Mapping[RecordRef, str],
    subject: RecordRef | None,
) -> tuple[AskedChildren, ...]:
    """Join the groups of a question into one answer.

    Only a question about three or more children has its groups joined.

    Args:
        groups: the asked pairs, by children.
        child_of: enterprise ID of each record.
        name_of: name of each record.
        subject: the record with which all others are compared; None where there is none.

    Returns:
        The groups as they are where there are too few or too many children.
    """
    sides = _list_sides(groups, child_of, name_of, subject)
    if not _MIN_SIDES <= len(sides) <= _MAX_SIDES or len(groups) < _MIN_SIDES - 1:
        return tuple(groups)
    pairs = tuple(pair for group in groups for pair in group.pairs)
    group_of = {pair.no: group.pairs[0].no for group in groups for pair in group.pairs}
    choices = _list_choices(groups, child_of, sides, None if subject is None else sides[0])
    chosen = _find_choice(groups, choices)
    return (AskedChildren(pairs, None, None, sides, choices, chosen, group_of),)


def read_group_verdict(verdict: str, group: str) -> str:
    """Return a pair's verdict from the answer for all children.

    Args:
        verdict: the form's value.
        group: number of the first pair about the same two children.
    """
    if not verdict.startswith(_ONLY):
        return verdict
    return "same" if verdict.removeprefix(_ONLY) == group else "different"


def _list_sides(
    groups: Sequence[AskedChildren],
    child_of: Mapping[RecordRef, str | None],
    name_of: Mapping[RecordRef, str],
    subject: RecordRef | None,
) -> tuple[AnswerSide, ...]:
    """List the children of a question, the one in question first."""
    records = [record for group in groups for pair in group.pairs for record in (pair.left, pair.right)]
    ordered = [*([subject] if subject in records else []), *records]
    sides: dict[object, AnswerSide] = {}
    for record in ordered:
        if record is not None:
            sides.setdefault(child_of.get(record) or record, AnswerSide(record, name_of.get(record, "")))
    return tuple(sides.values())


def _list_choices(
    groups: Sequence[AskedChildren],
    child_of: Mapping[RecordRef, str | None],
    sides: Collection[AnswerSide],
    subject: AnswerSide | None,
) -> tuple[AnswerChoice, ...]:
    """List the possible answers for all children of a question.

    Only where every pair is about the child in question can one side alone be the same child.
    """
    texts = load_words().whole
    choices = [AnswerChoice("same", "s", str(texts.same))]
    side_of = {child_of.get(side.record) or side.record: side for side in sides}
    own = None if subject is None else child_of.get(subject.record) or subject.record
    for group in groups if subject is not None else ():
        ends = {child_of.get(end) or end for end in (group.pairs[0].left, group.pairs[0].right)}
        others = [side_of[end] for end in ends if end != own]
        if own in ends and len(others) == 1:
            text = format_text(texts.only, name=_describe_side(others[0]), subject=_describe_side(subject))
            choices.append(AnswerChoice(f"{_ONLY}{group.pairs[0].no}", "", text))
    none = texts.different if subject is None else format_text(texts.none, subject=_describe_side(subject))
    choices.append(AnswerChoice("different", "d", str(none)))
    verdicts = load_words().verdict
    return (
        *choices,
        *(AnswerChoice(value, key, str(verdicts[value])) for value, key in (("unsure", "u"), ("ask", "a"))),
    )


def _describe_side(side: AnswerSide | None) -> str:
    """Return a side's name with its local ID.

    The local ID tells children of one name apart.
    """
    if side is None:
        return ""
    name = side.name or load_words().question.no_name
    return f"{name} ({side.record.local_id})"


def _find_choice(groups: Sequence[AskedChildren], choices: Collection[AnswerChoice]) -> str:
    """Return the choice that stands for the verdicts entered so far.

    The result is empty if no choice stands for them.
    """
    verdicts = {group.pairs[0].no: {pair.chosen for pair in group.pairs} for group in groups}
    entered = set().union(*verdicts.values())
    if len(entered) == 1:
        return entered.pop()
    same = [no for no, given in verdicts.items() if given == {"same"}]
    different = [no for no, given in verdicts.items() if given == {"different"}]
    value = f"{_ONLY}{same[0]}" if len(same) == 1 and len(different) == len(verdicts) - 1 else ""
    return value if value in {choice.value for choice in choices} else ""

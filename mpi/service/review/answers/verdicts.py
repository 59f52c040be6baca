"""Steward verdicts on pairs, grouped into consistent decisions.

Pure functions. ``same`` is transitive: if A is B and B is C, then A is C. A pair inside such a group with
the verdict ``different`` or ``unsure`` contradicts the group, and the whole answer is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mpi.domain.errors import InputError


class VerdictKind(StrEnum):
    """Verdict of a steward on one pair of records."""

    SAME = "same"
    DIFFERENT = "different"
    UNSURE = "unsure"
    ASK = "ask"


ANSWER_REASONS: Mapping[str, str] = {
    "same-child": "one child, by all that the records say",
    "typo": "one child: a name, date or number is mistyped",
    "name-change": "one child under an earlier or later name",
    "adoption": "one child before and after an adoption",
    "nickname": "one child under a name it is called by",
    "moved": "one child that has moved",
    "source-confirmed": "the source of a record has confirmed it",
    "different-children": "two children, by all that the records say",
    "twin": "twins, or others of one birth",
    "sibling": "sisters or brothers",
    "namesake": "strangers of one name and birth date",
    "parent-and-child": "parent and child of one name",
    "wrong-link": "records of two children were taken for one",
    "record-of-two": "one record holds two children",
    "source-mistake": "the source has mistaken one child for another",
    "not-enough": "the records do not say enough",
    "other": "another reason: the note says which",
}
"""Reason codes of a steward's answer, with the meaning of each."""

RecordGroup = tuple[int, ...]
"""Numbers of records that belong to one child, ascending."""
RecordPair = tuple[int, int]
"""Numbers of two records, ascending."""


@dataclass(frozen=True, slots=True)
class GroupedVerdicts:
    """Verdicts on record pairs, grouped into decisions on groups of records.

    Args:
        same: groups of two or more records, each group one child.
        different: pairs of groups that are two children; a record without a ``same`` verdict is a group of
            one.
        unsure: pairs that cannot be told.
        ask: pairs whose source owners are asked.
    """

    same: tuple[RecordGroup, ...]
    different: tuple[tuple[RecordGroup, RecordGroup], ...]
    unsure: tuple[RecordPair, ...]
    ask: tuple[RecordPair, ...]


def group_verdicts(verdicts: Sequence[tuple[int, int, VerdictKind]]) -> GroupedVerdicts:
    """Group verdicts on pairs of records, and refuse contradictions.

    Args:
        verdicts: (record number, record number, verdict) of each pair.

    Raises:
        InputError: there is no verdict, a pair names one record twice, a pair is answered twice, or verdicts
            contradict each other.
    """
    if not verdicts:
        raise InputError("verdicts: answer at least one pair")
    pairs = [(min(left, right), max(left, right)) for left, right, _ in verdicts]
    for number, pair in enumerate(pairs, 1):
        if pair[0] == pair[1]:
            raise InputError(f"verdicts: pair {number} names one record twice")
        if pair in pairs[: number - 1]:
            raise InputError(f"verdicts: pair {number} was answered before")
    kinds = [kind for _, _, kind in verdicts]
    group_of = _group_records(
        pair for pair, kind in zip(pairs, kinds, strict=True) if kind is VerdictKind.SAME
    )
    different_pairs: dict[frozenset[RecordGroup], tuple[RecordGroup, RecordGroup]] = {}
    for number, ((lo, hi), kind) in enumerate(zip(pairs, kinds, strict=True), 1):
        left_group, right_group = group_of.get(lo, (lo,)), group_of.get(hi, (hi,))
        if kind is not VerdictKind.SAME and left_group == right_group:
            raise InputError(
                f"verdicts: pair {number} contradicts other pairs, which make its records one child"
            )
        if kind is VerdictKind.DIFFERENT:
            different_pairs[frozenset((left_group, right_group))] = (left_group, right_group)
    for number, ((lo, hi), kind) in enumerate(zip(pairs, kinds, strict=True), 1):
        left_group, right_group = group_of.get(lo, (lo,)), group_of.get(hi, (hi,))
        if kind is VerdictKind.UNSURE and frozenset((left_group, right_group)) in different_pairs:
            raise InputError(
                f"verdicts: pair {number} contradicts other pairs, which make its records two children"
            )
    return GroupedVerdicts(
        tuple(sorted(set(group_of.values()))),
        tuple(different_pairs.values()),
        tuple(pair for pair, kind in zip(pairs, kinds, strict=True) if kind is VerdictKind.UNSURE),
        tuple(pair for pair, kind in zip(pairs, kinds, strict=True) if kind is VerdictKind.ASK),
    )


def parse_verdict_kind(text: str) -> VerdictKind:
    """Parse the text of a steward's verdict, such as ``same``.

    Raises:
        InputError: there is no such verdict.
    """
    try:
        return VerdictKind(text)
    except ValueError:
        raise InputError(f"verdicts: one of {', '.join(kind.value for kind in VerdictKind)}") from None


def check_answer_reason(text: str) -> str:
    """Return a steward's reason code for an answer; refuse an unknown one.

    Raises:
        InputError: the code is not in ``ANSWER_REASONS``.
    """
    if text not in ANSWER_REASONS:
        raise InputError(f"reason: one of {', '.join(ANSWER_REASONS)}")
    return text


def _group_records(same_pairs: Iterable[RecordPair]) -> dict[int, RecordGroup]:
    """Return the transitive group of each record in pairs judged the same."""
    groups: dict[int, set[int]] = {}
    for lo, hi in same_pairs:
        merged_group = groups.get(lo, {lo}) | groups.get(hi, {hi})
        for record in merged_group:
            groups[record] = merged_group
    return {record: tuple(sorted(group)) for record, group in groups.items()}

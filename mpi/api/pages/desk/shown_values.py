"""Form keys of a question, and the values that its page showed.

The form carries the values that its reader saw, so that the page can tell what has changed since.
"""

from collections.abc import Sequence

from mpi.api.pages.rendering.evidence_texts import describe_strength
from mpi.api.pages.rendering.page_texts import format_text, load_words
from mpi.domain.record_ref import RecordRef
from mpi.service.review.question_view import PairView, QuestionView

_SEPARATOR = "\t"
"""Separator in form values; no source code or local ID contains a tab."""


def format_record_key(label: RecordRef) -> str:
    """Format a record's source and local ID as one form value."""
    return f"{label.source}{_SEPARATOR}{label.local_id}"


def parse_record_key(key: str) -> RecordRef | None:
    """Parse a record's source and local ID from a form value.

    Returns:
        None if the value is invalid.
    """
    source, between, local_id = key.partition(_SEPARATOR)
    return RecordRef(source, local_id) if between and _SEPARATOR not in local_id else None


def format_pair_key(pair: PairView) -> str:
    """Format the sources and local IDs of two records as form value."""
    return f"{format_record_key(pair.left)}{_SEPARATOR}{format_record_key(pair.right)}"


def parse_pair_key(key: str) -> tuple[RecordRef, RecordRef] | None:
    """Parse the two records of a pair from a form value.

    Returns:
        None if the value is invalid.
    """
    match key.split(_SEPARATOR):
        case [left_source, left_id, right_source, right_id]:
            return RecordRef(left_source, left_id), RecordRef(right_source, right_id)
        case _:
            return None


def list_shown_values(view: QuestionView) -> tuple[str, ...]:
    """List what a question's page shows, for its form to keep.

    If an answer comes too late, ``describe_changes`` compares these values with the present ones.
    """
    cards = (
        _SEPARATOR.join(("record", format_record_key(card.label), card.as_of, card.enterprise_id or ""))
        for card in view.cards
    )
    pairs = (
        _SEPARATOR.join(("pair", format_pair_key(pair), f"{pair.match_weight:.1f}")) for pair in view.pairs
    )
    acts = (_SEPARATOR.join(("acts", str(len(view.history)))),)
    return (*cards, *pairs, *acts)


def describe_changes(view: QuestionView, seen: Sequence[str]) -> list[str]:
    """Describe what changed in a review question since its page was shown.

    Args:
        view: the question now.
        seen: values that the form kept, of ``list_shown_values``.
    """
    texts = load_words().question
    before, now = _parse_shown_values(seen), _parse_shown_values(list_shown_values(view))
    changes = []
    for key in [*now, *(key for key in before if key not in now)]:
        if key[0] == "record":
            name = " ".join(key[1:])
            if key not in before:
                changes.append(format_text(texts.changed_new, record=name))
            elif key not in now:
                changes.append(format_text(texts.changed_gone, record=name))
            elif before[key][0] != now[key][0]:
                changes.append(format_text(texts.changed_record, record=name))
            elif before[key][1] != now[key][1]:
                changes.append(format_text(texts.changed_person, record=name))
        elif key[0] == "pair" and key in before and key in now and before[key] != now[key]:
            left, right = " ".join(key[1:3]), " ".join(key[3:])
            evidence = describe_strength(float(now[key][0])).lower()
            changes.append(format_text(texts.changed_weight, left=left, right=right, evidence=evidence))
    shown_action_count = int(before.get(("acts",), ("0",))[0] or 0)
    changes += [
        format_text(texts.changed_action, action=texts.action.of(act.action), actor=act.actor)
        for act in view.history[shown_action_count:]
    ]
    return [str(text) for text in changes] or [texts.changed_unknown]


def _parse_shown_values(seen: Sequence[str]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """Parse what a question's page showed, as its form kept it.

    Returns:
        Shown values by what they are about: a record, a pair or the number of acts.
    """
    sizes = {"record": 3, "pair": 5, "acts": 1}
    shown_values = {}
    for mark in seen:
        parts = tuple(mark.split(_SEPARATOR))
        size = sizes.get(parts[0])
        if size is not None and len(parts) > size:
            shown_values[parts[:size]] = parts[size:]
    return shown_values

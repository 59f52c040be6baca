"""What the page of a question shows: records side by side, why, what would change it, and what is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mpi.api.pages.rendering.charts import Arcs, Waterfall, arcs, waterfall
from mpi.api.pages.rendering.differences import Row, Standing, side_by_side
from mpi.api.pages.rendering.record_links import record_link
from mpi.api.pages.rendering.record_values import rows_of
from mpi.api.pages.rendering.words import put, words
from mpi.domain.errors import ConflictError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import Action, Viewer, is_allowed
from mpi.service.core.index import Index
from mpi.service.explanations.pair import Explanation, explain_pair
from mpi.service.review.question import BURST, PairView, QuestionView, RecordCard
from mpi.service.statements.sources import known_sources
from mpi.service.stewardship.decisions import DecisionView, get_decision

_TELLING = frozenset({Standing.CLOSE, Standing.DIFFERS})
_EXPLAINED = 6
"""Pairs of one question that are explained on its page."""
_BETWEEN = "\t"
"""Between the parts of a form's value; no source code or local ID can hold it."""


@dataclass(frozen=True, slots=True)
class Column:
    """The head of one record."""

    label: RecordRef
    key: str
    system: str
    agency: str
    as_of: str
    enterprise_id: str | None
    household: tuple[RecordRef, ...]
    subject: bool
    url: str | None
    version: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One pair that is asked, in the order of the page; ``chosen`` is what was typed and not yet kept."""

    no: int
    key: str
    left: RecordRef
    right: RecordRef
    match_weight: float
    verdict: str | None
    chosen: str


@dataclass(frozen=True, slots=True)
class Alike:
    """One of the pairs that a burst stands for: only what is not the same on both sides."""

    left: RecordRef
    right: RecordRef
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Why:
    """A pair explained, with its bits drawn."""

    left: RecordRef
    right: RecordRef
    told: Explanation
    chart: Waterfall


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """A question in words."""

    view: QuestionView
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    pairs: tuple[Asked, ...]
    drawing: Arcs | None
    seen: tuple[str, ...]
    why: tuple[Why, ...]
    alike: tuple[Alike, ...]
    decisions: tuple[DecisionView, ...]


def question_page(
    index: Index, viewer: Viewer, view: QuestionView, chosen: Mapping[str, str]
) -> QuestionPage:
    """Put a question into words.

    Args:
        index: the open index.
        viewer: who looks.
        view: the question.
        chosen: verdicts typed so far, by pair.
    """
    names = {source.code: source for source in known_sources(index, viewer)}
    star = view.summary.subject is not None
    columns = tuple(
        Column(
            card.label,
            key_of(card.label),
            names[card.label.source].name,
            names[card.label.source].agency,
            card.as_of,
            card.enterprise_id,
            card.household,
            star and card.label == view.summary.subject,
            record_link(index, card.label),
            _version(view.cards, place),
        )
        for place, card in enumerate(view.cards)
    )
    pairs = tuple(
        Asked(
            no,
            pair_key(pair),
            pair.left,
            pair.right,
            pair.match_weight,
            pair.verdict,
            chosen.get(pair_key(pair), ""),
        )
        for no, pair in enumerate(view.pairs)
    )
    is_burst = view.shape == BURST
    drawn = None if is_burst else _drawing(view)
    rows = side_by_side([_values(card) for card in view.cards], star=star) if _fit(view) else ()
    why = [
        why_of(index, viewer, pair.left, pair.right) for pair in view.pairs[: 1 if is_burst else _EXPLAINED]
    ]
    told = tuple(one for one in why if one is not None)
    alike = _alike(view) if is_burst else ()
    return QuestionPage(
        view, columns, rows, pairs, drawn, seen_in(view), told, alike, _decisions(index, viewer, view)
    )


def _decisions(index: Index, viewer: Viewer, view: QuestionView) -> tuple[DecisionView, ...]:
    """The decisions that the question is about, as far as the viewer may read them."""
    if not is_allowed(viewer, Action.DECISION_READ):
        return ()
    return tuple(get_decision(index, viewer, number) for number in view.decisions)


def _fit(view: QuestionView) -> bool:
    """Whether the records stand side by side: those of a burst are of many children."""
    return bool(view.cards) and view.shape != BURST


def _drawing(view: QuestionView) -> Arcs | None:
    edges = [(pair.left, pair.right, pair.match_weight) for pair in view.pairs]
    return arcs([card.label for card in view.cards], edges)


def _alike(view: QuestionView) -> tuple[Alike, ...]:
    values = {card.label: _values(card) for card in view.cards}
    found = []
    for pair in view.pairs:
        rows = side_by_side([values.get(pair.left, {}), values.get(pair.right, {})], star=True)
        told = tuple(row for row in rows if row.field == "name" or row.cells[1].standing in _TELLING)
        found.append(Alike(pair.left, pair.right, told))
    return tuple(found)


def _version(cards: Sequence[RecordCard], place: int) -> str:
    """Of a record that is shown twice, which of its versions this is: ``stands``, then ``waits``."""
    same = [n for n, card in enumerate(cards) if card.label == cards[place].label]
    if len(same) == 1:
        return ""
    return "stands" if same[0] == place else "waits"


def why_of(index: Index, viewer: Viewer, left: RecordRef, right: RecordRef) -> Why | None:
    """A pair explained; None where one of its records takes no part now."""
    try:
        told = explain_pair(index, viewer, left, right)
    except ConflictError:
        return None
    return Why(left, right, told, waterfall([(p.comparison, p.sentence, p.bits) for p in told.parts]))


def key_of(label: RecordRef) -> str:
    """A record as a form's value."""
    return f"{label.source}{_BETWEEN}{label.local_id}"


def label_of(key: str) -> RecordRef | None:
    """The record of a form's value; None where it is none."""
    source, between, local_id = key.partition(_BETWEEN)
    return RecordRef(source, local_id) if between and _BETWEEN not in local_id else None


def pair_key(pair: PairView) -> str:
    """A pair as a form's value."""
    return f"{key_of(pair.left)}{_BETWEEN}{key_of(pair.right)}"


def pair_of(key: str) -> tuple[RecordRef, RecordRef] | None:
    """The pair of a form's value; None where it is none."""
    parts = key.split(_BETWEEN)
    if len(parts) != len(("source", "local ID", "source", "local ID")):
        return None
    return RecordRef(parts[0], parts[1]), RecordRef(parts[2], parts[3])


def seen_in(view: QuestionView) -> tuple[str, ...]:
    """What a page has shown, kept in its form, so that it can tell what changed if it is out of date."""
    cards = (_BETWEEN.join(("record", key_of(c.label), c.as_of, c.enterprise_id or "")) for c in view.cards)
    pairs = (_BETWEEN.join(("pair", pair_key(p), f"{p.match_weight:.1f}")) for p in view.pairs)
    acts = (_BETWEEN.join(("acts", str(len(view.history)))),)
    return (*cards, *pairs, *acts)


def changes_since(view: QuestionView, seen: Sequence[str]) -> list[str]:
    """In words, what is other than a page had shown it."""
    w = words().question
    before, now = _read(seen), _read(seen_in(view))
    told = []
    for key in [*now, *(key for key in before if key not in now)]:
        if key[0] == "record":
            name = " ".join(key[1:])
            if key not in before:
                told.append(put(w.changed_new, record=name))
            elif key not in now:
                told.append(put(w.changed_gone, record=name))
            elif before[key][0] != now[key][0]:
                told.append(put(w.changed_record, record=name))
            elif before[key][1] != now[key][1]:
                told.append(put(w.changed_person, record=name))
        elif key[0] == "pair" and key in before and key in now and before[key] != now[key]:
            left, right = " ".join(key[1:3]), " ".join(key[3:])
            told.append(
                put(w.changed_weight, left=left, right=right, before=before[key][0], after=now[key][0])
            )
    known = int(before.get(("acts",), ("0",))[0] or 0)
    told += [
        put(w.changed_action, action=w.action.of(act.action), actor=act.actor) for act in view.history[known:]
    ]
    return [str(text) for text in told] or [w.changed_unknown]


def _read(seen: Sequence[str]) -> dict[tuple[str, ...], tuple[str, ...]]:
    """What was shown, by what it is of."""
    sizes = {"record": 3, "pair": 5, "acts": 1}
    found = {}
    for mark in seen:
        parts = tuple(mark.split(_BETWEEN))
        size = sizes.get(parts[0])
        if size is not None and len(parts) > size:
            found[parts[:size]] = parts[size:]
    return found


def _values(card: RecordCard) -> dict[str, str]:
    return rows_of(card.values, confidential=False, withheld=card.withheld)

"""Records side by side, and how each value stands to that of the record which they are compared with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from markupsafe import Markup, escape

from mpi.api.pages.rendering.record_values import ROWS

_NEAR = 0.7
"""From this likeness on (2 × shared letters / all letters) two values are shown letter by letter."""
_NEARER = 0.92
_OF_NUMBERS = frozenset({"identifiers", "phone"})
"""Fields whose values share much by their form alone: these have to be nearer."""
_NO_CONTRADICTION = frozenset({"household_ids", "enrollments", "placements"})
"""Fields of which another value speaks against nothing: schools change, and each system has its own keys."""
_PHONE_DIGITS = 10
_LONGEST_MARKED = 120
_ITEM = "; "
_NOISE = re.compile(r"[\s.,'’\-/()]+")


class Standing(StrEnum):
    """How a value stands to the one that it is compared with."""

    SUBJECT = "subject"
    EQUAL = "equal"
    CLOSE = "close"
    SHARES = "shares"
    DIFFERS = "differs"
    NOTHING = "nothing"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Cell:
    """One value, with the letters that differ marked."""

    standing: Standing
    shown: Markup


@dataclass(frozen=True, slots=True)
class Row:
    """One field of all the records, in their order."""

    field: str
    cells: tuple[Cell, ...]


def side_by_side(records: Sequence[Mapping[str, str]], *, star: bool) -> tuple[Row, ...]:
    """The rows of several records; a field that none of them has is left out.

    Args:
        records: values by field code, the subject of a star first.
        star: whether the others are compared with the first; otherwise each value is compared with the one
            that most of them have, the first of equals.
    """
    held = {field for record in records for field in record}
    fields = [*(field for field in ROWS if field in held), *sorted(held.difference(ROWS))]
    return tuple(_row(field, [record.get(field, "") for record in records], star=star) for field in fields)


def _row(field: str, values: Sequence[str], *, star: bool) -> Row:
    place = 0 if star else _commonest([_plain(value, field) for value in values])
    reference = values[place]
    cells = [_cell(field, reference, value) for value in values]
    others = [cell.standing for n, cell in enumerate(cells) if n != place]
    if star or Standing.EQUAL not in others:
        cells[place] = Cell(Standing.SUBJECT if star else Standing.ALONE, escape(reference))
    return Row(field, tuple(cells))


def _commonest(plain: Sequence[str]) -> int:
    had = [value for value in plain if value]
    return plain.index(max(had, key=had.count)) if had else 0


def _cell(field: str, reference: str, value: str) -> Cell:
    standing = standing_of(reference, value, field)
    if field in _NO_CONTRADICTION and standing in (Standing.CLOSE, Standing.DIFFERS):
        standing = Standing.ALONE
    shown = _marked(reference, value) if standing is Standing.CLOSE else escape(value)
    return Cell(standing, shown)


def standing_of(reference: str, value: str, field: str = "") -> Standing:
    """How one value stands to another; case, spaces and punctuation make no difference.

    Args:
        reference: what it is compared with.
        value: as it is shown.
        field: its field code.
    """
    if not value:
        return Standing.NOTHING
    if not reference:
        return Standing.ALONE
    if _plain(reference, field) == _plain(value, field):
        return Standing.EQUAL
    ours, theirs = ({_plain(item, field) for item in each.split(_ITEM)} for each in (reference, value))
    # Given name and surname exchanged are the same words.
    if ours & theirs or sorted(_plain(reference).split()) == sorted(_plain(value).split()):
        return Standing.SHARES
    alike = SequenceMatcher(None, _plain(reference, field), _plain(value, field), autojunk=False).ratio()
    near = _NEARER if field in _OF_NUMBERS else _NEAR
    return Standing.CLOSE if alike >= near else Standing.DIFFERS


def _marked(reference: str, value: str) -> Markup:
    """The value with the runs of letters that the reference does not have marked."""
    if len(value) > _LONGEST_MARKED:
        return escape(value)
    matcher = SequenceMatcher(None, reference.casefold(), value.casefold(), autojunk=False)
    shown = Markup()
    for kind, _, _, begin, end in matcher.get_opcodes():
        run = value[begin:end]
        if run:
            shown += escape(run) if kind == "equal" else Markup("<mark>{}</mark>").format(run)
    return shown


def _plain(value: str, field: str = "") -> str:
    if field == "phone":
        return "".join(letter for letter in value if letter.isdigit())[-_PHONE_DIGITS:]
    return _NOISE.sub(" ", value.casefold()).strip()

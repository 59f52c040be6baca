"""Counts of a column's values that are used or set aside.

A value that cannot be compared is set aside, and its record is kept. Dry runs and fits report such values by
reason and shape; a value itself is never kept.
"""

from collections import Counter
from dataclasses import dataclass, field

_MAX_SHAPES = 200
_SHOWN_SHAPES = 3
_SHAPE_CHARACTERS = 24
_SHOWN_SIGNS = frozenset(" -/.,()#+:@_'&")
_NOTED_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class SetAsideValues:
    """Values of a column that are not compared, for one reason.

    Args:
        reason: quality code, such as ``invalid-postal-code``.
        rows: number of rows.
        shapes: the commonest shapes, such as ``AA9 9AA``.
    """

    reason: str
    rows: int
    shapes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnUse:
    """Numbers of a column's values that are read or set aside.

    Args:
        name: canonical field.
        read: rows that have a value.
        set_aside: values that are not compared, most rows first.
    """

    name: str
    read: int
    set_aside: tuple[SetAsideValues, ...] = ()

    @property
    def used(self) -> int:
        """Number of rows whose value is compared."""
        return max(0, self.read - sum(values.rows for values in self.set_aside))


@dataclass(slots=True)
class SetAsideCounter:
    """Counter of one column's values that are set aside, by reason."""

    _rows: Counter[str] = field(default_factory=Counter)
    _shapes: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, reason: str, value: object, rows: int = 1) -> None:
        """Count a value that is set aside.

        Args:
            reason: quality code.
            value: the value, of which only the shape is kept; None if it is not known.
            rows: number of rows that have it.
        """
        self._rows[reason] += rows
        shapes = self._shapes.setdefault(reason, Counter())
        shape = None if value is None else describe_shape(value)
        if shape is not None and (shape in shapes or len(shapes) < _MAX_SHAPES):
            shapes[shape] += rows

    def list_values(self) -> tuple[SetAsideValues, ...]:
        """Return what was counted, most rows first."""
        return tuple(
            SetAsideValues(reason, rows, _list_common_shapes(self._shapes[reason]))
            for reason, rows in sorted(self._rows.items(), key=lambda item: (-item[1], item[0]))
        )


def describe_shape(value: object) -> str:
    """Return the shape of a value, without its letters and digits.

    ``A`` stands for a letter, ``9`` for a digit, ``?`` for any other sign than common punctuation. A list is
    ``list``.
    """
    text = str(value)
    if isinstance(value, list | dict) or text[:1] in {"[", "{"}:
        return "list"
    return "".join(map(_describe_character, text[:_SHAPE_CHARACTERS])) + (
        "…" if len(text) > _SHAPE_CHARACTERS else ""
    )


def _describe_character(character: str) -> str:
    """Return what stands for a character in a shape."""
    if character.isalpha():
        return "A"
    if character.isdigit():
        return "9"
    return character if character in _SHOWN_SIGNS else "?"


def _list_common_shapes(shapes: Counter[str]) -> tuple[str, ...]:
    """Return the commonest shapes."""
    ranked = sorted(shapes, key=lambda shape: (-shapes[shape], shape))
    return tuple(ranked[:_SHOWN_SHAPES])


def describe_set_aside(use: ColumnUse) -> str:
    """Describe a column's values that are set aside, with their shapes."""
    return "; ".join(
        f"{values.rows:,} {values.reason}" + (f" ({', '.join(values.shapes)})" if values.shapes else "")
        for values in use.set_aside
    )


def describe_cost(use: ColumnUse) -> str | None:
    """Describe what the values set aside cost; None where it is little."""
    if not use.read or not use.set_aside:
        return None
    if not use.used:
        return f"no value of {use.name} can be used: all records are compared without it"
    share = 1 - use.used / use.read
    if share < _NOTED_SHARE:
        return None
    return f"{share:.0%} of the values of {use.name} are set aside: those records are compared without it"

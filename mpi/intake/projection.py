"""A mapping bound to a file's columns, and applied to its rows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from mpi.domain.record import QualityIssue
from mpi.intake.cell_conversion import to_iso_date, to_number, to_text
from mpi.intake.mapping_types import PLACEHOLDER, FileMapping, ListEntry, MappedValue
from mpi.intake.rows import RawRow, CanonicalRow
from mpi.standardize.fields.scalars import is_inexact
from mpi.standardize.name.full_names import split_full_name

Cells = Sequence[object]
Issues = list[QualityIssue]
Getter = Callable[[Cells, Issues], object]


class Projection:
    """Turns a file's rows into canonical rows.

    Args:
        mapping: what to do.
        columns: the file's columns, which ``check_columns`` has passed.
    """

    def __init__(self, mapping: FileMapping, columns: Sequence[str]) -> None:
        self._position_of = {column: place for place, column in enumerate(columns)}
        self._mapping = mapping
        self._where = [(self._position_of.get(column), value) for column, value in mapping.where.items()]
        self._local_id = None if mapping.local_id is None else self._make_getter("local_id", mapping.local_id)
        self._fields = [
            (name, getter)
            for name, value in mapping.fields
            if (getter := self._make_getter(name, value)) is not None
        ]
        self._lists = [self._make_entry_getter(entry) for entry in mapping.lists]

    def is_wanted(self, row: RawRow) -> bool:
        """Whether the row is one of those that the mapping's ``where`` asks for."""
        return all(place is not None and to_text(row.values[place]) == wanted for place, wanted in self._where)

    def project(self, row: RawRow) -> CanonicalRow:
        """The row under canonical names; empty cells are left out."""
        issues: Issues = []
        sent: dict[str, object] = {}
        cells = row.values
        if self._mapping.local_id is None:
            sent["local_id"] = str(row.number)
        elif self._local_id and (local_id := self._local_id(cells, issues)) is not None:
            sent["local_id"] = local_id
        for name, getter in self._fields:
            value = getter(cells, issues)
            if value is not None:
                sent[name] = value
        for name, make in self._lists:
            made = make(cells, issues)
            if made:
                entries = sent.setdefault(name, [])
                if isinstance(entries, list):
                    entries.append(made)
        return CanonicalRow(row.line, row.offset, sent, tuple(issues))

    def _make_getter(self, name: str, value: MappedValue) -> Getter | None:
        """How to get the value from a row; None where the file has no such column."""
        read = self._make_reader(value)
        if read is None:
            return None
        if value.is_plain:
            return lambda cells, _issues: read(cells)
        convert = _make_converter(name, value)

        def get(cells: Cells, issues: Issues) -> object:
            cell = read(cells)
            if is_inexact(cell):
                return cell  # the door refuses the record
            found = to_text(cell)
            if found is None:
                return None
            if value.split is None:
                return convert(found, issues)
            parts = (part.strip() for part in found.split(value.split))
            kept = [done for part in parts if part and (done := convert(part, issues)) is not None]
            return kept or None

        return get

    def _make_reader(self, value: MappedValue) -> Callable[[Cells], object] | None:
        if value.constant is not None:
            return lambda _cells: value.constant
        if value.template is not None:
            return _make_template_reader(value.template, self._position_of)
        places = [self._position_of[column] for column in value.columns if column in self._position_of]
        if not places:
            return None
        if len(places) == 1:
            place = places[0]
            return lambda cells: _clean_cell(cells[place])
        return lambda cells: next(_iter_filled_cells(cells, places), None)

    def _make_entry_getter(self, entry: ListEntry) -> tuple[str, Getter]:
        """How to make one object of a list: only where a column gives it something to say."""
        from_columns, constants = [], {}
        for key, value in entry.values:
            if value.constant is not None:
                constants[key] = value.constant
            elif (getter := self._make_getter(f"{entry.name}.{key}", value)) is not None:
                from_columns.append((key, getter))
        needed = _REQUIRED_KEYS.get(entry.name)

        def make(cells: Cells, issues: Issues) -> object:
            made: dict[str, object] = {}
            for key, getter in from_columns:
                value = getter(cells, issues)
                if value is not None:
                    made[key] = value
            if from_columns and not made:
                return None
            made.update(constants)
            return None if needed and needed not in made else made

        return entry.name, make


_REQUIRED_KEYS = {"identifiers": "value", "flags": "value", "restrictions": "kind"}
"""The key without which an object of the list says nothing."""


def _clean_cell(value: object) -> object:
    """A cell for the door, which reads numbers and lists itself; None where empty."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list | dict | tuple):
        return value or None
    if isinstance(value, float | Decimal):
        return to_number(value)
    # An integer keeps its type: the door restores the leading zeros of postal codes by it.
    return to_text(value) if isinstance(value, date) else value


def _iter_filled_cells(cells: Cells, places: Iterable[int]) -> Iterator[object]:
    return (value for place in places if (value := _clean_cell(cells[place])) is not None)


def _make_template_reader(template: str, places: dict[str, int]) -> Callable[[Cells], object]:
    """Fill a template; blanks around a missing column close up, any other text needs all its columns.

    Where a cell is a number that may have lost digits, that is what is given, for the door to refuse.
    """
    literals = PLACEHOLDER.split(template)[::2]
    columns = [places.get(column) for column in PLACEHOLDER.findall(template)]
    blanks_only = not any(literal.strip() for literal in literals)

    def fill(cells: Cells) -> object:
        held = [None if place is None else cells[place] for place in columns]
        for cell in held:
            if is_inexact(cell):
                return cell
        values = [to_text(cell) for cell in held]
        missing = values.count(None)
        if missing == len(values) or (missing and not blanks_only):
            return None
        parts = [literals[0]]
        for value, literal in zip(values, literals[1:], strict=True):
            parts += [value or "", literal]
        filled = "".join(parts)
        return " ".join(filled.split()) if blanks_only else filled

    return fill


def _make_converter(name: str, value: MappedValue) -> Callable[[str, Issues], str | None]:
    def convert(found: str, issues: Issues) -> str | None:
        result: str | None = found
        if value.codes is not None:
            result = value.codes.get(found, value.codes_default)
            if result is None:
                issues.append(QualityIssue(name, "unknown-code"))
        if value.name_part is not None and result:
            result = split_full_name(result)[value.name_part]
        if value.date_formats and result:
            result = to_iso_date(result, value.date_formats)
            if result is None:
                issues.append(QualityIssue(name, "unreadable-date"))
        return result or None

    return convert

"""Conversion of a file's rows to canonical rows by a mapping."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from mpi.domain.record import QualityIssue
from mpi.intake.cell_conversion import is_before_year, to_iso_date, to_number, to_text
from mpi.intake.mapping_types import PLACEHOLDER, FileMapping, ListEntry, MappedValue
from mpi.intake.rows import CanonicalRow, RawRow
from mpi.standardize.fields.scalars import is_inexact
from mpi.standardize.missing_values import name_fault
from mpi.standardize.name.full_names import split_full_name

Cells = Sequence[object]
Issues = list[QualityIssue]
Getter = Callable[[Cells, Issues], object]


class Projection:
    """Column mapping bound to one file's columns, to convert its rows.

    Args:
        mapping: the mapping.
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
        """Return whether the mapping's ``where`` selects a row of the file."""
        return all(
            position is not None and to_text(row.values[position]) == required_text
            for position, required_text in self._where
        )

    def project(self, row: RawRow) -> CanonicalRow:
        """Return a file's row under canonical field names, without empty cells."""
        issues: Issues = []
        fields: dict[str, object] = {}
        cells = row.values
        if self._mapping.local_id is None:
            fields["local_id"] = str(row.number)
        elif self._local_id and (local_id := self._local_id(cells, issues)) is not None:
            fields["local_id"] = local_id
        for name, getter in self._fields:
            value = getter(cells, issues)
            if value is not None:
                fields[name] = value
        for name, make_entry in self._lists:
            item = make_entry(cells, issues)
            if item:
                entries = fields.setdefault(name, [])
                if isinstance(entries, list):
                    entries.append(item)
        return CanonicalRow(row.line, row.offset, fields, tuple(issues))

    def _make_getter(self, name: str, value: MappedValue) -> Getter | None:
        """Return the function that reads and converts a value from a row.

        Returns:
            None where the file has no such column.
        """
        read_cell = self._make_reader(value)
        if read_cell is None:
            return None
        if value.is_plain:
            return lambda cells, _issues: read_cell(cells)
        convert = _make_converter(name, value)

        def get(cells: Cells, issues: Issues) -> object:
            cell = read_cell(cells)
            if is_inexact(cell):
                return cell  # the door refuses the record
            cell_text = to_text(cell)
            if cell_text is None:
                return None
            if value.split is None:
                return convert(cell_text, issues)
            parts = (part.strip() for part in cell_text.split(value.split))
            values = [
                converted for part in parts if part and (converted := convert(part, issues)) is not None
            ]
            return values or None

        return get

    def _make_reader(self, value: MappedValue) -> Callable[[Cells], object] | None:
        """Return the function that reads a value from a row, before conversion."""
        if value.constant is not None:
            return lambda _cells: value.constant
        if value.template is not None:
            return _make_template_reader(value.template, self._position_of)
        positions = [self._position_of[column] for column in value.columns if column in self._position_of]
        if not positions:
            return None
        if len(positions) == 1:
            position = positions[0]
            return lambda cells: _clean_cell(cells[position])
        return lambda cells: next(_iter_filled_cells(cells, positions), None)

    def _make_entry_getter(self, entry: ListEntry) -> tuple[str, Getter]:
        """Return the function that makes one list-field entry of a row.

        An object is made only where a column fills one of its keys.
        """
        from_columns, constants = [], {}
        for key, value in entry.values:
            if value.constant is not None:
                constants[key] = value.constant
            elif (getter := self._make_getter(f"{entry.name}.{key}", value)) is not None:
                from_columns.append((key, getter))
        required_key = _REQUIRED_KEYS.get(entry.name)

        def make(cells: Cells, issues: Issues) -> object:
            item: dict[str, object] = {}
            for key, getter in from_columns:
                value = getter(cells, issues)
                if value is not None:
                    item[key] = value
            if from_columns and not item:
                return None
            item.update(constants)
            return None if required_key and required_key not in item else item

        return entry.name, make


_REQUIRED_KEYS = {"identifiers": "value", "linkage_tokens": "token", "flags": "value", "restrictions": "kind"}
"""The key without which an object of the list says nothing."""


def _clean_cell(value: object) -> object:
    """Return a file's cell as record validation reads it, or None."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, list | dict | tuple):
        return value or None
    if isinstance(value, float | Decimal):
        return to_number(value)
    # An integer keeps its type: the door restores the leading zeros of postal codes by it.
    return to_text(value) if isinstance(value, date) else value


def _iter_filled_cells(cells: Cells, positions: Iterable[int]) -> Iterator[object]:
    """Return a row's cells at some positions that are not empty."""
    return (value for position in positions if (value := _clean_cell(cells[position])) is not None)


def _make_template_reader(template: str, position_of: dict[str, int]) -> Callable[[Cells], object]:
    """Return the function that fills a template from a row's cells.

    Blanks around a missing column close up; any other text needs all its columns. A number that may have
    lost digits is returned as it is, for validation to refuse.
    """
    literals = PLACEHOLDER.split(template)[::2]
    columns = [position_of.get(column) for column in PLACEHOLDER.findall(template)]
    blanks_only = not any(literal.strip() for literal in literals)

    def fill(cells: Cells) -> object:
        used_cells = [None if position is None else cells[position] for position in columns]
        for cell in used_cells:
            if is_inexact(cell):
                return cell
        values = [to_text(cell) for cell in used_cells]
        missing_count = values.count(None)
        if missing_count == len(values) or (missing_count and not blanks_only):
            return None
        parts = [literals[0]]
        for value, literal in zip(values, literals[1:], strict=True):
            parts += [value or "", literal]
        filled = "".join(parts)
        return " ".join(filled.split()) if blanks_only else filled

    return fill


def _make_converter(name: str, value: MappedValue) -> Callable[[str, Issues], str | None]:
    """Return the function that converts a text's codes, name parts and dates."""

    def convert(cell_text: str, issues: Issues) -> str | None:
        result: str | None = cell_text
        if value.codes is not None:
            result = value.codes.get(cell_text, value.codes_default)
            if result is None:
                issues.append(QualityIssue(name, name_fault(cell_text, "unknown-code")))
        if value.name_part is not None and result:
            result = split_full_name(result)[value.name_part]
        if value.date_formats and result:
            written = result
            result = to_iso_date(written, value.date_formats, value.first_year)
            if result is None:
                issues.append(QualityIssue(name, name_fault(written, "unreadable-date")))
        if value.first_year is not None and result and is_before_year(result, value.first_year):
            result = None
            issues.append(QualityIssue(name, "early-date"))
        return result or None

    return convert

"""Reader of a sheet of an Excel workbook.

Dates are dates, whatever format the sheet shows them in. A formula gives the value that was last computed,
and one that failed (``#N/A``) gives no value.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mpi.domain.errors import FileError
from mpi.intake.cell_conversion import to_text
from mpi.intake.rows import RawRow, RejectedRow
from mpi.intake.tabular_file import MAX_FIELD_CHARACTERS, check_header
from mpi.intake.totals_row import TOTALS_ROW, is_totals_row
from mpi.intake.workbook.bounds import check_workbook

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_DETAILS = {
    "field-too-large": f"a cell is longer than {MAX_FIELD_CHARACTERS:,} characters",
    TOTALS_ROW: "the row is a total or a count of rows, and no record",
}


class WorkbookTable:
    """Sheet of an Excel workbook, with a row of column names.

    Args:
        path: the file.
        sheet: name of the sheet; None if the workbook has only one that is visible and not empty.
        header_row: row that names the columns, from 1; None for the first that is not empty.

    Raises:
        FileError: it is no workbook, has a password, would take too much memory, has no such sheet, or
            several where none is named, or its header is unusable.
    """

    columns_are_complete = True

    def __init__(self, path: Path, sheet: str | None = None, header_row: int | None = None) -> None:
        self._path = path
        self._sheet_name = sheet
        check_workbook(path)
        self.position = 0
        self._size = path.stat().st_size
        self._sheet: CalamineSheet | None = _open_sheet(path, sheet)
        self.columns: tuple[str, ...] = self._read_header(self._sheet, header_row)
        check_header(path.name, self.columns)

    def rows(self) -> Iterator[RawRow | RejectedRow]:
        """Yield a sheet's rows below its header, without blank ones."""
        sheet, self._sheet = self._sheet or _open_sheet(self._path, self._sheet_name), None
        width, number = len(self.columns), 0
        for line, cells in _iter_rows(sheet):
            self.position = self._size * line // max(sheet.total_height, line)
            if line <= self._header_row or not any(cell != "" for cell in cells[:width]):
                continue
            number += 1
            values = [_clean(cell) for cell in cells[:width]]
            values += [None] * (width - len(values))
            reason = _find_fault(values)
            if reason is None:
                yield RawRow(line, None, number, values)
            else:
                yield RejectedRow(line, None, reason, _DETAILS[reason])
        self.position = self._size

    def _read_header(self, sheet: "CalamineSheet", header_row: int | None) -> tuple[str, ...]:
        """Return the names of the columns, as far as columns are used."""
        header: Sequence[object] = ()
        self._header_row = header_row or 0
        used_width = 0
        for line, cells in _iter_rows(sheet):
            if not self._header_row and any(cell != "" for cell in cells):
                self._header_row = line
            if line == self._header_row:
                header = cells
            if line >= self._header_row > 0:
                used_width = max(used_width, _count_used(cells, used_width))
        if not used_width or not header:
            raise FileError(f"{self._path.name}: row {self._header_row:,} of the sheet names no columns")
        return tuple(to_text(_clean(cell)) or "" for cell in header[:used_width])


def read_first_rows(path: Path, sheet: str | None, count: int) -> list[list[object]]:
    """Return a sheet's first rows, also those above the header.

    Raises:
        FileError: as for ``WorkbookTable``.
    """
    check_workbook(path)
    rows = islice(_iter_rows(_open_sheet(path, sheet)), count)
    return [[_clean(cell) for cell in cells] for _, cells in rows]


def _open_sheet(path: Path, name: str | None) -> "CalamineSheet":
    """Return the sheet that is named, or the only one."""
    with _explain_errors(path):
        from python_calamine import CalamineWorkbook  # noqa: PLC0415 - only workbooks need it

        workbook = CalamineWorkbook.from_path(str(path))
        names = list_sheets(workbook)
        if name is not None:
            if name not in workbook.sheet_names:
                raise FileError(
                    f"{path.name}: it has no sheet {name!r}; there is {', '.join(map(repr, names))}"
                )
            return workbook.get_sheet_by_name(name)
        sheets = [sheet for each in names if (sheet := workbook.get_sheet_by_name(each)).height]
    if len(sheets) > 1:
        raise FileError(
            f"{path.name}: it has the sheets {', '.join(repr(sheet.name) for sheet in sheets)}: "
            "say which with --sheet, or sheet = under [file] in its mapping"
        )
    if not sheets:
        raise FileError(f"{path.name}: the workbook is empty")
    return sheets[0]


def _count_used(cells: Sequence[object], at_least: int) -> int:
    """Return the number of cells up to the last filled one.

    It is 0 where no cell after the first ``at_least`` ones is filled.
    """
    return next((place for place in range(len(cells), at_least, -1) if cells[place - 1] != ""), 0)


def list_sheets(workbook: "CalamineWorkbook") -> list[str]:
    """Return the names of a workbook's visible sheets of cells."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum  # noqa: PLC0415 - only workbooks need it

    return [
        sheet.name
        for sheet in workbook.sheets_metadata
        if sheet.visible is SheetVisibleEnum.Visible and sheet.typ is SheetTypeEnum.WorkSheet
    ]


def _iter_rows(sheet: "CalamineSheet") -> Iterable[tuple[int, list[Any]]]:
    """Yield the rows of a sheet with their number, from 1."""
    # The library gives the empty rows above the first cell, and leaves out the empty columns beside it.
    return enumerate(sheet.iter_rows(), start=1)


def _clean(cell: object) -> object:
    """Return a cell as the value that a mapping converts."""
    if cell == "":
        return None
    if isinstance(cell, time | timedelta):
        return str(cell)
    if isinstance(cell, date | str | bool | int | float):
        return cell
    return str(cell)


def _find_fault(values: Sequence[object]) -> str | None:
    """Return why a row is rejected, or None."""
    if any(isinstance(value, str) and len(value) > MAX_FIELD_CHARACTERS for value in values):
        return "field-too-large"
    return TOTALS_ROW if is_totals_row(values) else None


@contextmanager
def _explain_errors(path: Path) -> Iterator[None]:
    """Raise FileError where the library cannot read a workbook."""
    from python_calamine import CalamineError, PasswordError  # noqa: PLC0415 - only workbooks need it

    try:
        yield
    except PasswordError:
        raise FileError(f"{path.name}: the workbook has a password; save it without one") from None
    except (CalamineError, OSError):
        raise FileError(f"{path.name}: this is no whole Excel workbook: is it cut short?") from None
    except BaseException as error:
        # A fault of the library ends in an exception that is no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise FileError(f"{path.name}: the workbook is damaged and cannot be read") from None

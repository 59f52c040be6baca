"""CSV files for spreadsheets, in which no cell is a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.responses import Response

_FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters by which a spreadsheet may take a text for a formula.

Source: OWASP, CSV Injection; the last four are full-width forms.
"""
_MEDIA_TYPE = "text/csv; charset=utf-8"


def render_csv(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    """Render a CSV file as a download, each cell as text.

    Args:
        name: name of the file, of letters, digits, ``-``, ``_`` and ``.``.
        header: first row.
        rows: the other rows.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file, quoting=csv.QUOTE_ALL)
    writer.writerow(header)
    writer.writerows([make_text(cell) for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(file.getvalue(), media_type=_MEDIA_TYPE, headers=headers)


def make_text(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula.

    An apostrophe is put before a text that begins like one, spaces aside.
    """
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULA_BEGINNINGS) else cell

"""CSV files for spreadsheets, in which no cell is a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from mpi.standardize.formula_text import escape_formula

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
    writer.writerows([escape_formula(cell) for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(file.getvalue(), media_type=_MEDIA_TYPE, headers=headers)

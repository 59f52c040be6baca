"""Cells of CSV files that no spreadsheet takes for a formula."""

import re

_FORMULA = re.compile("'* *[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""A beginning by which a spreadsheet may take a text for a formula, spaces and apostrophes aside.

Source: OWASP, CSV Injection; the last four are full-width forms.
"""


def escape_formula(cell: object) -> object:
    """Return a cell with an apostrophe before what begins a formula.

    Other values, such as numbers, are returned unchanged.
    """
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def unescape_formula(cell: str) -> str:
    """Return the text that ``escape_formula`` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell

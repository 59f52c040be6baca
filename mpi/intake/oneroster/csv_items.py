"""Conversion of OneRoster's CSV rows to items of its JSON."""

import re
from collections.abc import Callable, Mapping, Sequence

from mpi.intake.oneroster.items import Item

Cells = Mapping[str, str]
"""Cells of a row by column name."""

REQUIRED_COLUMNS: Mapping[str, Sequence[str]] = {
    "users": ("sourcedId", "givenName", "familyName"),
    "demographics": ("sourcedId", "birthDate"),
    "orgs": ("sourcedId", "type", "identifier", "parentSourcedId"),
    "enrollments": ("userSourcedId", "schoolSourcedId", "role", "beginDate", "endDate"),
    "roles": ("userSourcedId", "role", "orgSourcedId"),
}
"""Columns without which a file cannot be read."""
_METADATA = "metadata."
_USER_ID = re.compile(r"\{([^:{}]*):([^{}]*)\}")


def _convert_user(cells: Cells) -> Item:
    """Return a user, without the roles of 1.2.

    They are in a file of their own.
    """
    return {
        **cells,
        "orgs": _refer_to_each(cells, "orgSourcedIds"),
        "primaryOrg": _refer_to_each(cells, "primaryOrgSourcedId"),
        "agents": _refer_to_each(cells, "agentSourcedIds"),
        "grades": _split(cells.get("grades", "")),
        "userIds": [
            {"type": kind.strip(), "identifier": value.strip()}
            for kind, value in _USER_ID.findall(cells.get("userIds", ""))
        ],
        "metadata": {
            name.removeprefix(_METADATA): cell for name, cell in cells.items() if name.startswith(_METADATA)
        },
    }


def _convert_role(cells: Cells) -> Item:
    """Return an entry of a user's ``roles`` of 1.2."""
    return {**cells, "org": _refer_to_each(cells, "orgSourcedId")}


def _convert_org(cells: Cells) -> Item:
    return {**cells, "parent": _refer_to_each(cells, "parentSourcedId")}


def _convert_enrollment(cells: Cells) -> Item:
    return {
        **cells,
        "user": _refer_to_each(cells, "userSourcedId"),
        "school": _refer_to_each(cells, "schoolSourcedId"),
    }


CONVERSIONS: Mapping[str, Callable[[Cells], Item]] = {
    "users": _convert_user,
    "demographics": dict,
    "orgs": _convert_org,
    "enrollments": _convert_enrollment,
    "roles": _convert_role,
}
"""Conversion of the rows of each file."""


def _refer_to_each(cells: Cells, column: str) -> list[Item]:
    """Return references to the IDs in a cell, which commas separate."""
    return [{"sourcedId": key} for key in _split(cells.get(column, ""))]


def _split(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(",") if part.strip()]

"""Roles of users, which OneRoster 1.2 keeps in a separate file."""

from sys import intern
from typing import NamedTuple

from mpi.intake.oneroster.items import Item, is_deleted, read_reference, read_text
from mpi.intake.oneroster.roster import GUARDIAN_ROLES, STUDENT_ROLE

_OTHER = "other"
"""Role that stands for all that are neither students nor guardians."""


class _Role(NamedTuple):
    """A role of a user; equal texts are stored once."""

    role: str
    kind: str
    org: str
    begin: str
    end: str


class UserRoles:
    """Roles of users by ``sourcedId``, about 0.3 KB a user."""

    def __init__(self) -> None:
        self._roles: dict[str, list[_Role]] = {}

    def add(self, item: Item) -> None:
        """Add a row of the file of roles."""
        user = read_text(item, "userSourcedId")
        if user is None or is_deleted(item):
            return
        role = (read_text(item, "role") or "").casefold()
        is_needed = role == STUDENT_ROLE or role in GUARDIAN_ROLES
        texts = (
            read_text(item, "roleType"),
            read_reference(item, "org"),
            read_text(item, "beginDate"),
            read_text(item, "endDate"),
        )
        entry = _Role(intern(role if is_needed else _OTHER), *(intern(text or "") for text in texts))
        self._roles.setdefault(user, []).append(entry)

    def complete(self, user: Item) -> Item:
        """Return a user with its roles of the file.

        In 1.1 there is no such file.
        """
        roles = self._roles.get(read_text(user, "sourcedId") or "")
        if roles is None:
            return user
        return {
            **user,
            "roles": [
                {
                    "role": role.role,
                    "roleType": role.kind,
                    "org": {"sourcedId": role.org},
                    "beginDate": role.begin,
                    "endDate": role.end,
                }
                for role in roles
            ],
        }

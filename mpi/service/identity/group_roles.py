"""Roles that groups of an identity provider give, from a TOML file.

```
claim = "groups"
create_accounts = true

[[role]]
group = "mpi-stewards"
role = "steward"
sources = "all"
```
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi.domain.documents.bounded_toml import parse_toml
from mpi.domain.errors import InputError
from mpi.domain.roles import Role

_ALL = "all"
_KEYS = frozenset({"claim", "create_accounts", "name_claim", "role"})
_ROLE_KEYS = frozenset({"group", "role", "sources", "agreement"})


@dataclass(frozen=True, slots=True)
class GroupRole:
    """The role of a group's members.

    Args:
        group: name or ID of the group, as the provider sends it.
        role: role of its members.
        sources: codes of the sources that they may see; None for all.
        agreement: agreement of accounts that are made for them; None for the operator's own rule.
    """

    group: str
    role: Role
    sources: frozenset[str] | None
    agreement: str | None = None


@dataclass(frozen=True, slots=True)
class GroupRoles:
    """Which roles the groups of a provider give.

    Args:
        claim: claim of the ID token that lists the groups.
        name_claim: claim that names a new account.
        creates_accounts: whether a person without an account gets one.
        roles: the roles; the first whose group the person is in counts.
    """

    claim: str
    name_claim: str
    creates_accounts: bool
    roles: tuple[GroupRole, ...]

    def find_role(self, claims: Mapping[str, Any]) -> GroupRole | None:
        """Return the role that a person's groups give, or None."""
        groups = claims.get(self.claim)
        names = {groups} if isinstance(groups, str) else set()
        if isinstance(groups, list):
            names = {group for group in groups if isinstance(group, str)}
        return next((role for role in self.roles if role.group in names), None)


def read_group_roles(path: Path) -> GroupRoles:
    """Return the roles of groups that a file lists.

    Raises:
        InputError: the file cannot be read, or an entry is wrong.
    """
    try:
        content = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"MPI_OIDC_ROLES: {path} cannot be read as TOML") from error
    entries = content.get("role", [])
    if set(content) - _KEYS or not isinstance(entries, list) or not entries:
        raise InputError(
            f"MPI_OIDC_ROLES: {path} has keys {', '.join(sorted(_KEYS))}, and [[role]] at least once"
        )
    return GroupRoles(
        claim=_read_text(content, "claim", "groups"),
        name_claim=_read_text(content, "name_claim", "preferred_username"),
        creates_accounts=content.get("create_accounts") is True,
        roles=tuple(_parse_role(entry) for entry in entries),
    )


def _read_text(content: Mapping[str, Any], key: str, default: str) -> str:
    value = content.get(key, default)
    if not isinstance(value, str) or not value:
        raise InputError(f"MPI_OIDC_ROLES: {key} is a text")
    return value


def _parse_role(entry: object) -> GroupRole:
    """Return one entry of the file."""
    if not isinstance(entry, dict) or set(entry) - _ROLE_KEYS or not isinstance(entry.get("group"), str):
        raise InputError(f"MPI_OIDC_ROLES: a [[role]] has {', '.join(sorted(_ROLE_KEYS))}")
    name, sources = entry.get("role"), entry.get("sources")
    if name not in set(Role):
        raise InputError(f"MPI_OIDC_ROLES: the role of group {entry['group']!r} is one of {', '.join(Role)}")
    is_list = isinstance(sources, list) and bool(sources) and all(isinstance(code, str) for code in sources)
    if sources != _ALL and not is_list:
        raise InputError(f'MPI_OIDC_ROLES: sources of group {entry["group"]!r} are "all", or a list of codes')
    role = Role(name)
    if role is Role.SOURCE_OWNER and sources == _ALL:
        raise InputError("MPI_OIDC_ROLES: name the sources that a source owner owns")
    agreement = entry.get("agreement")
    return GroupRole(
        entry["group"],
        role,
        None if sources == _ALL else frozenset(sources or ()),
        agreement if isinstance(agreement, str) else None,
    )

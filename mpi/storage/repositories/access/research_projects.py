"""Repository of research projects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, insert, select, update

from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.tables import AnyRow, ResearchProjectRow, ResearchStepRow, table_of

_project = table_of(ResearchProjectRow)
_step = table_of(ResearchStepRow)


@dataclass(frozen=True, slots=True)
class StoredProject:
    """A research project with the salt of its IDs.

    Args:
        code: code of the project.
        title: name for people.
        salt: random text from which the key of its IDs is derived; None once the project has ended.
        opened_by: name of the person who answers for it.
        opened_commit: commit number of its opening.
        ended_by: name of the person who ended it.
        ended_commit: commit number of its end; None while it lasts.
    """

    code: str
    title: str
    salt: str | None
    opened_by: str
    opened_commit: int
    ended_by: str | None = None
    ended_commit: int | None = None


@dataclass(frozen=True, slots=True)
class StoredResearchStep:
    """What was recorded of a research project.

    Args:
        code: code of the project.
        commit_no: commit number of the step.
        kind: ``terms``, ``extract`` or ``destroyed``.
        details: what was recorded, without a value of any record.
    """

    code: str
    commit_no: int
    kind: str
    details: Mapping[str, Any]


class ResearchProjects:
    """Repository of research projects, lasting and ended, and their steps.

    Args:
        connection: connection with an open transaction.
        payload_keys: payload keys in use, which encrypt the salts.
    """

    def __init__(self, connection: Connection, payload_keys: PayloadKeys) -> None:
        self._connection = connection
        self._keys = payload_keys

    def add(self, project: StoredProject) -> None:
        """Add a project."""
        values = {name: getattr(project, name) for name in StoredProject.__slots__}
        values["salt"] = self._keys.encrypt_optional_text(salt_place(project.code), project.salt)
        self._connection.execute(insert(_project).values(values))

    def end(self, code: str, ended_by: str, commit_no: int) -> None:
        """End a project and destroy the salt of its IDs."""
        self._connection.execute(
            update(_project)
            .where(_project.c.code == code)
            .values(salt=None, ended_by=ended_by, ended_commit=commit_no)
        )

    def find(self, code: str) -> StoredProject | None:
        """Return a project, or None."""
        row = self._connection.execute(select(_project).where(_project.c.code == code)).first()
        return None if row is None else self._to_project(row)

    def all(self) -> list[StoredProject]:
        """Return every project, oldest first."""
        rows = self._connection.execute(select(_project).order_by(_project.c.opened_commit))
        return [self._to_project(row) for row in rows]

    def add_step(self, step: StoredResearchStep) -> None:
        """Add a step of a project."""
        details = orjson.dumps(dict(step.details), option=orjson.OPT_SORT_KEYS).decode()
        self._connection.execute(
            insert(_step).values(code=step.code, commit_no=step.commit_no, kind=step.kind, details=details)
        )

    def steps(self, code: str) -> list[StoredResearchStep]:
        """Return the steps of a project, oldest first."""
        rows = self._connection.execute(select(_step).where(_step.c.code == code).order_by(_step.c.commit_no))
        return [
            StoredResearchStep(row.code, row.commit_no, row.kind, orjson.loads(row.details)) for row in rows
        ]

    def _to_project(self, row: AnyRow) -> StoredProject:
        values = {name: getattr(row, name) for name in StoredProject.__slots__}
        if row.salt is not None:
            values["salt"] = self._keys.decrypt_text(salt_place(row.code), row.salt)
        return StoredProject(**values)


def salt_place(code: str) -> str:
    """Return the place of a project's salt, which binds its encryption."""
    return f"research_project.salt|{code}"

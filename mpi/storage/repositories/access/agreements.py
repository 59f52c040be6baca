"""Repository of data-sharing agreements and of purposes that a state added."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, and_, bindparam, func, insert, select

from mpi.policy.purposes import Purpose
from mpi.storage.tables import AgreementStepRow, AgreementVersionRow, PurposeRow, table_of

_version = table_of(AgreementVersionRow)
_step = table_of(AgreementStepRow)
_purpose = table_of(PurposeRow)


class StepKind(StrEnum):
    """What a person did with an agreement."""

    APPROVE = "approve"
    SUSPEND = "suspend"
    RESUME = "resume"
    END = "end"


@dataclass(frozen=True, slots=True)
class AgreementStep:
    """What a person did with an agreement, and when.

    Args:
        code: code of the agreement.
        commit_no: commit number of the step.
        version: version that it concerns.
        kind: what was done.
        day: day on which it took effect (ISO).
        reason: reason that the person gave.
    """

    code: str
    commit_no: int
    version: int
    kind: StepKind
    day: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AgreementVersion:
    """One stored version of an agreement.

    Args:
        code: code of the agreement.
        version: number of the version, from 1.
        content: its terms, as JSON.
        created_commit: commit number of its creation.
    """

    code: str
    version: int
    content: str
    created_commit: int


@dataclass(frozen=True, slots=True)
class AgreementHistory:
    """All versions and steps of one agreement, oldest first.

    Args:
        code: code of the agreement.
        versions: its versions.
        steps: what persons did with it.
    """

    code: str
    versions: tuple[AgreementVersion, ...]
    steps: tuple[AgreementStep, ...]


# Module constants, since requests run the second one.
_ALL = (
    select(
        _version,
        _step.c.commit_no,
        _step.c.kind,
        _step.c.day,
        _step.c.reason,
    )
    .select_from(
        _version.outerjoin(
            _step, and_(_step.c.code == _version.c.code, _step.c.version == _version.c.version)
        )
    )
    .order_by(_version.c.code, _version.c.version, _step.c.commit_no)
)
_LAST_STEP = select(func.max(_step.c.commit_no)).where(_step.c.code == bindparam("code"))
_BY_CODE = _ALL.where(_version.c.code == bindparam("code"))


class Agreements:
    """Repository of agreements: their versions, and what became of them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add_version(self, version: AgreementVersion) -> None:
        """Add a version of an agreement."""
        self._connection.execute(
            insert(_version).values(
                code=version.code,
                version=version.version,
                content=version.content,
                created_commit=version.created_commit,
            )
        )

    def add_step(self, step: AgreementStep) -> None:
        """Add what a person did with an agreement."""
        self._connection.execute(
            insert(_step).values(
                code=step.code,
                commit_no=step.commit_no,
                version=step.version,
                kind=step.kind.value,
                day=step.day,
                reason=step.reason,
            )
        )

    def find(self, code: str) -> AgreementHistory | None:
        """Return the versions and steps of an agreement, or None."""
        if not code.isascii() or "\0" in code:
            return None  # no code has such a character, and PostgreSQL refuses some
        histories = _group_by_code(self._connection.execute(_BY_CODE, {"code": code}))
        return histories[0] if histories else None

    def find_last_step(self, code: str) -> int | None:
        """Return the commit number of an agreement's last step, or None."""
        number: int | None = self._connection.execute(_LAST_STEP, {"code": code}).scalar()
        return number

    def all(self) -> list[AgreementHistory]:
        """Return the versions and steps of every agreement, by code."""
        return _group_by_code(self._connection.execute(_ALL))

    def add_purpose(self, purpose: Purpose, commit_no: int) -> None:
        """Add a purpose of use to those of the program."""
        self._connection.execute(
            insert(_purpose).values(
                code=purpose.code,
                title=purpose.title,
                vision=purpose.vision,
                value=purpose.value,
                created_commit=commit_no,
            )
        )

    def added_purposes(self) -> list[Purpose]:
        """Return the purposes of use that this index added, by code."""
        rows = self._connection.execute(select(_purpose).order_by(_purpose.c.code))
        return [Purpose(row.code, row.title, row.vision, row.value) for row in rows]


def _group_by_code(rows: Iterable[Any]) -> list[AgreementHistory]:
    """Return one history by code, from ordered versions and steps."""
    versions: dict[str, dict[int, AgreementVersion]] = {}
    steps: dict[str, list[AgreementStep]] = {}
    for row in rows:
        versions.setdefault(row.code, {})[row.version] = AgreementVersion(
            row.code, row.version, row.content, row.created_commit
        )
        if row.kind is not None:
            steps.setdefault(row.code, []).append(
                AgreementStep(row.code, row.commit_no, row.version, StepKind(row.kind), row.day, row.reason)
            )
    return [
        AgreementHistory(
            code,
            tuple(own_versions.values()),
            tuple(sorted(steps.get(code, ()), key=lambda step: step.commit_no)),
        )
        for code, own_versions in versions.items()
    ]

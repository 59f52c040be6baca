"""Index of the sandbox, with made-up people and one API key.

It is created in a new folder.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, SecondApprover, make_operator
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.parties import ALL, Party, PartyKind
from mpi.sandbox.magic_records import LAPSED, RECORDS_AT_START, SIS, STATE
from mpi.service.access.clients import add_client
from mpi.service.agreements.register import approve_version, end_agreement, propose_version
from mpi.service.core.index import Index
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source

VENDOR = "vendor"
"""Name of the vendor's client."""
ENDED_AGREEMENT = "dsa-old-sis"
OPERATOR = make_operator()
_SOURCES = (
    NewSource(SIS, "Your student information system", "Willow School District", SourceKind.SIS),
    NewSource(STATE, "State student IDs", "Department of Education", SourceKind.STATE_ID),
    NewSource(LAPSED, "A system without an agreement", "Former District", SourceKind.SIS),
)
_ACTIONS = (
    Action.RECORD_WRITE, Action.RECORD_READ, Action.PERSON_SEARCH, Action.PERSON_READ, Action.CROSSWALK_READ,
    Action.DECIDE, Action.DECISION_READ,
)  # fmt: skip


class SandboxSettings(Settings):
    """Settings of the sandbox, which no environment variable changes.

    So keys, mail servers, identity providers and databases of a real index are never used.
    """

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - as the base class calls it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return where settings come from: the caller alone."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Open index of the sandbox.

    Args:
        index: the index.
        key: API key of the vendor's client.
        folder: its folder.
    """

    index: Index
    key: str
    folder: Path


@contextmanager
def open_sandbox(folder: Path | None = None) -> Iterator[Sandbox]:
    """Create a sandbox, and close it at the end.

    Args:
        folder: an empty or missing folder, which is kept; None for a temporary one, which is deleted.

    Raises:
        ConflictError: the folder holds something; it is left as it is.
        StoreError: the folder cannot be made or read.
    """
    if folder is None:
        with (
            tempfile.TemporaryDirectory(prefix="mpi-sandbox-") as temporary,
            _create(Path(temporary)) as sandbox,
        ):
            yield sandbox
        return
    require_empty(folder)
    with _create(folder) as sandbox:
        yield sandbox


def require_empty(folder: Path) -> None:
    """Refuse a folder that holds anything, such as a real index.

    Raises:
        ConflictError: it holds something.
        StoreError: it cannot be read.
    """
    try:
        is_used = folder.exists() and any(folder.iterdir())
    except OSError as error:
        raise StoreError(f"cannot read {folder}: {error.strerror}") from error
    if is_used:
        raise ConflictError(
            f"{folder} holds something: a sandbox never opens an index that exists; name an empty folder, or "
            "leave --sandbox-folder out for a temporary one"
        )


@contextmanager
def _create(folder: Path) -> Iterator[Sandbox]:
    """Create the index of a sandbox in an empty folder."""
    settings = SandboxSettings(
        home=folder / "index",
        second_approver=SecondApprover.NEVER,
        webhook_networks="127.0.0.0/8,::1/128",
        searches_per_child=1_000,
        edfi_sources=SIS,
    )
    index, _ = init_index(settings, is_test=True)
    try:
        for source in _SOURCES:
            add_source(index, OPERATOR, source)
        for source_code, record in RECORDS_AT_START:
            upsert(index, OPERATOR, source_code, record)
        _end_an_agreement(index)
        sources = [source.code for source in _SOURCES]
        key = add_client(index, OPERATOR, VENDOR, [action.value for action in _ACTIONS], sources)
        yield Sandbox(index, key, folder)
    finally:
        index.database.dispose()


def _end_an_agreement(index: Index) -> None:
    """Put an agreement about the lapsed source in force, and end it."""
    today = clock.now().date()
    district = Party("former", "Former District", PartyKind.EDUCATION, frozenset({LAPSED}))
    college = Party("college", "Willow College", PartyKind.RESEARCH)
    agreement = Agreement(
        code=ENDED_AGREEMENT,
        version=1,
        title="Agreement of a former district, which has ended",
        parties=(district, college),
        grants=(
            Grant(
                discloser=district.code,
                recipient=college.code,
                population=ALL,
                legal_basis="ferpa_studies",
                purposes=frozenset({"program_evaluation"}),
                output_fields=frozenset({"grade"}),
                matching_fields=frozenset(),
            ),
        ),
        begins=today,
        ends=today + timedelta(days=365),
    )
    propose_version(index, OPERATOR, agreement)
    approve_version(index, OPERATOR, agreement.code, alone=True)
    end_agreement(index, OPERATOR, agreement.code, "the sandbox shows what follows")

"""Real test index in a temporary folder, with the tiny model, and helpers to use it."""

import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
from sqlalchemy import select, text

from mpi.bootstrap import init_index
from mpi.config import Settings
from mpi.domain.tuning import DEFAULT_TUNING, Tuning
from mpi.domain.viewer import SecondApprover, make_operator
from mpi.intake.rows import CanonicalRow
from mpi.service.core.index import Index, open_store
from mpi.service.loads.load import LoadOptions, load
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.expunge_requests import approve_expunges
from mpi.storage import migrate
from mpi.storage.key_index.forward_index import PackedKeys
from mpi.storage.key_index.segment_arrays import STORED_DTYPE
from mpi.storage.tables import DecisionRow, RecordRow, table_of
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.units import ReadUnit
from tests.models import tiny_model

OPERATOR = make_operator()
SECOND_PERSON = make_operator("second")


@contextmanager
def open_test_index(
    folder: Path,
    *sources: str,
    secret: str | None = None,
    database_url: str | None = None,
    tuning: Tuning = DEFAULT_TUNING,
    of_earlier_release: bool = False,
    **model: object,
):
    """Open a new test index with the given sources, on SQLite in the folder or on another store.

    One of an earlier release has one secret and readable content.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if of_earlier_release:
        secret = secret or "5" * 64
    if secret is not None:
        (folder / "secret.key").touch(mode=0o600)
        (folder / "secret.key").write_text(secret)
    model_folder = tiny_model(folder / "tiny", **model)
    settings = _read_settings(*_settings_of_environment()).model_copy(
        update={
            "home": folder,
            "model": str(model_folder),
            "database_url": database_url,
            "secret_file": None,
            "second_approver": SecondApprover.NEVER,
        }
    )
    if database_url is None and not (folder / "mpi.db").exists():
        write_empty_database(folder / "mpi.db")
    index, _key = init_index(settings, is_test=True, tuning=tuning)
    if of_earlier_release:
        with index.database.engine.begin() as connection:
            connection.execute(text("DELETE FROM payload_key"))
    for code in sources:
        add_source(index, OPERATOR, NewSource(code))
    try:
        yield index
    finally:
        index.database.dispose()


def _settings_of_environment() -> list[tuple[str, str]]:
    return sorted((name, value) for name, value in os.environ.items() if name.startswith("MPI_"))


@cache
def _read_settings(*_environment: tuple[str, str]) -> Settings:
    """Read the settings once for each environment: it takes a third of a new index's time."""
    return Settings()


def write_empty_database(path: Path) -> None:
    """Write SQLite's files of an empty database, as migrations would make them."""
    for name, content in _empty_database_files().items():
        path.with_name(name.replace("mpi", path.stem, 1)).write_bytes(content)


def with_settings(index: Index, **changes: object) -> Index:
    """Return the open index with other settings."""
    return replace(index, settings=replace(index.settings, **changes))


def make_tuning(base: Tuning = DEFAULT_TUNING, **areas: dict[str, float]) -> Tuning:
    """Return a tuning with other numbers: ``make_tuning(load={"eager_rows": 300})``."""
    return replace(base, **{area: replace(getattr(base, area), **numbers) for area, numbers in areas.items()})


def with_tuning(index: Index, **areas: dict[str, float]) -> Index:
    """Return the same open index with other numbers, except for those of its database."""
    assert "storage" not in areas, "the database has its tuning from its opening: open_test_index(tuning=...)"
    return with_settings(index, tuning=make_tuning(index.tuning, **areas))


@contextmanager
def reopen_database(index: Index, **storage: float):
    """Open the database of an index once more, as another process would, with other numbers."""
    tuning = make_tuning(index.tuning, storage=storage)
    database = Database(index.database.url, tuning=tuning.storage, key_ring=index.database.key_ring)
    try:
        yield replace(with_settings(index, tuning=tuning), store=open_store(database, tuning))
    finally:
        database.dispose()


def with_caches(index: Index, **changes: object) -> Index:
    """Return the open index with other cached values, as another process would have them."""
    return replace(index, caches=replace(index.caches, **changes))


@cache
def _empty_database_files() -> dict[str, bytes]:
    """Return SQLite's files at the current schema; migrations would take most of a new index's time."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mpi.db"
        database = Database(f"sqlite:///{file}")
        migrate.upgrade(database)
        database.dispose()
        return {each.name: each.read_bytes() for each in Path(folder).glob("*.db")}


def make_child(local_id: str = "1", **changes: object) -> dict[str, object]:
    """Return a canonical record as sent, valid by default."""
    record: dict[str, object] = {
        "local_id": local_id,
        "first_name": "Amara",
        "last_name": "Okonkwo",
        "birth_date": "2014-03-09",
        "sex": "F",
        "postal_code": "43001",
    }
    record.update(changes)
    return {name: value for name, value in record.items() if value is not None}


def rows(*records: dict[str, object]) -> list[CanonicalRow]:
    """Return records as the rows of a file."""
    return [CanonicalRow(line, None, dict(record)) for line, record in enumerate(records, 2)]


def load_rows(index, source: str, *records: dict[str, object], **options: object):
    """Load records as one file."""
    return load(index, OPERATOR, source, rows(*records), LoadOptions(**options))


def expunge(index, source: str, record: dict[str, object]) -> None:
    """Ask to expunge a record, and approve it as a second person."""
    upsert(index, OPERATOR, source, {**record, "restrictions": [{"kind": "expunged"}]})
    approve_expunges(index, SECOND_PERSON, source, [str(record["local_id"])])


def crosswalk(index) -> dict[tuple[str, str], str]:
    """Return the enterprise ID of every active record."""
    return {(row.source, row.local_id): row.enterprise_id for row in export_crosswalk(index, OPERATOR)}


def partition_of(index) -> set[frozenset[tuple[str, str]]]:
    """Return the published partition, by (source, local ID)."""
    persons: dict[str, set[tuple[str, str]]] = {}
    for record, eid in crosswalk(index).items():
        persons.setdefault(eid, set()).add(record)
    return {frozenset(records) for records in persons.values()}


def many_children(count: int, start: int = 0) -> list[dict[str, object]]:
    """Return unrelated children: distinct names of letters and distinct birth dates."""

    def word(number: int) -> str:
        letters = ""
        for _ in range(5):
            number, digit = divmod(number, 26)
            letters += chr(ord("a") + digit)
        return letters

    return [
        make_child(
            f"c{number}",
            first_name=word(number * 7919 + 13),
            last_name=word(number * 104729 + 7),
            birth_date=f"20{10 + number % 10}-{1 + number % 12:02}-{1 + number % 28:02}",
            postal_code=f"{43000 + number % 900}",
        )
        for number in range(start, start + count)
    ]


def all_stored_bytes(index) -> bytes:
    """Return every byte of the database, and what its keys still open of it.

    Deleted bytes are among them on SQLite, and every value on PostgreSQL.
    """
    with index.database.read(OPERATOR) as unit:
        records = list(unit.connection.execute(select(table_of(RecordRow).c.id)).scalars())
        decisions = list(unit.connection.execute(select(table_of(DecisionRow).c.id)).scalars())
        versions = unit.record_versions.versions_of_records(records).values()
        texts = [note for notes in unit.steps.notes(decisions).values() for note in notes]
        texts += [stored.text for stored in unit.rights_cases.texts(records)]
    contents = [version.payload for group in versions for version in group]
    return b"\n".join((_read_stored_bytes(index), *contents, *(text.encode() for text in texts)))


def _read_stored_bytes(index) -> bytes:
    """Return every byte of the database as it is stored."""
    with index.database.engine.connect() as connection:
        if index.database.is_postgresql:
            cursor = connection.connection.cursor()
            tables = [row[0] for row in cursor.execute("SELECT relname FROM pg_stat_user_tables")]
            content = b""
            for table in tables:
                with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT binary)') as copy:
                    content += b"".join(bytes(chunk) for chunk in copy)
            return content
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(index.database.engine.url.database).read_bytes()


def pack_keys(group_id: int, *keys: int) -> PackedKeys:
    """Return the keys of one record, as they are stored."""
    return PackedKeys(group_id, np.array(keys, STORED_DTYPE).tobytes())


def all_keys(unit: ReadUnit, config_id: int) -> list[tuple[int, int]]:
    """Return key and record of every searchable key, ascending."""
    return sorted(
        (key, record)
        for page in unit.keys.iterate_searched_rows(config_id)
        for _, key, record in page.T.tolist()
    )

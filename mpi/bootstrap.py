"""Creation and opening of an index from the settings (composition root)."""

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.config import Settings
from mpi.domain.errors import ConflictError, InputError, ModelError, StoreError, SurvivorshipError
from mpi.domain.keyed_hash import SECRET_BYTES, KeyedHash
from mpi.domain.quality_rules import PublicationRules, QualityRules
from mpi.domain.source import SHARED_SCOPE, check_scope_code
from mpi.domain.survivorship import SurvivorshipRules
from mpi.domain.tuning import DEFAULT_TUNING, Tuning
from mpi.domain.viewer import make_operator
from mpi.matching.model.match_model import MODEL_FILES, MatchModel, find_model_folder, load_model
from mpi.policy.legal_bases import LegalBasis, parse_legal_bases
from mpi.service.access.setup import create_index, require_secret
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.index import (
    Index,
    IndexSettings,
    Matcher,
    SearchLimits,
    SignInLimits,
    compile_matcher,
    open_store,
)
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from mpi.service.maintenance.orders import apply_missing_orders, write_orders_file
from mpi.standardize.version import MODEL_VERSIONS
from mpi.storage import migrate
from mpi.storage.backends.scope_location import locate_scope
from mpi.storage.unit_of_work.database import Database, sqlite_path

if TYPE_CHECKING:
    from mpi.matching.scoring.engines import BatchEngine
    from mpi.service.notices.digest import DigestSender

_SURVIVORSHIP = Path(__file__).with_name("survivorship.toml")
_LEGAL_BASES = Path(__file__).parent / "policy" / "legal_bases.toml"
_MEMORY = re.compile(r"[1-9]\d{0,5}(MB|GB)")
_IN_DATABASE = "in the database of MPI_DATABASE_URL: name another"
"""Part of an error message that names the place of an existing index."""


def open_index(
    settings: Settings,
    *,
    for_model_change: bool = False,
    for_look_up: bool = False,
    tuning: Tuning = DEFAULT_TUNING,
) -> Index:
    """Open the master person index that the settings name.

    Args:
        settings: home folder, database and model of the index.
        for_model_change: open the index in order to move it to another model. Its present model may then be
            one of an earlier standardizer, for which no new record can be standardized.
        for_look_up: compile the model only if records are compared after all, which saves the time of
            importing Splink and of compiling.
        tuning: sizes, intervals and limits.

    Raises:
        StoreError: the index is missing, of another version, or was made with another secret; or its orders
            file is missing, damaged or of another index.
        ModelError: the index's model cannot be found or compiled.
        SurvivorshipError: the file of survivorship rules cannot be used.
        InputError: the table of legal bases cannot be used.
    """
    database = _open_database(settings, tuning)
    with _dispose_on_failure(database):
        index = _open_checked(settings, database, tuning, for_model_change=for_model_change)
        apply_missing_orders(index, make_operator())
        if not for_look_up:
            index.matcher.compile()
        return index


def _open_checked(settings: Settings, database: Database, tuning: Tuning, *, for_model_change: bool) -> Index:
    """Open a master person index after checking schema version, secret and model."""
    migrate.require_current(database)
    keyed_hash = _read_secret(settings.secret_path)
    with database.read(make_operator()) as unit:
        info = require_secret(unit, keyed_hash)
        active = unit.configs.active_config()
    if info.scope != settings.scope:
        raise StoreError(f"this is the index of the scope {info.scope}, not of {settings.scope}")
    if active is None:
        raise StoreError("the index has no configuration: restore a backup, or run mpi init elsewhere")
    name = active.model
    model = _load_index_model(settings, name, any_standardizer=for_model_change)
    if active.standardizer in MODEL_VERSIONS and active.standardizer != model.standardizer:
        if not for_model_change:
            raise ModelError(
                f"the records of this index were standardized by version {active.standardizer}, this is "
                f"{model.standardizer}: `mpi recluster --model {_find_index_model(settings, name)} --apply` "
                "standardizes them anew"
            )
        model = replace(model, standardizer=active.standardizer)
    matcher = Matcher(model)
    if not matcher.runs(active):
        raise StoreError(
            f"model {name} is not the one that the index runs on: restore its folder, or set MPI_MODEL to it"
        )
    return _create_index(settings, database, matcher, keyed_hash, tuning, is_test=info.is_test)


def _create_index(
    settings: Settings,
    database: Database,
    matcher: Matcher,
    keyed_hash: KeyedHash,
    tuning: Tuning,
    *,
    is_test: bool,
) -> Index:
    """Create the index object from its opened parts."""
    return Index(
        store=open_store(database, tuning),
        matcher=matcher,
        keyed_hash=keyed_hash,
        home=settings.home,
        settings=IndexSettings(
            is_test=is_test,
            survivorship=load_survivorship(settings),
            legal_bases=load_legal_bases(settings),
            second_approver=settings.second_approver,
            quality_rules=QualityRules(
                settings.second_review_share,
                settings.practice_required,
                settings.practice_agreement,
                settings.practice_last,
            ),
            sign_in_limits=SignInLimits(
                idle=timedelta(minutes=settings.sign_in_idle_minutes),
                longest=timedelta(hours=settings.sign_in_hours),
            ),
            block_limits=BlockLimits(settings.block_alarm, settings.block_hard),
            search_limits=SearchLimits(settings.searches_per_minute, settings.searches_per_child),
            publication_rules=PublicationRules(settings.figures_base, settings.figures_lag_days),
            request_timeout_s=settings.request_timeout_s,
            seals_per_day=settings.seals_per_day,
            break_glass_minutes=settings.break_glass_minutes,
            break_glass_children=settings.break_glass_children,
            sends_mail=settings.smtp_host is not None,
            orders_path=settings.orders_path,
            scope=settings.scope,
            tuning=tuning,
        ),
    )


def read_digest_sender(settings: Settings) -> "DigestSender":
    """Return how the daily mail is sent.

    Raises:
        InputError: no mail server is configured, or a setting of it is missing or cannot be read.
    """
    from mpi.service.notices import digest, mail  # noqa: PLC0415 - other commands send no mail

    missing = [
        name
        for name, value in (
            ("MPI_SMTP_HOST", settings.smtp_host),
            ("MPI_SMTP_SENDER", settings.smtp_sender),
            ("MPI_PAGES_URL", settings.pages_url),
        )
        if not value
    ]
    if missing or not settings.smtp_host or not settings.smtp_sender or not settings.pages_url:
        raise InputError(f"{', '.join(missing)}: set this to send mail; nothing was sent")
    server = mail.MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        sender=settings.smtp_sender,
        security=mail.MailSecurity(settings.smtp_security),
        user=settings.smtp_user,
        password=_read_mail_password(settings),
        ca_file=settings.smtp_ca_file,
    )
    return digest.DigestSender(server, settings.pages_url)


def _read_mail_password(settings: Settings) -> str | None:
    """Return the password of the mail server's user; None without a user.

    Raises:
        InputError: its file is missing or cannot be read.
    """
    if settings.smtp_user is None:
        return None
    if settings.smtp_password_file is None:
        raise InputError("MPI_SMTP_PASSWORD_FILE: set this to sign in at the mail server; nothing was sent")
    try:
        return settings.smtp_password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError):
        raise InputError("MPI_SMTP_PASSWORD_FILE: the file cannot be read; nothing was sent") from None


def init_index(settings: Settings, *, is_test: bool, tuning: Tuning = DEFAULT_TUNING) -> tuple[Index, str]:
    """Create a new master person index on disk.

    Args:
        settings: home folder, database and model of the index.
        is_test: whether enterprise IDs are marked as test IDs.
        tuning: sizes, intervals and limits.

    Returns:
        The open index and the API key of its first client.

    Raises:
        ConflictError: an index exists there already.
        StoreError: the folder or database cannot be written, or the database is of another version.
        SurvivorshipError: the file of survivorship rules cannot be used.
        InputError: the table of legal bases cannot be used.
    """
    load_survivorship(settings)  # before anything is written
    load_legal_bases(settings)
    home = settings.home
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
    except OSError as error:
        raise StoreError(f"cannot write {home}: {error.strerror}") from error
    database = _connect(settings, tuning)
    with _dispose_on_failure(database):
        if migrate.schema_state(database) is not migrate.SchemaState.MISSING:
            # Only mpi db upgrade changes an existing schema, after the operator made a backup.
            migrate.require_current(database)
        migrate.upgrade(database)
        with database.read(make_operator()) as unit:
            if unit.configs.index_info() is not None:
                if settings.scope != SHARED_SCOPE:
                    raise ConflictError(f"there is an index of the scope {settings.scope} already")
                location = f"in {home}: set MPI_HOME" if settings.database_url is None else _IN_DATABASE
                raise ConflictError(f"there is an index already {location} to make another")
        # The home folder keeps a copy of the model: an upgrade of the program may remove its own.
        keep_model(settings, settings.model)
        matcher = load_matcher(settings, None)
        keyed_hash = _make_secret(settings.secret_path)
        key = create_index(
            database, make_operator(), matcher, keyed_hash, is_test=is_test, scope=settings.scope
        )
        return _create_index(settings, database, matcher, keyed_hash, tuning, is_test=is_test), key


@contextmanager
def _dispose_on_failure(database: Database) -> Iterator[None]:
    """Close the database's connections if the block raises."""
    try:
        yield
    except BaseException:  # also on Ctrl-C: no connection may be left open
        database.dispose()
        raise


def load_matcher(settings: Settings, ref: str | None, *, any_standardizer: bool = False) -> Matcher:
    """Load and compile a matching model.

    Args:
        settings: home folder and, in ``MPI_MODEL``, a model.
        ref: the model that an index runs on; None for a new index. The copy in the home folder, made when
            the index was moved to the model, comes first, then ``MPI_MODEL``, then the model of that name,
            then the default.
        any_standardizer: accept a model of an earlier standardizer too.

    Raises:
        ModelError: the model cannot be found or compiled.
    """
    return compile_matcher(_load_index_model(settings, ref, any_standardizer=any_standardizer))


def _load_index_model(settings: Settings, ref: str | None, *, any_standardizer: bool) -> MatchModel:
    """Load the matching model of an index, as ``load_matcher`` finds it."""
    return load_model(_find_index_model(settings, ref), of_any_standardizer=any_standardizer)


def _find_index_model(settings: Settings, ref: str | None) -> Path:
    """Return the folder of an index's model, preferably its own copy."""
    stored_folder = settings.home / "models" / ref if ref else None
    if stored_folder is not None and stored_folder.is_dir():
        return stored_folder
    return find_model_folder(settings.model or ref)


def load_survivorship(settings: Settings) -> SurvivorshipRules:
    """Read the survivorship rules of the golden record.

    Raises:
        SurvivorshipError: the file cannot be read, or holds an invalid rule.
    """
    path = settings.survivorship or _SURVIVORSHIP
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SurvivorshipError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise SurvivorshipError(f"{path}: not UTF-8") from None
    return SurvivorshipRules.parse(text, str(path))


def load_legal_bases(settings: Settings) -> dict[str, LegalBasis]:
    """Read the home folder's table of legal bases, or the default.

    Raises:
        InputError: the file cannot be read, or holds an invalid row.
    """
    own_path = settings.home / _LEGAL_BASES.name
    path = own_path if own_path.exists() else _LEGAL_BASES
    try:
        return parse_legal_bases(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8") from None


def keep_model(settings: Settings, ref: str | None) -> None:
    """Copy a matching model into the home folder, for later starts.

    Args:
        settings: home folder.
        ref: the model, ``name/version`` or a folder; None for the default model.

    Raises:
        ModelError: the model cannot be found.
        ConflictError: the home folder has another model of that name and version.
    """
    folder = find_model_folder(ref)
    model = load_model(folder)
    stored_folder = settings.home / "models" / model.name / model.version
    if stored_folder.is_dir():
        if load_model(stored_folder, of_any_standardizer=True).digest != model.digest:
            raise ConflictError(
                f"{stored_folder} is another model of that name and version: publish this one "
                "as a new version"
            )
        return
    stored_folder.parent.mkdir(parents=True, exist_ok=True)
    # The rename is atomic: no partial copy has the model's name.
    with tempfile.TemporaryDirectory(prefix="copying-", dir=stored_folder.parent) as partial_folder:
        copied_folder = Path(partial_folder) / model.version
        copied_folder.mkdir()
        for name in ("model.toml", *MODEL_FILES):
            shutil.copyfile(folder / name, copied_folder / name)
        copied_folder.rename(stored_folder)


def open_matcher(ref: str) -> Matcher:
    """Load and compile the matching model that a command names.

    Raises:
        ModelError: the model cannot be found or compiled.
    """
    return compile_matcher(load_model(find_model_folder(ref)))


def create_batch_engine(
    settings: Settings, master: str | None, *, spark: bool, memory: str | None = None
) -> "BatchEngine":
    """Create the engine that scores all candidate pairs of an index.

    Args:
        settings: the Spark master, unless ``master`` names one.
        master: Spark's master URL.
        memory: memory that DuckDB may use before it spills to disk, such as ``4GB``; None for its default.
        spark: use Spark instead of DuckDB.

    Raises:
        EngineError: Spark is not installed, or has no folder that its workers reach.
        InputError: no Spark master is named, or the memory is not a size.
    """
    if memory is not None and not _MEMORY.fullmatch(memory):
        raise InputError("--memory: give it as a number and MB or GB, such as 4GB")
    from mpi.matching.scoring import engines  # noqa: PLC0415 - imports Splink and DuckDB

    if not spark:
        return engines.DUCKDB_ENGINE if memory is None else engines.DuckDbEngine(memory)
    from mpi.matching.spark.engine import SparkEngine  # noqa: PLC0415 - an optional extra

    master_url = master or settings.spark_master
    if master_url is None:
        raise InputError("--engine spark: give the cluster's URL with --master, or set MPI_SPARK_MASTER")
    return SparkEngine(master_url, settings.spark_memory, settings.spark_staging)


def upgrade_database(settings: Settings) -> migrate.SchemaState:
    """Upgrade the index's database to this version's schema.

    Returns:
        The state of the schema before the upgrade.

    Raises:
        StoreError: there is no index, or it is from a newer version of the program.
    """
    database = _open_database(settings)
    try:
        if migrate.schema_state(database) is migrate.SchemaState.MISSING:
            migrate.require_current(database)
        return migrate.upgrade(database)
    finally:
        database.dispose()


def check_database(settings: Settings) -> tuple[migrate.SchemaState, list[str]]:
    """Compare the database's schema with this version's schema.

    Returns:
        The state of the schema, and its differences from the declared tables.

    Raises:
        StoreError: there is no database.
    """
    database = _open_database(settings)
    try:
        state = migrate.schema_state(database)
        return state, migrate.schema_drift(database) if state is migrate.SchemaState.CURRENT else []
    finally:
        database.dispose()


def note_restore(settings: Settings) -> tuple[str, int]:
    """Record that the index's database was restored from a backup.

    Records that minimum holdings do not cover are dropped, since a backup has those that were dropped since.

    Returns:
        The new generation of the change feed, and the number of orders of the orders file that were applied.

    Raises:
        StoreError: there is no index, it is of another version, or was made with another secret; or the
            orders file is missing, damaged or of another index.
        ModelError: the index's model cannot be found or compiled.
    """
    from mpi.service.holdings.runs import drop_restored  # noqa: PLC0415 - look-ups need no scorer

    generation, last_order = _begin_generation(settings)
    index = open_index(settings)
    try:
        drop_restored(index, make_operator())
        with index.database.read(make_operator()) as unit:
            return generation, unit.boundary_orders.last_number() - last_order
    finally:
        index.database.dispose()


def count_orders(settings: Settings) -> int:
    """Check the orders file against the database; return the number of orders.

    Raises:
        StoreError: there is no index, or the orders file is missing, damaged or of another index.
        ModelError: the index's model cannot be found or compiled.
    """
    index = open_index(settings)
    try:
        with index.database.read(make_operator()) as unit:
            return unit.boundary_orders.last_number()
    finally:
        index.database.dispose()


def make_orders_file(settings: Settings) -> int:
    """Write the orders file of an index anew from its database.

    Returns:
        The number of orders.

    Raises:
        StoreError: there is an orders file already, or no index.
        ModelError: the index's model cannot be found.
    """
    database = _open_database(settings)
    with _dispose_on_failure(database):
        index = _open_checked(settings, database, DEFAULT_TUNING, for_model_change=False)
        count = write_orders_file(index, make_operator())
    database.dispose()
    return count


def _begin_generation(settings: Settings) -> tuple[str, int]:
    """Begin a generation of the change feed.

    Returns:
        The generation, and the number of the last order.
    """
    database = _open_database(settings)
    try:
        migrate.require_current(database)
        with database.read(make_operator()) as unit:
            require_secret(unit, _read_secret(settings.secret_path))
            last_order = unit.boundary_orders.last_number()
        return begin_generation_after_restore(database, make_operator()), last_order
    finally:
        database.dispose()


def _open_database(settings: Settings, tuning: Tuning = DEFAULT_TUNING) -> Database:
    """Connect to the database of an existing index.

    Raises:
        StoreError: the SQLite file of the index is missing.
        InputError: the scope's code is invalid.
    """
    if settings.scope != SHARED_SCOPE:
        check_scope_code(settings.scope)
    path = sqlite_path(locate_scope(settings.url, settings.scope))
    if (
        (settings.database_url is None or settings.scope != SHARED_SCOPE)
        and path is not None
        and not path.exists()
    ):
        if settings.scope == SHARED_SCOPE:
            raise StoreError(f"there is no index in {settings.home}: run mpi init")
        raise StoreError(f"there is no index of the scope {settings.scope}: run mpi scope add")
    return _connect(settings, tuning)


def _connect(settings: Settings, tuning: Tuning) -> Database:
    """Connect to the database of an index, new or existing."""
    return Database(locate_scope(settings.url, settings.scope), tuning=tuning.storage)


def open_scope(
    settings: Settings, scope: str, tuning: Tuning = DEFAULT_TUNING, *, for_look_up: bool = False
) -> Index:
    """Open the index of a scope beside the shared index.

    Args:
        settings: settings of the shared index.
        scope: code of the scope.
        tuning: sizes, intervals and limits.
        for_look_up: compile the model only if records are compared after all.

    Raises:
        StoreError: the index is missing, of another version, or was made with another secret.
        ModelError: the index's model cannot be found or compiled.
    """
    return open_index(settings.model_copy(update={"scope": scope}), for_look_up=for_look_up, tuning=tuning)


def init_scope(settings: Settings, scope: str, *, is_test: bool) -> tuple[Index, str]:
    """Create the empty index of a scope beside the shared index.

    Returns:
        The open index and the API key of its first client.

    Raises:
        InputError: the scope's code is invalid.
        ConflictError: an index exists there already.
        StoreError: the folder or database cannot be written.
    """
    check_scope_code(scope)
    return init_index(settings.model_copy(update={"scope": scope}), is_test=is_test)


def has_scope(settings: Settings, scope: str) -> bool:
    """Return whether a scope has a database, even an unfinished one.

    Raises:
        InputError: the scope's code is invalid.
        StoreError: the database server cannot be reached.
    """
    check_scope_code(scope)
    url = locate_scope(settings.url, scope)
    path = sqlite_path(url)
    if path is not None and not path.exists():
        return False
    database = Database(url)
    try:
        return migrate.schema_state(database) is not migrate.SchemaState.MISSING
    finally:
        database.dispose()


def open_or_init_scope(settings: Settings, scope: str, shared_index: Index) -> tuple[Index, str | None]:
    """Open a scope's index, or create it with the shared model.

    Returns:
        The open index, and the API key of its first client; None where the index existed.

    Raises:
        StoreError: the index is of another version, or cannot be written.
        ModelError: the model cannot be found or compiled.
    """
    stored_model = settings.home / "models" / shared_index.matcher.model.ref
    model = str(stored_model) if stored_model.is_dir() else settings.model
    try:
        return init_scope(
            settings.model_copy(update={"model": model}), scope, is_test=shared_index.settings.is_test
        )
    except ConflictError:
        # An earlier call was interrupted after it had created the index.
        return open_scope(settings, scope), None


def _make_secret(path: Path) -> KeyedHash:
    """Create the file of the index's hashing secret, or read it."""
    if path.exists():
        return _read_secret(path)
    secret = secrets.token_bytes(SECRET_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    return KeyedHash(secret)


def _read_secret(path: Path) -> KeyedHash:
    """Read the index's secret from its file."""
    try:
        return KeyedHash(bytes.fromhex(path.read_text().strip()))
    except OSError as error:
        raise StoreError(f"cannot read the index's secret {path}: {error.strerror}") from error
    except ValueError as error:
        raise StoreError(f"{path} does not hold a secret of {SECRET_BYTES} bytes in hexadecimal") from error

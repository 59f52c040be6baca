"""Creation and opening of an index from the settings (composition root)."""

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mpi.composition.databases import connect_database, dispose_on_failure, open_database
from mpi.composition.fhir import read_fhir_settings
from mpi.composition.identity import (
    open_breached_passwords,
    parse_second_factor_roles,
    read_oidc_provider,
    read_roles_of_groups,
    read_token_issuer,
)
from mpi.composition.rule_files import load_legal_bases, load_survivorship
from mpi.config import Settings
from mpi.domain.errors import ConflictError, InputError, ModelError, StoreError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.quality_rules import PublicationRules, QualityRules
from mpi.domain.source import SHARED_SCOPE, check_scope_code
from mpi.domain.tuning import DEFAULT_TUNING, Tuning
from mpi.domain.unique_ids import IdPattern
from mpi.domain.viewer import SecondApprover, make_operator
from mpi.key_material import make_keys, make_token_key_ring, read_exchanges, read_keyed_hash
from mpi.matching.model.match_model import MODEL_FILES, MatchModel, find_model_folder, load_model
from mpi.matching.model.token_comparison import compare_tokens
from mpi.policy.cases.incident_clock import IncidentDays
from mpi.service.access.setup import create_index, require_keys, require_payload_keys
from mpi.service.core.block_limits import BlockLimits
from mpi.service.core.index import (
    GuessLimits,
    IdentitySettings,
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
from mpi.service.webhooks.addresses import parse_networks
from mpi.standardize.version import MODEL_VERSIONS, name_version, split_version
from mpi.storage import migrate
from mpi.storage.backends.scope_location import locate_scope
from mpi.storage.repositories.derived.configs import IndexInfo
from mpi.storage.unit_of_work.database import Database, sqlite_path
from mpi.storage.unit_of_work.units import ReadUnit

if TYPE_CHECKING:
    from mpi.matching.scoring.engines import BatchEngine
    from mpi.service.maintenance.other_token_keys import OtherTokenKeys

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
    database = open_database(settings, tuning)
    with dispose_on_failure(database):
        index = _open_checked(settings, database, tuning, for_model_change=for_model_change)
        apply_missing_orders(index, make_operator())
        if not for_look_up:
            index.matcher.compile()
        return index


def _open_checked(settings: Settings, database: Database, tuning: Tuning, *, for_model_change: bool) -> Index:
    """Open a master person index after checking schema version, secret and model."""
    migrate.require_current(database)
    with database.read(make_operator()) as unit:
        info, keyed_hash = require_keys(unit, make_token_key_ring(settings))
        require_payload_keys(unit)
        active = unit.configs.active_config()
    if info.scope != settings.scope:
        raise StoreError(f"this is the index of the scope {info.scope}, not of {settings.scope}")
    if active is None:
        raise StoreError("the index has no configuration: restore a backup, or run mpi init elsewhere")
    name = active.model
    model = _load_index_model(settings, name, any_standardizer=for_model_change)
    reason = _find_standardizer_change(active.standardizer, model.standardizer)
    if reason is not None:
        if not for_model_change:
            raise ModelError(
                f"{reason}: `mpi recluster --model {_find_index_model(settings, name)} --apply` "
                "standardizes them anew"
            )
        model = _load_earlier_model(settings, name, active.standardizer)
    matcher = Matcher(model)
    if not matcher.runs(active):
        raise StoreError(
            f"model {name} is not the one that the index runs on: restore its folder, or set MPI_MODEL to it"
        )
    return _create_index(settings, database, matcher, keyed_hash, tuning, info)


def _find_standardizer_change(stored: str, present: str) -> str | None:
    """Return why records are to be standardized anew; None if they are not."""
    (version, exchange_tag), (present_version, present_tag) = split_version(stored), split_version(present)
    if version in MODEL_VERSIONS and version != present_version:
        return f"the records of this index were standardized by version {version}, this is {present_version}"
    if exchange_tag != present_tag:
        return "the records of this index have the linkage tokens of other exchanges or secrets"
    return None


def _load_earlier_model(settings: Settings, name: str, standardizer: str) -> MatchModel:
    """Load the model of an index as its stored configuration runs it."""
    model = load_model(_find_index_model(settings, name), of_any_standardizer=True)
    _, exchange_tag = split_version(standardizer)
    return replace(compare_tokens(model) if exchange_tag else model, standardizer=standardizer)


def _create_index(
    settings: Settings,
    database: Database,
    matcher: Matcher,
    keyed_hash: KeyedHash,
    tuning: Tuning,
    info: IndexInfo,
) -> Index:
    """Create the index object from its opened parts."""
    return Index(
        store=open_store(database, tuning),
        matcher=matcher,
        keyed_hash=keyed_hash,
        token_ring=make_token_key_ring(settings),
        home=settings.home,
        settings=IndexSettings(
            is_test=info.is_test,
            survivorship=load_survivorship(settings),
            legal_bases=load_legal_bases(settings),
            second_approver=settings.second_approver
            or SecondApprover(info.second_approver or SecondApprover.NEVER),
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
            access_token_lifetime=timedelta(minutes=settings.access_token_minutes),
            token_issuer=read_token_issuer(settings),
            oidc_provider=read_oidc_provider(settings),
            group_roles=read_roles_of_groups(settings),
            second_factor_roles=parse_second_factor_roles(settings.second_factor_roles),
            has_local_sign_in=settings.local_sign_in,
            breached_passwords=open_breached_passwords(settings),
            block_limits=BlockLimits(settings.block_alarm, settings.block_hard),
            search_limits=SearchLimits(settings.searches_per_minute, settings.searches_per_child),
            identities=IdentitySettings(
                settings.edfi_answer_size,
                settings.identity_sources,
                _read_id_pattern(settings),
            ),
            fhir=read_fhir_settings(settings),
            guess_limits=GuessLimits(
                settings.misses_per_minute,
                settings.person_misses_per_minute,
                settings.refused_keys_per_minute,
            ),
            host_names=settings.allowed_hosts,
            min_free_bytes=settings.min_free_mb * 1_000_000,
            max_upload_bytes=settings.max_upload_mb * 1_000_000,
            publication_rules=PublicationRules(settings.figures_base, settings.figures_lag_days),
            request_timeout_s=settings.request_timeout_s,
            seals_per_day=settings.seals_per_day,
            break_glass_minutes=settings.break_glass_minutes,
            break_glass_children=settings.break_glass_children,
            incident_days=IncidentDays(settings.incident_send_days, settings.incident_acknowledge_days),
            webhook_networks=parse_networks(settings.webhook_networks),
            delivers_webhooks=settings.webhook_delivery == "server",
            sends_mail=settings.smtp_host is not None,
            orders_path=settings.orders_path,
            scope=settings.scope,
            tuning=tuning,
        ),
    )


def _read_id_pattern(settings: Settings) -> IdPattern | None:
    """Return the pattern of the unique IDs that the index assigns, if it does.

    Raises:
        InputError: the pattern cannot be used.
    """
    if settings.edfi_id_pattern is None:
        return None
    try:
        return IdPattern(settings.edfi_id_pattern)
    except InputError as error:
        raise InputError(f"MPI_EDFI_ID_PATTERN: {error}") from None


def init_index(
    settings: Settings,
    *,
    is_test: bool,
    tuning: Tuning = DEFAULT_TUNING,
    token_keys: tuple[int, ...] | None = None,
) -> tuple[Index, str]:
    """Create a new master person index on disk.

    Args:
        settings: home folder, database and model of the index.
        is_test: whether enterprise IDs are marked as test IDs.
        tuning: sizes, intervals and limits.
        token_keys: numbers of the token keys that it begins with; None for all that are there.

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
    database = connect_database(settings, tuning)
    with dispose_on_failure(database):
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
        keyed_hash = make_keys(settings, token_keys)
        matcher = load_matcher(settings, None)
        key = create_index(
            database,
            make_operator(),
            matcher,
            keyed_hash,
            is_test=is_test,
            scope=settings.scope,
            second_approver=settings.second_approver or SecondApprover.CROSS_AGENCY,
        )
        with database.read(make_operator()) as unit:
            info, keyed_hash = require_keys(unit, make_token_key_ring(settings))
        return _create_index(settings, database, matcher, keyed_hash, tuning, info), key


def load_matcher(
    settings: Settings,
    ref: str | None,
    *,
    any_standardizer: bool = False,
    keyed_hash: KeyedHash | None = None,
) -> Matcher:
    """Load and compile a matching model.

    Args:
        settings: home folder and, in ``MPI_MODEL``, a model.
        ref: the model that an index runs on; None for a new index. The copy in the home folder, made when
            the index was moved to the model, comes first, then ``MPI_MODEL``, then the model of that name,
            then the default.
        any_standardizer: accept a model of an earlier standardizer too.
        keyed_hash: the keyed hash of an open index, with its token exchanges; None to read the settings'.

    Raises:
        ModelError: the model cannot be found or compiled.
    """
    model = _load_index_model(settings, ref, any_standardizer=any_standardizer, keyed_hash=keyed_hash)
    return compile_matcher(model)


def _load_index_model(
    settings: Settings, ref: str | None, *, any_standardizer: bool, keyed_hash: KeyedHash | None = None
) -> MatchModel:
    """Load the matching model of an index, as ``load_matcher`` finds it."""
    model = load_model(_find_index_model(settings, ref), of_any_standardizer=any_standardizer)
    return _with_exchanges(model, settings, keyed_hash)


def _with_exchanges(model: MatchModel, settings: Settings, keyed_hash: KeyedHash | None = None) -> MatchModel:
    """Return a model that compares the linkage tokens of the exchanges, if any."""
    if keyed_hash is None and read_exchanges(settings):
        keyed_hash = read_keyed_hash(settings)
    if keyed_hash is None or not keyed_hash.exchanges:
        return model
    standardizer = name_version(model.standardizer, keyed_hash.exchange_tag)
    return replace(compare_tokens(model), standardizer=standardizer)


def _find_index_model(settings: Settings, ref: str | None) -> Path:
    """Return the folder of an index's model, preferably its own copy."""
    stored_folder = settings.home / "models" / ref if ref else None
    if stored_folder is not None and stored_folder.is_dir():
        return stored_folder
    return find_model_folder(settings.model or ref)


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


def open_matcher(ref: str, settings: Settings | None = None) -> Matcher:
    """Load and compile the matching model that a command names.

    Args:
        ref: ``name/version`` or a folder.
        settings: settings whose token exchanges it compares; None for no exchange.

    Raises:
        ModelError: the model cannot be found or compiled.
    """
    model = load_model(find_model_folder(ref))
    return compile_matcher(model if settings is None else _with_exchanges(model, settings))


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
    database = open_database(settings)
    with dispose_on_failure(database):
        index = _open_checked(settings, database, DEFAULT_TUNING, for_model_change=False)
        count = write_orders_file(index, make_operator())
    database.dispose()
    return count


def _begin_generation(settings: Settings) -> tuple[str, int]:
    """Begin a generation of the change feed.

    Returns:
        The generation, and the number of the last order.
    """
    database = open_database(settings)
    try:
        migrate.require_current(database)
        with database.read(make_operator()) as unit:
            require_keys(unit, make_token_key_ring(settings))
            last_order = unit.boundary_orders.last_number()
        return begin_generation_after_restore(database, make_operator()), last_order
    finally:
        database.dispose()


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
    own_settings = settings.model_copy(update={"scope": scope})
    # Records that a split moves hold no token of another key.
    with _open_beside(settings, SHARED_SCOPE) as unit:
        shared = None if unit is None else unit.configs.active_config()
    token_keys = None if shared is None else shared.token_keys
    return init_index(own_settings, is_test=is_test, token_keys=token_keys)


def has_scope(settings: Settings, scope: str) -> bool:
    """Return whether a scope has a database, even an unfinished one.

    Raises:
        InputError: the scope's code is invalid.
        StoreError: the database server cannot be reached.
    """
    check_scope_code(scope)
    with _open_beside(settings, scope) as unit:
        return unit is not None


def read_token_keys_of_others(settings: Settings, index: Index) -> "dict[str, OtherTokenKeys]":
    """Return the token keys of the other indexes, by scope.

    The others of a scope are the shared index and the other scopes.

    Those of scopes that a shared index follows tell what they wait for too.

    Args:
        settings: settings of the index.
        index: the open index.

    Raises:
        StoreError: one of them cannot be read, or is of another version.
        ModelError: the model of a scope cannot be found.
    """
    from mpi.service.maintenance.other_token_keys import (  # noqa: PLC0415 - other commands rotate nothing
        describe_scope_keys,
        read_other_keys,
    )

    with _open_beside(settings, SHARED_SCOPE) as unit:
        followed = set() if unit is None else {scope.code for scope in unit.scopes.all()}
        codes = (
            set() if unit is None else {SHARED_SCOPE, *followed, *(each.scope for each in unit.splits.all())}
        )
    others = {}
    for code in sorted(codes - {settings.scope}):
        with _open_beside(settings, code) as unit:
            keys = None if unit is None else read_other_keys(unit)
        if keys is None:
            continue
        if settings.scope == SHARED_SCOPE and code in followed:
            scope_index = open_scope(settings, code, for_look_up=True)
            try:
                keys = describe_scope_keys(keys, scope_index, index, make_operator(), code)
            finally:
                scope_index.database.dispose()
        others[code] = keys
    return others


@contextmanager
def _open_beside(settings: Settings, scope: str) -> Iterator[ReadUnit | None]:
    """Read the shared index or a scope; None without a database."""
    url = locate_scope(settings.url, scope)
    path = sqlite_path(url)
    if path is not None and not path.exists():
        yield None
        return
    database = Database(url)
    try:
        if migrate.schema_state(database) is migrate.SchemaState.MISSING:
            yield None
            return
        with database.read(make_operator()) as unit:
            yield unit
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

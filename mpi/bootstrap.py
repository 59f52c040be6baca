"""Creation and opening of an index from the settings (composition root)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mpi.composition.databases import connect_database, dispose_on_failure, open_database
from mpi.composition.index_settings import build_index_settings
from mpi.composition.models import (
    find_index_model,
    find_standardizer_change,
    keep_model,
    load_earlier_model,
    load_index_model,
    load_matcher,
)
from mpi.composition.rule_files import load_legal_bases, load_survivorship
from mpi.config import Settings
from mpi.domain.errors import ConflictError, ModelError, StoreError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.source import SHARED_SCOPE, check_scope_code
from mpi.domain.tuning import DEFAULT_TUNING, Tuning
from mpi.domain.viewer import SecondApprover, make_operator
from mpi.key_material import make_keys, make_token_key_ring
from mpi.service.access.setup import create_index, require_keys, require_payload_keys
from mpi.service.core.index import (
    Index,
    Matcher,
    open_store,
)
from mpi.service.maintenance.feed_generation import begin_generation_after_restore
from mpi.service.maintenance.orders import apply_missing_orders, write_orders_file
from mpi.storage import migrate
from mpi.storage.backends.restore_mark import is_file_marked
from mpi.storage.backends.scope_location import locate_scope
from mpi.storage.repositories.derived.configs import IndexInfo
from mpi.storage.unit_of_work.database import Database, sqlite_path
from mpi.storage.unit_of_work.units import ReadUnit

if TYPE_CHECKING:
    from mpi.service.maintenance.other_token_keys import OtherTokenKeys

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
    model = load_index_model(settings, name, any_standardizer=for_model_change)
    reason = find_standardizer_change(active.standardizer, model.standardizer)
    if reason is not None:
        if not for_model_change:
            raise ModelError(
                f"{reason}: `mpi recluster --model {find_index_model(settings, name)} --apply` "
                "standardizes them anew"
            )
        model = load_earlier_model(settings, name, active.standardizer)
    matcher = Matcher(model)
    if not matcher.runs(active):
        raise StoreError(
            f"model {name} is not the one that the index runs on: restore its folder, or set MPI_MODEL to it"
        )
    return _create_index(settings, database, matcher, keyed_hash, tuning, info)


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
        settings=build_index_settings(settings, info, tuning),
    )


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
    if path is not None and not path.exists() and not is_file_marked(path):
        yield None
        return
    database = Database(url)
    try:
        state = migrate.schema_state(database)
        if state is migrate.SchemaState.MISSING:
            yield None
            return
        if state is migrate.SchemaState.RESTORING:
            migrate.require_current(database)
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

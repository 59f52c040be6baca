"""Creation of an index, and the check of its secret."""

import hashlib
import secrets

from mpi.domain import clock
from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import ACTIONS_GRANTED_BY_NAME, Action, Viewer
from mpi.policy.agreement import HOUSE
from mpi.service.agreements.house import add_house_agreement
from mpi.service.core.configuration import activate_config, find_or_add_config
from mpi.service.core.index import Matcher
from mpi.storage.repositories.access.clients import Client
from mpi.storage.repositories.derived.configs import IndexInfo
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.units import ReadUnit

FIRST_CLIENT_NAME = "init"
_CHECKED_TEXT = "the secret of this index"


def create_index(
    database: Database,
    viewer: Viewer,
    matcher: Matcher,
    keyed_hash: KeyedHash,
    *,
    is_test: bool,
    scope: str = SHARED_SCOPE,
) -> str:
    """Create the person index; return its first client's API key.

    The index starts with the agreement ``house``, under which the first client acts.

    Args:
        database: the empty database.
        viewer: who creates it.
        matcher: the model of the index.
        keyed_hash: keyed hash under the secret of the index.
        is_test: whether enterprise IDs are marked as test IDs.
        scope: code of the scope whose records the index holds.

    Raises:
        ConflictError: an index exists already.
    """
    with database.write(viewer, "init") as unit:
        if unit.configs.index_info() is not None:
            raise ConflictError("there is an index here already")
        info = IndexInfo(
            secrets.token_hex(8),
            clock.format_timestamp(clock.now()),
            is_test,
            keyed_hash.to_token("check", _CHECKED_TEXT),
            scope,
        )
        unit.configs.create_index(info)
        activate_config(unit, find_or_add_config(unit, matcher))
        key = f"mpi_{secrets.token_urlsafe(32)}"
        add_house_agreement(unit)
        client = Client(FIRST_CLIENT_NAME, frozenset(Action) - ACTIONS_GRANTED_BY_NAME, None, HOUSE)
        unit.clients.add(unit.counters.take("client"), client, hash_token(key), unit.commit_no)
        return key


def require_secret(unit: ReadUnit, keyed_hash: KeyedHash) -> IndexInfo:
    """Check the hashing secret against the index; return the index's row.

    Raises:
        StoreError: no index exists, or it was made with another secret.
    """
    info = unit.configs.index_info()
    if info is None:
        raise StoreError("there is no index here yet: run mpi init")
    if not secrets.compare_digest(info.secret_check, keyed_hash.to_token("check", _CHECKED_TEXT)):
        raise StoreError("this is not the secret that the index was made with: set MPI_SECRET_FILE")
    return info


def hash_token(key: str) -> str:
    """Return the hash that is stored for an API key or token.

    A key has 256 random bits, so a plain SHA-256 cannot be guessed back.
    """
    return hashlib.sha256(key.encode()).hexdigest()

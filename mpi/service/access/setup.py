"""Make an index: its row, its configuration, its first client."""

import hashlib
import secrets

from mpi.domain import clock
from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.keyed_hash import KeyedHash
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.configuration import activate_config, find_or_add_config
from mpi.service.core.index import Matcher
from mpi.storage.repositories.access.clients import Client
from mpi.storage.repositories.derived.configs import IndexInfo
from mpi.storage.unit_of_work.database import Database
from mpi.storage.unit_of_work.unit import ReadUnit

FIRST_CLIENT_NAME = "init"
_CHECKED_TEXT = "the secret of this index"


def create_index(database: Database, viewer: Viewer, matcher: Matcher, seal: KeyedHash, *, is_test: bool) -> str:
    """Make the index and return the API key of its first client, which is shown this once.

    Raises:
        ConflictError: there is an index already.
    """
    with database.write(viewer, "init") as unit:
        if unit.configs.index_info() is not None:
            raise ConflictError("there is an index here already")
        info = IndexInfo(
            secrets.token_hex(8), clock.format_timestamp(clock.now()), is_test, seal.token("check", _CHECKED_TEXT)
        )
        unit.configs.create_index(info)
        activate_config(unit, find_or_add_config(unit, matcher))
        key = f"mpi_{secrets.token_urlsafe(32)}"
        client = Client(FIRST_CLIENT_NAME, frozenset(Action), None)
        unit.clients.add(unit.counters.take("client"), client, hash_token(key), unit.commit_no)
        return key


def require_secret(unit: ReadUnit, seal: KeyedHash) -> IndexInfo:
    """The index's own row, if the secret is the one it was made with.

    Raises:
        StoreError: there is no index, or it was made with another secret.
    """
    info = unit.configs.index_info()
    if info is None:
        raise StoreError("there is no index here yet: run mpi init")
    if not secrets.compare_digest(info.secret_check, seal.token("check", _CHECKED_TEXT)):
        raise StoreError("this is not the secret that the index was made with: set MPI_SECRET_FILE")
    return info


def hash_token(key: str) -> str:
    """What is kept of an API key. The key is 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(key.encode()).hexdigest()

"""Creation of an index, and the check of its secret."""

import hashlib
import secrets
from collections.abc import Collection

from mpi.domain import clock
from mpi.domain.errors import ConflictError, StoreError
from mpi.domain.keyed_hash import FIRST_TOKEN_KEYS, KeyedHash
from mpi.domain.source import SHARED_SCOPE
from mpi.domain.viewer import ACTIONS_GRANTED_BY_NAME, Action, SecondApprover, Viewer
from mpi.policy.agreement import HOUSE
from mpi.service.agreements.house import add_house_agreement
from mpi.service.core.configuration import activate_config, find_or_add_config
from mpi.service.core.index import Matcher
from mpi.storage.encryption.token_keys import TokenKeyRing
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
    second_approver: SecondApprover = SecondApprover.CROSS_AGENCY,
) -> str:
    """Create the person index; return its first client's API key.

    Its content is encrypted under the last of the payload keys. The index starts with the agreement
    ``house``, under which the first client acts.

    Args:
        database: the empty database.
        viewer: who creates it.
        matcher: the model of the index.
        keyed_hash: keyed hash under the secret of the index.
        is_test: whether enterprise IDs are marked as test IDs.
        scope: code of the scope whose records the index holds.
        second_approver: which steps wait for a second approver where no setting says it.

    Raises:
        ConflictError: an index exists already.
    """
    ring = database.key_ring
    with database.write(viewer, "init") as unit:
        if unit.configs.index_info() is not None:
            raise ConflictError("there is an index here already")
        if ring is not None:
            unit.payload_keys.begin(ring.last_number())
        info = IndexInfo(
            secrets.token_hex(8),
            clock.format_timestamp(clock.now()),
            is_test,
            keyed_hash.to_token("check", _CHECKED_TEXT),
            scope,
            _make_first_check(keyed_hash),
            second_approver,
        )
        unit.configs.create_index(info)
        for number, check in _make_later_checks(keyed_hash).items():
            unit.configs.add_token_check(number, check)
        activate_config(unit, find_or_add_config(unit, matcher, token_keys=keyed_hash.token_keys))
        key = f"mpi_{secrets.token_urlsafe(32)}"
        add_house_agreement(unit)
        client = Client(FIRST_CLIENT_NAME, frozenset(Action) - ACTIONS_GRANTED_BY_NAME, None, HOUSE)
        unit.clients.add(unit.counters.take("client"), client, hash_token(key), unit.commit_no)
        return key


def require_keys(unit: ReadUnit, ring: TokenKeyRing) -> tuple[IndexInfo, KeyedHash]:
    """Check tie key and token keys; return the index's row and hash.

    Raises:
        StoreError: no index exists, or it was made with another key.
    """
    info = unit.configs.index_info()
    if info is None:
        raise StoreError("there is no index here yet: run mpi init")
    active = unit.configs.active_config()
    numbers = FIRST_TOKEN_KEYS if active is None else active.token_keys
    keyed_hash = ring.make_keyed_hash(numbers)
    if not secrets.compare_digest(info.secret_check, keyed_hash.to_token("check", _CHECKED_TEXT)):
        raise StoreError("this is not the secret that the index was made with: set MPI_SECRET_FILE")
    if 1 in numbers and info.token_check != _make_first_check(ring.make_keyed_hash()):
        raise StoreError(
            "these are not the keys that the index was made with: it has no token key of its own, so leave "
            "MPI_TOKEN_KEY_FILE and token.key out"
            if info.token_check is None
            else "this is not the token key that the index was made with: set MPI_TOKEN_KEY_FILE"
        )
    require_token_keys(unit, ring, [number for number in numbers if number != 1])
    return info, keyed_hash


def require_token_keys(unit: ReadUnit, ring: TokenKeyRing, numbers: Collection[int]) -> None:
    """Check that the further token keys are those of the index.

    Raises:
        StoreError: one is missing, or another key has its number.
    """
    checks = unit.configs.token_checks()
    for number in numbers:
        check = make_token_check(ring.make_keyed_hash((number,)))
        if number in checks and not secrets.compare_digest(checks[number], check):
            raise StoreError(
                f"token key {number} of {ring.source.place} is not the one with which this index makes its "
                "tokens"
            )


def require_payload_keys(unit: ReadUnit) -> None:
    """Check that the payload keys are those of the index.

    Raises:
        StoreError: one is missing, or another key has its number.
    """
    for key in unit.payload_keys.all():
        ring = unit.payload_keys.ring
        if not ring.is_right(key.number, key.check):
            raise StoreError(
                f"payload key {key.number} of {ring.source.place} is not the one with which content of this "
                "index is encrypted"
            )


def _make_first_check(keyed_hash: KeyedHash) -> str | None:
    """Return the token by which another key 1 is noticed.

    Returns:
        None where the tie key is key 1, or key 1 is not in force.
    """
    key = keyed_hash.earlier_token_keys[0] if keyed_hash.earlier_token_keys else keyed_hash.token_key
    is_first = keyed_hash.token_keys[0] == 1 and key not in (None, keyed_hash.secret)
    return make_token_check(KeyedHash(keyed_hash.secret, key)) if is_first else None


def _make_later_checks(keyed_hash: KeyedHash) -> dict[int, str]:
    """Return the tokens that reveal other token keys than the index's."""
    keys = (*keyed_hash.earlier_token_keys, keyed_hash.token_key)
    return {
        number: make_token_check(KeyedHash(keyed_hash.secret, key))
        for number, key in zip(keyed_hash.token_keys, keys, strict=True)
        if number != 1
    }


def make_token_check(keyed_hash: KeyedHash) -> str:
    """Return the token by which another newest token key is noticed."""
    return keyed_hash.to_token("token check", _CHECKED_TEXT)


def hash_token(key: str) -> str:
    """Return the hash that is stored for an API key or token.

    A key has 256 random bits, so a plain SHA-256 cannot be guessed back.
    """
    return hashlib.sha256(key.encode()).hexdigest()

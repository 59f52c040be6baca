"""The keys of an index and secrets of its exchanges, from settings."""

import secrets
from collections.abc import Sequence
from functools import partial

from pydantic import SecretStr

from mpi.config import Settings
from mpi.domain.errors import InputError, StoreError
from mpi.domain.keyed_hash import FIRST_TOKEN_KEYS, MIN_SECRET_BYTES, SECRET_BYTES, KeyedHash, TokenExchange
from mpi.storage.encryption.key_ring import KeyRing
from mpi.storage.encryption.key_source import KeySource, write_key_file
from mpi.storage.encryption.token_keys import TokenKeyRing


def find_secret(settings: Settings) -> KeySource:
    """Return where the secret of the index comes from: its tie key."""
    return KeySource(
        "index's secret",
        "MPI_SECRET",
        settings.secret_path,
        _reveal(settings.secret),
        _reveal(settings.secret_command),
    )


def find_token_key(settings: Settings) -> KeySource:
    """Return where the token key comes from."""
    return KeySource(
        "token key",
        "MPI_TOKEN_KEY",
        settings.token_key_path,
        _reveal(settings.token_key),
        _reveal(settings.token_key_command),
    )


def find_exchange_secrets(settings: Settings) -> KeySource:
    """Return where the secrets of token exchanges come from."""
    return KeySource(
        "secrets of token exchanges",
        "MPI_EXCHANGE_SECRETS",
        settings.exchange_secrets_path,
        _reveal(settings.exchange_secrets),
        _reveal(settings.exchange_secrets_command),
    )


def make_key_ring(settings: Settings) -> KeyRing:
    """Return the payload keys, which are read when one is first needed."""
    return KeyRing(
        KeySource(
            "payload keys",
            "MPI_PAYLOAD_KEYS",
            settings.payload_keys_path,
            _reveal(settings.payload_keys),
            _reveal(settings.payload_keys_command),
        )
    )


def make_token_key_ring(settings: Settings) -> TokenKeyRing:
    """Return the token keys and the exchanges, read when they are needed."""
    return TokenKeyRing(
        find_token_key(settings), partial(_read_key, find_secret(settings)), partial(read_exchanges, settings)
    )


def read_keyed_hash(settings: Settings, token_keys: Sequence[int] = FIRST_TOKEN_KEYS) -> KeyedHash:
    """Read the secret of the index, and the token keys in force.

    Raises:
        StoreError: a key cannot be read, others may read its file, or it is no key.
    """
    return make_token_key_ring(settings).make_keyed_hash(token_keys)


def read_exchanges(settings: Settings) -> tuple[TokenExchange, ...]:
    """Read the exchanges of linkage tokens, by code; none without a file.

    Raises:
        StoreError: the secrets cannot be read, others may read their file, or a line is none.
    """
    source = find_exchange_secrets(settings)
    return _parse_exchanges(source.read(), source.place) if source.exists() else ()


def _parse_exchanges(text: str, place: str) -> tuple[TokenExchange, ...]:
    """Parse lines of ``CODE:HEX``, also separated by commas."""
    exchanges: dict[str, TokenExchange] = {}
    lines = [line.strip() for line in text.replace(",", "\n").splitlines() if line.strip()]
    for number, line in enumerate(lines, start=1):
        code, _, secret = line.partition(":")
        try:
            exchange = TokenExchange(code.strip(), bytes.fromhex(secret.strip()))
        except (ValueError, InputError):
            exchange = None
        # Outside the handler: a chained exception would carry the secret.
        if exchange is None or exchange.code in exchanges:
            raise StoreError(
                f"{place}: line {number} is not CODE:SECRET with a code of its own, and a secret of "
                f"{MIN_SECRET_BYTES} bytes or more in hexadecimal"
            )
        exchanges[exchange.code] = exchange
    return tuple(exchanges[code] for code in sorted(exchanges))


def make_keys(settings: Settings, token_keys: tuple[int, ...] | None = None) -> KeyedHash:
    """Read the keys of a new index, and make those missing.

    Where there is a secret already, an index without a token key may exist, so none is made.

    Args:
        settings: where the keys come from.
        token_keys: numbers of the token keys in force, which for a scope are those of the shared index; None
            for all that are there.

    Raises:
        StoreError: a key cannot be read or written.
    """
    if not find_secret(settings).exists():
        if not find_token_key(settings).exists():
            write_key_file(settings.token_key_path, f"{secrets.token_bytes(SECRET_BYTES).hex()}\n")
        # Last, since its presence tells that the other is complete.
        write_key_file(settings.secret_path, f"{secrets.token_bytes(SECRET_BYTES).hex()}\n")
    ring = make_key_ring(settings)
    if not ring.source.exists():
        ring.add_key()
    token_ring = make_token_key_ring(settings)
    return token_ring.make_keyed_hash(token_keys or tuple(sorted(token_ring.read())) or FIRST_TOKEN_KEYS)


def _read_key(source: KeySource) -> bytes:
    """Read the tie key, 32 bytes in hexadecimal."""
    try:
        key = bytes.fromhex(source.read().strip())
    except ValueError:
        key = b""
    if len(key) != SECRET_BYTES:
        raise StoreError(f"{source.place} does not hold a secret of {SECRET_BYTES} bytes in hexadecimal")
    return key


def _reveal(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()

"""Public keys of a token issuer, kept and fetched again in bounds.

An issuer rotates its keys: a token may name a key that is not known yet. Anybody can send such a token, so
the keys are fetched at most once in a while, whatever is sent. If a fetch fails, the last keys still serve
for a day.
"""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from mpi.domain import clock
from mpi.domain.errors import StoreError
from mpi.service.identity.provider_calls import MAX_ANSWER_BYTES, ProviderUnreachable, get_json

IssuerKey = RSAKey | ECKey

REFRESH_AFTER = timedelta(minutes=10)
"""Age of the keys after which they are fetched again, so that a withdrawn key ends."""
MIN_REFRESH_INTERVAL = timedelta(seconds=30)
"""Least time between two fetches, so that made-up key names cause no flood."""
MAX_KEY_AGE = timedelta(days=1)
"""Age of the keys after which they serve no more, if the issuer cannot be reached."""
MAX_KEYS = 100
MIN_RSA_BITS = 2_048
_KEY_CLASSES: Mapping[str, type[IssuerKey]] = {"RSA": RSAKey, "EC": ECKey}
_CURVES = frozenset({"P-256"})


class IssuerKeys:
    """Public keys of an issuer, from a JWKS file or URL.

    All threads may share it.

    Args:
        read: returns the JWKS (RFC 7517) as a JSON object; raises ``StoreError`` if it cannot.
    """

    def __init__(self, read: Callable[[], Mapping[str, Any]]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._keys: list[IssuerKey] = []
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None

    def find_key(self, key_id: str | None, key_type: str) -> IssuerKey | None:
        """Return the issuer's key that a token names, or None.

        A token without a key ID gets the only key of its type.

        Args:
            key_id: the ``kid`` of the token's header.
            key_type: ``RSA`` or ``EC``.

        Raises:
            StoreError: no keys are known, and the issuer cannot be reached.
        """
        now = clock.now()
        if self._is_older_than(REFRESH_AFTER, now):
            self._refresh(now)
        key = self._find_known(key_id, key_type)
        if key is None:
            self._refresh(now)
            key = self._find_known(key_id, key_type)
        if self._is_older_than(MAX_KEY_AGE, now):
            raise ProviderUnreachable("the keys of the token's issuer cannot be read: try again in a minute")
        return key

    def _is_older_than(self, age: timedelta, now: datetime) -> bool:
        return self._fetched_at is None or now - self._fetched_at >= age

    def _find_known(self, key_id: str | None, key_type: str) -> IssuerKey | None:
        fitting = [key for key in self._keys if key.key_type == key_type]
        if key_id is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.kid == key_id), None)

    def _refresh(self, now: datetime) -> None:
        """Fetch the keys, unless they were just asked for.

        One thread fetches. The others use the keys that are known, or wait if there are none.
        """
        if not self._lock.acquire(blocking=not self._keys):
            return
        try:
            if self._tried_at is not None and now - self._tried_at < MIN_REFRESH_INTERVAL:
                return
            self._tried_at = now
            try:
                keys = _parse_keys(self._read())
            except StoreError:
                return
            if keys:
                self._keys, self._fetched_at = keys, now
        finally:
            self._lock.release()


def open_key_set(location: str | Path) -> IssuerKeys:
    """Return the keys of a JWKS, of which nothing is read yet."""
    if isinstance(location, Path):
        return IssuerKeys(lambda: _read_file(location))
    return IssuerKeys(lambda: get_json(location))


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MAX_ANSWER_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"the file of the issuer's keys cannot be read: {path}") from error
    return content if isinstance(content, dict) else {}


def _parse_keys(key_set: Mapping[str, Any]) -> list[IssuerKey]:
    """Return the keys of a JWKS that may verify a signature.

    Others are left out: shared secrets, keys for encryption, short RSA keys, and other curves.
    """
    entries = key_set.get("keys")
    if not isinstance(entries, list):
        return []
    keys = (_parse_key(entry) for entry in entries[:MAX_KEYS])
    return [key for key in keys if key is not None]


def _parse_key(entry: object) -> IssuerKey | None:
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    key_class = _KEY_CLASSES.get(str(entry.get("kty")))
    if key_class is None or (key_class is ECKey and entry.get("crv") not in _CURVES):
        return None
    try:
        if key_class is RSAKey and _count_bits(entry["n"]) < MIN_RSA_BITS:
            return None
        return key_class.import_key(entry)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _count_bits(number: str) -> int:
    """Return the bits of a number in base64url (RFC 7518, section 2)."""
    return int.from_bytes(urlsafe_b64decode(number.encode()), "big").bit_length()

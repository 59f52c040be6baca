"""Entity tags of answers.

A tag names the state that was read, and the bytes that told of it.

A change sends the state back as ``If-Match``. A later read sends the whole tag back as ``If-None-Match``. The
state alone would not do for it: another purpose of use shows other fields of the same state.
"""

import hashlib

_SEPARATOR = "-"
_DIGEST_BYTES = 8


def add_digest(tag: str, body: bytes) -> str:
    """Return a state's entity tag, extended by a digest of the answer.

    Args:
        tag: the tag of the state, in quotes.
        body: the bytes of the answer.
    """
    digest = hashlib.blake2b(body, digest_size=_DIGEST_BYTES).hexdigest()
    return f'{tag[:-1]}{_SEPARATOR}{digest}"'


def matches_any(tag: str, if_none_match: str) -> bool:
    """Return whether an ``If-None-Match`` header names a tag (RFC 9110, 13.1.2)."""
    names = {_unquote(name) for name in if_none_match.split(",")}
    return "*" in names or _unquote(tag) in names


def parse_state(tag: str) -> str:
    """Return the state that an entity tag names."""
    return _unquote(tag).partition(_SEPARATOR)[0]


def _unquote(tag: str) -> str:
    """Return a tag without quotes and mark.

    A proxy that recompresses an answer marks its tag as weak.
    """
    return tag.strip().removeprefix("W/").strip('"')

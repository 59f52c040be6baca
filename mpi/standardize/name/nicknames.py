"""Lookup of the formal names of nicknames.

The table is the ``nicknames`` package's (Apache-2.0), loaded at first use.
"""

from functools import cache

from nicknames import NickNamer

from mpi.standardize.text_folding import squeeze


@cache
def _load_formal_names() -> dict[str, tuple[str, ...]]:
    """Return each folded nickname with its formal names, sorted."""
    formal_names_of: dict[str, set[str]] = {}
    for nickname, formal_names in NickNamer().canonical_lookup.items():
        formal_names_of.setdefault(squeeze(nickname), set()).update(map(squeeze, formal_names))
    return {nickname: tuple(sorted(formal_names)) for nickname, formal_names in formal_names_of.items()}


def list_formal_names(given: str) -> tuple[str, ...]:
    """Return the formal names of a folded nickname; often several or none."""
    return _load_formal_names().get(given, ())

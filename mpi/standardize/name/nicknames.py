"""Formal names of nicknames, from the ``nicknames`` package (Apache-2.0), read once when first asked."""

from functools import cache

from nicknames import NickNamer

from mpi.standardize.text import squeeze


@cache
def _load_formal_names() -> dict[str, tuple[str, ...]]:
    """Each folded nickname with the formal names that it stands for, sorted."""
    found: dict[str, set[str]] = {}
    for nickname, formals in NickNamer().canonical_lookup.items():
        found.setdefault(squeeze(nickname), set()).update(map(squeeze, formals))
    return {nickname: tuple(sorted(formals)) for nickname, formals in found.items()}


def list_formal_names(given: str) -> tuple[str, ...]:
    """The formal names of which a folded given name is a nickname; often several, often none."""
    return _load_formal_names().get(given, ())

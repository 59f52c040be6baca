"""Texts of the pages, from ``mpi/api/templates/words.toml``."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, TypeAlias

from markupsafe import Markup

from mpi.policy.agreement import FLAG_PREFIX
from mpi.policy.parties import ALL

TextOrTable: TypeAlias = Any
"""Text, or ``Words`` for a table of texts."""


class Words:
    """Table of page texts; a missing name is an error."""

    def __init__(self, path: str, entries: Mapping[str, Any]) -> None:
        self._place = path
        self._held = entries

    def __getattr__(self, name: str) -> TextOrTable:
        return self[name]

    def __getitem__(self, name: str) -> TextOrTable:
        entry = self._held.get(name)
        if entry is None:
            raise LookupError(f"words.toml has no {self._place}.{name}")
        return Words(f"{self._place}.{name}", entry) if isinstance(entry, Mapping) else entry

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def maybe(self, name: str) -> str | None:
        """Return the page text of a name, None if missing."""
        entry = self._held.get(name)
        return entry if isinstance(entry, str) else None

    def of(self, code: object) -> str:
        """Return the page text for a code, or the code without punctuation."""
        entry = self._held.get(str(code))
        return entry if isinstance(entry, str) else str(code).replace("_", " ").replace("-", " ")


def format_text(text: str, **values: object) -> Markup:
    """Insert values into a page text, each escaped unless it is markup."""
    return Markup(text).format(**values)  # noqa: S704 - the text comes from words.toml


def format_count(forms: Words, number: int) -> Markup:
    """Return a page text with a number, in singular or plural form.

    Args:
        forms: the texts ``one`` and ``many``, in which ``{n}`` stands for the number.
        number: the number.
    """
    return format_text(forms["one" if number == 1 else "many"], n=f"{number:,}")


@lru_cache(maxsize=1)
def load_words() -> Words:
    """Load all page texts."""
    return Words("words", tomllib.loads(files("mpi.api").joinpath("templates/words.toml").read_text("utf-8")))


def title_field(field: str) -> str:
    """Return the name of a field of a record for people.

    Args:
        field: canonical field, ``flags.POPULATION``, or ``ALL``.
    """
    words = load_words()
    if field == ALL:
        return str(words.agreements.every_field)
    if field.startswith(FLAG_PREFIX):
        return str(words.agreements.flag).format(
            population=words.agreements.population.of(field.removeprefix(FLAG_PREFIX))
        )
    title = str(words.field.of(field))
    return title[:1].upper() + title[1:]


def title_fields(fields: Iterable[str]) -> tuple[str, ...]:
    """Return a distinct name for each of several fields."""
    titles = {field: title_field(field) for field in fields}
    counts = Counter(titles.values())
    return tuple(
        title if counts[title] == 1 else f"{title} ({field.replace('_', ' ')})"
        for field, title in titles.items()
    )

"""Definitions of foster care, from a file that states can extend."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from mpi.domain.errors import FileError, InputError
from mpi.domain.source import SourceKind

DEFAULT_DEFINITION = "essa"
_KEYS = {"title", "authority", "leaves_out", "flag", "kinds"}


@dataclass(frozen=True, slots=True)
class CareDefinition:
    """A definition of who is in care on a day.

    Args:
        code: its code.
        title: its title for people.
        authority: the law or rule that it follows.
        leaves_out: types of placements that do not count.
        flag: population of the flag that decides instead of placements; empty if placements do.
        kinds: kinds of sources whose flags count; empty for all.
    """

    code: str
    title: str
    authority: str
    leaves_out: frozenset[str] = frozenset()
    flag: str = ""
    kinds: frozenset[str] = frozenset()


def read_definitions(path: Path | None = None) -> dict[str, CareDefinition]:
    """Return definitions by code: those of a file, or the shipped ones.

    Raises:
        FileError: the file cannot be read, or is not a file of definitions.
    """
    try:
        if path is None:
            text = resources.files("mpi.reports").joinpath("definitions.toml").read_text(encoding="utf-8")
        else:
            text = path.read_text(encoding="utf-8")
        return {code: _to_definition(code, entry) for code, entry in tomllib.loads(text).items()}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError):
        raise FileError(
            f"{path}: is no file of definitions: a section needs title, authority, and leaves_out or flag; "
            f"a flag may name kinds of sources: {', '.join(SourceKind)}"
        ) from None


def _to_definition(code: str, entry: dict[str, object]) -> CareDefinition:
    if entry.keys() - _KEYS or ("leaves_out" in entry) == ("flag" in entry):
        raise KeyError(code)
    left_out, kinds = _read_texts(entry, "leaves_out"), _read_texts(entry, "kinds")
    if kinds - set(SourceKind) or ("kinds" in entry and (not kinds or "flag" not in entry)):
        raise KeyError(code)
    return CareDefinition(
        code, str(entry["title"]), str(entry["authority"]), left_out, str(entry.get("flag", "")), kinds
    )


def _read_texts(entry: dict[str, object], name: str) -> frozenset[str]:
    texts = entry.get(name, [])
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TypeError(name)
    return frozenset(texts)


def find_definition(definitions: dict[str, CareDefinition], code: str) -> CareDefinition:
    """Return a definition by code.

    Raises:
        InputError: there is none.
    """
    if code not in definitions:
        raise InputError(f"no such definition of care; there are: {', '.join(sorted(definitions))}")
    return definitions[code]

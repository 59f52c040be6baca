"""Starters: what the columns of common programs mean."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from mpi.domain.errors import InputError
from mpi.standardize.text_folding import squeeze

IGNORE = "ignore"
"""Target of a column that is left out."""


@dataclass(frozen=True, slots=True)
class Starter:
    """What the columns of one program mean.

    Args:
        name: name, as ``--starter`` takes it.
        title: name of the program.
        known_by: squeezed names of columns that a file of the program has.
        targets: target of each squeezed column name.
    """

    name: str
    title: str
    known_by: frozenset[str]
    targets: Mapping[str, str]


@cache
def list_starters() -> tuple[Starter, ...]:
    """Return all starters."""
    text = (files("mpi.intake.proposal") / "starters.toml").read_text(encoding="utf-8")
    return tuple(
        Starter(
            entry["name"],
            entry["title"],
            frozenset(map(squeeze, entry["known_by"])),
            {squeeze(column): target for column, target in entry["columns"].items()},
        )
        for entry in tomllib.loads(text)["starter"]
    )


def choose_starter(columns: Sequence[str], name: str | None) -> Starter | None:
    """Return the named starter, or the one that fits a file best.

    Args:
        columns: the columns of the file.
        name: name of a starter; None to tell it from the columns.

    Raises:
        InputError: there is no starter of the name.
    """
    starters = list_starters()
    if name is not None:
        named = next((starter for starter in starters if starter.name == name.lower()), None)
        if named is None:
            names = ", ".join(starter.name for starter in starters)
            raise InputError(f"--starter: there is no {name!r}; there are {names}")
        return named
    forms = {squeeze(column) for column in columns}
    fitting = [starter for starter in starters if starter.known_by <= forms]
    return max(fitting, key=lambda starter: len(forms & starter.targets.keys()), default=None)

"""Errors of the settings, unknown variables, and where each setting comes from."""

import os
from collections.abc import Iterable
from enum import StrEnum

from pydantic import ValidationError

from mpi.config import Settings, read_file_settings
from mpi.config_file import PREFIX, VARIABLE, find_config_file, find_nearest
from mpi.domain.errors import InputError

_OTHER_VARIABLES = frozenset({VARIABLE, "MPI_API_KEY", "MPI_DEBUG"})
"""Variables that are read elsewhere than in the settings."""


class Origin(StrEnum):
    """Where the value of a setting comes from."""

    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


def read_settings() -> Settings:
    """Read the settings from the environment and the file that ``MPI_CONFIG`` names.

    Raises:
        FileError: the file cannot be read or trusted.
        InputError: a setting has an invalid value, or the file has a key that is none; the message names it.
    """
    try:
        return Settings()
    except ValidationError as error:
        names = list(dict.fromkeys(str(fault["loc"][0]) for fault in error.errors()))
    # Outside the handler: a chained exception would carry the values.
    raise InputError("; ".join(_describe_faults(names)))


def _describe_faults(names: Iterable[str]) -> list[str]:
    """Say of which variables and keys the value is invalid."""
    origins = {name: find_origin(name) for name in names}
    variables = [name for name, origin in origins.items() if origin is Origin.ENVIRONMENT]
    keys = [name for name in origins if name not in variables]
    faults = []
    if variables:
        listed = ", ".join(PREFIX + name.upper() for name in variables)
        faults.append(f"{listed}: the environment variable has a value that it cannot have")
    if keys:
        faults.append(f"{find_config_file()}: {', '.join(keys)}: the setting cannot have this value")
    return faults


def find_origin(name: str) -> Origin:
    """Return where the value of a setting comes from."""
    variable = PREFIX + name.upper()
    if any(given.upper() == variable for given in os.environ):
        return Origin.ENVIRONMENT
    path = find_config_file()
    return Origin.FILE if path is not None and name in read_file_settings(path) else Origin.DEFAULT


def list_unknown_variables() -> list[tuple[str, str | None]]:
    """Return the variables ``MPI_…`` that nothing reads, each with the nearest one."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _OTHER_VARIABLES
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    return [(name, find_nearest(name, known)) for name in unknown]

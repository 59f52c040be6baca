"""Commands ``mpi config``: show, check and begin the settings of the program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from mpi.cli.exit_codes import ExitCode
from mpi.cli.output import JsonFlag, print_json, print_lines, print_note, print_table
from mpi.domain.errors import ConflictError, MpiError


def show(
    given: Annotated[
        bool, typer.Option("--given", help="Only settings of the environment and the file.")
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Show each setting, its value and its origin; secrets are masked."""
    from mpi.config import Settings
    from mpi.config_check import Origin, find_origin, read_settings
    from mpi.config_file import PREFIX, find_config_file, mask_secrets

    settings = read_settings()
    values = settings.model_dump(mode="json")
    rows = [
        (PREFIX + name.upper(), mask_secrets(values[name], field), find_origin(name))
        for name, field in Settings.model_fields.items()
    ]
    if given:
        rows = [row for row in rows if row[2] is not Origin.DEFAULT]
    path = find_config_file()
    if as_json:
        columns = ("setting", "value", "origin")
        listed = [dict(zip(columns, row, strict=True)) for row in rows]
        print_json({"file": None if path is None else str(path), "settings": listed})
        return
    print_table(
        ("setting", "value", "comes from"), [(name, _spell(value), origin) for name, value, origin in rows]
    )
    print_note(_describe_file(path))


def check(as_json: JsonFlag = False) -> None:
    """Check the environment and the file, and say what is wrong.

    Exits 1 if something is. It opens no index: mpi doctor does.
    """
    from mpi.config_check import list_unknown_variables, read_settings
    from mpi.config_file import find_config_file

    faults = [
        f"{name} is no setting and has no effect" + (f"; did you mean {nearest}?" if nearest else "")
        for name, nearest in list_unknown_variables()
    ]
    try:
        read_settings()
    except MpiError as error:
        faults.append(str(error))
    path = find_config_file()
    if as_json:
        print_json({"file": None if path is None else str(path), "faults": faults})
    else:
        print_lines(faults or ["no fault"])
        print_note(_describe_file(path))
    if faults:
        raise typer.Exit(ExitCode.UNSOUND)


def init(file: Annotated[Path, typer.Argument(help="The new file.")]) -> None:
    """Write a new file with every setting, its meaning and its default.

    Every setting is commented out, so the file changes nothing as it is.

    Raises:
        ConflictError: the file is there.
    """
    from mpi.setting_docs import render_template

    text = render_template()
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConflictError(f"{file} is there already: name a new file") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as new:
        new.write(text)
    print_note(f"wrote {file}; set MPI_CONFIG={file.absolute()} to use it")


def _describe_file(path: Path | None) -> str:
    """Say which file of settings is read."""
    return f"file of settings: {path or 'none, as MPI_CONFIG is not set'}"


def _spell(value: object) -> str:
    """Return a value as it is written in a variable."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)

"""Sources of key material: a value, a command or a file.

A command lets a key management service or vault give the key. It runs without a shell, has a time limit, and
what it prints is never logged.
"""

import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from mpi.domain.errors import StoreError

COMMAND_TIMEOUT_S = 10.0
"""Seconds after which a key command is stopped."""
MAX_OUTPUT_BYTES = 65_536
"""Most bytes of key material that are read."""
_OPEN_TO_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where key material comes from: a value, command or file.

    Args:
        name: what the key is called in error messages, such as ``payload keys``.
        setting: environment variable that names it, such as ``MPI_PAYLOAD_KEYS``; with ``_COMMAND`` or
            ``_FILE`` appended, the variables of the two other ways.
        path: the file, read if there is neither value nor command.
        value: the key material itself.
        command: program with arguments that prints the key material.
    """

    name: str
    setting: str
    path: Path
    value: str | None = field(default=None, repr=False)
    command: str | None = field(default=None, repr=False)

    @property
    def is_file(self) -> bool:
        """Whether the key material is read from the file."""
        return self.value is None and self.command is None

    @property
    def place(self) -> str:
        """Where a person finds the key material, without the material."""
        if self.value is not None:
            return self.setting
        return f"{self.setting}_COMMAND" if self.command is not None else str(self.path)

    def exists(self) -> bool:
        """Return whether there is key material, without reading it."""
        return not self.is_file or self.path.exists()

    def read(self) -> str:
        """Return the key material.

        Raises:
            StoreError: it cannot be read, others may read its file, or the command failed.
        """
        if self.value is not None:
            return self.value
        return self._run_command() if self.command is not None else self._read_file()

    def _read_file(self) -> str:
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & _OPEN_TO_OTHERS:
                    raise StoreError(
                        f"{self.path} may be read by other users: run chmod 600 {shlex.quote(str(self.path))}"
                    )
                return _decode(file.read(MAX_OUTPUT_BYTES), str(self.path))
        except OSError as error:
            raise StoreError(f"cannot read the {self.name} {self.path}: {error.strerror}") from error

    def _run_command(self) -> str:
        place = f"{self.setting}_COMMAND"
        try:
            arguments = shlex.split(self.command or "")
        except ValueError:
            raise StoreError(f"{place}: a quotation mark is not closed") from None
        if not arguments:
            raise StoreError(f"{place} is empty: name a program that prints the {self.name}")
        try:
            done = subprocess.run(  # noqa: S603 - the operator's own command, without a shell
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=COMMAND_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            # Without its cause, whose text holds what the command has printed.
            raise StoreError(f"{place} printed no key within {COMMAND_TIMEOUT_S:.0f} seconds") from None
        except (OSError, ValueError) as error:
            raise StoreError(f"{place} cannot be run ({type(error).__name__})") from None
        if done.returncode:
            raise StoreError(f"{place} ended with status {done.returncode}")
        return _decode(done.stdout[:MAX_OUTPUT_BYTES], place)


def write_key_file(path: Path, text: str) -> None:
    """Write a key file for its owner alone, whole or not.

    Raises:
        StoreError: the file cannot be written.
    """
    try:
        descriptor, partial_name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        partial = Path(partial_name)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:  # an interrupt leaves no part of a key behind, and is raised again
            partial.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from error


def _decode(content: bytes, place: str) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise StoreError(f"{place} holds something else than keys in hexadecimal") from None

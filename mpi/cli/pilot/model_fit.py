"""Fit of a model to the files of a pilot."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mpi.cli.pilot.folder import HeldFolder
from mpi.cli.pilot.inputs import PilotFile
from mpi.domain.training_tools import find_training_tools

_POLL_S = 0.2
_PATIENCE_S = 5.0
_FIXED_S = 8.0
_BYTES_A_SECOND = 2_000_000
"""Bytes of input that a fit reads in a second, about."""
_MOST_OF_IT = 0.95
_UNKNOWN_REASON = f"the fit failed; run `python -m {find_training_tools()} fit` to see why"
_REASONS = {
    "the files hold no record": "the files hold no record that can be used",
    "a fit compares records": "a fit compares records and needs at least two",
    "no two records share": "no two records share a blocking key: there is nothing to compare",
    "the data has values for": "too few columns with values to tell people apart",
    "only ": "too few pairs of records look like one person: nothing can be learned",
}
"""Reasons by the beginning of the message of ``training``; the message itself may quote a value."""
_NOTES = ("left out:", "no value of", "repeated local IDs", "refused:")


@dataclass(frozen=True, slots=True)
class PilotModel:
    """Model of a pilot.

    Args:
        folder: folder of the fitted model; None for the shipped one.
        notes: what the fit says of columns that it leaves out; no value of a record.
        problem: why no model could be fitted; None if one was, or none was asked for.
    """

    folder: Path | None
    notes: tuple[str, ...] = ()
    problem: str | None = None


def fit_model(held: HeldFolder, files: Sequence[PilotFile], report: Callable[[float], None]) -> PilotModel:
    """Fit a model to files, or fall back to the shipped model.

    Args:
        held: the pilot's folder, which receives everything that the fit writes.
        files: the files.
        report: receives the share of the work that is done, as expected by the size of the files.
    """
    if any(file.mapping is None or file.sheet is not None for file in files):
        return PilotModel(
            None, problem="a fit reads tables with a mapping, and no chosen sheet of a workbook"
        )
    folder = held.path
    model = folder / "model"
    arguments = ["--out", str(model), "--name", "pilot"]
    for file in files:
        arguments += _describe_file(folder, file)
    log = folder / "fit.log"
    code = _run(held, arguments, log, _expect_seconds(files), report)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    notes = tuple(line.strip() for line in lines if line.strip().startswith(_NOTES))
    if code == 0:
        return PilotModel(model, notes)
    return PilotModel(None, notes, _find_reason(lines))


def _find_reason(lines: Sequence[str]) -> str:
    """Return why a fit failed, in words of our own.

    Its log may quote a value.
    """
    return next(
        (
            reason
            for line in lines
            for start, reason in _REASONS.items()
            if line.startswith(f"error: {start}")
        ),
        _UNKNOWN_REASON,
    )


def _describe_file(folder: Path, file: PilotFile) -> list[str]:
    """Return the options that name a file and its mapping."""
    # The fit names a source by its file, and two files may be called alike.
    ending = "".join(file.path.suffixes[-2:]) if file.path.suffix.lower() == ".gz" else file.path.suffix
    link = folder / f"{file.code}{ending}"
    link.symlink_to(file.path.resolve())
    mapping = file.mapping_name
    if file.mapping_text is not None:
        mapping = str(folder / f"{file.code}.mapping.toml")
        Path(mapping).write_text(file.mapping_text, encoding="utf-8")
    return ["--data", str(link), "--mapping", f"{link.stem}={mapping}"]


def _expect_seconds(files: Sequence[PilotFile]) -> float:
    """Return the seconds that a fit probably takes."""
    return _FIXED_S + sum(file.path.stat().st_size for file in files) / _BYTES_A_SECOND


def _run(
    held: HeldFolder, arguments: Sequence[str], log: Path, seconds: float, report: Callable[[float], None]
) -> int:
    """Run the fit to its end, or stop it with this process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MPI_")}
    environment |= {"TMPDIR": str(held.path), "COLUMNS": "1000", "MPLCONFIGDIR": str(held.path)}
    command = [sys.executable, "-m", find_training_tools(), "fit", *arguments]
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
            pass_fds=(held.lock,),  # it may outlive a killed pilot, and the folder is in use till it ends
        )
        try:
            while True:
                try:
                    return process.wait(_POLL_S)
                except subprocess.TimeoutExpired:
                    report(min((time.monotonic() - began) / seconds, _MOST_OF_IT))
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that may still run."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

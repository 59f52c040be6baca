"""Run of a pilot, from two files to a report.

Its index never outlives it.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from pydantic_settings import PydanticBaseSettingsSource

from mpi.bootstrap import init_index
from mpi.cli.exit_codes import CommandInterrupt
from mpi.cli.output import print_note
from mpi.cli.output_files import write_private_bytes, write_private_file
from mpi.cli.pilot.certificate import Certificate, InputCheck
from mpi.cli.pilot.folder import Destruction, HeldFolder, destroy_folder, destroy_leftovers, hold_folder
from mpi.cli.pilot.inputs import FileDigest, PilotChoices, PilotFile, compute_digest, read_inputs
from mpi.cli.pilot.measurement import PilotMeasures, measure_index
from mpi.cli.pilot.model_fit import PilotModel, fit_model
from mpi.cli.pilot.progress import PilotProgress, show_pilot_progress
from mpi.cli.pilot.report import render_report
from mpi.cli.pilot.stop_signals import stop_on_signals
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import InputError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import SecondApprover, make_operator
from mpi.service.core.index import Index
from mpi.service.loads.load import LoadOptions, load
from mpi.service.loads.receipt import Receipt
from mpi.service.statements.sources import NewSource, add_source

CERTIFICATE_SUFFIX = ".certificate.json"
_FIT, _LOAD, _MEASURE, _DESTROY = "fitting a model", "loading the files", "measuring", "destroying the index"
_STEPS = {_FIT: 40.0, _LOAD: 40.0, _MEASURE: 18.0, _DESTROY: 2.0}


@dataclass(frozen=True, slots=True)
class PilotOptions:
    """What a pilot does.

    Args:
        report: file of the report.
        parent: folder in which the temporary folder is made.
        choices: what a person says about the files.
        children: children of the state whose index is planned; None if nobody said.
        weekly_share: share of the records that are new or changed in a week.
        fits: whether a model is fitted to the files.
    """

    report: Path
    parent: Path
    choices: PilotChoices
    children: int | None = None
    weekly_share: float = 0.02
    fits: bool = True

    @property
    def certificate(self) -> Path:
        """File of the certificate."""
        return self.report.with_suffix(CERTIFICATE_SUFFIX)


class OwnSettings(Settings):
    """Settings of a pilot's index, whatever the environment says."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[Settings],  # type: ignore[override]  # noqa: ARG003 - as the base class calls it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return that settings come from the caller alone."""
        return (init_settings,)


@dataclass(slots=True)
class _Pilot:
    """State of a pilot that its certificate tells."""

    began: str
    earlier: list[Destruction]
    digests: list[FileDigest]
    made: list[str] = field(default_factory=list)
    destroyed: Destruction | None = None

    def certify(self, paths: Sequence[Path], outcome: str) -> Certificate:
        """Return the certificate of what was destroyed."""
        if self.destroyed is None:
            raise RuntimeError("nothing was destroyed yet")
        made = (
            f"A temporary index was made: {', '.join(self.made)}."
            if self.made
            else "A temporary folder was made."
        )
        checks = [
            InputCheck(before, _read_digest(path)) for path, before in zip(paths, self.digests, strict=True)
        ]
        return Certificate(outcome, self.began, made, self.destroyed, self.earlier, checks)


def run_pilot(paths: Sequence[Path], options: PilotOptions) -> PilotMeasures:
    """Measure files in a temporary index, destroy it, and write the report.

    Whatever ends the pilot, its index is destroyed and the certificate written, unless the process is killed.
    What that leaves, the next pilot destroys.

    Raises:
        InputError: a file cannot be used, or a choice is wrong; nothing was made.
        StoreError: the temporary folder cannot be made or destroyed; the message names it.
        CommandInterrupt: the pilot was stopped; its index was destroyed.
    """
    gc.enable()  # the imports are done: see PausedCollection
    began = clock.format_timestamp(clock.now())
    earlier = destroy_leftovers(options.parent)
    for each in earlier:
        print_note(
            f"an earlier pilot was killed: what it left in {each.folder} is destroyed, {each.files} files"
        )
    files = read_inputs(paths, options.choices)
    pilot = _Pilot(began, earlier, [compute_digest(path) for path in paths])
    with (
        stop_on_signals() as handler,
        show_pilot_progress(_STEPS) as progress,
        _certifying_failure(pilot, paths, options),
    ):
        with hold_folder(options.parent) as held:
            try:
                measures = _work(held, files, options, pilot, progress)
            finally:
                handler.close()
                progress.begin(_DESTROY)
                pilot.destroyed = destroy_folder(held.path)
        certificate = pilot.certify(paths, "finished")
        _write_certificate(certificate, options)  # first: the report may fail, the index is gone
        report = render_report(measures, certificate, options.children)
        write_private_file(options.report, lambda text: text.write(report))
    return measures


def _work(
    held: HeldFolder,
    files: Sequence[PilotFile],
    options: PilotOptions,
    pilot: _Pilot,
    progress: PilotProgress,
) -> PilotMeasures:
    """Fit, load and measure in a folder that the caller destroys."""
    fit = PilotModel(None)
    if options.fits:
        progress.begin(_FIT)
        pilot.made.append("files of a model fit")
        fit = fit_model(held, files, progress.report_share)
        if fit.folder is not None:
            pilot.made.append("a model fitted to the files")
    settings = OwnSettings(
        home=held.path / "index",
        model=None if fit.folder is None else str(fit.folder),
        second_approver=SecondApprover.NEVER,
    )
    index, _key = init_index(settings, is_test=True)
    try:
        progress.begin(_LOAD)
        receipts = _load_files(index, files, progress)
        pilot.made.append(f"{sum(each.created for each in receipts):,} records of {len(files)} files")
        progress.begin(_MEASURE)
        loaded = list(zip(files, receipts, strict=True))
        return measure_index(index, make_operator(), loaded, fit, options.weekly_share, progress.report_share)
    finally:
        index.database.dispose()


def _load_files(index: Index, files: Sequence[PilotFile], progress: PilotProgress) -> list[Receipt]:
    """Load each file as a source of its own."""
    receipts = []
    for place, file in enumerate(files):
        add_source(index, make_operator(), NewSource(file.code, kind=file.kind))
        report = _make_load_report(progress, place, len(files))
        # The pilot shows what a guard would hold, so it loads it.
        options = LoadOptions(Snapshot.FULL, confirm=True)
        receipts.append(load(index, make_operator(), file.code, file.open(), options, report))
    if not any(receipt.created for receipt in receipts):
        raise InputError("no row of the files could be used: mpi ingest --dry-run tells why")
    return receipts


def _make_load_report(progress: PilotProgress, place: int, files: int) -> Callable[[str, int, int], None]:
    """Return a callback that reports one load's share of all loads."""
    steps: list[str] = []
    expected_steps = 3

    def report(step: str, done: int, total: int) -> None:
        if step not in steps:
            steps.append(step)
        share = (steps.index(step) + (done / total if total else 0)) / max(expected_steps, len(steps))
        progress.report_share((place + min(share, 1.0)) / files)

    return report


@contextmanager
def _certifying_failure(pilot: _Pilot, paths: Sequence[Path], options: PilotOptions) -> Iterator[None]:
    """Write the certificate also where the pilot fails or is stopped."""
    try:
        yield
    except BaseException as error:  # also Ctrl-C; raised again below
        if pilot.destroyed is not None:
            is_stopped = isinstance(error, KeyboardInterrupt | CommandInterrupt)
            certificate = pilot.certify(paths, "interrupted" if is_stopped else "failed")
            _write_certificate(certificate, options)
            print_note(f"the temporary index is destroyed: {options.certificate}")
        raise


def _write_certificate(certificate: Certificate, options: PilotOptions) -> None:
    """Write the certificate beside the report."""
    content = orjson.dumps(certificate.to_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write_private_bytes(options.certificate, content)


def _read_digest(path: Path) -> FileDigest | None:
    """Compute the checksum of an input again; None if it is gone."""
    try:
        return compute_digest(path)
    except OSError:
        return None

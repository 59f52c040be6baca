"""Command ``mpi verify``: check the index against its laws."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from mpi.cli.command_session import CommandSession, open_session
from mpi.cli.engine_options import EngineOption, MasterOption, MemoryOption, select_engine
from mpi.cli.exit_codes import ExitCode
from mpi.cli.model_fit_view import show_budget, show_differences, warn_of_capacity
from mpi.cli.output import JsonFlag, print_json, print_note, print_table
from mpi.cli.progress import ProgressReport, show_progress
from mpi.domain.errors import InputError, MpiError
from mpi.domain.source import SHARED_SCOPE

if TYPE_CHECKING:
    from mpi.matching.scoring.engines import BatchEngine
    from mpi.service.core.index import Index
    from mpi.service.maintenance.verify import Finding


@dataclass
class IndexReport:
    """Result of checking one index.

    Args:
        scope: code of its scope.
        findings: the breaches.
        pending: requests that wait to be finished.
        records: records compared with their copies in the shared index; None for that index.
        waiting: records and decisions that the shared index has not taken over yet.
        error: why it could not be checked.
    """

    scope: str
    findings: list[Finding] = field(default_factory=list)
    pending: int = 0
    records: int | None = None
    waiting: int | None = None
    error: str | None = None

    @property
    def is_sound(self) -> bool:
        """Whether it was checked and nothing was found."""
        return not self.findings and self.error is None


def run(
    engine: EngineOption = None,
    master: MasterOption = None,
    memory: MemoryOption = None,
    all_scopes: Annotated[
        bool,
        typer.Option("--all-scopes", help="Check every scope too, and the shared index's copies of it."),
    ] = False,
    model_fit: Annotated[
        bool,
        typer.Option("--model-fit", help="Compare the records with those that the model was fitted on."),
    ] = False,
    as_json: JsonFlag = False,
) -> None:
    """Check the index against its laws, without changing it.

    Exits 1 if a law is broken. With --model-fit no law is checked.
    """
    if model_fit:
        _show_model_fit(as_json=as_json)
        return
    from mpi.service.maintenance.model_capacity import find_capacity_excess

    chosen = select_engine(engine, master, memory)
    with open_session() as session, show_progress() as report:
        if all_scopes:
            reports = list(verify_all(session, report, chosen))
            unchecked = 0
        else:
            reports = [_verify_index(session, session.index, session.settings.scope, report, chosen)]
            unchecked = sum(map(len, _list_scopes(session)))
        capacity_excess = find_capacity_excess(session.index, session.viewer)
    if all_scopes:
        show_all(reports, as_json=as_json)
    else:
        _show_one(reports[0], as_json=as_json)
    if unchecked:
        print_note(f"{unchecked:,} scopes were not checked: mpi verify --all-scopes")
    warn_of_capacity(capacity_excess, session.index.matcher.model)
    _exit_if_unsound(reports)


def _show_model_fit(*, as_json: bool) -> None:
    """Print where the records are unlike those of the model."""
    from mpi.matching.model.data_profile import LEAST_RECORDS
    from mpi.service.maintenance.model_capacity import find_capacity_excess
    from mpi.service.maintenance.model_fit import find_model_differences

    with open_session() as session:
        differences = find_model_differences(session.index, session.viewer)
        model = session.index.matcher.model
        capacity_excess = find_capacity_excess(session.index, session.viewer)
    warn_of_capacity(capacity_excess, model)
    if as_json:
        print_json(
            {
                "model": model.ref,
                "differences": [asdict(difference) for difference in differences or ()],
                "link_bits": model.thresholds.link,
                "link_budget": model.link_budget and asdict(model.link_budget),
            }
        )
        return
    show_budget(model)
    if differences is None:
        print_note(f"fewer than {LEAST_RECORDS} records are too few to compare with the data of {model.ref}")
        return
    if not model.fitted_on.filled:
        print_note(f"{model.ref} does not state which fields its data had: only names are compared")
    if not differences:
        print_note(f"no difference was found from the records that {model.ref} was fitted on")
        return
    show_differences(differences, model.ref, "this index")


def verify_all(session: CommandSession, report: ProgressReport, engine: BatchEngine) -> Iterator[IndexReport]:
    """Check the shared index and then each scope, whichever fails."""
    if session.settings.scope != SHARED_SCOPE:
        raise InputError("--all-scopes checks the whole site: leave MPI_SCOPE out")
    codes, begun = _list_scopes(session)
    if begun:
        print_note(f"not checked, since a split into it is under way: {', '.join(begun)}")
    print_note(f"checking the shared index and {len(codes):,} scopes")
    yield _verify_index(session, session.index, SHARED_SCOPE, report, engine)
    for number, code in enumerate(codes, 1):
        print_note(f"checking scope {code} ({number:,} of {len(codes):,})")
        try:
            yield _verify_scope(session, code, report, engine)
        except MpiError as error:
            yield IndexReport(code, error=str(error))


def _list_scopes(session: CommandSession) -> tuple[list[str], list[str]]:
    """Return the codes of open scopes, and of those in a split."""
    from mpi.service.scopes import registry

    scopes = registry.list_scopes(session.index, session.viewer)
    is_open = {scope.code: scope.state == registry.OPEN for scope in scopes}
    return [code for code in is_open if is_open[code]], [code for code in is_open if not is_open[code]]


def _verify_scope(
    session: CommandSession, code: str, report: ProgressReport, engine: BatchEngine
) -> IndexReport:
    """Check a scope by itself, and its copies in the shared index."""
    from mpi import bootstrap
    from mpi.service.scopes.copy_check import check_copies

    index = bootstrap.open_scope(session.settings, code)
    try:
        result = _verify_index(session, index, code, report, engine)
        copies = check_copies(index, session.index, session.viewer, code, report)
    finally:
        index.database.dispose()
    result.findings += copies.findings
    result.records, result.waiting = copies.records, copies.waiting
    return result


def _verify_index(
    session: CommandSession, index: Index, code: str, report: ProgressReport, engine: BatchEngine
) -> IndexReport:
    """Check one index against its laws."""
    from mpi.service.maintenance import large_blocks, verify

    findings = verify.verify(index, session.viewer, report, engine)
    with index.database.read(session.viewer) as unit:
        return IndexReport(code, findings, large_blocks.count_waiting_work(unit, index))


def _show_one(report: IndexReport, *, as_json: bool) -> None:
    """Print the result of checking one index."""
    if as_json:
        print_json(
            {
                "sound": report.is_sound,
                "findings": [asdict(finding) for finding in report.findings],
                "pending": report.pending,
            }
        )
    elif report.findings:
        print_table(("law", "breach"), [(finding.law, finding.detail) for finding in report.findings])
    else:
        print_table(("laws", "breaches"), [("1, 2, 3, 5, 6, 7", 0)])


def show_all(reports: list[IndexReport], *, as_json: bool) -> None:
    """Print a line for each index, and then the breaches."""
    if as_json:
        indexes = [asdict(report) | {"sound": report.is_sound} for report in reports]
        print_json({"sound": all(report.is_sound for report in reports), "indexes": indexes})
        return
    print_table(
        ("scope", "breaches", "records compared", "waiting for a sync"),
        [
            (
                report.scope,
                "not checked" if report.error else len(report.findings),
                report.records,
                report.waiting,
            )
            for report in reports
        ],
    )
    breaches = [
        (report.scope, finding.law, finding.detail) for report in reports for finding in report.findings
    ]
    if breaches:
        print_table(("scope", "law", "breach"), breaches)


def _exit_if_unsound(reports: list[IndexReport]) -> None:
    """Print what to do next; exit with 1 on a breach."""
    pending = sum(report.pending for report in reports)
    if pending:
        print_note(f"{pending:,} searches or checks wait, so law 1 is not judged: mpi blocks --finish")
    for report in reports:
        if report.error is not None:
            print_note(f"scope {report.scope} was not checked: {report.error}")
    breaches = sum(len(report.findings) for report in reports)
    if breaches:
        print_note(f"{breaches:,} breaches: restore a backup, or run mpi rebuild and verify again")
    if not all(report.is_sound for report in reports):
        raise typer.Exit(ExitCode.UNSOUND)

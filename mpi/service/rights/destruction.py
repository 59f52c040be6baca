"""Runs that destroy records whose retention has ended.

One person plans a run, another approves it. It works in chunks, each one transaction that looks again at the
rule, at holds and at open cases. What was interrupted goes on where it stopped. The certificate names a
class and a number of records, and no person; its digest is on the ledger.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from mpi.domain import clock
from mpi.domain.errors import ConflictError, InputError, NotFoundError, StoreError
from mpi.domain.viewer import Action, Viewer, is_allowed_on, require_permission
from mpi.policy.cases.subject_rights import check_person
from mpi.service.core.idempotency import find_stored_answer, store_answer
from mpi.service.core.index import Index
from mpi.service.core.legal_holds import find_kept_records
from mpi.service.holdings.destruction import drop_records
from mpi.service.rights.cases import ACTIONS, require_handler, require_second_person
from mpi.service.rights.due_records import (
    describe_rule,
    find_due_among,
    find_due_records,
    require_retention,
)
from mpi.service.rights.source_rules import read_rules
from mpi.service.statements.ledger_redaction import redact_destroyed_records
from mpi.storage.repositories.access.destruction_runs import StoredRun
from mpi.storage.repositories.access.disclosures import Disclosure
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit

CERTIFICATE = "destruction.certificate"
"""Kind of request on the disclosure ledger."""
CERTIFICATE_VERSION = 1
METHOD = (
    "The index deleted what each record stated, its versions, features, blocking keys, texts and local IDs. "
    "An empty row without any of these stays for the history of identities. Backups expire by their own rule."
)
CHUNK_SIZE = 200
"""Records of one transaction."""
MAX_RECORDS_A_CALL = 2_000
"""Most records that one call of the API, or one press of a button, looks at."""


@dataclass(frozen=True, slots=True)
class DestructionRunView:
    """A destruction run as those who handle it read it.

    Args:
        stored: the run.
        source: code of its source.
        waiting: number of records that it has still to look at.
        planned_by: who planned it.
    """

    stored: StoredRun
    source: str
    waiting: int
    planned_by: str

    @property
    def state(self) -> str:
        """``planned``, ``approved`` or ``done``."""
        if self.stored.finished_commit is not None:
            return "done"
        return "planned" if self.stored.approved_commit is None else "approved"


@dataclass(frozen=True, slots=True)
class DestructionCertificate:
    """A certificate that records, or a research project's extracts, are destroyed.

    Args:
        content: its statements, by name; no personal data of a child.
        signature: keyed hash of the content, which the index alone can make.
        digest: SHA-256 of the content, which stands on the ledger.
        is_valid: whether the signature is that of the content.
    """

    content: dict[str, Any]
    signature: str
    digest: str
    is_valid: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the certificate as plain values for JSON."""
        return {**self.content, "signature": self.signature, "digest": self.digest}


def count_due(index: Index, viewer: Viewer, source_code: str) -> tuple[int, int]:
    """Return how many records a run would destroy, and leave.

    Raises:
        NotFoundError, ConflictError, AccessDenied: as for ``plan_run``.
    """
    require_permission(viewer, Action.RIGHTS_MANAGE, source_code)
    with index.database.read(viewer) as unit:
        source = unit.sources.get_by_code(source_code)
        rule = read_rules(unit)[source.id]
        require_retention(rule)
        due = find_due_records(unit, source, rule)
    return len(due.free), len(due.kept)


def plan_run(index: Index, viewer: Viewer, source_code: str) -> int:
    """Plan to destroy the records of a source that are due today.

    Args:
        index: the open index.
        viewer: who plans it.
        source_code: code of the source.

    Returns:
        The number of the run. Nothing is destroyed before another person approves.

    Raises:
        NotFoundError: there is no such source.
        ConflictError: the source has no retention, nothing is due, or a run of it is not done.
        AccessDenied: the viewer may not plan destruction of this source.
    """
    require_permission(viewer, Action.RIGHTS_MANAGE, source_code)
    with index.database.write(viewer, "destruction-plan") as unit:
        if (stored_answer := find_stored_answer(unit, index)) is not None:
            return int(stored_answer["number"])
        source = unit.sources.get_by_code(source_code)
        rule = read_rules(unit)[source.id]
        require_retention(rule)
        open_runs = [
            run.number
            for run in unit.destruction_runs.all()
            if run.source_id == source.id and run.finished_commit is None
        ]
        if open_runs:
            raise ConflictError(f"run {open_runs[0]} of this source is not done: approve and run it first")
        due = find_due_records(unit, source, rule)
        if not due.free:
            raise ConflictError("nothing of this source is due to be destroyed")
        number = unit.counters.take("destruction_run")
        run = StoredRun(number, source.id, describe_rule(rule), len(due.free), unit.commit_no)
        unit.destruction_runs.add(run, due.free)
        store_answer(unit, index, {"number": number}, ())
    return number


def approve_run(index: Index, viewer: Viewer, number: int, approved_by: str, records: int) -> None:
    """Approve a run, as the second person.

    Args:
        index: the open index.
        viewer: who approves; not who planned it.
        number: number of the run.
        approved_by: name of the person who approves.
        records: number of records as the approver read it, to be sure.

    Raises:
        NotFoundError: there is no such run that the viewer may approve.
        ConflictError: the viewer planned it, or it is approved already.
        InputError: the name is wrong, or the number of records is another one.
        AccessDenied: the viewer may not approve destruction.
    """
    require_permission(viewer, Action.RIGHTS_DECIDE)
    name = check_person("approved_by", approved_by)
    with index.database.write(viewer, "destruction-approve") as unit:
        if find_stored_answer(unit, index) is not None:
            return
        run, _ = _require_run(unit, number, Action.RIGHTS_DECIDE)
        if run.approved_commit is not None:
            raise ConflictError("this run is approved already")
        if records != run.records:
            raise InputError("records: it is not the number of records of this run, so nothing was approved")
        require_second_person(unit, run.planned_commit)
        unit.destruction_runs.approve(number, name, unit.commit_no)
        store_answer(unit, index, {}, ())


def execute_run(
    index: Index,
    viewer: Viewer,
    number: int,
    *,
    chunk_size: int = CHUNK_SIZE,
    most: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> DestructionRunView:
    """Destroy the records of an approved run, chunk by chunk.

    It may be called again after it was interrupted, and by two processes at once: each record is destroyed
    once.

    Args:
        index: the open index.
        viewer: who lets it run.
        number: number of the run.
        chunk_size: records of one transaction.
        most: records after which the call ends, although some are left; None for no such number.
        progress: told records done and all records after each chunk.

    Returns:
        The run, which is done unless ``most`` ended the call.

    Raises:
        NotFoundError: there is no such run that the viewer may execute.
        ConflictError: nobody has approved it.
        AccessDenied: the viewer may not execute runs.
    """
    require_permission(viewer, Action.RIGHTS_MANAGE)
    looked_at = 0
    while most is None or looked_at < most:
        count, certificate, run = _execute_chunk(index, viewer, number, chunk_size)
        if certificate is not None:
            # The records are destroyed by now: what fails here is done before the next root is signed.
            with suppress(StoreError):
                redact_destroyed_records(index, viewer)
            _write_digest(index, viewer, certificate)
            break
        looked_at += count
        progress(run.destroyed + run.spared + count, run.records)
    return show_run(index, viewer, number)


def _execute_chunk(
    index: Index, viewer: Viewer, number: int, chunk_size: int
) -> tuple[int, str | None, StoredRun]:
    """Destroy the next records of a run in one transaction.

    Returns:
        Number of records looked at; the certificate, once there are none; and the run before.
    """
    with index.database.write(viewer, "destroy") as unit:
        run, source = _require_run(unit, number, Action.RIGHTS_MANAGE)
        if run.approved_commit is None:
            raise ConflictError("nobody has approved this run: a second person has to")
        if run.certificate is not None:
            return 0, run.certificate, run
        page = unit.destruction_runs.next_records(number, chunk_size)
        if not page:
            return 0, _finish_run(unit, index, run, source), run
        _destroy_page(unit, index, run, page)
    return len(page), None, run


def list_runs(index: Index, viewer: Viewer) -> list[DestructionRunView]:
    """Return the runs of the viewer's sources, newest first.

    Raises:
        AccessDenied: the viewer may neither plan nor approve runs.
    """
    require_handler(viewer)
    with index.database.read(viewer) as unit:
        codes = {source.id: source.code for source in unit.sources.all()}
        runs = [
            run
            for run in unit.destruction_runs.all()
            if any(is_allowed_on(viewer, action, codes[run.source_id]) for action in ACTIONS)
        ]
        commits = unit.commit_info({run.planned_commit for run in runs})
        return [
            DestructionRunView(
                run,
                codes[run.source_id],
                unit.destruction_runs.count_waiting(run.number),
                commits[run.planned_commit][1],
            )
            for run in runs
        ]


def show_run(index: Index, viewer: Viewer, number: int) -> DestructionRunView:
    """Return one run of the viewer's sources.

    Raises:
        NotFoundError: there is none of this number.
        AccessDenied: the viewer may neither plan nor approve runs.
    """
    for view in list_runs(index, viewer):
        if view.stored.number == number:
            return view
    raise _unknown_run()


def get_certificate(index: Index, viewer: Viewer, number: int) -> DestructionCertificate:
    """Return the certificate of a run that is done.

    Raises:
        NotFoundError: there is no such run of the viewer's sources.
        ConflictError: it is not done.
        AccessDenied: the viewer may neither plan nor approve runs.
    """
    run = show_run(index, viewer, number).stored
    if run.certificate is None or run.signature is None:
        raise ConflictError("this run is not done, so it has no certificate yet")
    is_valid = _sign(index, run.certificate) == run.signature
    content = orjson.loads(run.certificate)
    return DestructionCertificate(content, run.signature, _digest(run.certificate), is_valid)


def to_plain_values(view: DestructionRunView) -> dict[str, Any]:
    """Return a run as plain values for JSON."""
    run = view.stored
    return {
        "number": run.number,
        "source": view.source,
        "state": view.state,
        "rule": run.rule,
        "records": run.records,
        "planned_by": view.planned_by,
        "approved_by": run.approved_by,
        "waiting": view.waiting,
        "destroyed": run.destroyed,
        "spared": run.spared,
        "digest": None if run.certificate is None else _digest(run.certificate),
    }


def _require_run(unit: ReadUnit, number: int, action: Action) -> tuple[StoredRun, str]:
    """Return a run that the viewer may handle, and its source.

    Raises:
        NotFoundError: there is none, or it is of a source of others. The message does not tell which.
    """
    run = unit.destruction_runs.find(number)
    codes = {source.id: source.code for source in unit.sources.all()}
    if run is None or not is_allowed_on(unit.viewer, action, codes[run.source_id]):
        raise _unknown_run()
    return run, codes[run.source_id]


def _destroy_page(unit: WriteUnit, index: Index, run: StoredRun, page: list[int]) -> None:
    """Destroy those of a page that are due and not kept."""
    due = find_due_among(unit, read_rules(unit)[run.source_id], page)
    due -= find_kept_records(unit, due)
    # The rows go first: they refer to the records.
    unit.destruction_runs.take(run.number, page, len(due))
    drop_records(unit, index, sorted(due))


def _finish_run(unit: WriteUnit, index: Index, run: StoredRun, source: str) -> str:
    """Store the certificate of a run, and return it."""
    approved_commit = run.approved_commit or 0
    commits = unit.commit_info({run.planned_commit, approved_commit, unit.commit_no})
    info = unit.configs.index_info()
    content = {
        "certificate": f"destruction-{run.number}",
        "version": CERTIFICATE_VERSION,
        "scope": "" if info is None else info.scope,
        "class": f"records of source {source}, {run.rule}",
        "planned": run.records,
        "destroyed": run.destroyed,
        "spared": run.spared,
        "planned_by": commits[run.planned_commit][1],
        "planned_at": commits[run.planned_commit][0],
        "approved_by": run.approved_by,
        "approved_at": commits[approved_commit][0],
        "finished_at": commits[unit.commit_no][0],
        "finished_by": commits[unit.commit_no][1],
        "method": METHOD,
    }
    text = orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode()
    unit.destruction_runs.finish(run.number, text, _sign(index, text), unit.commit_no)
    return text


def _write_digest(index: Index, viewer: Viewer, certificate: str) -> None:
    """Write a certificate's digest to the ledger, unless it is there.

    A run may be killed between its end and this line, and is then executed once more.
    """
    fields = (str(orjson.loads(certificate)["certificate"]), f"sha256:{_digest(certificate)}")
    with index.database.read(viewer) as unit:
        if any(line.fields == fields for line in unit.disclosures.of_actions([CERTIFICATE])):
            return
    line = Disclosure(
        at=clock.format_timestamp(clock.now()),
        client=viewer.client,
        purpose=viewer.purpose,
        action=CERTIFICATE,
        record_ids=(),
        fields=fields,
        agreement=viewer.agreement,
    )
    index.store.ledger.write(index.database, viewer, line)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sign(index: Index, text: str) -> str:
    return index.keyed_hash.to_token("destruction", text)


def _unknown_run() -> NotFoundError:
    return NotFoundError("there is no such destruction run that you may handle: see mpi destruction list")

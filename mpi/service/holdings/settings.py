"""Setting of which records of a source the index holds."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from mpi.domain.errors import ConflictError, InputError
from mpi.domain.source import CARE_KINDS, EDUCATION_KINDS, SHARED_SCOPE, Holdings
from mpi.domain.viewer import Action, Viewer, require_permission
from mpi.service.core.index import Index
from mpi.service.statements.sources import NewSource, insert_source, require_own_source
from mpi.storage.repositories.sources.holdings_runs import HoldingsRun, HoldingsRunStatus
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit, WriteUnit


@dataclass(frozen=True, slots=True)
class HoldingsSetting:
    """Which records of a source the index holds."""

    source: str
    holdings: Holdings


def add_source(index: Index, viewer: Viewer, new_source: NewSource, holdings: Holdings) -> Source:
    """Add a source with its holdings, in one transaction.

    Errors as for ``mpi.service.statements.sources.add_source`` and ``set_holdings``.
    """
    require_permission(viewer, Action.SOURCE_ADMIN)
    with index.database.write(viewer, "source-add") as unit:
        source = insert_source(unit, new_source)
        if holdings is not Holdings.ALL:
            _require_possible(unit, source)
            unit.sources.set_holdings(source.id, holdings)
        return replace(source, holdings=holdings)


def set_holdings(index: Index, viewer: Viewer, source_code: str, holdings: Holdings) -> HoldingsSetting:
    """Set which of a source's records the index holds.

    It takes effect with the source's next file. No record that is stored is dropped by the setting itself.
    Tokens are deleted at once if none are to be kept any more. A source that once held linked records only
    stays one that nobody may see alone, see ``find_limited_sources``.

    Raises:
        InputError: the source is no source of pupils.
        NotFoundError: no such source.
        ConflictError: the records are sent to a scope, no source of child welfare exists, or somebody who may
            see only some sources may see this one.
        AccessDenied: the viewer may not administer the source.
    """
    require_permission(viewer, Action.SOURCE_ADMIN, source_code)
    with index.database.write(viewer, "set holdings") as unit:
        source = unit.sources.get_by_code(source_code)
        if holdings is not Holdings.ALL:
            _require_possible(unit, source)
        unit.ensure_commit()
        unit.sources.set_holdings(source.id, holdings)
        if holdings is not Holdings.TOKENS:
            unit.pupil_tokens.delete_all(source.id)
        if holdings is Holdings.ALL and source.holdings is not Holdings.ALL:
            _end_limit(unit, source)
    return HoldingsSetting(source_code, holdings)


def require_whole_view(unit: ReadUnit, sources: Collection[str] | None) -> None:
    """Refuse limited rights that name a source with minimum holdings.

    Which records of such a source are held tells who is in care. So only they may see it who may see all.

    Args:
        unit: the transaction.
        sources: codes of the sources that a client or account may see; None for all.

    Raises:
        ConflictError: one of the sources holds linked records only, or once did.
    """
    limited = set() if sources is None else find_limited_sources(unit).intersection(sources)
    if limited:
        raise ConflictError(
            f"of source {min(limited)!r} only records of children in care are held, or once were: it can be "
            "named to nobody who may not see all sources; add a source with another code for them"
        )


def find_limited_sources(unit: ReadUnit) -> set[str]:
    """Return the sources that hold linked records only, or once did.

    When such a source holds all its records again, those of children in care are older than the others. So
    it stays closed to all who may not know who is in care.
    """
    with_run = unit.holdings_runs.source_ids()
    return {
        source.code
        for source in unit.sources.all()
        if source.holdings is not Holdings.ALL or source.id in with_run
    }


def _require_possible(unit: ReadUnit, source: Source) -> None:
    """Refuse minimum holdings where they would do harm.

    They would drop all records, or tell who is in care.
    """
    require_own_source(source)
    if source.kind not in EDUCATION_KINDS:
        kinds = ", ".join(sorted(EDUCATION_KINDS))
        raise InputError(f"holdings can be limited for sources of the kinds {kinds} only, not {source.kind}")
    if (info := unit.configs.index_info()) is not None and info.scope != SHARED_SCOPE:
        raise ConflictError("holdings cannot be limited in the index of a scope yet")
    if not any(each.kind in CARE_KINDS for each in unit.sources.all()):
        raise ConflictError("add the source of child welfare first: without it every row would be dropped")
    named = [client.name for client in unit.clients.active() if source.code in (client.sources or ())]
    named += [
        account.name
        for account in unit.accounts.all()
        if account.ended_commit is None and source.code in (account.sources or ())
    ]
    if named:
        raise ConflictError(
            f"{', '.join(sorted(named))} may see this source and not all others, and would learn who is in "
            "care from what is held: revoke them first"
        )


def _end_limit(unit: WriteUnit, source: Source) -> None:
    """End an open run; add an ended one if none exists.

    It tells that the source once held linked records only. What came online has no run.
    """
    run = unit.holdings_runs.find_open(source.id)
    if run is None and source.id not in unit.holdings_runs.source_ids():
        number = unit.counters.take("holdings_run")
        run = HoldingsRun(number, source.id, HoldingsRunStatus.RUNNING, unit.commit_no)
        unit.holdings_runs.add(run)
    if run is not None:
        unit.holdings_runs.save(replace(run, status=HoldingsRunStatus.ENDED, ended_commit=unit.commit_no))

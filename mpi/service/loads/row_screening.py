"""Screening of a file's rows, where a source holds linked records only."""

from itertools import islice

from mpi.domain.source import Holdings
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.holdings.screening import find_unmatched, select_screened
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.loads.standardize_pool import StandardizePool
from mpi.service.statements.statement import Statement
from mpi.storage.repositories.sources.sources import Source


def screen_rows(index: Index, viewer: Viewer, source: Source, file: ValidatedFile, progress: Progress) -> int:
    """Drop the rows of a file that match no child in care, before anything is stored.

    All rows are compared with the index as it is before the load.

    Args:
        index: the open index.
        viewer: who loads.
        source: the source of the file.
        file: the validated file, which loses the dropped rows.
        progress: receives the progress.

    Returns:
        The number of dropped rows.
    """
    if source.holdings is Holdings.ALL:
        return 0
    unmatched: set[str] = set()
    row_count, done = len(file.headings), 0
    with StandardizePool(file) as pool:
        statements = file.read_statements()
        while page := list(islice(statements, index.tuning.load.smallest_window_statements)):
            unmatched |= _screen_page(index, viewer, source, page, pool)
            done += len(page)
            progress("screening rows", done, row_count)
    return file.drop(unmatched)


def _screen_page(
    index: Index, viewer: Viewer, source: Source, page: list[Statement], pool: StandardizePool
) -> set[str]:
    """Return the local IDs of those rows of a page that match no child in care."""
    with index.database.read(viewer) as unit:
        stored = unit.records.find_by_local_ids(source.id, [statement.local_id for statement in page])
        screened = select_screened(source, page, stored.keys())
        if not screened:
            return set()
        return find_unmatched(unit, index, source, pool.collect(pool.submit(screened)))

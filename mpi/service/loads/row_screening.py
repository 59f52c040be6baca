"""Screening of a file's rows, where a source holds linked records only."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from mpi.domain.source import Holdings
from mpi.domain.viewer import Viewer
from mpi.service.core.index import Index
from mpi.service.holdings.screening import Screening, find_rivals, screen_statements, select_screened
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.loads.standardize_pool import StandardizePool
from mpi.service.statements.statement import Statement
from mpi.storage.repositories.sources.sources import Source


def screen_rows(index: Index, viewer: Viewer, source: Source, file: ValidatedFile, progress: Progress) -> int:
    """Drop the rows of a file that match no child in care, before anything is stored.

    All rows are compared with the index as it is before the load. Rows that match none are then compared with
    those that do.

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
    with StandardizePool(file) as pool:
        screener = _RowScreener(index, viewer, source, file, pool, progress)
        screening = screener.screen_file()
        rivals = screener.find_rivals(screening)
    return file.drop(screening.unmatched.keys() - rivals)


@dataclass(frozen=True, slots=True)
class _RowScreener:
    """Screening of a file's rows, page by page."""

    index: Index
    viewer: Viewer
    source: Source
    file: ValidatedFile
    pool: StandardizePool
    progress: Progress

    def screen_file(self) -> Screening:
        """Compare all rows that are not stored yet with the stored records."""
        whole, done = Screening({}, {}), 0
        for page in self._each_page():
            with self.index.database.read(self.viewer) as unit:
                local_ids = [statement.local_id for statement in page]
                stored = unit.records.find_by_local_ids(self.source.id, local_ids)
                screened = select_screened(self.source, page, stored.keys())
                screening = screen_statements(unit, self.index, self.source, self._standardize(screened))
            whole.unmatched.update(screening.unmatched)
            whole.near.update(screening.near)
            done += len(page)
            self.progress("screening rows", done, len(self.file.headings))
        return whole

    def find_rivals(self, screening: Screening) -> set[str]:
        """Return the unmatched rows that are rivals of matched ones."""
        candidates = _find_sharing(screening)
        rivals: set[str] = set()
        for page in self._each_page() if candidates else ():
            statements = [statement for statement in page if statement.local_id in candidates]
            with self.index.database.read(self.viewer) as unit:
                rivals |= find_rivals(
                    unit, self.index, self.source, self._standardize(statements), screening.near
                )
        return rivals

    def _each_page(self) -> Iterator[list[Statement]]:
        statements = self.file.read_statements()
        page_size = self.index.tuning.load.smallest_window_statements
        while page := list(islice(statements, page_size)):
            yield page

    def _standardize(self, statements: list[Statement]) -> list[Statement]:
        return self.pool.collect(self.pool.submit(statements))


def _find_sharing(screening: Screening) -> set[str]:
    """Return the unmatched rows that share a blocking key with a near row."""
    near_keys = np.frombuffer(b"".join(record.keys for record in screening.near.values()), np.int64)
    local_ids = list(screening.unmatched)
    counts = [len(keys) // near_keys.itemsize for keys in screening.unmatched.values()]
    keys = np.frombuffer(b"".join(screening.unmatched.values()), np.int64)
    owners = np.repeat(np.arange(len(local_ids)), counts)
    return {local_ids[owner] for owner in owners[np.isin(keys, near_keys)].tolist()}

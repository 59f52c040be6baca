"""Screening of a file's rows, where a source holds linked records only."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from mpi.domain.source import Holdings
from mpi.domain.viewer import Viewer
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.core.index import Index
from mpi.service.holdings.screening import Screening, find_rivals, screen_statements, select_screened
from mpi.service.holdings.tokens import delete_other_tokens, keep_tokens
from mpi.service.indexing.reindex import Progress
from mpi.service.loads.row_intake import ValidatedFile
from mpi.service.loads.standardize_pool import StandardizePool
from mpi.service.statements.statement import Statement
from mpi.service.statements.tombstones import merge_buried_records
from mpi.storage.repositories.sources.records import StoredRecord
from mpi.storage.repositories.sources.sources import Source
from mpi.storage.unit_of_work.units import ReadUnit


def preview_screening(
    index: Index, viewer: Viewer, source: Source, file: ValidatedFile, progress: Progress
) -> int:
    """Drop the rows that a load would drop, storing nothing; see ``screen_rows``."""
    if source.holdings is Holdings.ALL:
        return 0
    with StandardizePool(file) as pool:
        screener = _RowScreener(index, viewer, source, file, pool, progress, keeps_tokens=False)
        return screener.drop_rows()


def screen_rows(
    index: Index, viewer: Viewer, source: Source, file: ValidatedFile, progress: Progress, *, full: bool
) -> int:
    """Drop the rows of a file that match no child in care.

    All rows are compared with the index as it is before the load. Rows that match none are then compared with
    those that do.

    Args:
        index: the open index.
        viewer: who loads.
        source: the source of the file.
        file: the validated file, which loses the dropped rows.
        progress: receives the progress.
        full: whether the file names all pupils, so that tokens of others are deleted.

    Returns:
        The number of dropped rows.
    """
    if source.holdings is Holdings.ALL:
        return 0
    keeps_tokens = source.holdings is Holdings.TOKENS
    if keeps_tokens and full and not file.nameless_count:
        with index.database.write(viewer, "tokens") as unit:
            delete_other_tokens(unit, index, source, file.headings.keys() | file.refused_ids)
    with StandardizePool(file) as pool:
        screener = _RowScreener(index, viewer, source, file, pool, progress, keeps_tokens=keeps_tokens)
        return screener.drop_rows()


@dataclass(frozen=True, slots=True)
class _ScreenedFile:
    """What screening found in a whole file.

    Args:
        unmatched: blocking keys of each row that matches no child in care, by local ID.
        near: standardized rows that may be linked to a child in care, by local ID.
    """

    unmatched: dict[str, bytes] = field(default_factory=dict)
    near: dict[str, PackedRecord] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _RowScreener:
    """Screening of a file's rows, page by page."""

    index: Index
    viewer: Viewer
    source: Source
    file: ValidatedFile
    pool: StandardizePool
    progress: Progress
    keeps_tokens: bool

    def drop_rows(self) -> int:
        """Drop the rows that match no child in care; return their number."""
        screened = self._screen_file()
        rivals = self._find_rivals(screened)
        if self.keeps_tokens and rivals:
            with self.index.database.write(self.viewer, "tokens") as unit:
                keep_tokens(unit, self.index, self.source, {}, rivals)
        return self.file.drop(screened.unmatched.keys() - rivals)

    def _screen_file(self) -> _ScreenedFile:
        """Compare all rows that are not stored yet with the stored records."""
        whole, done = _ScreenedFile(), 0
        for page in self._each_page():
            with self.index.database.read(self.viewer) as unit:
                local_ids = [statement.local_id for statement in page]
                stored = self._find_stored(unit, local_ids)
                screened = select_screened(self.source, page, stored.keys())
                screening = screen_statements(unit, self.index, self.source, self._standardize(screened))
            self._keep_tokens(screening, local_ids)
            whole.unmatched.update(
                {local_id: record.keys for local_id, record in screening.unmatched.items()}
            )
            whole.near.update(screening.near)
            done += len(page)
            self.progress("screening rows", done, len(self.file.headings))
        return whole

    def _find_stored(self, unit: ReadUnit, local_ids: list[str]) -> dict[str, StoredRecord]:
        """Return the stored records of a page, also the destroyed ones.

        A row about a destroyed record is not screened: the load refuses it.
        """
        source = (self.source.id, self.source.code)
        existing = unit.records.find_by_local_ids(self.source.id, local_ids)
        return merge_buried_records(unit, self.index, source, local_ids, existing)

    def _keep_tokens(self, screening: Screening, local_ids: list[str]) -> None:
        """Keep the tokens of a page's unmatched rows."""
        if self.keeps_tokens:
            held = set(local_ids) - screening.unmatched.keys()
            with self.index.database.write(self.viewer, "tokens") as unit:
                keep_tokens(unit, self.index, self.source, screening.unmatched, held)

    def _find_rivals(self, screening: _ScreenedFile) -> set[str]:
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


def _find_sharing(screening: _ScreenedFile) -> set[str]:
    """Return unmatched rows that share a key with a near row."""
    near_keys = np.frombuffer(b"".join(record.keys for record in screening.near.values()), np.int64)
    local_ids = list(screening.unmatched)
    counts = [len(keys) // near_keys.itemsize for keys in screening.unmatched.values()]
    keys = np.frombuffer(b"".join(screening.unmatched.values()), np.int64)
    owners = np.repeat(np.arange(len(local_ids)), counts)
    return {local_ids[owner] for owner in owners[np.isin(keys, near_keys)].tolist()}

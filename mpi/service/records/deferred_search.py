"""Deferred candidate search for records in very large blocks.

A request that meets a block past the hard size stores the record and answers at once. The record waits, which
is a hold on record: a new record has a person of its own meanwhile, and a stored one stays where it was. Once
the search is done, the index is as if the request had searched (law 1). The transaction of each search also
removes it from the queue, so that a kill at any instant loses nothing. The record's ID is final once due
checks of its blocks are done too.
"""

import logging
import threading
from collections.abc import Callable

from mpi.domain.errors import ModelMovedError, MpiError
from mpi.domain.viewer import Action, Viewer, make_operator, require_permission
from mpi.service.core.index import Index
from mpi.service.indexing.changed_record import ChangedRecord
from mpi.service.resolution.purged_blocks import check_purged_blocks
from mpi.service.resolution.resolve import resolve
from mpi.standardize.serialization import record_from_bytes
from mpi.storage.repositories.sources.records import RecordState
from mpi.storage.unit_of_work.units import WriteUnit

_log = logging.getLogger("mpi.pending")

PAGE_RECORDS = 50
"""Queued records read at a time."""


def finish_deferred_searches(
    index: Index, viewer: Viewer, is_stopping: Callable[[], bool] = lambda: False
) -> int:
    """Run every deferred search and every due block check.

    Args:
        index: the open index.
        viewer: who asks.
        is_stopping: returns whether to leave the remaining searches for later.

    Returns:
        The number of finished searches and checks.

    Raises:
        AccessDenied: the viewer may not re-cluster.
    """
    require_permission(viewer, Action.RECLUSTER)
    finished_count = 0
    while True:
        with index.database.read(viewer) as unit:
            queued_records = unit.large_blocks.oldest_pending(PAGE_RECORDS)
        if not queued_records:
            return finished_count + check_purged_blocks(index, viewer, is_stopping)
        for record in queued_records:
            if is_stopping():
                return finished_count
            with index.database.write(viewer, "pending") as unit:
                if unit.large_blocks.finish_search(record, unit.commit_no):
                    _search_and_resolve(unit, index, record)
                    finished_count += 1


def _search_and_resolve(unit: WriteUnit, index: Index, record: int) -> None:
    """Search a record's candidate matches and assign the record to a person."""
    stored = unit.records.get([record]).get(record)
    if stored is None or stored.state != RecordState.ACTIVE:
        return
    codes = {source.id: source.code for source in unit.sources.all()}
    for source_id, payload in unit.record_versions.payloads([record]).values():
        canonical = record_from_bytes(payload)
        features = index.features_of(canonical, codes[source_id], index.shared_values(unit))
        resolve(
            unit,
            index,
            {record: ChangedRecord(stored.group_id, features, canonical.merged_into)},
            (),
            "upsert",
        )


class DeferredSearchWorker:
    """Server thread that runs deferred candidate searches of records.

    Args:
        index: returns the open index, which another model may replace.
    """

    def __init__(self, index: Callable[[], Index]) -> None:
        self._index = index
        self._stop_requested = threading.Event()
        self._thread = threading.Thread(target=self._work, name="pending", daemon=True)

    def start(self) -> None:
        """Start the thread of deferred candidate searches."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the deferred-search thread after the current record."""
        self._stop_requested.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop_requested.wait(self._index().tuning.request.deferred_search_poll_s):
            try:
                finish_deferred_searches(self._index(), make_operator("worker"), self._stop_requested.is_set)
            except ModelMovedError:
                continue  # the next request reloads the model
            except MpiError as error:
                _log.warning("a request that waits could not be finished: %s", error.code)

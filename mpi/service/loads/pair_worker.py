"""Worker process that finds and scores pairs during a load.

The process searches for the pairs of one window while its parent writes the window before.
"""

import gc
import signal
import sys
import tempfile
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from mpi.domain.errors import EngineError, MpiError
from mpi.domain.tuning import Tuning
from mpi.domain.viewer import Viewer
from mpi.matching.model.match_model import MatchModel
from mpi.matching.scoring.batch_scorer import ScoringResources
from mpi.service.core.comparable_record import PackedRecord
from mpi.service.core.index import Index
from mpi.service.indexing.pair_scorer import ComparedRecords, PairScorer
from mpi.service.indexing.pairing_limits import limits_for_machine
from mpi.service.indexing.scored_pairs import ScoredPairs
from mpi.service.processes.child_process import register_mapping_pickling
from mpi.standardize.process_pool import lower_priority
from mpi.storage.unit_of_work.database import Database

SECOND_THREAD_FROM_PAIRS = 250_000
"""Smallest number of pairs that is scored on two threads.

The writer needs a core too: two threads in place of one take a tenth more time.
"""
_EXIT_TIMEOUT_S = 60.0
"""Seconds to wait for the worker's end before it is killed.

A running DuckDB query has to end first.
"""


@dataclass(frozen=True, slots=True)
class _WorkerSettings:
    """Settings that the pair-scoring worker process receives once.

    Args:
        url: of the database.
        viewer: who reads.
        model: the model in force.
        folder: folder for data that exceeds memory.
        tuning: tuning of the index.
        block_limit: most records of a block that brings pairs.
    """

    url: str
    viewer: Viewer
    model: MatchModel
    folder: Path
    tuning: Tuning
    block_limit: int


class _PairRequest(NamedTuple):
    """Request to a worker for candidate pairs of records; see ``Pairing.pair_up``."""

    config_id: int
    records: dict[int, PackedRecord]
    comparison: ComparedRecords
    replaced: frozenset[int]


class PairWorker:
    """Handle of a worker process that finds and scores candidate pairs.

    The process starts with the first request and ends when the context is left.

    Args:
        index: the open index.
        viewer: who reads.
    """

    def __init__(self, index: Index, viewer: Viewer) -> None:
        self._index = index
        self._viewer = viewer
        self._process: Any = None
        self._pipe: Connection | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.terminate()
            self._process.join(_EXIT_TIMEOUT_S)
            if self._process.exitcode is None:
                self._process.kill()
                self._process.join()
        if self._folder is not None:
            self._folder.cleanup()

    def request(
        self,
        config_id: int,
        records: dict[int, PackedRecord],
        comparison: ComparedRecords,
        replaced: frozenset[int] = frozenset(),
    ) -> int:
        """Request the scored candidate pairs of records from the worker.

        Commits after this method returns are not taken into account.

        Args:
            config_id: the configuration in force.
            records: standardized records by number.
            comparison: earlier records to compare these with, as for ``Pairing.pair_up``.
            replaced: stored records that any of these will replace.

        Returns:
            The last commit that the pairs take into account.

        Raises:
            EngineError: the process failed or was ended from outside.
        """
        self._start()
        try:
            self._connection.send(_PairRequest(config_id, records, comparison, replaced))
        except OSError:
            raise _worker_ended_error() from None
        commit = self._receive()
        if not isinstance(commit, int):
            raise _worker_ended_error()
        return commit

    def has_answered(self) -> bool:
        """Return whether the pair worker's answer can be read without waiting.

        Raises:
            EngineError: the process was ended from outside.
        """
        try:
            return self._connection.poll()
        except OSError:
            raise _worker_ended_error() from None

    def receive_pairs(self) -> ScoredPairs:
        """Wait for the scored pairs of the last request to the worker.

        Raises:
            EngineError: the process failed or was ended from outside.
        """
        scored = self._receive()
        if not isinstance(scored, ScoredPairs):
            raise _worker_ended_error()
        return scored

    @property
    def _connection(self) -> Connection:
        if self._pipe is None:
            raise _worker_ended_error()
        return self._pipe

    def _receive(self) -> object:
        try:
            message = self._connection.recv()
        except (EOFError, OSError):
            raise _worker_ended_error() from None
        if isinstance(message, str):
            raise EngineError(message)
        return message

    def _start(self) -> None:
        if self._process is not None:
            return
        # Created by the parent, which outlives the worker and deletes it.
        self._folder = tempfile.TemporaryDirectory(prefix="apart-", dir=self._index.home)
        index, folder = self._index, Path(self._folder.name)
        settings = _WorkerSettings(
            url=index.database.url,
            viewer=self._viewer,
            model=index.matcher.model,
            folder=folder,
            tuning=index.tuning,
            block_limit=index.settings.block_limits.paired,
        )
        # A forked child may crash if DuckDB or Arrow run threads in the parent, so spawn.
        context = get_context("spawn")
        self._pipe, child_pipe = context.Pipe()
        register_mapping_pickling()
        process = context.Process(target=_serve_requests, args=(child_pipe, settings), daemon=True)
        process.start()
        self._process = process
        child_pipe.close()


def _worker_ended_error() -> EngineError:
    """Create the error for a pair worker that was ended from outside."""
    return EngineError(
        "the process that finds pairs was ended from outside, perhaps for lack of memory: run it again"
    )


def _serve_requests(pipe: Connection, settings: _WorkerSettings) -> None:
    """Answer requests for scored candidate pairs until the pipe is closed.

    The worker sends the last commit, then the pairs; or a one-line error text.
    """
    lower_priority()
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    database = Database(settings.url, tuning=settings.tuning.storage)
    bounds = limits_for_machine()
    place = ScoringResources(settings.folder, bounds.memory, tuning=settings.tuning.scoring)
    # Parallel reads would take a PostgreSQL server's cores from the writer; SQLite has no server.
    open_read = None if database.is_postgresql else partial(database.read, settings.viewer)
    # The parent may end at any moment.
    with (
        suppress(EOFError, BrokenPipeError, ConnectionResetError),
        PairScorer(
            model=settings.model,
            resources=place,
            max_cached_records=bounds.max_cached_records,
            open_snapshot=open_read,
            min_pairs_for_thread=SECOND_THREAD_FROM_PAIRS,
            block_limit=settings.block_limit,
        ) as pairing,
    ):
        while True:
            _answer_request(pipe, database, settings.viewer, pairing, pipe.recv())
            gc.collect()
    # Nothing is left to clean up, and this process is about to end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _answer_request(
    pipe: Connection, database: Database, viewer: Viewer, pairing: PairScorer, request: _PairRequest
) -> None:
    """Answer one request for scored candidate pairs in the worker process."""
    try:
        with ExitStack() as stack:
            unit = stack.enter_context(database.read(viewer))
            pipe.send(unit.last_commit())
            # An open snapshot lets SQLite's write-ahead log grow, which slows the writer.
            scored = pairing.score_pairs(
                unit,
                request.config_id,
                request.records,
                request.comparison,
                stack.close,
                replaced=request.replaced,
            )
    except MpiError as error:
        pipe.send(str(error))
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:  # noqa: BLE001 - the message may hold values, the class may not
        pipe.send(f"finding pairs failed ({type(error).__name__}): run it again")
    else:
        # Outside the snapshot, since the parent may read the answer late.
        pipe.send(scored)

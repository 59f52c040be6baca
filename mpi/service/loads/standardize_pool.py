"""Pool of processes that standardizes statements during a load.

A window's statements are standardized while the window before is written.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from mpi.service.core.comparable_record import PackedRecord
from mpi.service.loads.row_intake import RowValidator, ValidatedFile
from mpi.service.statements.statement import Statement
from mpi.standardize.process_pool import count_cores, make_worker_lost_error, start_pool, submit_chunk
from mpi.standardize.serialization import record_from_bytes


@dataclass(frozen=True, slots=True)
class PayloadStandardizer:
    """Standardizer of stored record contents; can be sent to another process.

    Args:
        validator: the row validator of the file that the records come from.
    """

    validator: RowValidator

    def __call__(self, payloads: Sequence[bytes]) -> list[PackedRecord]:
        """Standardize stored records and compute their blocking keys.

        Args:
            payloads: the records as they are stored.
        """
        return [self.validator.pack_record(record_from_bytes(payload)) for payload in payloads]


@dataclass(frozen=True, slots=True)
class PendingWindow:
    """Window of a load's statements, some still being standardized.

    Args:
        statements: all statements of the window.
        positions: positions in the window of those being standardized.
        futures: their pending results.
    """

    statements: list[Statement]
    positions: list[int]
    futures: list[Future[list[PackedRecord]]]


class StandardizePool:
    """Process pool that standardizes the record statements of a file.

    The processes start with the first task and end when the context is left.

    Args:
        file: the validated file.
    """

    def __init__(self, file: ValidatedFile) -> None:
        self._file = file
        self._standardizer = PayloadStandardizer(file.validator)
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(self, statements: list[Statement]) -> PendingWindow:
        """Start standardizing those of a window's statements that need it.

        Args:
            statements: the statements of a window.
        """
        headings = self._file.headings
        places = [
            position
            for position, statement in enumerate(statements)
            if headings[statement.local_id].needs_standardizing
        ]
        if places and self._pool is None:
            self._pool = start_pool(count_cores(), self._standardizer)
        payloads = [statements[position].payload for position in places]
        task_size = self._file.tuning.task_statements
        tasks = [payloads[start : start + task_size] for start in range(0, len(payloads), task_size)]
        return PendingWindow(
            statements, places, [submit_chunk(self._pool, task) for task in tasks] if self._pool else []
        )

    def collect(self, window: PendingWindow) -> list[Statement]:
        """Wait for a submitted window and return its standardized statements.

        Args:
            window: a window that ``submit`` returned.

        Raises:
            EngineError: a process was ended from outside.
        """
        statements = list(window.statements)
        try:
            packed_records = [packed for future in window.futures for packed in future.result()]
        except BrokenProcessPool:
            raise make_worker_lost_error() from None
        for position, packed in zip(window.positions, packed_records, strict=True):
            statements[position] = statements[position]._replace(comparable=packed)
        return statements

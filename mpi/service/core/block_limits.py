"""Size limits for blocks: groups of records that share a blocking key.

Above the alarm size, a block is still searched in full, counted, logged and queued once for the operator.
Above the hard limit, a request does not search the block; the worker of
``mpi.service.records.deferred_search`` does. Neither size changes the partition (law 1): the alarm informs
people, the hard limit only delays the search.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from mpi.storage.unit_of_work.units import WriteUnit

_log = logging.getLogger("mpi.blocks")


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """Alarm size and hard limit of a block (records sharing a key).

    Args:
        alarm: most records of a block that raise no alarm.
        hard: most records of a block that a request searches.
    """

    alarm: int = 1_000
    hard: int = 10_000


class BlockTooLargeError(Exception):
    """A request met a block of records above the hard size limit.

    The caller stores the record and leaves the search for candidates to a background worker. The error is a
    signal between use cases and never reaches a client, so it is none of the errors of ``mpi.domain.errors``.

    Args:
        sizes: records by blocking key, for every block above the alarm size.
    """

    def __init__(self, sizes: Mapping[int, int]) -> None:
        super().__init__("a blocking key has more records than a request searches")
        self.sizes = sizes


@dataclass(slots=True)
class BlockCounts:
    """Counts of large record blocks that this process searched, for ``/metrics``.

    Args:
        past_alarm: blocks above the alarm size.
        past_hard: searches that a block above the hard limit stopped.
    """

    past_alarm: int = 0
    past_hard: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count_search(self, blocks: int, *, hard: bool) -> None:
        """Count one candidate search that met large blocks.

        Args:
            blocks: number of blocks above the alarm size.
            hard: whether one of them is above the hard limit.
        """
        with self._lock:
            self.past_alarm += blocks
            self.past_hard += hard


def queue_large_blocks(unit: WriteUnit, config_id: int, sizes: Mapping[int, int]) -> None:
    """Queue blocks above the alarm size for operators, and log new ones.

    Each block is queued only once. A blocking key is a hash, so the log identifies nobody.

    Args:
        unit: the transaction of the search.
        config_id: the configuration.
        sizes: records by blocking key.
    """
    for key in unit.large_blocks.add_new(config_id, sizes, unit.commit_no):
        _log.warning(
            "a blocking key is shared by %d records: see mpi blocks, and mpi recluster --stop-over",
            sizes[key],
        )

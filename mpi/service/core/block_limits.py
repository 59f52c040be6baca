"""Large blocks: past the alarm size they are told of, past the hard size no client waits for them.

Past the alarm size a block is still searched in full, counted, logged and queued once. Past the hard size a
request does not search it, and the worker of ``mpi.service.records.deferred_search`` does. Neither size bears on the
partition (law 1): the one tells people, the other says when.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from mpi.storage.unit_of_work.unit import WriteUnit

_log = logging.getLogger("mpi.blocks")


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """Records that may share a blocking key.

    Args:
        alarm: so many are searched without a word.
        hard: so many are searched while a client waits.
    """

    alarm: int = 1_000
    hard: int = 10_000


class BlockTooLargeError(Exception):
    """A request met a block that is not searched while a client waits; it is to be kept for the worker.

    A signal between use cases and never told to anybody, so none of the errors of ``mpi.domain.errors``.

    Args:
        sizes: records by blocking key, of every block past the alarm size.
    """

    def __init__(self, sizes: Mapping[int, int]) -> None:
        super().__init__("a blocking key has more records than a request searches")
        self.sizes = sizes


@dataclass(slots=True)
class BlockCounts:
    """What this process has met, for ``/metrics``."""

    past_alarm: int = 0
    past_hard: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def met(self, blocks: int, *, hard: bool) -> None:
        """Count one search."""
        with self._turn:
            self.past_alarm += blocks
            self.past_hard += hard


def queue_large_blocks(unit: WriteUnit, config_id: int, sizes: Mapping[int, int]) -> None:
    """Queue blocks past the alarm size, each once, and log the new ones; a key is a hash that tells nobody.

    Args:
        unit: the transaction of the search.
        config_id: the configuration.
        sizes: records by key.
    """
    for key in unit.large_blocks.add_new(config_id, sizes, unit.commit_no):
        _log.warning(
            "a blocking key is shared by %d records: see mpi blocks, and mpi recluster --stop-over",
            sizes[key],
        )

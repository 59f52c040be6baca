"""Size limits for blocks: groups of records that share a blocking key.

Above the pairing limit, a block brings no pairs: its key is purged (ADR 0093). Above the alarm size, a block
is counted, logged and queued once for the operator. Above the hard limit, a request does not search the
block; the worker of ``mpi.service.records.deferred_search`` does. Alarm and hard limit do not change the
partition (law 1): the alarm informs people, the hard limit only delays the search. They matter only for a
block that is not purged yet, as after an update from a version without purging.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from mpi.storage.unit_of_work.units import WriteUnit

_log = logging.getLogger("mpi.blocks")

MAX_PAIRED_RECORDS = 64
"""Most records of a block that brings pairs.

See ADR 0093 for the figures behind it.
"""


@dataclass(frozen=True, slots=True)
class BlockLimits:
    """Size limits of a block (records sharing a key).

    Args:
        alarm: most records of a block that raise no alarm.
        hard: most records of a block that a request searches.
        paired: most records of a block that brings pairs. It changes the partition, so all processes of an
            index must have the same. Only tests set it.
    """

    alarm: int = 1_000
    hard: int = 10_000
    paired: int = MAX_PAIRED_RECORDS


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

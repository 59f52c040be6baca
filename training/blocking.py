"""The blocking keys of many records, as one table."""

from collections.abc import Sequence

import pyarrow as pa

from mpi.domain.features import Features
from mpi.matching.keys import BlockingSpec, keys
from training.records import SEAL

Records = Sequence[tuple[int, Features]]
"""Record ids with their features."""


def blocking_keys(records: Records, blocking: BlockingSpec) -> pa.Table:
    """The keys of all records: ``key``, ``record_id``, each row once."""
    found: list[int] = []
    owners: list[int] = []
    for number, features in records:
        mine = keys(features, blocking, SEAL)
        found.extend(mine)
        owners.extend([number] * len(mine))
    return pa.table({"key": pa.array(found, pa.int64()), "record_id": pa.array(owners, pa.int64())})

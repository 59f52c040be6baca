"""Candidates of one record: who shares a blocking key with it, and how they are compared, in one answer.

Of a store across a network each question that waits for the answer to another costs a round trip.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, LargeBinary, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.storage.key_index.key_segments import NO_MATCHES, SegmentMatches

# As one array the records are looked up by their index, whatever the planner takes their number for.
_SEARCH = text(
    "WITH sharing AS MATERIALIZED (SELECT group_id, key, record_id FROM blocking_key "
    "WHERE config_id = :config AND group_id = ANY (:groups) AND key = ANY (:keys) LIMIT :most) "
    "SELECT group_id, key, record_id, NULL::bytea AS payload FROM sharing UNION ALL "
    "SELECT NULL, NULL, record_id, payload FROM feature "
    "WHERE config_id = :config AND record_id = ANY (ARRAY (SELECT record_id FROM sharing))"
).bindparams(
    bindparam("config", type_=BigInteger()),
    bindparam("groups", type_=ARRAY(BigInteger())),
    bindparam("keys", type_=ARRAY(BigInteger())),
    bindparam("most", type_=BigInteger()),
)
_TYPED_SEARCH = _SEARCH.columns(
    group_id=BigInteger(), key=BigInteger(), record_id=BigInteger(), payload=LargeBinary()
)


class CandidateRows(NamedTuple):
    """What shares a key with a record.

    Args:
        pairs: (key, record), as many as were asked for at most.
        payloads: stored features of those records.
    """

    pairs: list[tuple[int, int]]
    payloads: dict[int, bytes]


class CandidateQuery:
    """Asks for candidates.

    Attributes:
        is_supported: whether they are; a store that is near has nothing to gain by it.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_supported = connection.dialect.name == "postgresql"

    def send(
        self, config_id: int, groups: Collection[int], keys: Collection[int], limit: int
    ) -> Callable[[SegmentMatches], CandidateRows]:
        """Ask for those among all; what is returned reads the answer, once, and adds what runs have of it.

        Args:
            config_id: the configuration.
            groups: visibility groups to search.
            keys: blocking keys.
            limit: pairs of a key and a record that are found at most.
        """
        asked = {"config": config_id, "groups": list(groups), "keys": list(keys), "most": limit}
        rows = self._connection.execute(_TYPED_SEARCH, asked)

        def read(in_runs: SegmentMatches) -> CandidateRows:
            sharing: list[tuple[int, int, int]] = []
            payloads: dict[int, bytes] = {}
            for group, key, record, payload in rows:
                if payload is None:
                    sharing.append((group, key, record))
                else:
                    payloads[record] = payload
            # Without what was lost it would no longer be seen that they are too many.
            left = (in_runs if len(sharing) < limit else NO_MATCHES).filter_tombstoned(sharing)
            return CandidateRows(in_runs.pairs(limit) + left, payloads)

        return read

"""Candidate records and their features in one database query.

Used where the database is across a network, so that two dependent queries do not cost two round
trips.
"""

from collections.abc import Callable, Collection
from typing import NamedTuple

from sqlalchemy import ARRAY, BigInteger, Connection, LargeBinary, bindparam, text

from mpi.storage.key_index.purged_blocks import PurgedBlocks
from mpi.storage.key_index.segment_reader import NO_MATCHES, SegmentMatches

# An array makes PostgreSQL use the index of records, whatever row count the planner estimates. Purged keys
# are left out before the look-up, since their blocks may have any number of rows.
_SEARCH = text(
    "WITH sharing AS MATERIALIZED (SELECT group_id, key, record_id FROM blocking_key "
    "WHERE config_id = :config AND group_id = ANY (:groups) AND key = ANY (ARRAY ("
    "SELECT own.key FROM unnest(CAST(:keys AS bigint[])) AS own(key) WHERE NOT EXISTS ("
    "SELECT FROM purged_block AS purged WHERE purged.config_id = :config AND purged.key = own.key))) "
    "LIMIT :row_limit) "
    "SELECT group_id, key, record_id, NULL::bytea AS payload FROM sharing UNION ALL "
    "SELECT NULL, NULL, record_id, payload FROM feature "
    "WHERE config_id = :config AND record_id = ANY (ARRAY (SELECT record_id FROM sharing))"
).bindparams(
    bindparam("config", type_=BigInteger()),
    bindparam("groups", type_=ARRAY(BigInteger())),
    bindparam("keys", type_=ARRAY(BigInteger())),
    bindparam("row_limit", type_=BigInteger()),
)
_TYPED_SEARCH = _SEARCH.columns(
    group_id=BigInteger(), key=BigInteger(), record_id=BigInteger(), payload=LargeBinary()
)


class CandidateRows(NamedTuple):
    """Records that share a blocking key with one searched record.

    Args:
        pairs: (key, record number), up to the requested limit.
        payloads: stored comparison features, by record number.
        purged_keys: keys of the searched record that bring no pairs.
    """

    pairs: list[tuple[int, int]]
    payloads: dict[int, bytes]
    purged_keys: set[int]


class CandidateQuery:
    """Repository that finds candidate records and their features in one query.

    Attributes:
        is_supported: whether the database benefits; true on PostgreSQL only.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.is_supported = connection.dialect.name == "postgresql"

    def send(
        self, config_id: int, groups: Collection[int], keys: Collection[int], limit: int
    ) -> Callable[[SegmentMatches], CandidateRows]:
        """Send a candidate query and return a function that reads the result.

        The function reads the result once. It takes the matches in segments, which it adds to those in the
        base table.

        Args:
            config_id: number of the configuration.
            groups: visibility groups to search.
            keys: blocking keys to look up.
            limit: maximum number of (key, record) pairs.
        """
        parameters = {"config": config_id, "groups": list(groups), "keys": list(keys), "row_limit": limit}
        read_purged = PurgedBlocks(self._connection).request_purged(config_id, keys)
        rows = self._connection.execute(_TYPED_SEARCH, parameters)

        def read(segment_matches: SegmentMatches) -> CandidateRows:
            purged_keys = read_purged()
            base_rows: list[tuple[int, int, int]] = []
            payloads: dict[int, bytes] = {}
            for group, key, record, payload in rows:
                if payload is None:
                    base_rows.append((group, key, record))
                else:
                    payloads[record] = payload
            # At the limit, tombstoned rows stay, so that the caller sees that the limit is reached.
            base_pairs = (segment_matches if len(base_rows) < limit else NO_MATCHES).filter_tombstoned(
                base_rows
            )
            pairs = [
                (key, record)
                for key, record in segment_matches.pairs(limit) + base_pairs
                if key not in purged_keys
            ]
            return CandidateRows(pairs, payloads, purged_keys)

        return read

"""Keys of tokens that are kept of pupils whose rows were dropped.

A key is made of the keyed hash by which orders and tombstones name a record. So the tokens of a destroyed
child are found even where the index knows no more than that hash.
"""

from collections.abc import Collection

from mpi.domain.keyed_hash import KeyedHash
from mpi.storage.unit_of_work.units import WriteUnit


def make_pupil_key(keyed_hash: KeyedHash, record_token: str) -> int:
    """Return the key of a pupil's tokens, from the record's token."""
    return keyed_hash.to_int64("pupil", record_token)


def delete_pupil_tokens(
    unit: WriteUnit, keyed_hash: KeyedHash, source_id: int, record_tokens: Collection[str]
) -> None:
    """Delete what is kept of pupils who get a tombstone.

    Args:
        unit: the transaction.
        keyed_hash: hash function of the index.
        source_id: number of the source.
        record_tokens: tokens of the local IDs, see ``make_record_token``.
    """
    unit.pupil_tokens.delete(source_id, [make_pupil_key(keyed_hash, token) for token in record_tokens])

"""Hashes for the ledger's lines from before its Merkle tree."""

from typing import Any

from sqlalchemy import BigInteger, Connection, LargeBinary, Row, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from mpi.domain.ledger.line_hash import PersonalPart, PublicPart, commit_to, draw_nonce, hash_line
from mpi.storage.tables import DisclosureRow, table_of

_disclosure = table_of(DisclosureRow)
_LINES_PER_PAGE = 5_000
_SET_EACH = text("UPDATE disclosure SET nonce = :nonce, leaf = :leaf WHERE id = :id")
_SET_ALL = text(
    "UPDATE disclosure SET nonce = given.nonce, leaf = given.leaf "
    "FROM unnest(:ids, :nonces, :leaves) AS given(id, nonce, leaf) WHERE disclosure.id = given.id"
).bindparams(
    bindparam("ids", type_=ARRAY(BigInteger())),
    bindparam("nonces", type_=ARRAY(LargeBinary())),
    bindparam("leaves", type_=ARRAY(LargeBinary())),
)


def hash_former_lines(connection: Connection) -> None:
    """Give each line without a hash its nonce and hash.

    Repeating it after a crash goes on where it stopped.
    """
    last = 0
    query = (
        select(_disclosure)
        .where(_disclosure.c.leaf.is_(None), _disclosure.c.id > bindparam("last"))
        .order_by(_disclosure.c.id)
        .limit(_LINES_PER_PAGE)
    )
    while rows := connection.execute(query, {"last": last}).all():
        hashes = [(row.id, *_hash_row(row)) for row in rows]
        if connection.dialect.name == "postgresql":
            ids, nonces, leaves = zip(*hashes, strict=True)
            connection.execute(_SET_ALL, {"ids": list(ids), "nonces": list(nonces), "leaves": list(leaves)})
        else:
            connection.execute(
                _SET_EACH, [{"id": number, "nonce": nonce, "leaf": leaf} for number, nonce, leaf in hashes]
            )
        last = rows[-1].id


def _hash_row(row: Row[Any]) -> tuple[bytes, bytes]:
    nonce = draw_nonce()
    public = PublicPart(row.at, row.client, row.purpose, row.agreement, row.action)
    commitment = commit_to(nonce, PersonalPart(row.record_ids, row.fields, row.handle))
    return nonce, hash_line(public, commitment)

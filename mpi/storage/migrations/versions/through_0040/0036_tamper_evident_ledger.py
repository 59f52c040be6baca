"""Make the disclosure ledger tamper-evident."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_REDACT = """
CREATE FUNCTION ledger_redact(
    line bigint, kept_records text, kept_fields text, kept_handle text, new_nonce bytea,
    former_commitment bytea, gone bigint[]
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE disclosure SET record_ids = kept_records, fields = kept_fields, handle = kept_handle,
        nonce = new_nonce, commitment = coalesce(commitment, former_commitment)
    WHERE id = line AND length(kept_records) < length(record_ids);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'a line of the ledger can only lose records';
    END IF;
    DELETE FROM disclosed_record WHERE disclosure_id = line AND record_id = ANY (gone);
END $$
"""
"""What a role without UPDATE and DELETE on the ledger may do: take records out of a line.

The owner's rights are used, and the hash of the line stays.
"""


def upgrade() -> None:
    # On SQLite the file of the ledger has these tables; opening it for an upgrade changes them.
    if op.get_bind().dialect.name == "sqlite":
        return
    for name in ("nonce", "leaf", "commitment"):
        op.add_column("disclosure", sa.Column(name, sa.LargeBinary(), nullable=True))
    op.create_table(
        "ledger_node",
        sa.Column("level", BigInt, primary_key=True, autoincrement=False),
        sa.Column("position", BigInt, primary_key=True, autoincrement=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "ledger_root",
        sa.Column("number", BigInt, primary_key=True, autoincrement=False),
        sa.Column("size", BigInt, nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
    )
    op.execute(_REDACT)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute("DROP FUNCTION ledger_redact(bigint, text, text, text, bytea, bytea, bigint[])")
    op.drop_table("ledger_root")
    op.drop_table("ledger_node")
    for name in ("commitment", "leaf", "nonce"):
        op.drop_column("disclosure", name)

"""Index steps by kind, and the disclosure ledger by agreement."""

from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_step_kind", "step", ["kind"])
    # On SQLite the file of the ledger has this table; opening it for an upgrade creates the index.
    if op.get_bind().dialect.name != "sqlite":
        op.create_index("ix_disclosure_agreement", "disclosure", ["agreement", "client", "at"])


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.drop_index("ix_disclosure_agreement", "disclosure")
    op.drop_index("ix_step_kind", "step")

"""Index the disclosure ledger by client, action and purpose."""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_disclosure_client", "disclosure", ["client", "at"]),
    ("ix_disclosure_action", "disclosure", ["action", "client", "at"]),
    ("ix_disclosure_purpose", "disclosure", ["purpose", "at"]),
    ("ix_refusal_minute", "refusal", ["minute"]),
)


def upgrade() -> None:
    # On SQLite the file of the ledger has these tables; opening it for an upgrade creates the indexes.
    if op.get_bind().dialect.name != "sqlite":
        for name, table, columns in _INDEXES:
            op.create_index(name, table, columns)


def downgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        for name, table, _ in reversed(_INDEXES):
            op.drop_index(name, table)

"""Index the disclosure ledger by record."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LISTED = {
    "sqlite": "SELECT DISTINCT each.value, disclosure.id FROM disclosure, json_each(record_ids) AS each",
    "postgresql": "SELECT DISTINCT each::bigint, disclosure.id FROM disclosure, "
    "jsonb_array_elements_text(record_ids::jsonb) AS each",
}


def upgrade() -> None:
    op.create_table(
        "disclosed_record",
        sa.Column("record_id", _BIG, autoincrement=False, nullable=False),
        sa.Column("disclosure_id", _BIG, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("record_id", "disclosure_id"),
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO disclosed_record {_LISTED[op.get_bind().dialect.name]}")
    op.execute("INSERT INTO disclosed_record SELECT 0, id FROM disclosure WHERE handle IS NOT NULL")


def downgrade() -> None:
    op.drop_table("disclosed_record")

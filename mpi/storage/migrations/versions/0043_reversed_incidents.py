"""Store scopes and reversals of incidents, and withdrawals of corrections."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

_COLUMNS = {
    "incident": (
        ("scope", sa.Text()),
        ("reversed_commit", BigInt),
        ("reverses", sa.Text()),
    ),
    "correction": (("withdrawn_commit", BigInt),),
}


def upgrade() -> None:
    for table, columns in _COLUMNS.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_index("ix_incident_closed_commit", "incident", ["closed_commit"])
    op.create_index("ix_incident_record_record_id", "incident_record", ["record_id"])


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT count(*) FROM incident WHERE reverses IS NOT NULL")).scalar():
        raise RuntimeError("corrections were reversed: an earlier release would show that as a wrong link")
    op.drop_index("ix_incident_record_record_id", "incident_record")
    op.drop_index("ix_incident_closed_commit", "incident")
    for table, columns in _COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)

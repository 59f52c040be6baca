"""Note of incidents their scope and the end of their separation, and of corrections their withdrawal."""

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
        ("taken_back_commit", BigInt),
        ("takes_back", sa.Text()),
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
    op.drop_index("ix_incident_record_record_id", "incident_record")
    op.drop_index("ix_incident_closed_commit", "incident")
    for table, columns in _COLUMNS.items():
        for name, _ in columns:
            op.drop_column(table, name)

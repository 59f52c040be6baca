"""Store how published reports are made again."""

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_DEFAULTS = {"moment": "''", "earlier": "'[]'"}


def upgrade() -> None:
    for name, default in _DEFAULTS.items():
        column = sa.Column(name, sa.Text(), nullable=False, server_default=sa.text(default))
        op.add_column("report_release", column)


def downgrade() -> None:
    for name in _DEFAULTS:
        op.drop_column("report_release", name)

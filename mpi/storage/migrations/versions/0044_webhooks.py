"""Store webhooks: subscriptions of clients to the change feed."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_TEXTS = ("client", "url", "state", "state_at", "secret", "generation", "worker", "beat")
_OPTIONAL_TEXTS = (
    "purpose",
    "former_secret",
    "former_until",
    "last_message",
    "delivered_at",
    "failing_since",
    "last_failure",
    "next_attempt_at",
)
_NUMBERS = ("revision", "cursor", "failures", "created_commit")


def upgrade() -> None:
    op.create_table(
        "webhook",
        sa.Column("code", sa.Text(), primary_key=True, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        *(sa.Column(name, sa.Text(), nullable=True) for name in _OPTIONAL_TEXTS),
        *(sa.Column(name, BigInt, nullable=False) for name in _NUMBERS),
    )
    op.create_index("ix_webhook_client", "webhook", ["client"])


def downgrade() -> None:
    if op.get_bind().execute(sa.text("SELECT count(*) FROM webhook")).scalar():
        raise RuntimeError("an earlier release delivers no webhooks: remove them with mpi webhook remove")
    op.drop_table("webhook")

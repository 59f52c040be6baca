"""Store subpoena cases, consents to disclose records, and duties under agreements."""

import sqlalchemy as sa
from alembic import op

from mpi.storage.columns import BigInt

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_subpoenas()
    _create_consents()
    _create_duties()


def _create_subpoenas() -> None:
    op.create_table(
        "subpoena_case",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("source_id", BigInt, sa.ForeignKey("source.id"), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("court", "reference", "served_by", "received", "due")
        ),
        sa.Column("notice_forbidden", sa.Boolean(), nullable=False),
        sa.Column("record_ids", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("opened_commit", BigInt, nullable=False),
    )
    op.create_table(
        "subpoena_step",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("commit_no", BigInt, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=True)
            for name in ("day", "verdict", "counsel", "reason", "record_ids", "fields")
        ),
    )


def _create_consents() -> None:
    op.create_table(
        "disclosure_consent",
        sa.Column("code", sa.Text(), primary_key=True),
        sa.Column("record_id", BigInt, sa.ForeignKey("record.id"), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in (
                "agreement",
                "recipient",
                "purposes",
                "fields",
                "signer",
                "signed",
                "ends",
                "reference",
            )
        ),
        sa.Column("recorded_commit", BigInt, nullable=False),
        sa.Column("revoked_commit", BigInt, nullable=True),
    )
    op.create_index("ix_disclosure_consent_record_id", "disclosure_consent", ["record_id"])


def _create_duties() -> None:
    op.create_table(
        "agreement_clock",
        sa.Column("code", sa.Text(), primary_key=True),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("agreement", "name", "party", "begun", "due")
        ),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("begun_commit", BigInt, nullable=False),
        sa.Column("met_on", sa.Text(), nullable=True),
        sa.Column("met_by", sa.Text(), nullable=True),
        sa.Column("met_commit", BigInt, nullable=True),
    )
    op.create_table(
        "destruction_attestation",
        sa.Column("commit_no", BigInt, primary_key=True, autoincrement=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("agreement", "party", "through", "attested_by", "method")
        ),
    )


def downgrade() -> None:
    op.drop_table("destruction_attestation")
    op.drop_table("agreement_clock")
    op.drop_table("disclosure_consent")
    op.drop_table("subpoena_step")
    op.drop_table("subpoena_case")

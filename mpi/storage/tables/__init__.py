"""One SQLModel schema for both stores; rows never leave storage.

Truth: sources, records and their versions, decisions, holds, persons and memberships, batches, events.
Derived, rebuilt by ``mpi rebuild`` with the same IDs: features, blocking keys, edges, tasks.
"""

from mpi.storage.tables.derived import BlockingKeyRow, EdgeRow, FeatureRow, TaskRow, TaskWorkRow
from mpi.storage.tables.identity import (
    ConfigRow,
    EpochRow,
    IdentityEventRow,
    MembershipRow,
    PersonRow,
)
from mpi.storage.tables.ledger import (
    ClientRow,
    CommitRow,
    CounterRow,
    DisclosedRecordRow,
    DisclosureRow,
    IndexRow,
    KeptAnswerRow,
)
from mpi.storage.tables.sources import (
    AgencyRow,
    BatchRow,
    FlagRow,
    RecordAliasRow,
    RecordRow,
    RecordVersionRow,
    RejectRow,
    SightingRow,
    SourceRow,
)
from mpi.storage.tables.statements import (
    ApprovalRow,
    DecisionMemberRow,
    DecisionRow,
    DecisionSupersedesRow,
    HoldRow,
    NoteRow,
    ProposalItemRow,
    ProposalRow,
    StepRow,
)

__all__ = [
    "AgencyRow", "ApprovalRow", "BatchRow", "BlockingKeyRow", "ClientRow", "CommitRow", "ConfigRow",
    "CounterRow", "DecisionMemberRow", "DecisionRow", "DecisionSupersedesRow", "DisclosedRecordRow",
    "DisclosureRow", "EdgeRow", "EpochRow", "FeatureRow", "FlagRow", "HoldRow", "IdentityEventRow",
    "IndexRow", "KeptAnswerRow", "MembershipRow", "NoteRow", "PersonRow", "ProposalItemRow", "ProposalRow",
    "RecordAliasRow", "RecordRow", "RecordVersionRow", "RejectRow", "SightingRow", "SourceRow",
    "StepRow", "TaskRow", "TaskWorkRow",
]  # fmt: skip

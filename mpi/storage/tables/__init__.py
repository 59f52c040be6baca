"""The database schema: one SQLModel class for each table.

The same schema serves SQLite and PostgreSQL, and row objects never leave storage. Truth: sources,
records and their versions, decisions, holds, persons and memberships, batches, events. Derived, and
rebuilt by ``mpi rebuild`` with the same IDs: features, blocking keys, edges, tasks.
"""

from typing import Any

from sqlalchemy import Row
from sqlmodel import SQLModel

from mpi.storage.tables.accounts import (
    AccountRequestRow,
    AccountRow,
    FirstLinkRow,
    PastPasswordsRow,
    SecondFactorRow,
    SignInNetworkRow,
    SignInRow,
    UsedFlowRow,
)
from mpi.storage.tables.agreements import (
    AgreementClockRow,
    AgreementStepRow,
    AgreementVersionRow,
    DestructionRow,
    PurposeRow,
    RefusalRow,
)
from mpi.storage.tables.boundaries import (
    BoundaryOrderRow,
    ExpungeCertificateRow,
    TombstoneRow,
    UnsealRequestRow,
)
from mpi.storage.tables.commits_and_disclosures import (
    AccessTokenRow,
    ClientRow,
    CommitRow,
    CounterRow,
    DisclosedRecordRow,
    DisclosureRow,
    IndexRow,
    KeptAnswerRow,
    LedgerNodeRow,
    LedgerRootRow,
    PayloadKeyRow,
    TokenKeyRow,
)
from mpi.storage.tables.decisions import (
    ApprovalRow,
    AwaitedRow,
    ConsentRow,
    DecisionMemberRow,
    DecisionRow,
    DecisionSupersedesRow,
    HoldRow,
    NoteRow,
    ProposalItemRow,
    ProposalRow,
    StepRow,
)
from mpi.storage.tables.derived import (
    BlockingKeyRow,
    EdgeRow,
    FeatureRow,
    GoneFromRunsRow,
    KeyMergeRow,
    KeyRunRow,
    RecordKeysRow,
    TaskRow,
)
from mpi.storage.tables.freeze_windows import FreezeWindowRow
from mpi.storage.tables.holdings import HoldingsRunRow, PupilTokensRow
from mpi.storage.tables.identity import (
    ConfigRow,
    EpochRow,
    IdentityEventRow,
    MembershipRow,
    PersonRow,
)
from mpi.storage.tables.jobs import JobRow
from mpi.storage.tables.large_blocks import LargeBlockRow, PendingRow, PurgedBlockRow
from mpi.storage.tables.legal import (
    CorrectionRow,
    DestructionItemRow,
    DestructionRunRow,
    DisclosureConsentRow,
    IncidentRecordRow,
    IncidentRow,
    LegalHoldRow,
    ResearchProjectRow,
    RightsCaseRow,
    RightsStepRow,
    RightsTextRow,
    SourceRuleRow,
    SubpoenaCaseRow,
    SubpoenaStepRow,
)
from mpi.storage.tables.notices import DeskLinkRow, DigestRow, MentionRow, NoticeMarkRow, WebhookRow
from mpi.storage.tables.published_reports import PublishedReportRow, ReportSnapshotRow
from mpi.storage.tables.recluster_runs import RunChangeRow, RunRow
from mpi.storage.tables.review_work import (
    BlindAnswerRow,
    BlindPairRow,
    OwnerQuestionRow,
    PracticeAnswerRow,
    SavedViewRow,
    TaskActionRow,
    TaskWorkRow,
)
from mpi.storage.tables.scopes import ChangeRow, CopyRow, ScopeRow
from mpi.storage.tables.sources import (
    AgencyRow,
    BatchRow,
    FlagRow,
    PullCursorRow,
    QualityTicketRow,
    RecordAliasRow,
    RecordRow,
    RecordVersionRow,
    RejectRow,
    RenamedRow,
    SightingRow,
    SourceRow,
    TakenBackRow,
)
from mpi.storage.tables.splits import FormerIdRow, IdMapRow, MovedLoginRow, SplitRow

__all__ = [
    "AccessTokenRow",
    "AccountRequestRow",
    "AccountRow",
    "AgencyRow",
    "AgreementClockRow",
    "AgreementStepRow",
    "AgreementVersionRow",
    "AnyRow",
    "ApprovalRow",
    "AwaitedRow",
    "BatchRow",
    "BlindAnswerRow",
    "BlindPairRow",
    "BlockingKeyRow",
    "BoundaryOrderRow",
    "ChangeRow",
    "ClientRow",
    "CommitRow",
    "ConfigRow",
    "ConsentRow",
    "CopyRow",
    "CorrectionRow",
    "CounterRow",
    "DecisionMemberRow",
    "DecisionRow",
    "DecisionSupersedesRow",
    "DeskLinkRow",
    "DestructionItemRow",
    "DestructionRow",
    "DestructionRunRow",
    "DigestRow",
    "DisclosedRecordRow",
    "DisclosureConsentRow",
    "DisclosureRow",
    "EdgeRow",
    "EpochRow",
    "ExpungeCertificateRow",
    "FeatureRow",
    "FirstLinkRow",
    "FlagRow",
    "FormerIdRow",
    "FreezeWindowRow",
    "GoneFromRunsRow",
    "HoldRow",
    "HoldingsRunRow",
    "IdMapRow",
    "IdentityEventRow",
    "IncidentRecordRow",
    "IncidentRow",
    "IndexRow",
    "JobRow",
    "KeptAnswerRow",
    "KeyMergeRow",
    "KeyRunRow",
    "LargeBlockRow",
    "LedgerNodeRow",
    "LedgerRootRow",
    "LegalHoldRow",
    "MembershipRow",
    "MentionRow",
    "MovedLoginRow",
    "NoteRow",
    "NoticeMarkRow",
    "OwnerQuestionRow",
    "PastPasswordsRow",
    "PayloadKeyRow",
    "PendingRow",
    "PersonRow",
    "PracticeAnswerRow",
    "ProposalItemRow",
    "ProposalRow",
    "PublishedReportRow",
    "PullCursorRow",
    "PupilTokensRow",
    "PurgedBlockRow",
    "PurposeRow",
    "QualityTicketRow",
    "RecordAliasRow",
    "RecordKeysRow",
    "RecordRow",
    "RecordVersionRow",
    "RefusalRow",
    "RejectRow",
    "RenamedRow",
    "ReportSnapshotRow",
    "ResearchProjectRow",
    "RightsCaseRow",
    "RightsStepRow",
    "RightsTextRow",
    "RunChangeRow",
    "RunRow",
    "SavedViewRow",
    "ScopeRow",
    "SecondFactorRow",
    "SightingRow",
    "SignInNetworkRow",
    "SignInRow",
    "SourceRow",
    "SourceRuleRow",
    "SplitRow",
    "StepRow",
    "SubpoenaCaseRow",
    "SubpoenaStepRow",
    "TakenBackRow",
    "TaskActionRow",
    "TaskRow",
    "TaskWorkRow",
    "TokenKeyRow",
    "TombstoneRow",
    "UnsealRequestRow",
    "UsedFlowRow",
    "WebhookRow",
    "table_of",
]  # fmt: skip

AnyRow = Row[*tuple[Any, ...]]
"""A database row of any columns."""


def table_of(row_class: type[SQLModel]) -> Any:  # noqa: ANN401 - typed columns would type every row and query
    """Return the SQLAlchemy table of a row class."""
    return SQLModel.metadata.tables[str(row_class.__tablename__)]

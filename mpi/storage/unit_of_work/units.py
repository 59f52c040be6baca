"""Units of work: reads or writes of one viewer, with their repositories."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection, Text, bindparam, case, func, insert, select

from mpi.domain import clock
from mpi.domain.source import CARE_KINDS, SourceKind
from mpi.domain.tuning import DEFAULT_TUNING, StorageTuning
from mpi.domain.viewer import Viewer
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.key_index.blocking_keys import BlockingKeys
from mpi.storage.key_index.candidate_query import CandidateQuery
from mpi.storage.key_index.large_blocks import LargeBlockRepository
from mpi.storage.repositories.access.access_tokens import AccessTokens
from mpi.storage.repositories.access.account_requests import AccountRequests
from mpi.storage.repositories.access.accounts import Accounts
from mpi.storage.repositories.access.agreement_duties import AgreementDuties
from mpi.storage.repositories.access.agreements import Agreements
from mpi.storage.repositories.access.clients import Clients
from mpi.storage.repositories.access.destruction_runs import DestructionRuns
from mpi.storage.repositories.access.disclosure_consents import DisclosureConsents
from mpi.storage.repositories.access.disclosure_search import DisclosureSearch
from mpi.storage.repositories.access.disclosures import Disclosure, Disclosures
from mpi.storage.repositories.access.incidents import Incidents
from mpi.storage.repositories.access.ledger_tree import LedgerTree
from mpi.storage.repositories.access.legal_holds import LegalHolds
from mpi.storage.repositories.access.refusals import Refusals
from mpi.storage.repositories.access.research_projects import ResearchProjects
from mpi.storage.repositories.access.rights_cases import RightsCases
from mpi.storage.repositories.access.sign_ins import SignIns
from mpi.storage.repositories.access.subpoenas import Subpoenas
from mpi.storage.repositories.access.used_flows import UsedFlows
from mpi.storage.repositories.derived.configs import Configs
from mpi.storage.repositories.derived.features_and_edges import DerivedRepository
from mpi.storage.repositories.derived.proposals import Proposals
from mpi.storage.repositories.derived.recluster_runs import ReclusterRuns
from mpi.storage.repositories.notices.activity_log import ActivityLog
from mpi.storage.repositories.notices.desk_links import DeskLinks
from mpi.storage.repositories.notices.digests import Digests
from mpi.storage.repositories.notices.notice_marks import NoticeMarks
from mpi.storage.repositories.notices.returned_answers import ReturnedAnswers
from mpi.storage.repositories.notices.security_log import SecurityLog
from mpi.storage.repositories.notices.webhooks import Webhooks
from mpi.storage.repositories.payload_keys import PayloadKeys
from mpi.storage.repositories.persons.fast_look_up import FastLookUps
from mpi.storage.repositories.persons.id_changes import IdChanges
from mpi.storage.repositories.persons.identity_events import IdentityEvents
from mpi.storage.repositories.persons.known_records import KnownRecords
from mpi.storage.repositories.persons.linked_records import LinkedRecords
from mpi.storage.repositories.persons.persons import Persons
from mpi.storage.repositories.persons.record_holders import RecordHolders
from mpi.storage.repositories.review.blind_pairs import BlindPairs
from mpi.storage.repositories.review.desk_counts import DeskFigures
from mpi.storage.repositories.review.new_records import NewRecords
from mpi.storage.repositories.review.owner_questions import OwnerQuestions
from mpi.storage.repositories.review.practice import PracticeAnswers
from mpi.storage.repositories.review.published_reports import PublishedReports
from mpi.storage.repositories.review.report_releases import ReportReleases
from mpi.storage.repositories.review.report_snapshots import ReportSnapshots
from mpi.storage.repositories.review.saved_views import SavedViews
from mpi.storage.repositories.review.steward_work import StewardWork
from mpi.storage.repositories.review.task_queue import TaskQueue
from mpi.storage.repositories.review.task_work import TaskWork
from mpi.storage.repositories.review.tasks import Tasks
from mpi.storage.repositories.rosters.care_rosters import CareRosters
from mpi.storage.repositories.rosters.caseloads import Caseloads
from mpi.storage.repositories.rosters.child_items import ChildItems
from mpi.storage.repositories.sign_in.first_links import FirstLinks
from mpi.storage.repositories.sign_in.networks import SignInNetworks
from mpi.storage.repositories.sign_in.past_passwords import PastPasswords
from mpi.storage.repositories.sign_in.second_factors import SecondFactors
from mpi.storage.repositories.sources.batches import Batches
from mpi.storage.repositories.sources.boundary_orders import BoundaryOrders
from mpi.storage.repositories.sources.holdings_runs import HoldingsRuns
from mpi.storage.repositories.sources.pull_cursors import PullCursors
from mpi.storage.repositories.sources.pulled_files import PulledFiles
from mpi.storage.repositories.sources.pupil_tokens import PupilTokens
from mpi.storage.repositories.sources.quality_issues import QualityIssues
from mpi.storage.repositories.sources.quality_tickets import QualityTickets
from mpi.storage.repositories.sources.record_assertions import RecordAssertions
from mpi.storage.repositories.sources.record_erasure import RecordErasure
from mpi.storage.repositories.sources.record_rows import RecordRows
from mpi.storage.repositories.sources.record_versions import RecordVersions
from mpi.storage.repositories.sources.records import Records
from mpi.storage.repositories.sources.renames import Renames
from mpi.storage.repositories.sources.scopes import ChangedItem, Scopes
from mpi.storage.repositories.sources.sources import Sources
from mpi.storage.repositories.sources.splits import Splits
from mpi.storage.repositories.sources.tombstones import Tombstones
from mpi.storage.repositories.steps.consents import Consents
from mpi.storage.repositories.steps.counters import Counters
from mpi.storage.repositories.steps.decisions import Decisions
from mpi.storage.repositories.steps.decisions_in_force import DecisionsInForce
from mpi.storage.repositories.steps.freeze_windows import FreezeWindows
from mpi.storage.repositories.steps.idempotent_answers import IdempotentAnswers
from mpi.storage.repositories.steps.jobs import Jobs
from mpi.storage.repositories.steps.pending_approvals import PendingApprovals
from mpi.storage.repositories.steps.shown_secrets import ShownSecrets
from mpi.storage.repositories.steps.steps import Steps
from mpi.storage.repositories.stored_content import StoredContent
from mpi.storage.tables import CommitRow, table_of
from mpi.storage.unit_of_work.session_pool import DatabaseSession

_commit = table_of(CommitRow)
_previous_time = select(_commit.c.at).where(_commit.c.no == bindparam("no") - 1).scalar_subquery()
_now = bindparam("now", type_=Text())
# The clock may be set back, but as-of reads need commit times in order.
_COMMIT = insert(_commit).values(
    no=bindparam("no"),
    at=case((_previous_time > _now, _previous_time), else_=_now),
    actor=bindparam("client"),
    client=bindparam("client"),
    purpose=bindparam("purpose"),
    kind=bindparam("kind"),
)
_LAST_COMMIT = select(func.max(_commit.c.no))
_COMMIT_INFO = select(_commit.c.no, _commit.c.at, _commit.c.client, _commit.c.kind).where(
    is_in(_commit.c.no, "numbers")
)

Repository = TypeVar("Repository")


class _LazyRepository(Generic[Repository]):
    """A descriptor that creates a transaction's repository on first access.

    A look-up needs five of two dozen repositories.

    Args:
        factory: creates the repository from a connection.
        dependencies: names of repositories of the same unit that the factory needs.
    """

    def __init__(self, factory: Callable[..., Repository], *dependencies: str) -> None:
        self._factory = factory
        self._dependencies = dependencies

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, unit: "ReadUnit", _owner: type | None = None) -> Repository:
        repository = self._factory(
            unit.connection, *(getattr(unit, dependency) for dependency in self._dependencies)
        )
        # The instance attribute hides this descriptor from now on.
        vars(unit)[self._name] = repository
        return repository


class ReadUnit:
    """A read transaction with all repositories of the index, for one viewer.

    Args:
        connection: connection with an open transaction.
        viewer: who reads.
    """

    sources = _LazyRepository(Sources)
    payload_keys = _LazyRepository(PayloadKeys)
    records = _LazyRepository(Records, "payload_keys")
    record_versions = _LazyRepository(RecordVersions, "records")
    record_erasure = _LazyRepository(RecordErasure, "records")
    stored_content = _LazyRepository(StoredContent, "payload_keys")
    keys = _LazyRepository(BlockingKeys)
    candidates = _LazyRepository(CandidateQuery)
    derived_data = _LazyRepository(DerivedRepository, "keys")
    persons = _LazyRepository(Persons)
    record_holders = _LazyRepository(RecordHolders)
    linked_records = _LazyRepository(LinkedRecords)
    id_changes = _LazyRepository(IdChanges)
    steward_work = _LazyRepository(StewardWork)
    known_records = _LazyRepository(KnownRecords, "payload_keys")
    identity_events = _LazyRepository(IdentityEvents)
    decisions = _LazyRepository(Decisions)
    decisions_in_force = _LazyRepository(DecisionsInForce)
    configs = _LazyRepository(Configs)
    batches = _LazyRepository(Batches)
    quality_issues = _LazyRepository(QualityIssues)
    quality_tickets = _LazyRepository(QualityTickets)
    tasks = _LazyRepository(Tasks)
    queue = _LazyRepository(TaskQueue)
    task_work = _LazyRepository(TaskWork, "payload_keys")
    owner_questions = _LazyRepository(OwnerQuestions, "payload_keys")
    activity_log = _LazyRepository(ActivityLog, "payload_keys")
    returned_answers = _LazyRepository(ReturnedAnswers, "payload_keys")
    notice_marks = _LazyRepository(NoticeMarks)
    digests = _LazyRepository(Digests)
    desk_links = _LazyRepository(DeskLinks)
    webhooks = _LazyRepository(Webhooks, "payload_keys")
    saved_views = _LazyRepository(SavedViews)
    large_blocks = _LazyRepository(LargeBlockRepository)
    clients = _LazyRepository(Clients)
    fast_look_ups = _LazyRepository(FastLookUps)
    disclosures = _LazyRepository(Disclosures)
    disclosure_search = _LazyRepository(DisclosureSearch)
    ledger_tree = _LazyRepository(LedgerTree)
    incidents = _LazyRepository(Incidents)
    proposals = _LazyRepository(Proposals)
    runs = _LazyRepository(ReclusterRuns)
    freezes = _LazyRepository(FreezeWindows)
    record_assertions = _LazyRepository(RecordAssertions)
    steps = _LazyRepository(Steps, "payload_keys")
    shown_secrets = _LazyRepository(ShownSecrets)
    idempotent_answers = _LazyRepository(IdempotentAnswers, "payload_keys")
    blind_pairs = _LazyRepository(BlindPairs)
    practice_answers = _LazyRepository(PracticeAnswers)
    figures = _LazyRepository(DeskFigures)
    new_records = _LazyRepository(NewRecords)
    published_reports = _LazyRepository(PublishedReports)
    report_releases = _LazyRepository(ReportReleases)
    report_snapshots = _LazyRepository(ReportSnapshots)
    accounts = _LazyRepository(Accounts)
    account_requests = _LazyRepository(AccountRequests)
    sign_ins = _LazyRepository(SignIns)
    second_factors = _LazyRepository(SecondFactors, "payload_keys")
    first_links = _LazyRepository(FirstLinks)
    sign_in_networks = _LazyRepository(SignInNetworks)
    past_passwords = _LazyRepository(PastPasswords)
    access_tokens = _LazyRepository(AccessTokens)
    used_flows = _LazyRepository(UsedFlows)
    pending_approvals = _LazyRepository(PendingApprovals)
    consents = _LazyRepository(Consents)
    renames = _LazyRepository(Renames)
    scopes = _LazyRepository(Scopes)
    splits = _LazyRepository(Splits)
    record_rows = _LazyRepository(RecordRows, "payload_keys")
    agreements = _LazyRepository(Agreements)
    agreement_duties = _LazyRepository(AgreementDuties)
    refusals = _LazyRepository(Refusals)
    security_log = _LazyRepository(SecurityLog)
    subpoenas = _LazyRepository(Subpoenas)
    rights_cases = _LazyRepository(RightsCases, "payload_keys")
    legal_holds = _LazyRepository(LegalHolds)
    destruction_runs = _LazyRepository(DestructionRuns)
    research_projects = _LazyRepository(ResearchProjects, "payload_keys")
    disclosure_consents = _LazyRepository(DisclosureConsents)
    holdings_runs = _LazyRepository(HoldingsRuns)
    pull_cursors = _LazyRepository(PullCursors)
    pulled_files = _LazyRepository(PulledFiles)
    pupil_tokens = _LazyRepository(PupilTokens)
    boundary_orders = _LazyRepository(BoundaryOrders)
    tombstones = _LazyRepository(Tombstones)
    jobs = _LazyRepository(Jobs)
    care_rosters = _LazyRepository(CareRosters)
    caseloads = _LazyRepository(Caseloads)
    child_items = _LazyRepository(ChildItems, "payload_keys")

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self.connection = connection
        self.viewer = viewer

    @property
    def tuning(self) -> StorageTuning:
        """Configured sizes of pages and batches for reading the database."""
        tuning: StorageTuning = getattr(self.connection, "tuning", DEFAULT_TUNING.storage)
        return tuning

    def last_commit(self) -> int:
        """Return the latest commit number that this read transaction sees, or 0."""
        return int(self.connection.execute(_LAST_COMMIT).scalar() or 0)

    def request_last_commit(self) -> Callable[[], int]:
        """Send the query of ``last_commit`` and return a function that reads it.

        The commit number is read before anything that later queries read.
        """
        result = self.connection.execute(_LAST_COMMIT)
        return lambda: int(result.scalar() or 0)

    def last_commit_time(self) -> datetime:
        """Return the time of the latest commit, or the minimum datetime."""
        last_time = self.connection.execute(select(func.max(_commit.c.at))).scalar()
        return datetime.fromisoformat(last_time) if last_time else datetime.min.replace(tzinfo=UTC)

    def commit_at(self, moment: str) -> int:
        """Return the last commit number at or before a moment, or 0.

        Args:
            moment: ISO date and time, UTC.
        """
        commit_no = self.connection.execute(
            # Commit times never decrease, so this order equals that of numbers; an index holds it.
            select(_commit.c.no)
            .where(_commit.c.at <= moment)
            .order_by(_commit.c.at.desc(), _commit.c.no.desc())
            .limit(1)
        ).scalar()
        return int(commit_no or 0)

    def commit_info(self, numbers: set[int]) -> dict[int, tuple[str, str, str]]:
        """Return (time, client, kind) by commit number."""
        return {
            row.no: (row.at, row.client, row.kind)
            for chunk in iter_chunks(sorted(numbers))
            for row in self.connection.execute(_COMMIT_INFO, {"numbers": chunk})
        }


class WriteUnit(ReadUnit):
    """A write transaction of one viewer, with at most one commit number.

    Args:
        connection: connection with an open write transaction.
        viewer: who acts.
        kind: kind of change.
        is_only_writer: whether no other transaction can write to the index meanwhile.
        previous: unit before it in the same transaction, whose cached reads are shared.
        keeps_changes: whether the unit records which records and decisions it changed.

    Attributes:
        before_commit: functions by name that run once, as the last act of the transaction before its commit.
            If one raises, the transaction is rolled back.
        ledger_lines: lines of the disclosure ledger that are written with the transaction, at its very end.
            Only PostgreSQL supports this: on SQLite the ledger has a file of its own.
    """

    def __init__(
        self,
        connection: Connection,
        viewer: Viewer,
        kind: str,
        *,
        is_only_writer: bool = True,
        previous: "WriteUnit | None" = None,
        keeps_changes: bool = False,
    ) -> None:
        super().__init__(connection, viewer)
        self._keeps_changes = keeps_changes
        self.counters: Counters = (
            Counters(connection, is_only_writer=is_only_writer) if previous is None else previous.counters
        )
        self.before_commit: dict[str, Callable[[WriteUnit], None]] = (
            {} if previous is None else previous.before_commit
        )
        self.ledger_lines: list[Disclosure] = [] if previous is None else previous.ledger_lines
        if previous is not None:
            self.sources, self.configs = previous.sources, previous.configs
            self.payload_keys = previous.payload_keys
        else:
            self.payload_keys.locks_rows = not is_only_writer
        self._kind = kind
        self._commit_no: int | None = None

    @property
    def commit_no(self) -> int:
        """The commit number of this write transaction, assigned on first access.

        A transaction that never reads it leaves no commit.
        """
        if self._commit_no is None:
            self.payload_keys.take_prefetched()
            self._commit_no = self.counters.take("commit")
            self.connection.execute(
                _COMMIT,
                {
                    "no": self._commit_no,
                    "now": clock.format_timestamp(clock.now()),
                    "client": self.viewer.client,
                    "purpose": self.viewer.purpose,
                    "kind": self._kind,
                },
            )
        return self._commit_no

    @property
    def assigned_commit_no(self) -> int | None:
        """The write transaction's commit number if one was assigned, else None."""
        return self._commit_no

    def prefetch(self) -> None:
        """Send the queries that every writer needs, in one round trip.

        They read sources, the configuration in force, payload keys, counters and key segments.
        """
        self.sources.prefetch()
        self.configs.prefetch()
        self.payload_keys.prefetch()
        self.counters.prefetch()
        self.keys.segments.prefetch()

    def ensure_commit(self) -> None:
        """Record the write transaction's commit even if no row bears its number."""
        _ = self.commit_no

    def wait_for_store(self) -> None:
        """Wait until the database has executed every statement sent so far."""
        if isinstance(self.connection, DatabaseSession):
            self.connection.wait_for_answers()

    def send(self) -> None:
        """Send buffered statements, so that the database works during other computation."""
        if isinstance(self.connection, DatabaseSession):
            self.connection.send()

    def flush(self) -> None:
        """Write what is buffered until the transaction's end, such as counters."""
        self.write_changes()
        self.counters.flush()
        for act in self.before_commit.values():
            act(self)
        # The last statement, since it locks the counter of lines, which every answer needs, until the commit.
        if self.ledger_lines:
            self.disclosures.add_in_one_statement(self.ledger_lines)

    def write_changes(self) -> None:
        """Write what follows from the records and decisions that this unit changed.

        These are the rosters of children in care, and the changes that another index follows, if one does.
        """
        self._update_rosters()
        if not self._keeps_changes:
            return
        repositories = vars(self)
        for item, name in ((ChangedItem.RECORD, "records"), (ChangedItem.DECISION, "decisions")):
            repository: Records | Decisions | None = repositories.get(name)
            if repository is not None and repository.changed_ids:
                self.scopes.add_changes(self.commit_no, item, repository.changed_ids)
                repository.changed_ids.clear()

    def _update_rosters(self) -> None:
        """Update the rosters by the records that this unit changed or moved."""
        repositories = vars(self)
        records: Records | None = repositories.get("records")
        persons: Persons | None = repositories.get("persons")
        touched = set() if records is None else set(records.changed_ids)
        if persons is not None:
            touched |= persons.moved_ids
            persons.moved_ids.clear()
        if touched and self._has_rosters():
            self.care_rosters.sync(touched, self.commit_no)

    def _has_rosters(self) -> bool:
        """Return whether the index has sources of schools and of child welfare."""
        kinds = {source.kind for source in self.sources.all()}
        return not (kinds.isdisjoint(CARE_KINDS) or SourceKind.SIS not in kinds)


class WriteUnits:
    """A factory of consecutive write units that share one database transaction.

    Args:
        connection: connection with an open write transaction.
        is_only_writer: whether no other transaction can write to the index meanwhile.
        keeps_changes: whether the units record which records and decisions they changed.

    Attributes:
        is_commit_begun: whether the transaction has reached its commit, so that it may be committed.
    """

    def __init__(self, connection: Connection, *, is_only_writer: bool, keeps_changes: bool = False) -> None:
        self._connection = connection
        self._is_only_writer = is_only_writer
        self._keeps_changes = keeps_changes
        self._last_unit: WriteUnit | None = None
        self._callbacks: list[Callable[[], None]] = []
        self.is_commit_begun = False

    def __call__(self, viewer: Viewer, kind: str) -> WriteUnit:
        """Begin the next write unit of the shared database transaction."""
        if self._last_unit is not None:
            self._last_unit.write_changes()
        self._last_unit = WriteUnit(
            self._connection,
            viewer,
            kind,
            is_only_writer=self._is_only_writer,
            previous=self._last_unit,
            keeps_changes=self._keeps_changes,
        )
        return self._last_unit

    def flush(self) -> None:
        """Write all units' buffered values; no unit may begin afterwards."""
        if self._last_unit is not None:
            self._last_unit.flush()
        self.is_commit_begun = True

    def add_callback(self, callback: Callable[[], None]) -> None:
        """Add a function to run after the transaction's commit, on its connection."""
        self._callbacks.append(callback)

    @property
    def has_callbacks(self) -> bool:
        """Whether functions are waiting for the transaction's commit."""
        return bool(self._callbacks)

    def run_callbacks(self) -> None:
        """Run the functions that waited for the transaction's commit."""
        for callback in self._callbacks:
            callback()

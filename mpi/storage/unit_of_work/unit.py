"""Units of work: one transaction, its viewer, and the repositories that work inside it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection, Text, bindparam, case, func, insert, select

from mpi.domain import clock
from mpi.domain.viewer import Viewer
from mpi.storage.driver.chunks import iter_chunks
from mpi.storage.driver.in_list import is_in
from mpi.storage.key_index.blocking_keys import BlockingKeys
from mpi.storage.key_index.candidates import CandidateQuery
from mpi.storage.key_index.large_blocks import LargeBlockRepository
from mpi.storage.repositories.access.accounts import Accounts
from mpi.storage.repositories.access.clients import Clients
from mpi.storage.repositories.access.disclosures import Disclosures
from mpi.storage.repositories.access.sign_ins import SignIns
from mpi.storage.repositories.derived.configs import Configs
from mpi.storage.repositories.derived.derived import DerivedRepository
from mpi.storage.repositories.derived.proposals import Proposals
from mpi.storage.repositories.derived.runs import ReclusterRuns
from mpi.storage.repositories.persons.fast_look_up import FastLookUps
from mpi.storage.repositories.persons.persons import Persons
from mpi.storage.repositories.review.blind_pairs import BlindPairs
from mpi.storage.repositories.review.figures import DeskFigures
from mpi.storage.repositories.review.owner_questions import OwnerQuestions
from mpi.storage.repositories.review.practice import PracticeAnswers
from mpi.storage.repositories.review.saved_views import SavedViews
from mpi.storage.repositories.review.task_queue import TaskQueue
from mpi.storage.repositories.review.task_work import TaskWork
from mpi.storage.repositories.review.tasks import Tasks
from mpi.storage.repositories.sources.batches import Batches
from mpi.storage.repositories.sources.record_assertions import RecordAssertions
from mpi.storage.repositories.sources.records import Records
from mpi.storage.repositories.sources.renames import Renames
from mpi.storage.repositories.sources.sources import Sources
from mpi.storage.repositories.steps.consents import Consents
from mpi.storage.repositories.steps.counters import Counters
from mpi.storage.repositories.steps.decisions import Decisions
from mpi.storage.repositories.steps.freezes import FreezeWindows
from mpi.storage.repositories.steps.idempotent_answers import IdempotentAnswers
from mpi.storage.repositories.steps.pending_approvals import PendingApprovals
from mpi.storage.repositories.steps.steps import Steps
from mpi.storage.tables import CommitRow
from mpi.storage.unit_of_work.session import DatabaseSession

_commit = CommitRow.__table__  # type: ignore[attr-defined]
_previous_time = select(_commit.c.at).where(_commit.c.no == bindparam("no") - 1).scalar_subquery()
_now = bindparam("now", type_=Text())
# A clock set back must not make a later commit look earlier: as-of relies on the order.
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
    """A repository of a unit, made when it is first asked for: a look-up needs five of two dozen.

    Args:
        kind: makes it.
        others: repositories of the same unit that it works with.
    """

    def __init__(self, kind: Callable[..., Repository], *others: str) -> None:
        self._kind = kind
        self._others = others

    def __set_name__(self, _owner: type, name: str) -> None:
        self._name = name

    def __get__(self, unit: "ReadUnit", _owner: type | None = None) -> Repository:
        made = self._kind(unit.connection, *(getattr(unit, other) for other in self._others))
        # From now on the unit's own attribute is found first.
        vars(unit)[self._name] = made
        return made


class ReadUnit:
    """Everything can be read; every read is somebody's.

    Args:
        connection: an open transaction.
        viewer: who reads.
    """

    sources = _LazyRepository(Sources)
    records = _LazyRepository(Records)
    keys = _LazyRepository(BlockingKeys)
    candidates = _LazyRepository(CandidateQuery)
    derived_data = _LazyRepository(DerivedRepository, "keys")
    persons = _LazyRepository(Persons)
    decisions = _LazyRepository(Decisions)
    configs = _LazyRepository(Configs)
    batches = _LazyRepository(Batches)
    tasks = _LazyRepository(Tasks)
    queue = _LazyRepository(TaskQueue)
    task_work = _LazyRepository(TaskWork)
    owner_questions = _LazyRepository(OwnerQuestions)
    saved_views = _LazyRepository(SavedViews)
    large_blocks = _LazyRepository(LargeBlockRepository)
    clients = _LazyRepository(Clients)
    fast_look_ups = _LazyRepository(FastLookUps)
    disclosures = _LazyRepository(Disclosures)
    proposals = _LazyRepository(Proposals)
    runs = _LazyRepository(ReclusterRuns)
    freezes = _LazyRepository(FreezeWindows)
    record_assertions = _LazyRepository(RecordAssertions)
    steps = _LazyRepository(Steps)
    idempotent_answers = _LazyRepository(IdempotentAnswers)
    blind_pairs = _LazyRepository(BlindPairs)
    practice_answers = _LazyRepository(PracticeAnswers)
    figures = _LazyRepository(DeskFigures)
    accounts = _LazyRepository(Accounts)
    sign_ins = _LazyRepository(SignIns)
    pending_approvals = _LazyRepository(PendingApprovals)
    consents = _LazyRepository(Consents)
    renames = _LazyRepository(Renames)

    def __init__(self, connection: Connection, viewer: Viewer) -> None:
        self.connection = connection
        self.viewer = viewer

    def last_commit(self) -> int:
        """The latest commit of this snapshot; 0 before the first."""
        return int(self.connection.execute(_LAST_COMMIT).scalar() or 0)

    def request_last_commit(self) -> Callable[[], int]:
        """Ask what ``last_commit`` does, before all that is asked later; what is returned reads it, once."""
        asked = self.connection.execute(_LAST_COMMIT)
        return lambda: int(asked.scalar() or 0)

    def last_commit_time(self) -> datetime:
        """When the latest commit was, aware; the beginning of time before the first."""
        last = self.connection.execute(select(func.max(_commit.c.at))).scalar()
        return datetime.fromisoformat(last) if last else datetime.min.replace(tzinfo=UTC)

    def commit_at(self, moment: str) -> int:
        """The last commit at or before a moment (ISO, UTC); 0 before the first."""
        found = self.connection.execute(
            # Both orders are one, as a later commit is not of an earlier moment; this one an index holds.
            select(_commit.c.no)
            .where(_commit.c.at <= moment)
            .order_by(_commit.c.at.desc(), _commit.c.no.desc())
            .limit(1)
        ).scalar()
        return int(found or 0)

    def commit_info(self, numbers: set[int]) -> dict[int, tuple[str, str, str]]:
        """When, who and what: (at, client, kind) of commits."""
        return {
            row.no: (row.at, row.client, row.kind)
            for chunk in iter_chunks(sorted(numbers))
            for row in self.connection.execute(_COMMIT_INFO, {"numbers": chunk})
        }


class WriteUnit(ReadUnit):
    """A read unit that may also write, and bears one commit number.

    Args:
        connection: an open writing transaction.
        viewer: who acts.
        kind: what is done.
        alone: whether no other writer of the index can be at work.
        before: the unit before it in the same transaction, which has read what every writer asks.
    """

    def __init__(
        self,
        connection: Connection,
        viewer: Viewer,
        kind: str,
        *,
        is_only_writer: bool = True,
        previous: "WriteUnit | None" = None,
    ) -> None:
        super().__init__(connection, viewer)
        self.counters: Counters = Counters(connection, is_only_writer=is_only_writer) if previous is None else previous.counters
        if previous is not None:
            self.sources, self.configs = previous.sources, previous.configs
        self._kind = kind
        self._commit_no: int | None = None

    @property
    def commit_no(self) -> int:
        """This transaction's number on the one clock; a transaction that never asks leaves no commit."""
        if self._commit_no is None:
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
        """This transaction's number if it was asked for; None of one that leaves no commit."""
        return self._commit_no

    def prefetch(self) -> None:
        """Send what every writer asks: the sources, the configuration in force, the counters, the runs."""
        self.sources.prefetch()
        self.configs.prefetch()
        self.counters.prefetch()
        self.keys.segments.prefetch()

    def ensure_commit(self) -> None:
        """Leave a commit, with who and when, though nothing of this transaction bears its number."""
        _ = self.commit_no

    def wait_for_store(self) -> None:
        """Wait until the store has done what it was told so far: statements go ahead of their answers."""
        if isinstance(self.connection, DatabaseSession):
            self.connection.wait_for_answers()

    def send(self) -> None:
        """Let the store begin with what it was told so far, while something else is computed."""
        if isinstance(self.connection, DatabaseSession):
            self.connection.send()

    def flush(self) -> None:
        """Write what was kept back until the end of the transaction."""
        self.counters.flush()


class WriteUnits:
    """Begins units that share one transaction, one after the other.

    Args:
        connection: an open writing transaction.
        alone: whether no other writer of the index can be at work.

    Attributes:
        is_commit_begun: whether the transaction has come to its commit, so that it may have been kept.
    """

    def __init__(self, connection: Connection, *, is_only_writer: bool) -> None:
        self._connection = connection
        self._is_only_writer = is_only_writer
        self._last: WriteUnit | None = None
        self._callbacks: list[Callable[[], None]] = []
        self.is_commit_begun = False

    def __call__(self, viewer: Viewer, kind: str) -> WriteUnit:
        """Begin the next unit."""
        self._last = WriteUnit(self._connection, viewer, kind, is_only_writer=self._is_only_writer, previous=self._last)
        return self._last

    def flush(self) -> None:
        """Write what is still to be written; nothing is begun any more."""
        if self._last is not None:
            self._last.flush()
        self.is_commit_begun = True

    def add_callback(self, read: Callable[[], None]) -> None:
        """Have something read once the transaction is kept, and before its connection is another's."""
        self._callbacks.append(read)

    @property
    def has_callbacks(self) -> bool:
        """Whether something is to be read once the transaction is kept."""
        return bool(self._callbacks)

    def run_callbacks(self) -> None:
        """Read what was to be read."""
        for read in self._callbacks:
            read()

"""A scope that a split made is what its records and decisions alone make of it (law 1 and law 7).

Random steps build an index of three sources. Two of them move into a scope. A third index gets only the
records of these two, and the decisions of those who saw no others, from the start: it must have the persons
of the scope, also after further steps. The shared index keeps every ID.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel

from mpi.domain import clock
from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import MpiError, NotFoundError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.service.access.clients import add_client, revoke_client
from mpi.service.core.index import Index
from mpi.service.loads.load_undo import undo_load
from mpi.service.maintenance.verify import verify
from mpi.service.persons.persons import look_up_person
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision
from mpi.storage.backends import ledger_file
from tests.index import OPERATOR, crosswalk, expunge, load_rows, make_child, open_test_index, partition_of
from tests.laws.decision_rows import decide as state_decision
from tests.laws.decision_rows import revoke as state_revocation
from tests.scopes import open_splittable_index

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "10"))
START = datetime(2031, 9, 1, tzinfo=UTC)
SECRET = "5a" * 32
OWN = ("sis", "sis2")
IN_MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # noqa: S108 - of our own
STEWARDS = {
    "school": replace(make_operator("school"), sources=frozenset(OWN)),
    "sis_only": replace(make_operator("sis_only"), sources=frozenset({"sis"})),
    "state": make_operator("state"),
}
"""The first two see no records but those that move."""

sources = st.sampled_from([*OWN, "ccwis"])
numbers = st.integers(0, 3)
contents = st.fixed_dictionaries(
    {
        "first_name": st.sampled_from(["Jayden", "Jaylen", "Maria"]),
        "last_name": st.sampled_from(["Cruz", "Garcia"]),
        "ssn": st.sampled_from([None, None, "219-09-9998"]),
        "merged_into": st.sampled_from([None, None, None, "r0"]),
    }
)
addresses = st.tuples(sources, numbers)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), addresses, contents),
        st.tuples(st.just("send"), addresses, contents),
        st.tuples(st.just("withdraw"), addresses),
        st.tuples(st.sampled_from(["seal", "expunge"]), addresses),
        st.tuples(st.just("load"), sources, st.dictionaries(numbers, contents, min_size=1)),
        st.tuples(st.just("undo load"), st.integers(0, 3)),
        st.tuples(st.just("rekey"), addresses),
        st.tuples(
            st.just("decide"),
            st.sampled_from(sorted(STEWARDS)),
            st.sampled_from(list(DecisionKind)),
            st.lists(addresses, min_size=2, max_size=3, unique=True),
        ),
        st.tuples(st.just("undo"), st.sampled_from(sorted(STEWARDS)), st.integers(0, 5)),
    ),
    min_size=6,
    max_size=24,
)


def record_of(number: int, content: dict[str, object]) -> dict[str, object]:
    """Return a record as sent; a local ID stands for one birth date, so that none is an overlay."""
    stated = {name: value for name, value in content.items() if value is not None}
    stated |= {} if stated.get("merged_into") != f"r{number}" else {"merged_into": None}
    return make_child(f"r{number}", birth_date=f"2014-01-2{number % 2}", sex="M", **stated)


@dataclass
class World:
    """An index to which steps are applied.

    Args:
        index: the open index.
        states_decisions: whether decisions are written as they are, although they contradict others.

    Attributes:
        decisions: number of each decision, its maker, and whether it is undone.
        loads: number of each load, and its source.
    """

    index: Index
    states_decisions: bool = False
    decisions: list = field(default_factory=list)
    loads: list = field(default_factory=list)

    def apply(self, step) -> bool:
        """Apply a step; return whether the index took it."""
        kind, *arguments = step
        try:
            getattr(self, kind.replace(" ", "_"))(*arguments)
        except MpiError:
            return False
        return True

    def send(self, address, content):
        upsert(self.index, OPERATOR, address[0], record_of(address[1], content))

    def withdraw(self, address):
        withdraw(self.index, OPERATOR, address[0], f"r{address[1]}")

    def seal(self, address):
        record = record_of(address[1], {})
        upsert(self.index, OPERATOR, address[0], {**record, "restrictions": [{"kind": "sealed"}]})

    def expunge(self, address):
        expunge(self.index, address[0], record_of(address[1], {}))

    def load(self, source, file):
        rows = [record_of(number, content) for number, content in sorted(file.items())]
        self.loads.append((load_rows(self.index, source, *rows, confirm=True).batch, source))

    def undo_load(self, place):
        number, _source = self.loads[place] if place < len(self.loads) else (10**6, "")
        undo_load(self.index, OPERATOR, number, "test")

    def rekey(self, address):
        rekey(self.index, OPERATOR, address[0], {f"r{address[1]}": f"new-{address[1]}"})

    def decide(self, steward, kind, members):
        refs = [RecordRef(source, f"r{number}") for source, number in members]
        groups = [[ref] for ref in refs] if kind is DecisionKind.DIFFERENT else [refs]
        if self.states_decisions:
            named = [[(ref.source, ref.local_id) for ref in group] for group in groups]
            number = state_decision(self.index, kind, Authority.STEWARD, named)
        else:
            request = DecisionRequest(kind, groups, "test")
            [number] = decide(self.index, STEWARDS[steward], request).decisions
        self.decisions.append((number, steward))

    def undo(self, steward, place):
        number, _maker = self.decisions[place] if place < len(self.decisions) else (10**6, "")
        if self.states_decisions:
            state_revocation(self.index, number)
        else:
            undo_decision(self.index, STEWARDS[steward], number)

    def states(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Return state and last statement's date of every record of the sources that move.

        A destroyed record is named by its tombstone.
        """
        with self.index.database.read(OPERATOR) as unit:
            records = {
                record.id: (source.code, record)
                for source in unit.sources.all()
                if source.code in OWN
                for record in unit.records.all_of_source(source.id).values()
            }
            tokens = unit.tombstones.tokens_of(records)
        return {
            (code, " ".join(sorted(tokens.get(record_id, [record.local_id])))): (
                record.state,
                record.last_seen,
            )
            for record_id, (code, record) in records.items()
        }


class Site:
    """The index before the split, the scope after it, and the index of the moved records alone."""

    def __init__(self, site, alone) -> None:
        self.site = site
        self.shared = World(site.shared)
        self.alone = World(alone, states_decisions=True)
        for name, steward in STEWARDS.items():
            named = None if steward.sources is None else sorted(steward.sources)
            add_client(site.shared, OPERATOR, name, ["decide", "record.read"], named)
        # Places of decisions and loads of the first index in the index of the moved records.
        self.places: dict[tuple[str, int], int] = {}
        self.time = START

    def apply(self, step, *, first: World) -> None:
        """Apply a step to an index, and to that of the moved records if it concerns them alone."""
        self.time += timedelta(hours=19)
        counts = len(first.decisions), len(first.loads)
        if not first.apply(step):
            return
        replayed = self.translate(step, first)
        if replayed is None:
            return
        if step[0] == "decide":
            self.places["decide", counts[0]] = len(self.alone.decisions)
        if step[0] == "load":
            self.places["load", counts[1]] = len(self.alone.loads)
        assert self.alone.apply(replayed), replayed

    def translate(self, step, first: World) -> tuple | None:
        """Return a step for the index of the moved records; None if it tells of others."""
        kind = step[0]
        if kind in ("send", "withdraw", "seal", "expunge", "rekey"):
            return step if step[1][0] in OWN else None
        if kind == "load":
            return step if step[1] in OWN else None
        if kind == "undo load":
            place = self.places.get(("load", step[1]))
            return None if place is None else (kind, place)
        if kind == "decide":
            is_limited = self.may_follow(step[1], first) and all(source in OWN for source, _ in step[3])
            return step if is_limited else None
        place = self.places.get(("decide", step[2]))
        return (kind, step[1], place) if place is not None and self.may_follow(step[1], first) else None

    def may_follow(self, steward: str, first: World) -> bool:
        """Return whether what a steward decides can follow from the moved records alone."""
        return steward != "state" or first is not self.shared


@contextmanager
def open_site(database_url=None, alone_url=None):
    """Open a site whose indexes have no records yet."""
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="split-", dir=IN_MEMORY))
        stack.callback(shutil.rmtree, folder)
        opened = stack.enter_context(
            open_splittable_index(folder / "shared", *OWN, "ccwis", secret=SECRET, database_url=database_url)
        )
        alone = stack.enter_context(
            open_test_index(folder / "alone", *OWN, secret=SECRET, database_url=alone_url)
        )
        site = Site(opened, alone)
        stack.enter_context(clock.set_clock(lambda: site.time))
        yield site


def require_equal(site: Site, scope: World) -> None:
    """Check that the scope is what the moved records and decisions make of it."""
    assert partition_of(scope.index) == partition_of(site.alone.index)
    assert scope.states() == site.alone.states()


def split_and_compare(site: Site, before, after) -> None:
    """Take steps, split, compare, and take further steps in the scope."""
    shared = site.site.shared
    for step in before:
        site.apply(step, first=site.shared)
    links, states = crosswalk(shared), site.shared.states()

    scope = World(site.site.split(*OWN))

    assert crosswalk(shared) == links
    assert site.shared.states() == states
    require_equal(site, scope)
    require_former_ids(scope.index, links)
    committed = shared.database.committed_units
    assert transfer_changes(scope.index, shared, OPERATOR, "education").records == 0
    assert shared.database.committed_units == committed
    assert check_copies(scope.index, shared, OPERATOR, "education").findings == []

    scope.loads = scope_loads(scope.index)
    site.places = {("load", place): place for place in range(len(scope.loads))}
    for step in after:
        site.apply(step, first=scope)
    require_equal(site, scope)
    transfer_changes(scope.index, shared, OPERATOR, "education", page=3)
    own_links = {address for address in crosswalk(shared) if address[0] in OWN}
    assert own_links == crosswalk(scope.index).keys()
    assert check_copies(scope.index, shared, OPERATOR, "education").findings == []
    assert verify(scope.index, OPERATOR) == []
    assert verify(shared, OPERATOR) == []


def scope_loads(index):
    """Return number and source of every load, oldest first."""
    with index.database.read(OPERATOR) as unit:
        return [(batch.id, batch.source) for batch in unit.batches.all()]


def require_former_ids(scope: Index, links) -> None:
    """Check that a former ID names the persons of its own records, and others are unknown."""
    own_links = crosswalk(scope)
    for eid in set(links.values()):
        expected = {
            own_links[address] for address, former in links.items() if former == eid and address in own_links
        }
        if expected:
            assert set(look_up_person(scope, OPERATOR, eid).now) == expected
            continue
        with pytest.raises(NotFoundError):
            look_up_person(scope, OPERATOR, eid)


CRUZ = {"first_name": "Jayden", "last_name": "Cruz", "ssn": None, "merged_into": None}
GARCIA = {"first_name": "Maria", "last_name": "Garcia", "ssn": "219-09-9998", "merged_into": None}
EVERYTHING = [
    ("send", ("sis", 0), CRUZ),
    ("send", ("ccwis", 0), CRUZ),
    ("load", "sis2", {0: CRUZ, 1: GARCIA, 2: {**GARCIA, "merged_into": "r0"}}),
    ("load", "sis", {1: GARCIA, 3: CRUZ}),
    ("decide", "school", DecisionKind.DIFFERENT, [("sis", 0), ("sis2", 0)]),
    ("decide", "state", DecisionKind.SAME, [("sis", 0), ("sis2", 1)]),
    ("decide", "sis_only", DecisionKind.SAME, [("sis", 0), ("sis", 1)]),
    ("undo", "state", 2),
    ("undo", "school", 0),
    ("undo load", 1),
    ("send", ("sis", 2), GARCIA),
    ("withdraw", ("sis", 2)),
    ("send", ("sis2", 3), CRUZ),
    ("seal", ("sis2", 3)),
    ("rekey", ("sis2", 1)),
    ("expunge", ("sis2", 2)),
]
FURTHER = [
    ("send", ("sis", 2), {**GARCIA, "merged_into": "r0"}),
    ("send", ("sis2", 3), CRUZ),
    ("undo load", 0),
    ("send", ("sis2", 1), GARCIA),
]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(
    before=steps, after=st.lists(st.one_of(steps), max_size=1).map(lambda lists: lists[0] if lists else [])
)
@example(before=EVERYTHING, after=FURTHER)
def test_a_scope_is_what_its_records_alone_make_of_it(before, after):
    with open_site() as site:
        split_and_compare(site, before, after)


RANDOM_COLUMNS = {
    ("person", "eid"),
    ("former_id", "eid"),
    ("client", "key_hash"),
    ("split", "token_hash"),
    ("index_info", "generation"),
    ("payload_key", "key_check"),
    ("record", "data_key"),
    ("record_version", "payload"),
    ("note", "body"),
    ("task_action", "note"),
    ("owner_question", "note"),
    ("kept_answer", "answer"),
}
"""Columns that are random, or encrypted with a random nonce. A version's content has its hash beside it.

Which records shared an ID before the split is known to their own client.
"""


LEDGER_TABLES = {table.name for table in ledger_file.LEDGER_TABLES}
"""They are in a file of their own. Nobody has read in the scope yet."""


def read_tables(index: Index) -> dict[str, list[str]]:
    """Return every row of every table, without random values."""
    with index.database.engine.connect() as connection:
        return {
            table.name: sorted(
                repr(
                    {
                        name: value
                        for name, value in row._mapping.items()
                        if (table.name, name) not in RANDOM_COLUMNS
                    }
                )
                for row in connection.execute(table.select())
            )
            for table in SQLModel.metadata.sorted_tables
            if table.name not in LEDGER_TABLES
        }


def move_at_once(site) -> None:
    """Move both sources into a new scope."""
    site.site.split(*OWN)


def move_in_turn(site) -> None:
    """Move one source into a new scope, and then the other into the same one."""
    revoke_client(site.site.shared, OPERATOR, "school")
    for source in OWN:
        links = crosswalk(site.site.shared)
        scope = site.site.split(source)
        assert crosswalk(site.site.shared) == links
    transfer_changes(scope, site.site.shared, OPERATOR, "education", page=3)
    assert check_copies(scope, site.site.shared, OPERATOR, "education").findings == []
    assert verify(scope, OPERATOR) == verify(site.site.shared, OPERATOR) == []


@pytest.mark.parametrize("move", [move_at_once, move_in_turn])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
@given(taken=steps)
@example(taken=EVERYTHING)
def test_another_agency_changes_nothing_in_the_database_of_a_scope(move, taken):
    # What stewards of all records decide may rest on the other agency, so it is left out.
    told = [step for step in taken if "state" not in step]
    with open_site() as with_agency, open_site() as without:
        for step in told:
            # The clock of the second site is that of both.
            without.time += timedelta(hours=19)
            with_agency.apply(step, first=with_agency.shared)
            replayed = with_agency.translate(step, with_agency.shared)
            if replayed is not None:
                without.time -= timedelta(hours=19)
                without.apply(replayed, first=without.shared)
        for site in (with_agency, without):
            move(site)
        tables = [read_tables(site.site.open_scope()) for site in (with_agency, without)]
        for name, rows in tables[0].items():
            assert rows == tables[1][name], name


def test_a_scope_on_postgresql_is_what_its_records_alone_make_of_it(postgres_url):
    with open_site(postgres_url) as site:
        split_and_compare(site, EVERYTHING, FURTHER)

"""After each sync, the shared index holds what its scope holds (a Hypothesis state machine).

The scope lives through every kind of step of the laws' machine, whose laws it keeps. In half of the runs the
shared index has no other records, so its partition must be the scope's: the same records, decisions and
configuration give the same persons (law 1). In the other half another scope sends records of the same
children meanwhile, and syncs them: the scope keeps its laws as if it were alone.
"""

import shutil
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from mpi.bootstrap import init_index, open_index, open_scope
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.decision import Authority
from mpi.service.maintenance.verify import verify
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.registry import register_scope
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, crosswalk, make_child, open_test_index, partition_of, write_empty_database
from tests.laws.record_strategies import content_to_json, contents
from tests.laws.test_state_machine import EXAMPLES, SECRET, SHRINK, SOURCES, STEPS, LawsMachine
from tests.laws.test_state_machine import empty_home as _empty_home  # noqa: F401 - prepares the laws' machine
from tests.scopes import check_derived_data

SCOPE = "education"
OTHER_SCOPE, OTHER_SOURCE = "housing", "hmis"
UNLIMITED = {"searches_per_minute": 10**9, "searches_per_child": 10**9, "seals_per_day": 1_000}


@pytest.fixture(scope="module", autouse=True)
def empty_scope(tmp_path_factory):
    """Make a shared index with an empty scope, to copy for each run."""
    home = tmp_path_factory.mktemp("transfer") / "empty"
    with open_test_index(home, secret=SECRET) as shared:
        settings = Settings(home=home, model=str(home / "tiny"), database_url=None, secret_file=None)
        for code, sources in {SCOPE: SOURCES, OTHER_SCOPE: (OTHER_SOURCE,)}.items():
            write_empty_database(home / f"mpi-scope-{code}.db")
            scope_index, _key = init_index(settings.model_copy(update={"scope": code}), is_test=True)
            for source in sources:
                add_source(scope_index, OPERATOR, NewSource(source))
            scope_index.database.dispose()
            register_scope(shared, OPERATOR, code, None)
    TransferMachine.scoped_home = home


class TransferMachine(LawsMachine):
    """The laws' machine on a scope, with a shared index that follows."""

    scoped_home = None

    def __init__(self) -> None:
        super().__init__()
        self.shared = open_index(self.settings_of("index"))
        self.matchers.append(self.shared.matcher)
        self.other = open_scope(self.settings_of("index"), OTHER_SCOPE)
        self.matchers.append(self.other.matcher)
        self.is_beside_another = False

    @initialize(is_beside_another=st.booleans())
    def choose_neighbors(self, is_beside_another):
        self.is_beside_another = is_beside_another

    @precondition(lambda self: self.is_beside_another)
    @rule(local_id=st.sampled_from(["r0", "r1", "r2"]), content=contents, is_withdrawn=st.booleans())
    def another_scope_changes_a_record(self, local_id, content, is_withdrawn):
        if not is_withdrawn:
            record = {**dict.fromkeys(make_child(None)), **content_to_json(content)}
            as_of = clock.format_timestamp(self.time)
            upsert(self.other, OPERATOR, OTHER_SOURCE, make_child(local_id, **record, as_of=as_of))
        elif (OTHER_SOURCE, local_id) in crosswalk(self.other):
            withdraw(self.other, OPERATOR, OTHER_SOURCE, local_id)

    def settings_of(self, name):
        """Return the settings of one home folder of this run."""
        return Settings(home=self.folder / name, model=None, database_url=None, secret_file=None, **UNLIMITED)

    def open_copy(self, name):
        """Open a scope in a new home folder."""
        shutil.copytree(self.scoped_home, self.folder / name)
        opened = open_scope(self.settings_of(name), SCOPE)
        return self.recluster_as_here(opened, self.index.matcher) if name != "index" else opened

    def teardown(self) -> None:
        try:
            self.sync_and_compare()
            assert verify(self.shared, OPERATOR) == []
            assert check_copies(self.index, self.shared, OPERATOR, SCOPE).findings == []
        finally:
            self.shared.database.dispose()
            self.other.database.dispose()
            super().teardown()

    @invariant()
    def shared_index_follows(self):
        # Sometimes several steps lie between two syncs.
        if self.random.random() < 0.5:
            self.sync_and_compare()

    def sync_and_compare(self) -> None:
        """Take the scope's changes over, and compare what both indexes hold."""
        transfer_changes(self.other, self.shared, OPERATOR, OTHER_SCOPE)
        transfer_changes(
            self.index,
            self.shared,
            OPERATOR,
            SCOPE,
            page=self.random.choice([1, 3, 1000]),
            # After each page, also where changes of its records wait for a later one.
            progress=lambda *_: check_derived_data(self.shared),
        )
        links = crosswalk(self.index)
        copies = {record for record in crosswalk(self.shared) if record[0] != OTHER_SOURCE}
        assert copies == links.keys()
        assert self.contents_of(self.shared, links) == self.contents_of(self.index, links)
        check = check_copies(self.index, self.shared, OPERATOR, SCOPE)
        assert (check.findings, check.waiting) == ([], 0)
        if not (self.is_beside_another or self.may_differ()):
            assert partition_of(self.shared) == partition_of(self.index)

    @staticmethod
    def contents_of(index, addresses):
        """Return the content of records, as their own source may read it."""
        contents = {}
        for source, local_id in addresses:
            viewer = replace(OPERATOR, sources=frozenset({source}))
            record = read(index, viewer, source, local_id)["record"]
            # A merge follows as a decision, an earlier content that counts again gets a later as-of, and a
            # version of a re-keyed record states the local ID with which it came.
            contents[source, local_id] = {
                name: value
                for name, value in record.items()
                if name not in ("merged_into", "as_of", "local_id")
            }
        return contents

    def may_differ(self) -> bool:
        """Return whether the scope has another model, or decisions that are not taken over."""
        if self.index.matcher.model.ref != self.shared.matcher.model.ref:
            return True
        with self.index.database.read(OPERATOR) as unit:
            authorities = {named.decision.authority for named in unit.decisions_in_force.all_in_force()}
        return bool(authorities - {Authority.MIGRATION, Authority.SOURCE, Authority.STEWARD})


TestTransfer = TransferMachine.TestCase
TestTransfer.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if SHRINK else [])],
)

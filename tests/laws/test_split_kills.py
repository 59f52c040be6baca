"""``mpi scope split`` and its undo are killed at any instant, go on, and end as if nothing had happened."""

import os
import random
import subprocess
import sys
import time
from dataclasses import dataclass, field

import pytest

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import NotAuthenticated
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import make_operator
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.maintenance.verify import verify
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.scopes.copy_check import check_copies
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.stewardship.decisions import DecisionRequest, decide
from mpi.storage.repositories.sources.splits import SplitState
from tests.index import OPERATOR, crosswalk, load_rows, make_child, many_children, partition_of
from tests.laws.split_program import READY
from tests.scopes import SplittableSite, check_derived_data, open_splittable_index

MAX_SEED = 8
"""Most splits that are killed. They end once a split and an undo were killed in their work."""
KILLS = 3
"""Most kills of one split, and of one undo."""
CHILDREN = 150
OTHER = {"first_name": "Ben", "last_name": "Quill", "birth_date": "2011-01-05"}

_UNFINISHED = (SplitState.COPYING, SplitState.UNDOING)
"""States of a split or an undo of which some transactions are done."""


@dataclass
class Command:
    """The command ``mpi scope split`` on a site, in a process of its own.

    Args:
        site: the site.
        lasts: seconds from start to end and from the first commit to the end, by the command's options, when
            nobody killed it.
        kills: how often a process was killed.
        killed_in_work: options of the commands that were killed after their first commit and before the last.
    """

    site: SplittableSite
    lasts: dict[tuple[str, ...], tuple[float, float]] = field(default_factory=dict)
    kills: int = 0
    killed_in_work: set[tuple[str, ...]] = field(default_factory=set)

    def run(self, scope: str, *options: str) -> None:
        """Run the command to its end, and note how long it takes."""
        process = self._start(scope, options)
        begun = time.monotonic()
        self._await_change(process, scope)
        worked = time.monotonic()
        self._await_change(process, scope)
        ended = time.monotonic()
        output, errors = process.communicate()
        assert process.returncode == 0, output + errors
        self.lasts[options] = (ended - begun, ended - worked)

    def run_killed(self, scope: str, chance: random.Random, *options: str) -> None:
        """Run the command, and kill it at a random instant unless it ends before.

        Most of its time goes into opening the indexes. So the first kill comes after its first commit, and
        mostly soon: what is measured as its work is longer when the machine is busy.
        """
        in_all, in_work = self.lasts[options]
        is_new = self.read_state(scope) not in _UNFINISHED
        process = self._start(scope, options)
        delay = chance.uniform(0, in_all)
        if is_new:
            self._await_change(process, scope)
            delay = in_work * chance.random() ** 3
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            process.kill()
            self.kills += 1
        process.communicate()
        if is_new and self.state_of(scope) in _UNFINISHED:
            self.killed_in_work.add(options)

    def _await_change(self, process: subprocess.Popen, scope: str) -> None:
        """Wait until a process has changed the state of the split, or has ended."""
        before = self.read_state(scope)
        while process.poll() is None and self.read_state(scope) is before:
            time.sleep(0.001)

    def read_state(self, scope: str) -> SplitState:
        """Return how far the split is, by what is committed."""
        with self.site.shared.database.read(OPERATOR) as unit:
            return unit.splits.latest(scope).state

    def state_of(self, scope: str) -> SplitState:
        """Return how far the split is, once a killed program's transaction is rolled back."""
        with self.site.shared.database.write(OPERATOR, "look") as unit:
            return unit.splits.latest(scope).state

    def _start(self, scope: str, options: tuple[str, ...]) -> subprocess.Popen:
        """Start the program, and wait until it begins."""
        settings = self.site.settings
        environment = {
            **os.environ,
            "MPI_HOME": str(settings.home),
            "MPI_MODEL": str(settings.model),
            **({} if settings.database_url is None else {"MPI_DATABASE_URL": settings.database_url}),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.laws.split_program", "scope", "split", scope, *options],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout.readline().strip() == READY
        process.stdin.write("go\n")
        process.stdin.flush()
        return process


@pytest.fixture
def site(tmp_path, database_url):
    with open_splittable_index(tmp_path, "sis", "ccwis", database_url=database_url) as opened:
        shared = opened.shared
        opened.key = add_client(shared, OPERATOR, "school", ["record.read", "decide"], ["sis"])
        school = make_operator("school")
        load_rows(shared, "sis", *many_children(CHILDREN))
        for number, changes in enumerate(({}, OTHER, {})):
            upsert(shared, OPERATOR, "sis", make_child(f"s{number}", **changes))
        upsert(shared, OPERATOR, "ccwis", make_child("c1"))
        withdraw(shared, OPERATOR, "sis", "s2")
        groups = [[RecordRef("sis", "s0"), RecordRef("sis", "s1")]]
        decide(shared, school, DecisionRequest(DecisionKind.SAME, groups, "test"))
        opened.links = crosswalk(shared)
        yield opened


def describe_scope(site, scope: str) -> dict[str, object]:
    """Return what a scope holds, after checking that it is sound and that the shared index follows it."""
    opened = site.open_scope(scope)
    assert verify(opened, OPERATOR) == []
    check_derived_data(opened)
    assert crosswalk(site.shared) == site.links
    assert transfer_changes(opened, site.shared, OPERATOR, scope).records == 0
    assert check_copies(opened, site.shared, OPERATOR, scope).findings == []
    assert authenticate(opened, site.key, None).client == "school"
    with pytest.raises(NotAuthenticated):
        authenticate(site.shared, site.key, None)
    with opened.database.read(OPERATOR) as unit:
        numbers = sorted(unit.records.active_canonical_keys())
        labels = unit.records.labels(numbers)
        decisions = unit.decisions.of_records(numbers).values()
        return {
            "partition": partition_of(opened),
            "contents": {
                labels[n]: payload for n, (_, payload) in unit.record_versions.payloads(numbers).items()
            },
            "keys": {labels[n]: key for n, key in unit.records.canonical_keys(numbers).items()},
            "decisions": sorted(
                (str(each.kind), str(each.status), sorted(map(str, labels.values()))) for each in decisions
            ),
            "clients": [client.name for client in unit.clients.active()],
            "sources": sorted(source.code for source in unit.sources.all()),
        }


def require_taken_back(site, scope: str) -> None:
    """Check that the shared index has everything again, and the scope nothing."""
    assert crosswalk(site.shared) == site.links
    assert authenticate(site.shared, site.key, None).client == "school"
    opened = site.open_scope(scope)
    with pytest.raises(NotAuthenticated):
        authenticate(opened, site.key, None)
    with opened.database.read(OPERATOR) as unit:
        assert not unit.records.active_canonical_keys()
    with site.shared.database.read(OPERATOR) as unit:
        assert unit.sources.get_by_code("sis").scope is None
        assert unit.scopes.all() == []


def kill_and_go_on(command: Command, scope: str, chance: random.Random, end: SplitState, *options) -> None:
    """Kill a split or its undo some times, and let it go on to its end."""
    for _ in range(KILLS):
        command.run_killed(scope, chance, *options)
        if command.state_of(scope) is end:
            return
    command.run(scope, *options)
    assert command.state_of(scope) is end


@pytest.mark.slow
def test_a_split_and_its_undo_that_are_killed_end_like_those_that_are_not(site):
    command = Command(site)
    site.approve("sis", scope="whole")
    command.run("whole")
    expected = describe_scope(site, "whole")
    assert len(expected["contents"]) == CHILDREN + 2
    command.run("whole", "--undo")
    require_taken_back(site, "whole")
    for seed in range(MAX_SEED):
        if command.killed_in_work == command.lasts.keys():
            break
        chance, scope = random.Random(seed), f"scope_{seed}"
        site.approve("sis", scope=scope)
        kill_and_go_on(command, scope, chance, SplitState.DONE)
        assert describe_scope(site, scope) == expected
        kill_and_go_on(command, scope, chance, SplitState.UNDONE, "--undo")
        require_taken_back(site, scope)
    assert verify(site.shared, OPERATOR) == []
    assert command.kills > 0
    assert command.killed_in_work == {(), ("--undo",)}

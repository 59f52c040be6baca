"""The eight laws hold under every kind of step, in any order (a Hypothesis state machine).

``LAWS_EXAMPLES`` and ``LAWS_STEPS`` make it run longer than in the suite and print its progress
(`scripts/prove-laws`).
"""

import os
import random
import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mpi.bootstrap import open_index
from mpi.composition.models import open_matcher
from mpi.config import Settings
from mpi.domain import clock
from mpi.domain.errors import NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.weight import round_weight
from mpi.matching.model.blocking_keys import compute_keys
from mpi.matching.scoring import engines
from mpi.matching.scoring.splink_engine import WEIGHT_SCHEMA, find_all_candidate_pairs
from mpi.service.core.index import Matcher
from mpi.service.indexing import pair_scorer
from mpi.service.maintenance.rebuild import rebuild
from mpi.service.maintenance.verify import verify
from mpi.service.persons.change_feed import read_change_feed
from mpi.service.persons.lineage import look_up_lineage
from mpi.service.persons.persons import look_up_crosswalk as look_up
from mpi.service.persons.persons import look_up_person
from mpi.service.persons.search import search_persons
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.task_list import list_review_tasks
from mpi.service.stewardship.decisions import list_decisions
from mpi.standardize.record_validation import validate_record
from mpi.standardize.serialization import features_from_bytes
from mpi.standardize.standardizer import standardize
from tests.index import OPERATOR, all_keys, crosswalk, load_rows, make_child, open_test_index, partition_of
from tests.laws.assertion_rules import AssertionRules
from tests.laws.consent_rules import ConsentRules
from tests.laws.decision_rows import decide
from tests.laws.oracle import Oracle
from tests.laws.overlay_rules import OverlayRules
from tests.laws.record_strategies import content_to_json, contents, has_stable_meaning
from tests.laws.seal_rules import SealRules
from tests.laws.source_merge_rules import SourceMergeRules
from tests.laws.steward_rules import StewardRules
from tests.models import tiny_model

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "8"))
STEPS = int(os.environ.get("LAWS_STEPS", "12"))
SHRINK = "LAWS_SHRINK" in os.environ
COUNTED = "LAWS_EXAMPLES" in os.environ
START = datetime(2031, 9, 1, tzinfo=UTC)  # after the copied index was made
SOURCES = ("sis", "ccwis")
SECRET = "5a" * 32
IN_MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # noqa: S108 - of our own
"""Durability is tested elsewhere; waiting for the disk would take a third of the time."""

addresses = st.tuples(st.sampled_from(SOURCES), st.sampled_from([f"r{n}" for n in range(6)]))


def predict_by_record(scorer, features, pairs, floor):
    """Score pairs as Splink does on DuckDB (law 5 has its own tests), without its start-up time."""
    pair_ids = list(zip(pairs["lo"].to_pylist(), pairs["hi"].to_pylist(), strict=True))
    weights = [round_weight(scorer.weigh(features[lo], features[hi])) for lo, hi in pair_ids]
    rows = [(*pair, bits) for pair, bits in zip(pair_ids, weights, strict=True) if bits >= floor]
    return pa.Table.from_pylist(
        [dict(zip(WEIGHT_SCHEMA.names, row, strict=True)) for row in rows], schema=WEIGHT_SCHEMA
    )


def pairs_of_blocks(blocks, **_):
    """Join blocks as DuckDB does (it has its own tests), without its start-up time."""
    records_by_key = {}
    for row in blocks.to_pylist():
        records_by_key.setdefault(row["key"], set()).add(row["record_id"])
    pairs = sorted({pair for block in records_by_key.values() for pair in combinations(sorted(block), 2)})
    columns = {"lo": [lo for lo, _ in pairs], "hi": [hi for _, hi in pairs]}
    return pa.table(columns, schema=pa.schema([("lo", pa.int64()), ("hi", pa.int64())]))


class FakeBatchScorer:
    """Stand-in for the load scorer's DuckDB and Splink, without their start-up time."""

    stored_rows = 0

    def __init__(self, predicted, model, _place):
        self._predicted, self._model = predicted, model
        self._kept = []

    def find_pairs_sharing_keys(self, keys, touched):
        return find_all_candidate_pairs(keys, touched)

    def find_missing(self, numbers):
        return numbers

    def remove_features(self, _numbers):
        """Each is asked once."""

    def add_features(self, batches):
        self._kept = list(batches)

    def score(self, pairs, floor, temporary, previous):
        return self._predicted(self._model, [*self._kept, *temporary, *previous], pairs, floor)

    def close(self):
        """Nothing is held."""


@pytest.fixture(scope="module", autouse=True)
def empty_home(tmp_path_factory):
    """Make an index without records, to copy for each run."""
    home = tmp_path_factory.mktemp("laws") / "empty"
    with open_test_index(home, *SOURCES, secret=SECRET):
        pass
    LawsMachine.empty = home
    stricter = open_matcher(str(tiny_model(home.parent / "stricter", version="2", link=17.0)))
    LawsMachine.others = (stricter,)


class LawsMachine(
    StewardRules,
    ConsentRules,
    AssertionRules,
    SourceMergeRules,
    OverlayRules,
    SealRules,
    RuleBasedStateMachine,
):
    """Steps of sources, stewards and operators on one index, and what must hold after each."""

    empty: Path
    others: tuple[Matcher, ...]
    runs = 0
    steps_taken = 0

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="laws-", dir=IN_MEMORY))
        self.time = START
        self.clock = ExitStack()
        self.clock.enter_context(clock.set_clock(lambda: self.time))
        self.speed_patches = [
            patch.object(pair_scorer, "LoadScorer", partial(FakeBatchScorer, self.score_pairs)),
            patch.object(engines, "score_stored_pairs", self.score_pairs),
            patch.object(engines, "find_all_candidate_pairs", pairs_of_blocks),
        ]
        for started_patch in self.speed_patches:
            started_patch.start()
        self.index = self.open_copy("index")
        self.matchers = [self.index.matcher, *self.others]
        self.oracle = Oracle(is_other_child=self.is_other_child)
        self.random = random.Random(0)
        self.batches: list[int] = []
        self.steps: list = []
        self.proposed: list = []
        self.renamed = 0
        self.rekeys: dict[int, list] = {}
        self.undone_rekeys: set[int] = set()
        self.merge_steps: dict[int, list[int]] = {}
        self.statements_taken_back: set[int] = set()
        self.begun = False
        self.requests_on_sealed: set = set()

    def score_pairs(self, model, packed, pairs, floor, *_):
        scorer = next(m.scorer for m in self.matchers if m.model is model)
        rows = (row for batch in packed for row in batch.to_pylist())
        features = {row["unique_id"]: features_from_bytes(row["features"].encode()) for row in rows}
        return predict_by_record(scorer, features, pairs, floor)

    def open_copy(self, name: str):
        home = self.folder / name
        shutil.copytree(self.empty, home)
        unlimited = {"searches_per_minute": 10**9, "searches_per_child": 10**9, "seals_per_day": 1_000}
        opened = open_index(Settings(home=home, model=None, database_url=None, secret_file=None, **unlimited))
        return self.recluster_as_here(opened, self.index.matcher) if name != "index" else opened

    def recluster_as_here(self, index, matcher):
        """Re-cluster a fresh index under the model that is in force here."""
        own_matcher = next(m for m in [index.matcher, *self.others] if m.model.ref == matcher.model.ref)
        self.matchers.append(index.matcher)
        recluster(index, OPERATOR, own_matcher, apply=True)
        return replace(index, matcher=own_matcher)

    def teardown(self) -> None:
        try:
            self.rebuild_index()
            self.fresh_indexes_agree()
            self.past_look_ups_are_unchanged(len(self.oracle.moments))
            while self.speed_patches:
                self.speed_patches.pop().stop()
            assert verify(self.index, OPERATOR) == [], "by DuckDB and Splink"
            LawsMachine.runs += 1
            if COUNTED:
                print(f"{LawsMachine.runs} runs hold, {LawsMachine.steps_taken} steps", flush=True)
        finally:
            self.index.database.dispose()
            for stopped_patch in self.speed_patches:
                stopped_patch.stop()
            self.clock.close()
            shutil.rmtree(self.folder)

    def tick(self, hours: int = 19) -> str:
        self.time += timedelta(hours=hours)
        return clock.format_timestamp(self.time)

    sent = staticmethod(content_to_json)

    def put(self, index, address, content, as_of, **changes):
        record = dict.fromkeys(make_child(None)) | content_to_json(content) | changes
        return upsert(index, OPERATOR, address[0], make_child(address[1], **record, as_of=as_of))

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed):
        self.random = random.Random(seed)

    @rule(address=addresses, content=contents)
    def send_record(self, address, content):
        if address[0] in self.oracle.paused and not has_stable_meaning(content):
            return
        as_of = self.tick()
        self.put(self.index, address, content, as_of)
        self.oracle.add_statement(address, as_of, content)

    @precondition(lambda self: self.oracle.statements)
    @rule(data=st.data(), content=contents, days=st.integers(1, 6))
    def send_late_record(self, data, content, days):
        address = data.draw(st.sampled_from(sorted(self.oracle.statements)))
        if address[0] in self.oracle.paused and not has_stable_meaning(content):
            return
        self.tick()
        as_of = clock.format_timestamp(self.time - timedelta(days=days))
        self.put(self.index, address, content, as_of)
        self.oracle.add_statement(address, as_of, content)

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data())
    def send_again(self, data):
        address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        content = self.oracle.active[address].content
        # Restated after one of its dates has passed it means something else, and a paused source's record is
        # held.
        if address[0] in self.oracle.paused and not has_stable_meaning(content):
            return
        as_of = self.tick()
        self.put(self.index, address, content, as_of)
        self.oracle.add_statement(address, as_of, content)

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data())
    def withdraw_a_record(self, data):
        address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        as_of = self.tick()
        withdraw(self.index, OPERATOR, *address)
        self.oracle.add_statement(address, as_of, None)

    @rule(
        source=st.sampled_from(SOURCES),
        file=st.dictionaries(st.sampled_from([f"r{n}" for n in range(6)]), contents, max_size=6),
        is_full=st.booleans(),
        confirm=st.booleans(),
        days=st.sampled_from([0, 0, 2, 5]),
    )
    def load_file(self, source, file, is_full, confirm, days):
        if source in self.oracle.paused and not all(has_stable_meaning(content) for content in file.values()):
            return
        self.tick()
        moment = self.time - timedelta(days=days)
        before = crosswalk(self.index)
        receipt = load_rows(
            self.index,
            source,
            *(
                make_child(name, **dict.fromkeys(make_child(None)) | content_to_json(content))
                for name, content in file.items()
            ),
            snapshot=Snapshot.FULL if is_full else Snapshot.DELTA,
            as_of=moment,
            confirm=confirm,
        )
        assert receipt.adds_up
        if receipt.status == "held":
            assert (is_full, confirm) == (True, False)
            assert crosswalk(self.index) == before
            return
        missing = (
            [a for a in self.oracle.statements if a[0] == source and a[1] not in file] if is_full else []
        )
        for name, content in file.items():
            self.oracle.add_statement(
                (source, name), clock.format_timestamp(moment), content, batch=receipt.batch
            )
        for address in missing:
            self.oracle.add_statement(address, clock.format_timestamp(moment), None, batch=receipt.batch)
        self.batches.append(receipt.batch)

    @rule(apply=st.booleans())
    def recluster_again(self, apply):
        self.tick()
        before = crosswalk(self.index)
        assert recluster(self.index, OPERATOR, self.index.matcher, apply=apply).is_empty
        assert crosswalk(self.index) == before

    @rule()
    def rebuild_index(self):
        self.tick()
        before = crosswalk(self.index)
        tasks, all_tasks = list_review_tasks(self.index, OPERATOR), self.all_tasks()
        rebuild(self.index, OPERATOR)
        assert crosswalk(self.index) == before
        assert list_review_tasks(self.index, OPERATOR) == tasks
        assert self.all_tasks() == all_tasks

    def all_tasks(self):
        """Return every task in full, with its question, harm and pattern."""
        with self.index.database.read(OPERATOR) as unit:
            return unit.tasks.all()

    @precondition(lambda self: self.oracle.active and not self.oracle.paused)
    @rule()
    def permute_flags(self):
        before = crosswalk(self.index)
        active = self.oracle.active
        lists = [dict(statement.content)["flags"] for statement in active.values()]
        self.random.shuffle(lists)
        for (address, statement), flags in zip(active.items(), lists, strict=True):
            as_of = self.tick(0)
            content = tuple((n, flags if n == "flags" else value) for n, value in statement.content)
            self.put(self.index, address, content, max(as_of, statement.as_of))
            self.oracle.add_statement(address, max(as_of, statement.as_of), content)
        if all(has_stable_meaning(statement.content) for statement in active.values()):
            assert crosswalk(self.index) == before

    @rule()
    def fresh_indexes_agree(self):
        fresh = self.open_copy(f"fresh-{len(list(self.folder.iterdir()))}")
        try:
            self.load_final_state(fresh)
            assert partition_of(fresh) == partition_of(self.index)
        finally:
            fresh.database.dispose()

    def load_final_state(self, fresh) -> None:
        """Load only the final state, in random order; inactive records only as members of decisions."""
        active = self.oracle.active
        hold_decisions = [word for words in self.oracle.hold_decisions.values() for word in words]
        decisions = [*self.oracle.decisions_in_force.values(), *hold_decisions]
        members = {a for _, _, groups in decisions for group in groups for a in group}
        order = [*active, *sorted(members - active.keys())]
        self.random.shuffle(order)
        self.random.shuffle(decisions)
        early_decisions = [d for d in decisions if self.random.random() < 0.5]
        for address in order:
            if address in active:
                # The oracle's decisions already hold what the record asserts of other records.
                statement = active[address]
                self.put(
                    fresh,
                    address,
                    statement.content,
                    statement.as_of,
                    merged_into=None,
                    restrictions=self.restrictions_in_force(address),
                )
            elif address in self.oracle.sealed:
                self.put(fresh, address, (), None, restrictions=[{"kind": "sealed"}])
            else:
                self.put(fresh, address, (), None)
                withdraw(fresh, OPERATOR, *address)
            for decision in [d for d in early_decisions if self._known(fresh, d)]:
                early_decisions.remove(decision)
                decisions.remove(decision)
                decide(fresh, *decision)
        for decision in decisions:
            decide(fresh, *decision)

    @staticmethod
    def _known(index, decision) -> bool:
        with index.database.read(OPERATOR) as unit:
            return all(
                unit.records.find_by_local_ids(unit.sources.get_by_code(source).id, [local_id])
                for group in decision[2]
                for source, local_id in group
            )

    @invariant()
    def count_step(self):
        """Count each step; invariants also run once before the first step."""
        LawsMachine.steps_taken += self.begun
        self.begun = True

    @invariant()
    def the_index_verifies(self):
        assert verify(self.index, OPERATOR) == []

    @invariant()
    def derived_data_matches_the_latest_statements(self):
        model, scorer = self.index.matcher.model, self.index.matcher.scorer
        with self.index.database.read(OPERATOR) as unit:
            config_id = self.index.config_id(unit)
            expected = self.expected_features(unit)
            assert {
                r: features_from_bytes(f) for r, f in unit.derived_data.iterate_features(config_id)
            } == expected
            blocks = {
                record: set(compute_keys(f, model.blocking, self.index.keyed_hash))
                for record, f in expected.items()
            }
            assert all_keys(unit, config_id) == sorted(
                (key, record) for record, own in blocks.items() for key in own
            )
            edges = {
                (lo, hi): bits
                for lo, hi in combinations(sorted(expected), 2)
                if blocks[lo] & blocks[hi]
                and (bits := round_weight(scorer.weigh(expected[lo], expected[hi])))
                >= model.thresholds.storage_floor
            }
            assert unit.derived_data.all_edges(config_id) == edges

    def expected_features(self, unit):
        """Return features by record, derived only from each source's latest statements."""
        features = {}
        for (source, local_id), statement in self.oracle.active.items():
            record = dict.fromkeys(make_child(None)) | content_to_json(statement.content)
            record["restrictions"] = self.restrictions_in_force((source, local_id))
            validated = validate_record(
                make_child(local_id, **record, as_of=statement.as_of), self.index.keyed_hash, self.time
            )
            record_id = unit.records.find_by_local_ids(unit.sources.get_by_code(source).id, [local_id])[
                local_id
            ].id
            features[record_id] = standardize(validated.record, source, self.index.keyed_hash)
        return features

    def restrictions_in_force(self, address):
        """Return the restrictions of a record's active version, and those of earlier ones that stay."""
        own = content_to_json(self.oracle.active[address].content)["restrictions"]
        return [*own, *self.oracle.carried_restrictions(address)]

    @invariant()
    def active_versions_are_the_latest_statements(self):
        active = self.oracle.active
        links = crosswalk(self.index)
        assert set(links) == set(active)
        for address, statement in active.items():
            # A confidential address may be shown to the record's own source only.
            source = replace(OPERATOR, sources=frozenset({address[0]}))
            shown_record = read(self.index, source, *address)["record"]
            content = dict(statement.content)
            for name in ("first_name", "last_name", "birth_date", "postal_code"):
                assert shown_record.get(name) == content[name]

    @invariant()
    def enterprise_ids_are_stable(self):
        self.read_decision_states()
        links = crosswalk(self.index)
        self.oracle.check_stable_ids(clock.format_timestamp(self.time), links)
        self.oracle.check_stewards_rule(links)
        for eid, standing in self.oracle.status_by_person.items():
            if self.oracle.has_held_sealed(eid):
                continue  # it is shown as an index without the sealed record would show it
            view = look_up_person(self.index, OPERATOR, eid)
            assert view.status == standing, (view, self.oracle.records_by_person[eid])
            expected = self.oracle.successors(eid, links) if standing == "retired" else {eid}
            assert set(view.now) == expected

    @invariant()
    def some_past_look_ups_are_unchanged(self):
        self.past_look_ups_are_unchanged(2)

    def past_look_ups_are_unchanged(self, max_moments: int) -> None:
        by_time = dict(self.oracle.moments)
        for at in self.random.sample(sorted(by_time), min(max_moments, len(by_time))):
            for address in self.oracle.statements.keys() - self.oracle.sealed:
                try:
                    person = look_up(self.index, OPERATOR, *address, at).enterprise_id
                except NotFoundError:
                    person = None
                assert person == by_time[at].get(address)

    @invariant()
    def sealed_records_never_show(self):
        sealed = self.oracle.sealed
        if not sealed:
            return
        for address in sealed:
            for read_function in (
                lambda a: read(self.index, OPERATOR, *a),
                lambda a: look_up(self.index, OPERATOR, *a),
            ):
                with pytest.raises(NotFoundError):
                    read_function(address)
        shown_records = {
            (e.source, e.local_id) for e in read_change_feed(self.index, OPERATOR, limit=1000).events
        }
        for task in list_review_tasks(self.index, OPERATOR):
            shown_records |= {(label.source, label.local_id) for label in task.records}
        for eid in self.oracle.status_by_person:
            try:
                view = look_up_person(self.index, OPERATOR, eid)
            except NotFoundError:
                assert self.oracle.has_held_sealed(eid)
                continue
            shown_records |= {(r.source, r.local_id) for r in view.records}
            steps = [step for step in look_up_lineage(self.index, OPERATOR, eid) if step.record is not None]
            shown_records |= {(step.record.source, step.record.local_id) for step in steps}
        for view in list_decisions(self.index, OPERATOR, limit=1000):
            shown_records |= {(label.source, label.local_id) for group in view.groups for label in group}
            shown_records |= {(seen_record["source"], seen_record["local_id"]) for seen_record in view.seen}
        assert not shown_records & sealed
        links = set(crosswalk(self.index).values())
        query = {"first_name": "Jayden", "last_name": "Cruz", "birth_date": "2014-01-20"}
        assert {person.enterprise_id for person in search_persons(self.index, OPERATOR, query)} <= links


TestLaws = LawsMachine.TestCase
TestLaws.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    # Shrinking a run of many steps takes minutes, so it is off unless somebody looks for a fault.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if SHRINK else [])],
)

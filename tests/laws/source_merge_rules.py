"""State-machine rules for merges and splits that a source states of its own local IDs.

What must count is derived from what was stated alone: of the statements about two records that nobody took
back, the one of the latest day, then the latest received. Which persons follow is checked as for any other
decision.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from mpi.domain.errors import ConflictError, NotFoundError
from mpi.domain.source_merge import MergeStatement
from mpi.service.persons.persons import look_up_person
from mpi.service.source_merges.listing import list_statements
from mpi.service.source_merges.registry import state_merges, take_back
from mpi.service.source_merges.retired_ids import list_retired_ids
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk

STATED = ("stated_merge", "stated_split")
LOCAL_IDS = [f"r{number}" for number in range(4)]
SENT = 10**9
"""Added to the place of a statement that has no number yet."""


class SourceMergeRules:
    """Mixin of the state machine, with its index and oracle."""

    def stated_numbers(self):
        """Return the numbers of all statements ever stored."""
        return {
            number: decision
            for number, decision in self.oracle.all_decisions.items()
            if decision.asserted_by is not None and decision.asserted_by[0] in STATED
        }

    def read_dates(self):
        """Return the day of each statement, by its number."""
        with self.index.database.read(OPERATOR) as unit:
            stored = unit.decisions.by_ids(self.stated_numbers())
            return {number: decision.effective_from for number, decision in stored.items()}

    def statements_of_pairs(self):
        """Return (day, number, kind, old, new) of statements nobody took back, by pair, in order."""
        dates = self.read_dates()
        by_pair = defaultdict(list)
        for number, decision in self.stated_numbers().items():
            if decision.revoked:
                continue
            kind, old = decision.asserted_by
            pair = frozenset(address for group in decision.groups for address in group)
            [new] = pair - {old}
            by_pair[pair].append((dates[number], number, kind, old, new))
        return {pair: sorted(entries) for pair, entries in by_pair.items()}

    def undone_statements(self):
        """Return what a person undid alone: (kind, old or pair, day)."""
        dates = self.read_dates()
        undone = set()
        for number, decision in self.stated_numbers().items():
            if decision.revoked and number not in self.statements_taken_back:
                kind, old = decision.asserted_by
                pair = frozenset(address for group in decision.groups for address in group)
                undone.add((kind, pair, old if kind == "stated_merge" else None, dates[number]))
        return undone

    def expect(self, source, statements):
        """Return which statements are new, and whether they are refused."""
        by_pair = defaultdict(list, self.statements_of_pairs())
        undone = self.undone_statements()
        new_entries = []
        for place, each in enumerate(statements):
            old, new = (source, each.old_local_id), (source, each.new_local_id)
            kind, pair = f"stated_{each.kind}", frozenset({old, new})
            named = old if kind == "stated_merge" else None
            if {old, new} & self.oracle.sealed or (kind, pair, named, each.date) in undone:
                continue
            known = {(day, k, o if k == "stated_merge" else None) for day, _, k, o, _ in by_pair[pair]}
            if (each.date, kind, named) in known:
                continue
            entry = (each.date, SENT + place, kind, old, new)
            by_pair[pair] = sorted([*by_pair[pair], entry])
            new_entries.append(entry)
        return new_entries, self.makes_circle(by_pair)

    def makes_circle(self, by_pair):
        """Return whether new statements make a circle, or merge one record into two."""
        for entries in by_pair.values():
            for earlier, later in pairwise(entries):
                is_new = max(earlier[1], later[1]) >= SENT
                if is_new and earlier[2] == later[2] == "stated_merge" and earlier[3] != later[3]:
                    return True
        targets = defaultdict(set)
        latest = [entries[-1] for entries in by_pair.values() if entries]
        for _, _, kind, old, new in latest:
            if kind == "stated_merge":
                targets[old].add(new)
        for number, decision in self.oracle.all_decisions.items():
            if decision.asserted_by is not None and decision.asserted_by[0] == "merged_into":
                old = decision.asserted_by[1]
                if self.oracle.is_in_force(number):
                    targets[old] |= {a for group in decision.groups for a in group} - {old}
        new_merges = [each for each in latest if each[1] >= SENT and each[2] == "stated_merge"]
        return any(
            len(targets[old]) > 1 or old in self.reached(old, targets) for _, _, _, old, _ in new_merges
        )

    @staticmethod
    def reached(record, targets):
        """Return the records that the merges of a record lead to."""
        reached, frontier = set(), set(targets[record])
        while frontier:
            reached |= frontier
            frontier = {target for each in frontier for target in targets[each]} - reached
        return reached

    @rule(data=st.data(), source=st.sampled_from(("sis", "ccwis")), count=st.integers(1, 4))
    def state_merges(self, data, source, count):
        statements = []
        for _ in range(count):
            old, new = data.draw(st.lists(st.sampled_from(LOCAL_IDS), min_size=2, max_size=2, unique=True))
            kind = data.draw(st.sampled_from(("merge", "merge", "split")))
            day = (self.time - timedelta(days=data.draw(st.integers(0, 3)))).date().isoformat()
            statements.append(MergeStatement(kind, old, new, day))
        self.state(source, statements)

    def state(self, source, statements):
        """State merges and splits of a source, or have them refused."""
        self.tick()
        self.read_decision_states()
        before = crosswalk(self.index)
        if source in self.oracle.paused:
            with pytest.raises(ConflictError, match="paused"):
                state_merges(self.index, OPERATOR, source, statements)
            return
        new_entries, is_refused = self.expect(source, statements)
        if is_refused:
            with pytest.raises(ConflictError):
                state_merges(self.index, OPERATOR, source, statements)
            assert crosswalk(self.index) == before
            return
        preview = state_merges(self.index, OPERATOR, source, statements, preview=True)
        assert crosswalk(self.index) == before
        result = state_merges(self.index, OPERATOR, source, statements)
        assert (preview.new, preview.moved) == (result.new, result.moved)
        assert (result.new, result.new + result.unchanged + result.undone + len(result.refused)) == (
            len(new_entries),
            len(statements),
        )
        if result.step is not None:
            self.merge_steps[result.step] = list(result.stated)
        self.read_decision_states()
        after = crosswalk(self.index)
        again = state_merges(self.index, OPERATOR, source, statements)
        assert (again.new, again.step) == (0, None)
        assert crosswalk(self.index) == after

    @precondition(lambda self: any(not each.revoked for each in self.stated_numbers().values()))
    @rule(data=st.data())
    def take_back_a_statement(self, data):
        numbers = sorted(n for n, decision in self.stated_numbers().items() if not decision.revoked)
        self.take_statement_back(data.draw(st.sampled_from(numbers)))

    def take_statement_back(self, number):
        """Take a statement back, unless its source is paused or a record is sealed."""
        decision = self.oracle.all_decisions[number]
        source = decision.asserted_by[1][0]
        self.tick()
        if source in self.oracle.paused:
            with pytest.raises(ConflictError, match="paused"):
                take_back(self.index, OPERATOR, source, number)
            return
        if any(address in self.oracle.sealed for group in decision.groups for address in group):
            with pytest.raises(NotFoundError):
                take_back(self.index, OPERATOR, source, number)
            return
        take_back(self.index, OPERATOR, source, number)
        self.statements_taken_back.add(number)
        self.oracle.revoke(number)
        self.read_decision_states()

    @precondition(lambda self: self.merge_steps)
    @rule(data=st.data())
    def undo_a_file_of_merges(self, data):
        self.undo_merges_of_step(data.draw(st.sampled_from(sorted(self.merge_steps))))

    def undo_merges_of_step(self, step):
        """Undo all that one call stated; a second undo is refused."""
        numbers = self.merge_steps.pop(step)
        self.apply_as_previewed(lambda preview: undo_step(self.index, OPERATOR, step, preview=preview))
        for number in numbers:
            if not self.oracle.all_decisions[number].revoked:
                self.statements_taken_back.add(number)
                self.oracle.revoke(number)
        self.read_decision_states()
        with pytest.raises(ConflictError):
            undo_step(self.index, OPERATOR, step)

    @invariant()
    def latest_statements_count(self):
        self.read_decision_states()
        expected = {
            number: "in_force" if number == entries[-1][1] else "superseded"
            for pair, entries in self.statements_of_pairs().items()
            for _, number, *_ in entries
            if not pair & self.oracle.sealed
        }
        shown = {
            view.number: view.status
            for source in ("sis", "ccwis")
            for view in list_statements(self.index, OPERATOR, source)
            if view.status not in ("taken_back", "undone")
        }
        assert shown == expected

    @invariant()
    def retired_ids_are_those_of_look_ups(self, *, always=False):
        if not always and self.random.random() > 0.2:
            return
        for source in ("sis", "ccwis"):
            viewer = replace(OPERATOR, sources=frozenset({source}))
            expected = {}
            for eid in self.oracle.status_by_person:
                try:
                    view = look_up_person(self.index, viewer, eid)
                except NotFoundError:
                    continue
                if view.status == "retired":
                    expected[eid] = view.now
            listed, after = {}, None
            while True:
                page = list_retired_ids(self.index, OPERATOR, source, after=after, limit=2)
                listed |= {each.enterprise_id: each.now for each in page.retired}
                after = page.cursor
                if after is None:
                    break
            assert listed == expected

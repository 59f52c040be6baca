"""State-machine rules for sources' identity assertions and stewards' corrections.

Which assertions stand is read from the index and checked against what was sent; persons, IDs and tasks are
checked as for any other decision.
"""

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from sqlalchemy import select

from mpi.domain.decision import Authority, DecisionKind
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge_split_move import StepOptions
from mpi.storage.tables import DecisionRow
from tests.index import OPERATOR, crosswalk, make_child
from tests.laws.oracle import OracleDecision, PendingStep
from tests.laws.record_strategies import content_to_json, has_stable_meaning

_decision = DecisionRow.__table__
ASSERTED = ("same_as", "not", "merged_into", "stated_merge", "stated_split")
MISTYPED = "T7K3-M92Q-X0HA"
VALUES = {"birth_date": ["2014-02-02", "2014-03-03"], "middle_name": ["Lou", "Ray"]}


class AssertionRules:
    """Mixin of the state machine, with its index and oracle."""

    def read_assertions(self, unit):
        """Read the current state of every assertion of a source."""
        rows = unit.connection.execute(select(_decision.c.id, _decision.c.asserting_record)
                                       .where(_decision.c.origin.in_(ASSERTED)))  # fmt: skip
        asserting_records = dict(rows.all())
        codes = {source.id: source.code for source in unit.sources.all()}
        for decision in unit.decisions.by_ids(asserting_records).values():
            records = unit.records.get(decision.seen)
            address = {n: (codes[record.source_id], record.local_id) for n, record in records.items()}
            known_decision = self.oracle.all_decisions.setdefault(
                decision.id, OracleDecision(decision.kind, decision.authority, ())
            )
            known_decision.groups = tuple(
                tuple(address[record] for record in group) for group in decision.groups
            )
            known_decision.revoked, known_decision.claim = (
                decision.status == "revoked",
                decision.status == "review",
            )
            known_decision.supersedes = frozenset(decision.supersedes)
            known_decision.step, known_decision.asserted_by = (
                decision.step_id,
                (decision.origin, address[asserting_records[decision.id]]),
            )

    def assertions_of(self, origin, address):
        """Return a record's assertions of a kind that were not revoked."""
        numbers = (
            n for n, word in self.oracle.all_decisions.items() if word.asserted_by == (origin, address)
        )
        return [
            self.oracle.all_decisions[n] for n in sorted(numbers) if not self.oracle.all_decisions[n].revoked
        ]

    def binding_groups(self, origin, address):
        """Return the groups of the assertions that are not mere claims."""
        return [decision.groups for decision in self.assertions_of(origin, address) if not decision.claim]

    def records_meant_by(self, eid, address, links):
        """Return the records that an enterprise ID stands for, to the source of a record."""
        standing = self.oracle.status_by_person.get(eid)
        holders = {eid} if standing == "active" else set()
        if standing == "retired":
            holders = self.oracle.successors(eid, links)
        return {a for a, person in links.items() if {person} == holders} - {address}

    @precondition(lambda self: self.oracle.active and self.oracle.status_by_person)
    @rule(data=st.data(), origin=st.sampled_from(("same_as", "not")), back=st.booleans())
    def assert_with_a_record(self, data, origin, back):
        """Restate a record with an assertion of its person, or without."""
        address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        content = self.oracle.active[address].content
        if not has_stable_meaning(content):
            return
        by_record = sorted(
            self.oracle.status_by_person, key=lambda e: sorted(self.oracle.records_by_person[e])
        )
        eid = data.draw(st.sampled_from([*by_record, MISTYPED]))
        as_of = self.tick()
        links = crosswalk(self.index)
        sent = dict.fromkeys(make_child(None)) | content_to_json(content)
        assertion = {"same_as": None, "not": []}[origin] if back else {"same_as": eid, "not": [eid]}[origin]
        binding = self.binding_groups(origin, address)
        upsert(
            self.index,
            OPERATOR,
            address[0],
            {**make_child(address[1], **sent, as_of=as_of), origin: assertion},
        )
        self.oracle.add_statement(address, as_of, content)
        self.read_decision_states()
        if address[0] in self.oracle.paused:
            assert self.binding_groups(origin, address) == binding
            return
        decisions = self.assertions_of(origin, address)
        if back:
            assert not decisions
            return
        [decision] = decisions
        other_records = self.records_meant_by(eid, address, links)
        assert decision.claim == (not other_records)
        assert {a for group in decision.groups for a in group} == {address, *other_records}
        assert decision.kind is (DecisionKind.SAME if origin == "same_as" else DecisionKind.DIFFERENT)

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data(), other_id=st.sampled_from([f"r{n}" for n in range(6)]))
    def merge_at_the_source(self, data, other_id):
        """Send with a record that it was merged into another record of its source."""
        source, local_id = address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        content = self.oracle.active[address].content
        if other_id == local_id or not has_stable_meaning(content):
            return
        content = tuple(sorted({**dict(content), "merged_into": other_id}.items()))
        as_of = self.tick()
        self.put(self.index, address, content, as_of)
        self.oracle.add_statement(address, as_of, content)
        self.read_decision_states()
        statement = self.oracle.active.get(address)
        if statement is None or statement.content != content or (source, other_id) in self.oracle.sealed:
            return
        for decision in self.assertions_of("merged_into", address):
            [group] = decision.groups
            assert address in group

    @invariant()
    def merge_assertions_end_with_the_merge(self):
        self.read_decision_states()
        for address, statement in self.oracle.active.items():
            if not dict(statement.content).get("merged_into"):
                assert not self.assertions_of("merged_into", address)

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data(), attribute=st.sampled_from(sorted(VALUES)))
    def correct(self, data, attribute):
        persons = self.persons()
        eid = data.draw(st.sampled_from(list(persons)))
        value = data.draw(st.sampled_from(VALUES[attribute]))

        def correct_person(preview):
            return correct_value(
                self.index, OPERATOR, eid, attribute, value, StepOptions("seen", "x", preview=preview)
            )

        effect = self.apply_as_previewed(correct_person)
        assert crosswalk(self.index) == self.before
        assert effect.etag == look_up_golden_record(self.index, OPERATOR, eid).etag
        [number] = effect.decisions
        with self.index.database.read(OPERATOR) as unit:
            [decision] = unit.decisions.by_ids([number]).values()
            labels = unit.records.labels(decision.seen)
        group = tuple((label.source, label.local_id) for label in labels.values())
        [corrected] = [address for address in group if address[0] != "STEWARD"]
        assert corrected in persons[eid]
        needs_approval = self.required_approvals([corrected], {})[0]
        owners = self.sources_requiring_consent([corrected], {}, single_record=True)
        assert (effect.approval, effect.consent_of) == (needs_approval, tuple(sorted(owners)))
        self.oracle.all_decisions[number] = OracleDecision(
            DecisionKind.SAME,
            Authority.STEWARD,
            (group,),
            waiting=effect.awaiting,
            corrects=(attribute, value),
            step=effect.step,
        )
        self.steps.append((effect.step, effect.decisions))
        if effect.awaiting:
            self.oracle.waiting_steps[effect.step] = PendingStep(
                False, effect.decisions, needs_approval, owners
            )
            self.answer_at_random(effect.step)

    @invariant()
    def corrections_are_shown(self):
        links = crosswalk(self.index)
        values, persons = {}, set()
        for number, decision in self.oracle.all_decisions.items():
            if decision.corrects is None:
                continue
            [[corrected]] = [[a for a in group if a[0] != "STEWARD"] for group in decision.groups]
            if corrected not in links:
                continue
            persons.add(links[corrected])
            if self.oracle.is_in_force(number):
                attribute, value = decision.corrects
                values.setdefault((links[corrected], attribute), set()).add(value)
        for eid in persons:
            for attribute in VALUES:
                shown_values = [
                    v
                    for v in look_up_golden_record(self.index, OPERATOR, eid).values
                    if v.attribute == attribute
                ]
                expected = values.get((eid, attribute))
                if expected:
                    [shown_value] = shown_values
                    assert shown_value.value in expected
                    assert shown_value.record.source == "STEWARD"
                else:
                    assert all(shown_value.record.source != "STEWARD" for shown_value in shown_values)

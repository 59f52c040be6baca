"""What sources say about who is who, and what stewards correct, as steps of the machine.

Which of a source's assertions stand is read from the index and checked against what was said; that persons,
IDs and tasks follow from them is asked as of any other word.
"""

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule
from sqlalchemy import select

from mpi.domain.decision import Authority, DecisionKind
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.records.upsert import upsert
from mpi.service.stewardship.corrections import correct_value
from mpi.service.stewardship.merge import StepOptions
from mpi.storage.tables import DecisionRow
from tests.index import OPERATOR, a_child, crosswalk
from tests.laws.families import means_the_same_later, plain
from tests.laws.oracle import Waiting, Word

_decision = DecisionRow.__table__
ASSERTED = ("same_as", "not", "merged_into")
MISTYPED = "T7K3-M92Q-X0HA"
VALUES = {"birth_date": ["2014-02-02", "2014-03-03"], "middle_name": ["Lou", "Ray"]}


class Speakers:
    """Mixed into the machine, whose index and oracle it works on."""

    def hear_sources(self, unit):
        """Every assertion of a source, as it stands."""
        rows = unit.connection.execute(select(_decision.c.id, _decision.c.asserting_record)
                                       .where(_decision.c.origin.in_(ASSERTED)))  # fmt: skip
        speakers = dict(rows.all())
        codes = {source.id: source.code for source in unit.sources.all()}
        for one in unit.decisions.by_ids(speakers).values():
            records = unit.records.get(one.seen)
            address = {n: (codes[record.source_id], record.local_id) for n, record in records.items()}
            word = self.oracle.words.setdefault(one.id, Word(one.kind, one.authority, ()))
            word.groups = tuple(tuple(address[record] for record in group) for group in one.groups)
            word.revoked, word.claim = one.status == "revoked", one.status == "review"
            word.step, word.said_by = one.step_id, (one.origin, address[speakers[one.id]])

    def said_by(self, origin, address):
        """The assertions of a kind that a record's source makes with it and that were not taken back."""
        mine = (n for n, word in self.oracle.words.items() if word.said_by == (origin, address))
        return [self.oracle.words[n] for n in sorted(mine) if not self.oracle.words[n].revoked]

    def binding(self, origin, address):
        """Groups of those that are no claims."""
        return [word.groups for word in self.said_by(origin, address) if not word.claim]

    def meant_by(self, eid, address, links):
        """The records that an enterprise ID stands for, to the source of a record."""
        standing = self.oracle.standing.get(eid)
        holders = {eid} if standing == "active" else set()
        if standing == "retired":
            holders = self.oracle.now_of(eid, links)
        return {a for a, held in links.items() if {held} == holders} - {address}

    @precondition(lambda self: self.oracle.active and self.oracle.standing)
    @rule(data=st.data(), origin=st.sampled_from(("same_as", "not")), back=st.booleans())
    def assert_with_a_record(self, data, origin, back):
        """A source restates a record, and says whose it is or is not, or nothing of that any more."""
        address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        content = self.oracle.active[address].content
        if not means_the_same_later(content):
            return
        by_record = sorted(self.oracle.standing, key=lambda e: sorted(self.oracle.held[e]))
        eid = data.draw(st.sampled_from([*by_record, MISTYPED]))
        as_of = self.tick()
        links = crosswalk(self.index)
        sent = dict.fromkeys(a_child(None)) | plain(content)
        said = {"same_as": None, "not": []}[origin] if back else {"same_as": eid, "not": [eid]}[origin]
        binding = self.binding(origin, address)
        upsert(self.index, OPERATOR, address[0], {**a_child(address[1], **sent, as_of=as_of), origin: said})
        self.oracle.hear(address, as_of, content)
        self.hear_words()
        if address[0] in self.oracle.paused:
            assert self.binding(origin, address) == binding
            return
        words = self.said_by(origin, address)
        if back:
            assert not words
            return
        [word] = words
        others = self.meant_by(eid, address, links)
        assert word.claim == (not others)
        assert {a for group in word.groups for a in group} == {address, *others}
        assert word.kind is (DecisionKind.SAME if origin == "same_as" else DecisionKind.DIFFERENT)

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data(), other=st.sampled_from([f"r{n}" for n in range(6)]))
    def merge_at_the_source(self, data, other):
        """A source says with a record that it was merged into another one of its own."""
        source, local_id = address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        content = self.oracle.active[address].content
        if other == local_id or not means_the_same_later(content):
            return
        content = tuple(sorted({**dict(content), "merged_into": other}.items()))
        as_of = self.tick()
        self.put(self.index, address, content, as_of)
        self.oracle.hear(address, as_of, content)
        self.hear_words()
        now = self.oracle.active.get(address)
        if now is None or now.content != content or (source, other) in self.oracle.sealed:
            return
        for word in self.said_by("merged_into", address):
            [group] = word.groups
            assert address in group

    @invariant()
    def a_record_that_is_merged_no_more_says_so_no_more(self):
        self.hear_words()
        for address, said in self.oracle.active.items():
            if not dict(said.content).get("merged_into"):
                assert not self.said_by("merged_into", address)

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data(), attribute=st.sampled_from(sorted(VALUES)))
    def correct(self, data, attribute):
        persons = self.persons()
        eid = data.draw(st.sampled_from(list(persons)))
        value = data.draw(st.sampled_from(VALUES[attribute]))

        def act(preview):
            return correct_value(
                self.index, OPERATOR, eid, attribute, value, StepOptions("seen", "x", preview=preview)
            )

        done = self.previewed(act)
        assert crosswalk(self.index) == self.before
        [number] = done.decisions
        with self.index.database.read(OPERATOR) as unit:
            [one] = unit.decisions.by_ids([number]).values()
            labels = unit.records.labels(one.seen)
        group = tuple((label.source, label.local_id) for label in labels.values())
        [corrected] = [address for address in group if address[0] != "STEWARD"]
        assert corrected in persons[eid]
        second = self.others_needed([corrected], {})[0]
        asked = self.asked_of([corrected], {}, alone=True)
        assert (done.approval, done.consent_of) == (second, tuple(sorted(asked)))
        self.oracle.words[number] = Word(
            DecisionKind.SAME,
            Authority.STEWARD,
            (group,),
            waiting=done.awaiting,
            corrects=(attribute, value),
            step=done.step,
        )
        self.steps.append((done.step, done.decisions))
        if done.awaiting:
            self.oracle.waiting_steps[done.step] = Waiting(False, done.decisions, second, asked)
            self.settle_at_random(done.step)

    @invariant()
    def just_what_is_corrected_stands(self):
        links = crosswalk(self.index)
        bound, persons = {}, set()
        for number, word in self.oracle.words.items():
            if word.corrects is None:
                continue
            [[corrected]] = [[a for a in group if a[0] != "STEWARD"] for group in word.groups]
            if corrected not in links:
                continue
            persons.add(links[corrected])
            if self.oracle.in_force(number):
                attribute, value = word.corrects
                bound.setdefault((links[corrected], attribute), set()).add(value)
        for eid in persons:
            for attribute in VALUES:
                stands = [
                    v
                    for v in look_up_golden_record(self.index, OPERATOR, eid).values
                    if v.attribute == attribute
                ]
                said = bound.get((eid, attribute))
                if said:
                    [one] = stands
                    assert one.value in said
                    assert one.record.source == "STEWARD"
                else:
                    assert all(one.record.source != "STEWARD" for one in stands)

"""What people do to an index, as steps of the machine: decide, merge, split, move, undo, pause, propose.

Each step is previewed, and applying must do what the preview said. What is expected to be in force is told by
the oracle alone.
"""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from mpi.domain.decision import Authority, DecisionKind
from mpi.domain.errors import ConflictError, DecisionConflict
from mpi.domain.record_ref import RecordRef
from mpi.service.gates.holds import list_holds, refuse_hold, release_hold
from mpi.service.loads.load_undo import undo_load
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.proposals import apply_proposal, get_proposal, propose, roll_back_proposal
from mpi.service.records.source_pause import pause, resume
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk
from tests.laws.oracle import Waiting, Word
from tests.laws.statements import decide as state_decision
from tests.laws.statements import revoke as state_revoked

KINDS = [DecisionKind.SAME, DecisionKind.DIFFERENT, DecisionKind.UNSURE]


def bare(effect):
    """What an effect says of people, with the IDs that it mints left open."""
    new = {one.enterprise_id for one in effect.persons if one.change == "new"}

    def known(eid):
        return None if eid in new else eid

    persons = [(known(p.enterprise_id), p.change, p.before, p.after, p.flags) for p in effect.persons]
    moved = [(m.source, m.local_id, known(m.before), known(m.after)) for m in effect.moved]
    return sorted(persons, key=repr), moved, effect.told, effect.etag, effect.stays


def labels(addresses):
    return tuple(RecordRef(*address) for address in addresses)


class Stewards:
    """Steps of people; mixed into the machine, which has the index, the oracle and the clock."""

    def previewed(self, act, *, untold=False):
        """Do a step as its preview says, or have both refused alike.

        Whom it waits for is ``untold`` to who may not see them: then it may do nothing yet.
        """
        self.tick()
        self.before = before = crosswalk(self.index)
        refused = None
        try:
            seen = act(True)
        except ConflictError as error:
            refused = error
        if refused is not None:
            with pytest.raises(type(refused)) as again:
                act(False)
            assert str(again.value) == str(refused)
            assert crosswalk(self.index) == before
            raise refused
        assert crosswalk(self.index) == before
        done = act(False)
        others = [(one.awaiting, one.approval, one.consent_of, one.held_until) for one in (seen, done)]
        assert others[0] == others[1]
        yet = untold and not done.moved and bare(seen) != bare(done)
        if done.awaiting or done.held_until is not None or yet:
            assert crosswalk(self.index) == before
        else:
            assert bare(seen) == bare(done)
        return done

    def persons(self):
        """Records by enterprise ID, in the order of the records: IDs are random, and draws must not be."""
        found: dict[str, list] = {}
        for address, eid in sorted(crosswalk(self.index).items()):
            found.setdefault(eid, []).append(address)
        return found

    def note(self, effect, expected, supersedes=frozenset()):
        """Remember the words of a step, which must be those expected, and wait for whom they need."""
        assert len(effect.decisions) == len(expected)
        named = {address for _, groups in expected for group in groups for address in group}
        second, asked = self.others_needed(named, self.before)
        assert (effect.approval, effect.consent_of) == (second, tuple(sorted(asked)))
        for place, (number, (kind, groups)) in enumerate(zip(effect.decisions, expected, strict=True)):
            view = get_decision(self.index, OPERATOR, number)
            shown = {frozenset((r.source, r.local_id) for r in group) for group in view.groups}
            visible = {frozenset(a for a in g if a not in self.oracle.sealed) for g in groups}
            assert (view.kind, shown) == (kind, {g for g in visible if g})
            self.oracle.words[number] = Word(
                kind,
                Authority.STEWARD,
                groups,
                supersedes if place == 0 else frozenset(),
                waiting=effect.awaiting,
                step=effect.step,
            )
        self.steps.append((effect.step, effect.decisions))
        self.hear_words()
        if effect.awaiting:
            self.oracle.waiting_steps[effect.step] = Waiting(False, effect.decisions, second, asked)
            self.settle_at_random(effect.step)

    def undone(self, act, numbers, of):
        """Take words back, which may need others' words as well."""
        words = [self.oracle.words[number] for number in numbers]
        waits = [w for w in self.oracle.waiting_steps.values() if w.undoing and set(w.words) & set(numbers)]
        binding = [word for word in words if not (word.waiting or word.claim)]
        try:
            done = self.previewed(act)
        except ConflictError:
            assert waits or self.frozen()
            return
        assert not waits
        second, asked = False, set()
        if binding:
            named = {a for word in binding for group in word.groups for a in group}
            alone = all(word.corrects is not None for word in binding)
            second = of in self.oracle.approved
            asked = self.asked_of(named - self.oracle.sealed, self.before, alone=alone)
            asked |= self.oracle.consented.get(of, set())
        assert (done.approval, done.consent_of) == (second, tuple(sorted(asked)))
        if done.awaiting:
            self.oracle.waiting_steps[done.step] = Waiting(True, tuple(numbers), second, asked, of=of)
            self.settle_at_random(done.step)
        else:
            for number in numbers:
                self.oracle.revoke(number)
            self.hear_words()
            self.hear_holds()  # of a refusal that was taken back the hold waits again

    def hear_words(self):
        """Which words wait for a day, which is for windows to say; and what sources say with records."""
        with self.index.database.read(OPERATOR) as unit:
            mine = unit.decisions.by_ids([n for n, word in self.oracle.words.items() if not word.revoked])
            for number, one in mine.items():
                word = self.oracle.words[number]
                if one.status == "pending":
                    assert unit.freezes.all()
                    assert not word.waiting
                word.pending = one.status == "pending"
            self.hear_sources(unit)

    @precondition(lambda self: len(self.oracle.said) > 1)
    @rule(data=st.data(), kind=st.sampled_from(KINDS), insist=st.booleans())
    def decide(self, data, kind, insist):
        known = sorted(self.oracle.said.keys() - self.oracle.sealed)
        if len(known) < 2:
            return
        named = data.draw(st.lists(st.sampled_from(known), min_size=2, max_size=4, unique=True))
        cut = len(named) // 2
        different = kind is DecisionKind.DIFFERENT
        groups = (tuple(named[:cut]), tuple(named[cut:])) if different else (tuple(named),)
        supersedes: frozenset[int] = frozenset()
        while True:
            asked = DecisionRequest(kind, [labels(g) for g in groups], "test", supersedes=tuple(supersedes))
            # A sealed record hides a decision, so the index may let pass what the oracle knows to contradict.
            hidden = self.oracle.sealed & {a for w in self.oracle.words.values() for g in w.groups for a in g}
            try:
                done = self.previewed(
                    lambda preview, a=asked: decide(self.index, OPERATOR, a, preview=preview)
                )
            except DecisionConflict as refused:
                chain = refused.chain
            else:
                assert hidden or not self.oracle.contradicts(kind, groups, supersedes)
                self.note(done, [(kind, groups)], supersedes)
                return
            assert self.oracle.contradicts(kind, groups, supersedes)
            assert all(self.oracle.in_force(number) for number in chain)
            if not insist:
                return
            supersedes |= {chain[0]}

    @precondition(lambda self: len(self.oracle.said) > 1)
    @rule(data=st.data(), kind=st.sampled_from(KINDS))
    def assert_as_a_source(self, data, kind):
        named = data.draw(
            st.lists(st.sampled_from(sorted(self.oracle.said)), min_size=2, max_size=4, unique=True)
        )
        cut = len(named) // 2
        different = kind is DecisionKind.DIFFERENT
        groups = (tuple(named[:cut]), tuple(named[cut:])) if different else (tuple(named),)
        self.tick()
        number = state_decision(self.index, kind, Authority.SOURCE, groups)
        self.oracle.words[number] = Word(kind, Authority.SOURCE, groups)

    @precondition(lambda self: any(not word.revoked for word in self.oracle.words.values()))
    @rule(data=st.data())
    def undo_a_decision(self, data):
        standing = sorted(n for n, word in self.oracle.words.items() if not word.revoked)
        number = data.draw(st.sampled_from(standing))
        word = self.oracle.words[number]
        if word.authority == Authority.SOURCE and word.said_by is None:
            if self.oracle.in_force(number):
                self.tick()
                state_revoked(self.index, number)
                self.oracle.revoke(number)
            return
        if any(len([a for a in g if a not in self.oracle.sealed]) < len(g) for g in word.groups):
            return
        self.undone(
            lambda preview: undo_decision(self.index, OPERATOR, number, preview=preview), [number], word.step
        )

    @precondition(lambda self: any(w.supersedes and not w.revoked for w in self.oracle.words.values()))
    @rule()
    def undo_what_superseded(self):
        number = min(n for n, word in self.oracle.words.items() if word.supersedes and not word.revoked)
        word = self.oracle.words[number]
        if any(address in self.oracle.sealed for group in word.groups for address in group):
            return
        self.undone(
            lambda preview: undo_decision(self.index, OPERATOR, number, preview=preview), [number], word.step
        )

    @precondition(lambda self: self.steps)
    @rule(data=st.data())
    def undo_a_step(self, data):
        step, numbers = data.draw(st.sampled_from(self.steps))
        words = [self.oracle.words[number] for number in numbers]
        if any(a in self.oracle.sealed for word in words for g in word.groups for a in g):
            return
        standing = [number for number in numbers if not self.oracle.words[number].revoked]
        if standing:
            self.undone(
                lambda preview: undo_step(self.index, OPERATOR, step, preview=preview), standing, step
            )
            return
        with pytest.raises(ConflictError):
            undo_step(self.index, OPERATOR, step)

    @precondition(
        lambda self: len(set(self.oracle.moments[-1][1].values())) > 1 if self.oracle.moments else False
    )
    @rule(data=st.data(), choose=st.booleans())
    def merge(self, data, choose):
        persons = self.persons()
        eids = data.draw(st.lists(st.sampled_from(list(persons)), min_size=2, max_size=3, unique=True))
        survivor = eids[-1] if choose else None
        together = tuple(address for eid in eids for address in persons[eid])
        tags = tuple(look_up_person(self.index, OPERATOR, eid).etag for eid in eids)

        def act(preview):
            why = StepOptions("test", preview=preview, expected_etags=tags)
            return merge(self.index, OPERATOR, eids, why, survivor)

        try:
            done = self.previewed(act)
        except DecisionConflict:
            assert self.oracle.contradicts(DecisionKind.SAME, (together,))
            return
        self.note(done, [(DecisionKind.SAME, (together,))])
        left = {eid for eid in crosswalk(self.index).values() if eid in eids}
        bound = not (done.awaiting or done.held_until)
        if bound and not self.oracle.words_meet() and survivor is not None:
            assert left == {survivor}

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data(), keep=st.booleans())
    def split(self, data, keep):
        persons = {eid: held for eid, held in self.persons().items() if len(held) > 1}
        if not persons:
            return
        eid = data.draw(st.sampled_from(list(persons)))
        held = persons[eid]
        cut = data.draw(st.integers(1, len(held) - 1))
        parts = (tuple(held[:cut]), tuple(held[cut:]))

        def act(preview):
            named = [labels(part) for part in parts]
            return split(
                self.index, OPERATOR, eid, named, StepOptions("test", preview=preview), 0 if keep else None
            )

        try:
            done = self.previewed(act)
        except DecisionConflict:
            assert self.oracle.contradicts(DecisionKind.DIFFERENT, parts)
            return
        self.note(done, [(DecisionKind.DIFFERENT, parts)])

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data())
    def move(self, data):
        persons = self.persons()
        several = [eid for eid, held in persons.items() if len(held) > 1]
        if not several or len(persons) < 2:
            return
        eid = data.draw(st.sampled_from(several))
        to = data.draw(st.sampled_from([other for other in persons if other != eid]))
        moved, rest = persons[eid][:1], persons[eid][1:]
        together = (*moved, *persons[to])

        def act(preview):
            return move(self.index, OPERATOR, eid, labels(moved), to, StepOptions("test", preview=preview))

        try:
            done = self.previewed(act)
        except DecisionConflict:
            return
        self.note(
            done,
            [(DecisionKind.DIFFERENT, (tuple(moved), tuple(rest))), (DecisionKind.SAME, (together,))],
        )

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def undo_a_load(self, data):
        batch = data.draw(st.sampled_from(self.batches))
        self.tick()
        seen = undo_load(self.index, OPERATOR, batch, preview=True)
        done = undo_load(self.index, OPERATOR, batch)
        # What the preview itself told its reader is on the ledger, and so in the second list.
        told = {"disclosed": done.disclosed, "disclosures": done.disclosures}
        assert replace(seen, preview=False, step=done.step, **told) == done
        self.batches.remove(batch)
        self.oracle.unhear(batch)

    @rule(source=st.sampled_from(("sis", "ccwis")))
    def pause_or_resume(self, source):
        self.tick()
        if source in self.oracle.paused:
            resume(self.index, OPERATOR, source)
            self.oracle.let_go(source)
        else:
            pause(self.index, OPERATOR, source)
            self.oracle.paused.add(source)

    @precondition(lambda self: self.oracle.said.keys() - self.oracle.sealed)
    @rule(data=st.data(), back=st.booleans())
    def give_a_new_local_id(self, data, back):
        known = sorted(self.oracle.said.keys() - self.oracle.sealed)
        source, old = data.draw(st.sampled_from(known))
        self.renamed += 1
        new = f"k{self.renamed}"
        self.tick()
        done = rekey(self.index, OPERATOR, source, {old: new})
        assert done.rekeyed == 1
        if back:
            undo_step(self.index, OPERATOR, done.step)
            return
        self.oracle.rename((source, old), (source, new))
        self.rekeyed((source, old), (source, new))
        self.rekeys[done.step] = [(source, new), old, new]

    def rekeyed(self, old, new):
        """The record of every re-key, by the address that it has now."""
        for mine in self.rekeys.values():
            mine[0] = new if mine[0] == old else mine[0]

    @precondition(lambda self: self.rekeys)
    @rule(data=st.data())
    def undo_a_rekey(self, data):
        """A record bears what the latest re-key that stands gave it, and without any its first local ID."""
        step = data.draw(st.sampled_from(sorted(self.rekeys)))
        address = self.rekeys[step][0]
        if address in self.oracle.sealed:
            return
        mine = sorted((s, before, after) for s, (a, before, after) in self.rekeys.items() if a == address)
        standing = [after for s, _, after in mine if s not in self.undone_rekeys and s != step]
        wanted = address[0], standing[-1] if standing else mine[0][1]
        named = {a for word in self.oracle.words.values() for group in word.groups for a in group}
        self.tick()
        if step in self.undone_rekeys or (wanted != address and wanted in self.oracle.said.keys() | named):
            with pytest.raises(ConflictError):
                undo_step(self.index, OPERATOR, step)
            return
        undo_step(self.index, OPERATOR, step)
        self.undone_rekeys.add(step)
        if wanted != address:
            self.oracle.rename(address, wanted)
            self.rekeyed(address, wanted)

    @precondition(lambda self: not self.proposed and not self.frozen())
    @rule(data=st.data())
    def propose_and_apply_a_part(self, data):
        """Another model, as a proposal of which some items are approved; the rest is held."""
        self.tick()
        if self.frozen():
            return  # a window opened while the clock went on: what is approved then waits for its end
        matcher = next(m for m in self.matchers if m.model.ref != self.index.matcher.model.ref)
        before = crosswalk(self.index)
        made = propose(self.index, OPERATOR, matcher)
        assert crosswalk(self.index) == before
        approved = [item.no for item in made.items if data.draw(st.booleans())]
        done = apply_proposal(self.index, OPERATOR, matcher, made.id, approved)
        assert (done.applied, done.held) == (len(approved), len(made.items) - len(approved))
        # Records that a hold keeps together may draw others to them: nobody read that, so it is held too.
        assert not done.changed or done.held
        old, self.index = self.index, replace(self.index, matcher=matcher)
        links = crosswalk(self.index)
        for item in get_proposal(self.index, OPERATOR, made.id).items:
            for group in item.after if item.no in approved else item.before:
                eids = {links[r.source, r.local_id] for r in group.records}
                assert eids == {group.enterprise_id} or (group.enterprise_id is None and len(eids) == 1)
        self.proposed = [(made.id, old.matcher)]
        self.hear_holds()

    @precondition(lambda self: self.proposed)
    @rule()
    def roll_back(self):
        self.tick()
        number, matcher = self.proposed.pop()
        roll_back_proposal(self.index, OPERATOR, matcher, number)
        self.index = replace(self.index, matcher=matcher)
        self.hear_holds()

    @precondition(lambda self: self.oracle.holding)
    @rule(data=st.data(), release=st.booleans())
    def end_a_hold(self, data, release):
        self.tick()
        number = data.draw(st.sampled_from(sorted(self.oracle.holding)))
        if release:
            release_hold(self.index, OPERATOR, number)
        else:
            with self.index.database.read(OPERATOR) as unit:
                last = max((d.id for d in unit.decisions.latest(None, 1)), default=0)
            before = crosswalk(self.index)
            refuse_hold(self.index, OPERATOR, number)
            if not self.oracle.words_meet():
                assert crosswalk(self.index) == before
            for place, (kind, _, groups) in enumerate(self.oracle.holding[number], last + 1):
                self.oracle.words[place] = Word(kind, Authority.STEWARD, groups)
        self.hear_holds()

    def hear_holds(self):
        """The holds that there are, as words of the least authority."""
        self.oracle.holding = {}
        for hold in list_holds(self.index, OPERATOR):
            groups = tuple(tuple((r.source, r.local_id) for r in group.records) for group in hold.before)
            words = [(DecisionKind.SAME, Authority.HOLD, (group,)) for group in groups if len(group) > 1]
            if len([group for group in groups if group]) > 1:
                words.append((DecisionKind.DIFFERENT, Authority.HOLD, tuple(g for g in groups if g)))
            known = self.oracle.holding
            known[hold.id] = words

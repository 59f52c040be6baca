"""State-machine rules for people's steps: decide, merge, split, move, undo, pause and propose.

Each step is previewed, and applying it must do what the preview showed. The oracle alone derives what must
be in force.
"""

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from mpi.domain.decision import CORRECTION, Authority, DecisionKind
from mpi.domain.errors import ConflictError, DecisionConflict
from mpi.domain.record_ref import RecordRef
from mpi.service.gates.holds import list_holds, refuse_hold, release_hold
from mpi.service.loads.load_undo import undo_load
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.proposal_application import apply_proposal, roll_back_proposal
from mpi.service.recluster.proposals import get_proposal, propose
from mpi.service.records.source_pause import pause, resume
from mpi.service.stewardship.decisions import DecisionRequest, decide, get_decision
from mpi.service.stewardship.merge_split_move import StepOptions, merge, move, split
from mpi.service.stewardship.rekey import rekey
from mpi.service.stewardship.undo import undo_decision, undo_step
from tests.index import OPERATOR, crosswalk
from tests.laws.decision_rows import decide as state_decision
from tests.laws.decision_rows import revoke as state_revoked
from tests.laws.oracle import OracleDecision, PendingStep

KINDS = [DecisionKind.SAME, DecisionKind.DIFFERENT, DecisionKind.UNSURE]


def comparable_effect(effect):
    """Return the effect on persons, with newly minted IDs left open.

    A preview names the state that was read; a stored correction names the one that it has made.
    """
    new = {person.enterprise_id for person in effect.persons if person.change == "new"}

    def known_eid(eid):
        return None if eid in new else eid

    persons = [(known_eid(p.enterprise_id), p.change, p.before, p.after, p.flags) for p in effect.persons]
    moves = [(m.source, m.local_id, known_eid(m.before), known_eid(m.after)) for m in effect.moved]
    etag = None if effect.kind == CORRECTION else effect.etag
    return sorted(persons, key=repr), moves, effect.told, etag, effect.stays


def record_refs(addresses):
    return tuple(RecordRef(*address) for address in addresses)


class StewardRules:
    """Steps of people; mixin of the state machine, which has the index, the oracle and the clock."""

    def apply_as_previewed(self, apply, *, may_hide_owners=False):
        """Apply a step as previewed, or have both refused alike.

        With ``may_hide_owners``, the viewer may not see for whom the step waits; then it may do nothing yet.
        """
        self.tick()
        self.before = before = crosswalk(self.index)
        refusal = None
        try:
            preview = apply(True)
        except ConflictError as error:
            refusal = error
        if refusal is not None:
            with pytest.raises(type(refusal)) as second_error:
                apply(False)
            assert str(second_error.value) == str(refusal)
            assert crosswalk(self.index) == before
            raise refusal
        assert crosswalk(self.index) == before
        effect = apply(False)
        waiting_states = [
            (result.awaiting, result.approval, result.consent_of, result.held_until)
            for result in (preview, effect)
        ]
        assert waiting_states[0] == waiting_states[1]
        is_partial = (
            may_hide_owners and not effect.moved and comparable_effect(preview) != comparable_effect(effect)
        )
        if effect.awaiting or effect.held_until is not None or is_partial:
            assert crosswalk(self.index) == before
        else:
            assert comparable_effect(preview) == comparable_effect(effect)
        return effect

    def persons(self):
        """Return records by enterprise ID, ordered by record because IDs are random."""
        records_by_person: dict[str, list] = {}
        for address, eid in sorted(crosswalk(self.index).items()):
            records_by_person.setdefault(eid, []).append(address)
        return records_by_person

    def record_step(self, effect, expected, supersedes=frozenset()):
        """Remember the expected decisions of a step, and wait for whose approval or consent they need."""
        assert len(effect.decisions) == len(expected)
        # "Cannot tell" moves nothing, unless it replaces a decision: the first carries what a step replaces.
        gated = [
            groups
            for position, (kind, groups) in enumerate(expected)
            if kind is not DecisionKind.UNSURE or (position == 0 and supersedes)
        ]
        records = {address for groups in gated for group in groups for address in group}
        needs_approval, owners = self.required_approvals(records, self.before) if gated else (False, set())
        assert (effect.approval, effect.consent_of) == (needs_approval, tuple(sorted(owners)))
        for position, (number, (kind, groups)) in enumerate(zip(effect.decisions, expected, strict=True)):
            view = get_decision(self.index, OPERATOR, number)
            shown_groups = {frozenset((r.source, r.local_id) for r in group) for group in view.groups}
            visible = {frozenset(a for a in g if a not in self.oracle.sealed) for g in groups}
            assert (view.kind, shown_groups) == (kind, {g for g in visible if g})
            self.oracle.all_decisions[number] = OracleDecision(
                kind,
                Authority.STEWARD,
                groups,
                supersedes if position == 0 else frozenset(),
                waiting=effect.awaiting,
                step=effect.step,
            )
        self.steps.append((effect.step, effect.decisions))
        self.read_decision_states()
        if effect.awaiting:
            self.oracle.waiting_steps[effect.step] = PendingStep(
                False, effect.decisions, needs_approval, owners
            )
            self.answer_at_random(effect.step)

    def undo_decisions(self, apply, numbers, of):
        """Undo decisions, which may need approval or consent as well."""
        decisions = [self.oracle.all_decisions[number] for number in numbers]
        pending_steps = [
            w
            for w in self.oracle.waiting_steps.values()
            if w.undoing and set(w.decision_numbers) & set(numbers)
        ]
        binding = [
            decision
            for decision in decisions
            if not (decision.waiting or decision.claim)
            and (decision.kind is not DecisionKind.UNSURE or decision.supersedes)
        ]
        try:
            effect = self.apply_as_previewed(apply)
        except ConflictError:
            assert pending_steps or self.is_frozen()
            return
        assert not pending_steps
        needs_approval, owners = False, set()
        if binding:
            records = {a for decision in binding for group in decision.groups for a in group}
            single_record = all(decision.corrects is not None for decision in binding)
            needs_approval = of in self.oracle.approved
            owners = self.sources_requiring_consent(
                records - self.oracle.sealed, self.before, single_record=single_record
            )
            owners |= self.oracle.consented.get(of, set())
        assert (effect.approval, effect.consent_of) == (needs_approval, tuple(sorted(owners)))
        if effect.awaiting:
            self.oracle.waiting_steps[effect.step] = PendingStep(
                True, tuple(numbers), needs_approval, owners, of=of
            )
            self.answer_at_random(effect.step)
        else:
            for number in numbers:
                self.oracle.revoke(number)
            self.read_decision_states()
            self.read_holds()  # of a refusal that was taken back the hold waits again

    def read_decision_states(self):
        """Read which decisions wait for a date, and what sources assert."""
        with self.index.database.read(OPERATOR) as unit:
            decisions = unit.decisions.by_ids(
                [n for n, known_decision in self.oracle.all_decisions.items() if not known_decision.revoked]
            )
            for number, decision in decisions.items():
                known_decision = self.oracle.all_decisions[number]
                if decision.status == "pending":
                    assert unit.freezes.all()
                    assert not known_decision.waiting
                known_decision.pending = decision.status == "pending"
            self.read_assertions(unit)

    @precondition(lambda self: len(self.oracle.statements) > 1)
    @rule(data=st.data(), kind=st.sampled_from(KINDS), insist=st.booleans())
    def decide(self, data, kind, insist):
        records = sorted(self.oracle.statements.keys() - self.oracle.sealed)
        if len(records) < 2:
            return
        drawn = data.draw(st.lists(st.sampled_from(records), min_size=2, max_size=4, unique=True))
        cut = len(drawn) // 2
        different = kind is DecisionKind.DIFFERENT
        groups = (tuple(drawn[:cut]), tuple(drawn[cut:])) if different else (tuple(drawn),)
        supersedes: frozenset[int] = frozenset()
        while True:
            request = DecisionRequest(
                kind, [record_refs(g) for g in groups], "test", supersedes=tuple(supersedes)
            )
            # A sealed record hides a decision, so the index may accept what the oracle knows to contradict.
            is_hidden = self.oracle.sealed & {
                a for w in self.oracle.all_decisions.values() for g in w.groups for a in g
            }
            try:
                effect = self.apply_as_previewed(
                    lambda preview, a=request: decide(self.index, OPERATOR, a, preview=preview)
                )
            except DecisionConflict as error:
                chain = error.chain
            else:
                assert is_hidden or not self.oracle.contradicts(kind, groups, supersedes)
                self.record_step(effect, [(kind, groups)], supersedes)
                return
            assert self.oracle.contradicts(kind, groups, supersedes)
            assert all(self.oracle.is_in_force(number) for number in chain)
            if not insist:
                return
            supersedes |= {chain[0]}

    @precondition(lambda self: len(self.oracle.statements) > 1)
    @rule(data=st.data(), kind=st.sampled_from(KINDS))
    def assert_as_a_source(self, data, kind):
        records = data.draw(
            st.lists(st.sampled_from(sorted(self.oracle.statements)), min_size=2, max_size=4, unique=True)
        )
        cut = len(records) // 2
        different = kind is DecisionKind.DIFFERENT
        groups = (tuple(records[:cut]), tuple(records[cut:])) if different else (tuple(records),)
        self.tick()
        number = state_decision(self.index, kind, Authority.SOURCE, groups)
        self.oracle.all_decisions[number] = OracleDecision(kind, Authority.SOURCE, groups)

    @precondition(lambda self: any(not decision.revoked for decision in self.oracle.all_decisions.values()))
    @rule(data=st.data())
    def undo_a_decision(self, data):
        numbers = sorted(n for n, decision in self.oracle.all_decisions.items() if not decision.revoked)
        number = data.draw(st.sampled_from(numbers))
        decision = self.oracle.all_decisions[number]
        if decision.authority == Authority.SOURCE and decision.asserted_by is None:
            if self.oracle.is_in_force(number):
                self.tick()
                state_revoked(self.index, number)
                self.oracle.revoke(number)
            return
        if any(len([a for a in g if a not in self.oracle.sealed]) < len(g) for g in decision.groups):
            return
        self.undo_decisions(
            lambda preview: undo_decision(self.index, OPERATOR, number, preview=preview),
            [number],
            decision.step,
        )

    @precondition(
        lambda self: any(w.supersedes and not w.revoked for w in self.oracle.all_decisions.values())
    )
    @rule()
    def undo_a_superseding_decision(self):
        number = min(
            n
            for n, decision in self.oracle.all_decisions.items()
            if decision.supersedes and not decision.revoked
        )
        decision = self.oracle.all_decisions[number]
        if any(address in self.oracle.sealed for group in decision.groups for address in group):
            return
        self.undo_decisions(
            lambda preview: undo_decision(self.index, OPERATOR, number, preview=preview),
            [number],
            decision.step,
        )

    @precondition(lambda self: self.steps)
    @rule(data=st.data())
    def undo_a_step(self, data):
        step, numbers = data.draw(st.sampled_from(self.steps))
        decisions = [self.oracle.all_decisions[number] for number in numbers]
        if any(a in self.oracle.sealed for decision in decisions for g in decision.groups for a in g):
            return
        unrevoked = [number for number in numbers if not self.oracle.all_decisions[number].revoked]
        if unrevoked:
            self.undo_decisions(
                lambda preview: undo_step(self.index, OPERATOR, step, preview=preview), unrevoked, step
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
        records = tuple(address for eid in eids for address in persons[eid])
        tags = tuple(look_up_person(self.index, OPERATOR, eid).etag for eid in eids)

        def merge_persons(preview):
            options = StepOptions("test", preview=preview, expected_etags=tags)
            return merge(self.index, OPERATOR, eids, options, survivor)

        try:
            effect = self.apply_as_previewed(merge_persons)
        except DecisionConflict:
            assert self.oracle.contradicts(DecisionKind.SAME, (records,))
            return
        self.record_step(effect, [(DecisionKind.SAME, (records,))])
        remaining = {eid for eid in crosswalk(self.index).values() if eid in eids}
        is_applied = not (effect.awaiting or effect.held_until)
        if is_applied and not self.oracle.has_contradiction() and survivor is not None:
            assert remaining == {survivor}

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data(), keep=st.booleans())
    def split(self, data, keep):
        persons = {eid: records for eid, records in self.persons().items() if len(records) > 1}
        if not persons:
            return
        eid = data.draw(st.sampled_from(list(persons)))
        records = persons[eid]
        cut = data.draw(st.integers(1, len(records) - 1))
        parts = (tuple(records[:cut]), tuple(records[cut:]))

        def split_person(preview):
            groups = [record_refs(part) for part in parts]
            return split(
                self.index, OPERATOR, eid, groups, StepOptions("test", preview=preview), 0 if keep else None
            )

        try:
            effect = self.apply_as_previewed(split_person)
        except DecisionConflict:
            assert self.oracle.contradicts(DecisionKind.DIFFERENT, parts)
            return
        self.record_step(effect, [(DecisionKind.DIFFERENT, parts)])

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data())
    def move(self, data):
        persons = self.persons()
        candidates = [eid for eid, records in persons.items() if len(records) > 1]
        if not candidates or len(persons) < 2:
            return
        eid = data.draw(st.sampled_from(candidates))
        target = data.draw(st.sampled_from([other_eid for other_eid in persons if other_eid != eid]))
        moved_records, other_records = persons[eid][:1], persons[eid][1:]
        joined = (*moved_records, *persons[target])

        def move_records(preview):
            return move(
                self.index,
                OPERATOR,
                eid,
                record_refs(moved_records),
                target,
                StepOptions("test", preview=preview),
            )

        try:
            effect = self.apply_as_previewed(move_records)
        except DecisionConflict:
            return
        self.record_step(
            effect,
            [
                (DecisionKind.DIFFERENT, (tuple(moved_records), tuple(other_records))),
                (DecisionKind.SAME, (joined,)),
            ],
        )

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def undo_a_load(self, data):
        batch = data.draw(st.sampled_from(self.batches))
        self.tick()
        preview = undo_load(self.index, OPERATOR, batch, preview=True)
        effect = undo_load(self.index, OPERATOR, batch)
        # The preview is itself a disclosure to its reader, and so in the second list.
        disclosure_fields = {"disclosed": effect.disclosed, "disclosures": effect.disclosures}
        assert replace(preview, preview=False, step=effect.step, **disclosure_fields) == effect
        self.batches.remove(batch)
        self.oracle.remove_load(batch)

    @rule(source=st.sampled_from(("sis", "ccwis")))
    def pause_or_resume(self, source):
        self.tick()
        if source in self.oracle.paused:
            resume(self.index, OPERATOR, source)
            self.oracle.resume_source(source)
        else:
            pause(self.index, OPERATOR, source)
            self.oracle.paused.add(source)

    @precondition(lambda self: self.oracle.statements.keys() - self.oracle.sealed)
    @rule(data=st.data(), back=st.booleans())
    def rekey_a_record(self, data, back):
        records = sorted(self.oracle.statements.keys() - self.oracle.sealed)
        source, old = data.draw(st.sampled_from(records))
        self.renamed += 1
        new = f"k{self.renamed}"
        self.tick()
        result = rekey(self.index, OPERATOR, source, {old: new})
        assert result.rekeyed == 1
        if back:
            undo_step(self.index, OPERATOR, result.step)
            return
        self.oracle.rename((source, old), (source, new))
        self.follow_rekey((source, old), (source, new))
        self.rekeys[result.step] = [(source, new), old, new]

    def follow_rekey(self, old, new):
        """Give every re-key of the record its current address."""
        for entry in self.rekeys.values():
            entry[0] = new if entry[0] == old else entry[0]

    @precondition(lambda self: self.rekeys)
    @rule(data=st.data())
    def undo_a_rekey(self, data):
        """Undo a re-key; the record gets the local ID of the latest re-key that stands, or its first."""
        step = data.draw(st.sampled_from(sorted(self.rekeys)))
        address = self.rekeys[step][0]
        if address in self.oracle.sealed:
            return
        own_rekeys = sorted(
            (s, before, after) for s, (a, before, after) in self.rekeys.items() if a == address
        )
        new_ids = [after for s, _, after in own_rekeys if s not in self.undone_rekeys and s != step]
        expected = address[0], new_ids[-1] if new_ids else own_rekeys[0][1]
        records = {a for word in self.oracle.all_decisions.values() for group in word.groups for a in group}
        self.tick()
        if step in self.undone_rekeys or (
            expected != address and expected in self.oracle.statements.keys() | records
        ):
            with pytest.raises(ConflictError):
                undo_step(self.index, OPERATOR, step)
            return
        undo_step(self.index, OPERATOR, step)
        self.undone_rekeys.add(step)
        if expected != address:
            self.oracle.rename(address, expected)
            self.follow_rekey(address, expected)

    @precondition(lambda self: not self.proposed and not self.is_frozen())
    @rule(data=st.data())
    def propose_and_apply_a_part(self, data):
        """Propose another model and approve some items; the rest is held."""
        self.tick()
        if self.is_frozen():
            return  # A window opened while the clock advanced: approved items then wait for its end.
        matcher = next(m for m in self.matchers if m.model.ref != self.index.matcher.model.ref)
        before = crosswalk(self.index)
        proposal = propose(self.index, OPERATOR, matcher)
        assert crosswalk(self.index) == before
        approved = [item.no for item in proposal.items if data.draw(st.booleans())]
        result = apply_proposal(self.index, OPERATOR, matcher, proposal.id, approved)
        assert (result.applied, result.held) == (len(approved), len(proposal.items) - len(approved))
        # Records kept together by a hold may draw others to them: nobody reviewed that, so it is held too.
        assert not result.changed or result.held
        old_index, self.index = self.index, replace(self.index, matcher=matcher)
        links = crosswalk(self.index)
        for item in get_proposal(self.index, OPERATOR, proposal.id).items:
            for group in item.after if item.no in approved else item.before:
                eids = {links[r.source, r.local_id] for r in group.records}
                assert eids == {group.enterprise_id} or (group.enterprise_id is None and len(eids) == 1)
        self.proposed = [(proposal.id, old_index.matcher)]
        self.read_holds()

    @precondition(lambda self: self.proposed)
    @rule()
    def roll_back(self):
        self.tick()
        number, matcher = self.proposed.pop()
        roll_back_proposal(self.index, OPERATOR, matcher, number)
        self.index = replace(self.index, matcher=matcher)
        self.read_holds()

    @precondition(lambda self: self.oracle.hold_decisions)
    @rule(data=st.data(), release=st.booleans())
    def end_a_hold(self, data, release):
        self.tick()
        number = data.draw(st.sampled_from(sorted(self.oracle.hold_decisions)))
        if release:
            release_hold(self.index, OPERATOR, number)
        else:
            with self.index.database.read(OPERATOR) as unit:
                last_decision = max((d.id for d in unit.decisions.latest(None, 1)), default=0)
            before = crosswalk(self.index)
            refuse_hold(self.index, OPERATOR, number)
            if not self.oracle.has_contradiction():
                assert crosswalk(self.index) == before
            for place, (kind, _, groups) in enumerate(self.oracle.hold_decisions[number], last_decision + 1):
                self.oracle.all_decisions[place] = OracleDecision(kind, Authority.STEWARD, groups)
        self.read_holds()

    def read_holds(self):
        """Read the current holds as decisions of the least authority."""
        self.oracle.hold_decisions = {}
        for hold in list_holds(self.index, OPERATOR):
            groups = tuple(tuple((r.source, r.local_id) for r in group.records) for group in hold.before)
            decisions = [(DecisionKind.SAME, Authority.HOLD, (group,)) for group in groups if len(group) > 1]
            if len([group for group in groups if group]) > 1:
                decisions.append((DecisionKind.DIFFERENT, Authority.HOLD, tuple(g for g in groups if g)))
            holds = self.oracle.hold_decisions
            holds[hold.id] = decisions

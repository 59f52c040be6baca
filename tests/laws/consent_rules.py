"""State-machine rules for second approvals, owners' consents and freeze windows.

Whose approval or consent a step needs is derived from the settings and from the persons before it.
"""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from mpi.domain.decision import DecisionKind
from mpi.domain.errors import ConflictError, DecisionConflict, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, SecondApprover, Viewer
from mpi.service.stewardship.approvals import approve
from mpi.service.stewardship.deferred_steps import apply_due_decisions
from mpi.service.stewardship.freeze_windows import add_freeze_window, lift_freeze_window, list_freeze_windows
from mpi.service.stewardship.owner_consent import give_consent, refuse_consent, set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, crosswalk, with_settings

SECOND = Viewer("second", None, frozenset(Action), None)
OWNERS = {
    source: Viewer(f"owner-{source}", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({source}))
    for source in ("sis", "ccwis")
}


class ConsentRules:
    """Mixin of the state machine, with its index and oracle."""

    @rule(source=st.sampled_from(("sis", "ccwis")), asks=st.booleans())
    def ask_for_consent(self, source, asks):
        self.tick()
        set_consent_required(self.index, OPERATOR, source, asks=asks)
        (self.oracle.consent_sources.add if asks else self.oracle.consent_sources.discard)(source)

    @rule(which=st.sampled_from(SecondApprover))
    def ask_for_approval(self, which):
        self.index = with_settings(self.index, second_approver=which)

    def required_approvals(self, records, links):
        """Return whether a decision needs a second approver, and whose consent it needs."""
        records = {address for address in records if address not in self.oracle.sealed}
        agencies = {source for source, _ in records if source != "STEWARD"}
        needs_approval = {
            SecondApprover.NEVER: False,
            SecondApprover.ALWAYS: True,
            SecondApprover.CROSS_AGENCY: len(agencies) > 1,
        }[self.index.settings.second_approver]
        return needs_approval, self.sources_requiring_consent(records, links)

    def sources_requiring_consent(self, records, links, *, single_record=False):
        """Return the sources that require consent, of the records and of all in their persons."""
        persons = set() if single_record else {links[address] for address in records if address in links}
        affected = {address for address, eid in links.items() if eid in persons} | set(records)
        return {source for source, _ in affected - self.oracle.sealed} & self.oracle.consent_sources

    def answer_at_random(self, step):
        """Usually answer a waiting step at once, because nothing would take effect otherwise."""
        while step in self.oracle.waiting_steps and self.random.random() < 0.8:
            if self.oracle.waiting_steps[step].second:
                self.give_approval(step)
                if step in self.oracle.waiting_steps and self.oracle.waiting_steps[step].second:
                    return
            else:
                source = min(self.oracle.waiting_steps[step].owners_open)
                if not self.give_consent(step, source, refuse=self.random.random() < 0.2):
                    return

    def give_approval(self, step):
        pending_step = self.oracle.waiting_steps[step]
        is_hidden = self.is_hidden_step(pending_step)
        try:
            effect = self.apply_as_previewed(
                lambda preview: approve(self.index, SECOND, step, preview=preview)
            )
        except NotFoundError:
            assert is_hidden
            return
        except DecisionConflict:
            self.check_contradiction(pending_step)
            return
        except ConflictError:
            assert pending_step.undoing
            assert self.is_frozen()
            return
        assert not is_hidden
        pending_step.second = False
        self.oracle.approved.add(pending_step.of if pending_step.undoing else step)
        self.apply_approval(step, effect)

    def give_consent(self, step, source, *, refuse) -> bool:
        pending_step = self.oracle.waiting_steps[step]
        if refuse:
            effect = self.apply_as_previewed(
                lambda preview: refuse_consent(self.index, OWNERS[source], step, preview=preview)
            )
            assert not effect.moved
            self.oracle.cancel_step(step)
            return True
        try:
            effect = self.apply_as_previewed(
                lambda preview: give_consent(self.index, OWNERS[source], step, preview=preview),
                may_hide_owners=True,
            )
        except DecisionConflict:
            self.check_contradiction(pending_step)
            return False
        except ConflictError:
            assert pending_step.undoing
            assert self.is_frozen()
            return False
        pending_step.owners_consented.add(source)
        self.oracle.consented.setdefault(pending_step.of if pending_step.undoing else step, set()).add(source)
        self.apply_approval(step, effect, owner=source)
        return True

    def is_hidden_step(self, pending_step):
        """Return whether a sealed record hides the waiting step."""
        decisions = [self.oracle.all_decisions[number] for number in pending_step.decision_numbers]
        return any(a in self.oracle.sealed for word in decisions for group in word.groups for a in group)

    def check_contradiction(self, pending_step):
        """Check that a refusal because of later decisions is justified."""
        assert not pending_step.undoing
        decisions = [self.oracle.all_decisions[number] for number in pending_step.decision_numbers]
        if len(decisions) == 1:
            [decision] = decisions
            assert self.oracle.contradicts(decision.kind, decision.groups, decision.supersedes)

    def apply_approval(self, step, effect, owner=None):
        """Add owners who have become concerned; apply the step when nobody is left to ask."""
        pending_step = self.oracle.waiting_steps[step]
        decisions = [
            decision
            for decision in (self.oracle.all_decisions[number] for number in pending_step.decision_numbers)
            if decision.kind is not DecisionKind.UNSURE or decision.supersedes
        ]
        records = {a for word in decisions for group in word.groups for a in group}
        single_record = all(word.corrects is not None for word in decisions)
        pending_step.owners_asked |= self.sources_requiring_consent(
            records - self.oracle.sealed, self.before, single_record=single_record
        )
        if owner is None:
            assert (effect.approval, effect.consent_of) == (
                pending_step.second,
                tuple(sorted(pending_step.owners_open)),
            )
        if pending_step.second or pending_step.owners_open:
            assert crosswalk(self.index) == self.before
        else:
            self.oracle.apply_step(step)
            self.read_decision_states()
            self.read_holds()

    @precondition(
        lambda self: any(pending_step.second for pending_step in self.oracle.waiting_steps.values())
    )
    @rule(data=st.data())
    def approve(self, data):
        steps = sorted(
            step for step, pending_step in self.oracle.waiting_steps.items() if pending_step.second
        )
        self.give_approval(data.draw(st.sampled_from(steps)))

    @precondition(
        lambda self: any(pending_step.owners_open for pending_step in self.oracle.waiting_steps.values())
    )
    @rule(data=st.data(), refuse=st.booleans())
    def answer_for_a_source(self, data, refuse):
        requests = sorted(
            (step, s)
            for step, pending_step in self.oracle.waiting_steps.items()
            for s in pending_step.owners_open
        )
        step, source = data.draw(st.sampled_from(requests))
        self.give_consent(step, source, refuse=refuse)

    @precondition(
        lambda self: any(pending_step.undoing for pending_step in self.oracle.waiting_steps.values())
    )
    @rule(data=st.data())
    def cancel_waiting_undo(self, data):
        steps = sorted(
            step for step, pending_step in self.oracle.waiting_steps.items() if pending_step.undoing
        )
        step = data.draw(st.sampled_from(steps))
        if self.is_hidden_step(self.oracle.waiting_steps[step]):
            return
        self.apply_as_previewed(lambda preview: undo_step(self.index, OPERATOR, step, preview=preview))
        self.oracle.cancel_step(step)

    @rule(source=st.sampled_from(("sis", "ccwis")), days=st.integers(1, 3), ahead=st.integers(0, 2))
    def freeze_a_source(self, source, days, ahead):
        if self.random.random() < 0.5:
            return
        self.tick()
        first = self.time.date() + timedelta(days=ahead)
        add_freeze_window(
            self.index, OPERATOR, source, str(first), str(first + timedelta(days=days)), "count-day"
        )

    @rule(data=st.data())
    def end_a_window(self, data):
        self.tick()
        current = [
            window.id
            for window in list_freeze_windows(self.index, OPERATOR)
            if window.state in {"coming", "open"}
        ]
        if current and self.random.random() < 0.5:
            lift_freeze_window(self.index, OPERATOR, data.draw(st.sampled_from(sorted(current))))
        apply_due_decisions(self.index, OPERATOR)
        self.read_decision_states()
        if not self.is_frozen():
            assert not any(word.pending and not word.revoked for word in self.oracle.all_decisions.values())

    def is_frozen(self) -> bool:
        """Return whether a window of any source is open today."""
        return any(window.state == "open" for window in list_freeze_windows(self.index, OPERATOR))

    @invariant()
    def waiting_steps_are_listed(self):
        listed = {entry.step: entry for entry in list_pending_steps(self.index, OPERATOR)}
        expected = {
            step: pending_step
            for step, pending_step in self.oracle.waiting_steps.items()
            if not self.is_hidden_step(pending_step)
        }
        assert listed.keys() == expected.keys()
        for step, pending_step in expected.items():
            sources = {entry.source for entry in listed[step].consents if entry.status == "asked"}
            assert (listed[step].approval, sources) == (pending_step.second, pending_step.owners_open)
            assert sorted(entry.id for entry in listed[step].decisions) == sorted(
                pending_step.decision_numbers
            )
        with self.index.database.read(OPERATOR) as unit:
            tasks = {task.decision_id for task in unit.tasks.all() if task.kind == "approval"}
        expected_tasks = {
            number
            for pending_step in self.oracle.waiting_steps.values()
            if pending_step.second
            for number in pending_step.decision_numbers
        }
        assert tasks == expected_tasks

"""The words of others as steps of the machine: second approvers, owners' consents, and windows of days.

Whose word a step needs is told from the settings, and from who was one person with whom before it.
"""

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

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


class Owners:
    """Mixed into the machine, whose index and oracle it works on."""

    @rule(source=st.sampled_from(("sis", "ccwis")), asks=st.booleans())
    def ask_for_consent(self, source, asks):
        self.tick()
        set_consent_required(self.index, OPERATOR, source, asks=asks)
        (self.oracle.asking.add if asks else self.oracle.asking.discard)(source)

    @rule(which=st.sampled_from(SecondApprover))
    def ask_for_approval(self, which):
        self.index = with_settings(self.index, second_approver=which)

    def others_needed(self, named, links):
        """Whether a second approver, and whose consent, what is decided of records needs now."""
        named = {address for address in named if address not in self.oracle.sealed}
        agencies = {source for source, _ in named if source != "STEWARD"}
        second = {
            SecondApprover.NEVER: False,
            SecondApprover.ALWAYS: True,
            SecondApprover.CROSS_AGENCY: len(agencies) > 1,
        }[self.index.settings.second_approver]
        return second, self.asked_of(named, links)

    def asked_of(self, named, links, *, alone=False):
        """The sources that ask for consent, of the records and of those that are one person with them."""
        persons = set() if alone else {links[address] for address in named if address in links}
        touched = {address for address, eid in links.items() if eid in persons} | set(named)
        return {source for source, _ in touched - self.oracle.sealed} & self.oracle.asking

    def settle_at_random(self, step):
        """Often answer at once what waits, as nothing would ever take effect otherwise."""
        while step in self.oracle.waiting_steps and self.random.random() < 0.8:
            if self.oracle.waiting_steps[step].second:
                self.give_approval(step)
                if step in self.oracle.waiting_steps and self.oracle.waiting_steps[step].second:
                    return
            else:
                source = min(self.oracle.waiting_steps[step].open)
                if not self.give_consent(step, source, refuse=self.random.random() < 0.2):
                    return

    def give_approval(self, step):
        waits = self.oracle.waiting_steps[step]
        hidden = self.hides(waits)
        try:
            done = self.previewed(lambda preview: approve(self.index, SECOND, step, preview=preview))
        except NotFoundError:
            assert hidden
            return
        except DecisionConflict:
            self.must_contradict(waits)
            return
        except ConflictError:
            assert waits.undoing
            assert self.frozen()
            return
        assert not hidden
        waits.second = False
        self.oracle.approved.add(waits.of if waits.undoing else step)
        self.after_a_word(step, done)

    def give_consent(self, step, source, *, refuse) -> bool:
        waits = self.oracle.waiting_steps[step]
        if refuse:
            done = self.previewed(
                lambda preview: refuse_consent(self.index, OWNERS[source], step, preview=preview)
            )
            assert not done.moved
            self.oracle.end(step)
            return True
        try:
            done = self.previewed(
                lambda preview: give_consent(self.index, OWNERS[source], step, preview=preview), untold=True
            )
        except DecisionConflict:
            self.must_contradict(waits)
            return False
        except ConflictError:
            assert waits.undoing
            assert self.frozen()
            return False
        waits.given.add(source)
        self.oracle.consented.setdefault(waits.of if waits.undoing else step, set()).add(source)
        self.after_a_word(step, done, owner=source)
        return True

    def hides(self, waits):
        """Whether a sealed record hides what waits."""
        words = [self.oracle.words[number] for number in waits.words]
        return any(a in self.oracle.sealed for word in words for group in word.groups for a in group)

    def must_contradict(self, waits):
        """Whoever refuses it for what was decided since is right."""
        assert not waits.undoing
        words = [self.oracle.words[number] for number in waits.words]
        if len(words) == 1:
            [word] = words
            assert self.oracle.contradicts(word.kind, word.groups, word.supersedes)

    def after_a_word(self, step, done, owner=None):
        """Who has come to be concerned is asked; where nobody is left, it takes effect."""
        waits = self.oracle.waiting_steps[step]
        words = [self.oracle.words[number] for number in waits.words]
        named = {a for word in words for group in word.groups for a in group}
        alone = all(word.corrects is not None for word in words)
        waits.asked |= self.asked_of(named - self.oracle.sealed, self.before, alone=alone)
        if owner is None:
            assert (done.approval, done.consent_of) == (waits.second, tuple(sorted(waits.open)))
        if waits.second or waits.open:
            assert crosswalk(self.index) == self.before
        else:
            self.oracle.take_effect(step)
            self.hear_words()
            self.hear_holds()

    @precondition(lambda self: any(waits.second for waits in self.oracle.waiting_steps.values()))
    @rule(data=st.data())
    def approve(self, data):
        steps = sorted(step for step, waits in self.oracle.waiting_steps.items() if waits.second)
        self.give_approval(data.draw(st.sampled_from(steps)))

    @precondition(lambda self: any(waits.open for waits in self.oracle.waiting_steps.values()))
    @rule(data=st.data(), refuse=st.booleans())
    def answer_for_a_source(self, data, refuse):
        asked = sorted((step, s) for step, waits in self.oracle.waiting_steps.items() for s in waits.open)
        step, source = data.draw(st.sampled_from(asked))
        self.give_consent(step, source, refuse=refuse)

    @precondition(lambda self: any(waits.undoing for waits in self.oracle.waiting_steps.values()))
    @rule(data=st.data())
    def take_a_waiting_undo_back(self, data):
        steps = sorted(step for step, waits in self.oracle.waiting_steps.items() if waits.undoing)
        step = data.draw(st.sampled_from(steps))
        if self.hides(self.oracle.waiting_steps[step]):
            return
        self.previewed(lambda preview: undo_step(self.index, OPERATOR, step, preview=preview))
        self.oracle.end(step)

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
        standing = [
            one.id for one in list_freeze_windows(self.index, OPERATOR) if one.state in {"coming", "open"}
        ]
        if standing and self.random.random() < 0.5:
            lift_freeze_window(self.index, OPERATOR, data.draw(st.sampled_from(sorted(standing))))
        apply_due_decisions(self.index, OPERATOR)
        self.hear_words()
        if not self.frozen():
            assert not any(word.pending and not word.revoked for word in self.oracle.words.values())

    def frozen(self) -> bool:
        """Whether a window of any source is open today."""
        return any(one.state == "open" for one in list_freeze_windows(self.index, OPERATOR))

    @invariant()
    def just_what_waits_is_listed(self):
        shown = {one.step: one for one in list_pending_steps(self.index, OPERATOR)}
        expected = {step: waits for step, waits in self.oracle.waiting_steps.items() if not self.hides(waits)}
        assert shown.keys() == expected.keys()
        for step, waits in expected.items():
            asked = {one.source for one in shown[step].consents if one.status == "asked"}
            assert (shown[step].approval, asked) == (waits.second, waits.open)
            assert sorted(one.id for one in shown[step].decisions) == sorted(waits.words)
        with self.index.database.read(OPERATOR) as unit:
            tasks = {task.decision_id for task in unit.tasks.all() if task.kind == "approval"}
        wanted = {
            number for waits in self.oracle.waiting_steps.values() if waits.second for number in waits.words
        }
        assert tasks == wanted

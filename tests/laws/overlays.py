"""Answers to overlays as steps of the machine, and what is asked about them, which the oracle tells alone."""

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from mpi.domain.record_ref import RecordRef
from mpi.service.stewardship.overlays import refuse_overlay, release_overlay
from mpi.service.stewardship.undo import undo_step
from mpi.standardize.record import standardize
from mpi.standardize.record_validation import validate_record
from tests.index import OPERATOR, a_child

ALIKE = {"JAYDEN", "JAYLEN"}


class Overlays:
    """Mixed into the machine, whose index and oracle it works on."""

    def another(self, one, other) -> bool:
        """Whether two statements are of two children: given names unlike, and birth dates not the same."""
        mine, theirs = (self._features(said) for said in (one, other))
        if None in (mine.given, theirs.given, mine.birth_date, theirs.birth_date):
            return False
        alike = mine.given == theirs.given or {mine.given, theirs.given} == ALIKE
        return not alike and mine.birth_date != theirs.birth_date

    def _features(self, said):
        sent = a_child("x", **{**dict.fromkeys(a_child(None)), **self.sent(said.content)}, as_of=said.as_of)
        return standardize(
            validate_record(sent, self.index.keyed_hash, self.time).record, "sis", self.index.keyed_hash
        )

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data())
    def write_over(self, data):
        """A source says under a local ID what it says of another child."""
        address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        said = dict(self.oracle.active[address].content)
        other = {
            "first_name": "Jayden" if said["first_name"] == "Maria" else "Maria",
            "birth_date": "2014-01-21" if said["birth_date"] == "2014-01-20" else "2014-01-20",
            "restrictions": (),
        }
        content = tuple(sorted((said | other).items()))
        as_of = self.tick()
        self.put(self.index, address, content, as_of)
        self.oracle.hear(address, as_of, content)

    @precondition(lambda self: self.oracle.asked)
    @rule(data=st.data(), release=st.booleans())
    def answer_an_overlay(self, data, release):
        address = data.draw(st.sampled_from(sorted(self.oracle.asked)))
        answer = release_overlay if release else refuse_overlay
        done = self.previewed(
            lambda preview: answer(self.index, OPERATOR, RecordRef(*address), preview=preview)
        )
        if release:
            self.oracle.release(address, done.step)
        else:
            self.oracle.refuse(address, done.step)

    @precondition(lambda self: self.oracle.released or self.oracle.refused)
    @rule(data=st.data())
    def undo_an_answer(self, data):
        step = data.draw(st.sampled_from(sorted({**self.oracle.released, **self.oracle.refused})))
        with self.index.database.read(OPERATOR) as unit:
            record = unit.steps.get(step).detail["record"]
            if record not in unit.records.labels([record]):
                return  # sealed since: nobody may know of it
        self.previewed(lambda preview: undo_step(self.index, OPERATOR, step, preview=preview))
        self.oracle.undo_answer(step)

    @invariant()
    def just_what_waits_is_asked_about(self):
        with self.index.database.read(OPERATOR) as unit:
            asked = [task.lo for task in unit.tasks.all() if task.kind == "overlay"]
            labels = unit.records.labels(asked)
        found = {(label.source, label.local_id) for label in labels.values()}
        assert (found, len(asked)) == (self.oracle.asked, len(found))

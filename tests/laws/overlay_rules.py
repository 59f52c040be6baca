"""State-machine rules for overlays: a source reuses a local ID for another child.

What is asked about overlays is derived by the oracle alone.
"""

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from mpi.domain.record_ref import RecordRef
from mpi.service.stewardship.overlays import refuse_overlay, release_overlay
from mpi.service.stewardship.undo import undo_step
from mpi.standardize.record_validation import validate_record
from mpi.standardize.standardizer import standardize
from tests.index import OPERATOR, make_child

SIMILAR_NAMES = {"JAYDEN", "JAYLEN"}


class OverlayRules:
    """Mixin of the state machine, with its index and oracle."""

    def is_other_child(self, first, second) -> bool:
        """Return whether two statements are of two children: different given names and birth dates."""
        first_features, second_features = (self._features(statement) for statement in (first, second))
        if None in (
            first_features.given,
            second_features.given,
            first_features.birth_date,
            second_features.birth_date,
        ):
            return False
        is_similar = (
            first_features.given == second_features.given
            or {first_features.given, second_features.given} == SIMILAR_NAMES
        )
        return not is_similar and first_features.birth_date != second_features.birth_date

    def _features(self, statement):
        record = make_child(
            "x", **{**dict.fromkeys(make_child(None)), **self.sent(statement.content)}, as_of=statement.as_of
        )
        return standardize(
            validate_record(record, self.index.keyed_hash, self.time).record, "sis", self.index.keyed_hash
        )

    @precondition(lambda self: self.oracle.active)
    @rule(data=st.data())
    def send_other_child(self, data):
        """Send another child's data under a known local ID."""
        address = data.draw(st.sampled_from(sorted(self.oracle.active)))
        fields = dict(self.oracle.active[address].content)
        changes = {
            "first_name": "Jayden" if fields["first_name"] == "Maria" else "Maria",
            "birth_date": "2014-01-21" if fields["birth_date"] == "2014-01-20" else "2014-01-20",
            "restrictions": (),
        }
        content = tuple(sorted((fields | changes).items()))
        as_of = self.tick()
        self.put(self.index, address, content, as_of)
        self.oracle.add_statement(address, as_of, content)

    @precondition(lambda self: self.oracle.records_in_review)
    @rule(data=st.data(), release=st.booleans())
    def answer_an_overlay(self, data, release):
        address = data.draw(st.sampled_from(sorted(self.oracle.records_in_review)))
        answer = release_overlay if release else refuse_overlay
        effect = self.apply_as_previewed(
            lambda preview: answer(self.index, OPERATOR, RecordRef(*address), preview=preview)
        )
        if release:
            self.oracle.release(address, effect.step)
        else:
            self.oracle.refuse(address, effect.step)

    @precondition(lambda self: self.oracle.released or self.oracle.refused)
    @rule(data=st.data())
    def undo_an_answer(self, data):
        step = data.draw(st.sampled_from(sorted({**self.oracle.released, **self.oracle.refused})))
        with self.index.database.read(OPERATOR) as unit:
            record = unit.steps.get(step).detail["record"]
            if record not in unit.records.labels([record]):
                return  # sealed since: nobody may know of it
        self.apply_as_previewed(lambda preview: undo_step(self.index, OPERATOR, step, preview=preview))
        self.oracle.undo_answer(step)

    @invariant()
    def waiting_overlays_have_tasks(self):
        with self.index.database.read(OPERATOR) as unit:
            record_ids = [task.lo for task in unit.tasks.all() if task.kind == "overlay"]
            labels = unit.records.labels(record_ids)
        tasks = {(label.source, label.local_id) for label in labels.values()}
        assert (tasks, len(record_ids)) == (self.oracle.records_in_review, len(tasks))

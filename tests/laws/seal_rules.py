"""State-machine rules for seals: records are sealed, and two people lift the seal."""

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from mpi.service.stewardship.expunge_requests import refuse_expunges
from mpi.service.stewardship.unseal_requests import approve_unseals, request_unseals
from tests.index import OPERATOR, SECOND_PERSON
from tests.laws.record_strategies import contents

addresses = st.tuples(st.sampled_from(("sis", "ccwis")), st.sampled_from([f"r{n}" for n in range(6)]))


class SealRules:
    """Mixin of the state machine, with its index and oracle."""

    @rule(address=addresses, content=contents, kind=st.sampled_from(["sealed", "expunged"]))
    def seal(self, address, content, kind):
        if self.random.random() < 0.6:
            return
        as_of = self.tick()
        self.put(self.index, address, content, as_of, restrictions=[{"kind": kind, "end": "01/31/2041"}])
        was_sealed = address in self.oracle.sealed
        self.oracle.add_statement(address, as_of, content, sealing=True)
        if kind == "expunged" and address not in self.oracle.expunge_requests:
            (self.requests_on_sealed if was_sealed else self.oracle.expunge_requests).add(address)

    # While a seal hid a decision, another that contradicts it may have come into force.
    @precondition(lambda self: self.oracle.sealed and not self.oracle.has_contradiction())
    @rule(data=st.data())
    def lift_a_seal(self, data):
        """Lift a seal by a court order, or refuse to expunge; earlier statements count again."""
        source, local_id = address = data.draw(st.sampled_from(sorted(self.oracle.sealed)))
        self.tick()
        if address in self.requests_on_sealed:
            refuse_expunges(self.index, SECOND_PERSON, source, [local_id])
            self.requests_on_sealed.discard(address)
        if address in self.oracle.expunge_requests:
            refuse_expunges(self.index, SECOND_PERSON, source, [local_id])
        else:
            request_unseals(self.index, OPERATOR, source, [local_id], "26-JV-0412")
            approve_unseals(self.index, SECOND_PERSON, source, [local_id])
        self.oracle.lift_seal(address)

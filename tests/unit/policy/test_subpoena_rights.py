"""Cases about a record of another party are refused, also where the record is disclosed."""

import pytest

from mpi.domain.viewer import Action
from mpi.policy.access_request import AccessRequest
from mpi.policy.decision_table import decide
from mpi.policy.reasons import ReasonCode
from tests.agreements import make_dsa

ACTIONS = (Action.SUBPOENA_MANAGE, Action.SUBPOENA_DECIDE, Action.CONSENT_RECORD)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("purpose", [None, "data_quality", "school_stability"])
def test_a_party_answers_for_its_own_records_alone(action, purpose):
    agreement = make_dsa(is_approved=True)

    def ask(source):
        request = AccessRequest(
            action,
            purpose,
            granted=frozenset({action}),
            party="district",
            sources=frozenset({"sis", "ccwis"}),
            source=source,
            populations=frozenset({"foster_care"}),
        )
        return decide(request, agreement, agreement.begins).reason_code

    assert ask("ccwis") is not ReasonCode.PERMITTED
    if purpose is None:
        assert (ask("sis"), ask("ccwis")) == (ReasonCode.PERMITTED, ReasonCode.SOURCE_OUTSIDE_AGREEMENT)

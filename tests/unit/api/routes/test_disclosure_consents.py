"""Consents to disclose a record over HTTP."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.domain.viewer import Action
from mpi.policy.parties import Party, PartyKind
from mpi.service.agreements.register import approve_version, propose_version
from tests.agreements import change_grant
from tests.index import OPERATOR, SECOND_PERSON, load_rows, make_child
from tests.unit.api.live import add_key, calling, problem


@pytest.fixture
def ask(fresh_index):
    """Call a server as one of its clients."""
    load_rows(fresh_index, "D01", make_child("1"))
    parties = (
        Party("district", "District", PartyKind.EDUCATION, frozenset({"D01"})),
        Party("agency", "Agency", PartyKind.CHILD_WELFARE),
    )
    dsa = change_grant(legal_basis="consent", population="all")
    propose_version(
        fresh_index, OPERATOR, replace(dsa, parties=parties, owners=(), begins=date(2020, 1, 1), ends=None)
    )
    approve_version(fresh_index, SECOND_PERSON, "dsa-1")
    keys = {
        "office": add_key(fresh_index, "office", {Action.CONSENT_RECORD}),
        "reader": add_key(fresh_index, "reader", {Action.RECORD_READ}),
    }
    with calling(create_app(fresh_index), None) as call:

        def send(method, path="", name="office", **options):
            headers = {"Authorization": f"Bearer {keys[name]}"}
            return call.request(method, f"/v1/disclosure-consents{path}", headers=headers, **options)

        yield send


def signed(**changes):
    today = clock.now().date()
    return {
        "source": "D01",
        "local_id": "1",
        "agreement": "dsa-1",
        "recipient": "agency",
        "purposes": ["transport"],
        "fields": ["grade"],
        "signer": "parent",
        "signed": today.isoformat(),
        "ends": (today + timedelta(days=30)).isoformat(),
        "reference": "CF-2026-0417",
        **changes,
    }


def test_a_consent_is_recorded_listed_and_revoked(ask):
    recorded = ask("POST", json=signed()).json()
    assert (recorded["recorded_by"], recorded["fields"], recorded["revoked_at"]) == (
        "office",
        ["grade"],
        None,
    )
    record = {"source": "D01", "local_id": "1"}
    assert ask("GET", params=record).json() == [recorded]
    revoked = ask("POST", f"/{recorded['code']}:revoke").json()
    assert revoked["revoked_at"] is not None
    problem(ask("POST", f"/{recorded['code']}:revoke"), 409, "conflict")


def test_faults_are_named_without_values(ask):
    for fault in ({"reference": "Amara"}, {"fields": ["phone"]}, {"signer": "Amara"}, {"signed": "Amara"}):
        body = problem(ask("POST", json=signed(**fault)), 400, "invalid-input")
        assert "Amara" not in str(body)
    problem(ask("POST", json=signed(local_id="9")), 404, "not-found")
    problem(ask("GET", params={"source": "D01"}), 400, "invalid-parameter")
    problem(ask("POST", "/0123456789ab:revoke"), 404, "not-found")


def test_the_scope_is_needed(ask):
    problem(ask("POST", name="reader", json=signed()), 403, "access-denied")
    problem(ask("GET", name="reader", params={"source": "D01", "local_id": "1"}), 403, "access-denied")
    problem(ask("POST", "/0123456789ab:revoke", name="reader"), 403, "access-denied")

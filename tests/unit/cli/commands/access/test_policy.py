"""Commands that explain the policy and review emergency access."""

import json

from mpi.service.access.client_authentication import authenticate
from tests.agreements import permit_emergencies


def test_the_policy_table_has_a_row_for_each_role_and_purpose(mpi, home):
    rows = json.loads(mpi("policy", "explain", "--json").out)
    [transport] = [row for row in rows if (row["role"], row["purpose"]) == ("client", "transport")]
    assert (transport["highest tier"], transport["populations"]) == ("2 demographic", "none")
    [caseworker] = [row for row in rows if (row["role"], row["purpose"]) == ("caseworker", "case_planning")]
    assert caseworker["conditions"] == "case-plan-access, legal-responsibility"


def test_one_request_is_explained(mpi, home):
    mpi("client", "add", "buses", "--scope", "person.read", "--all-sources")
    ask = ("policy", "explain", "--client", "buses", "--action", "person.read", "--json", "--purpose")
    permitted = json.loads(mpi(*ask, "transport").out)
    assert (permitted["decision"], permitted["flags"]) == ("permitted", "none")
    refused = json.loads(mpi(*ask, "emergency_breakglass").out)
    assert (refused["decision"], refused["reason"]) == ("refused", "break-glass-not-granted")


def test_an_incomplete_question_is_refused(mpi, home):
    assert mpi("policy", "explain", "--client", "x").code == 5
    assert "there is no client" in mpi("policy", "explain", "--client", "x", "--action", "load").err
    assert "one of" in mpi("policy", "explain", "--client", "x", "--action", "fly").err


def test_emergency_access_is_listed_and_reviewed(mpi, home, index):
    permit_emergencies(index)
    scopes = ("--scope", "person.read", "--scope", "break.glass")
    added = mpi("client", "add", "hotline", *scopes, "--all-sources", "--json")
    authenticate(index, json.loads(added.out)["api_key"], "emergency_breakglass", "child missing")
    assert "child missing" in mpi("break-glass", "list").out
    assert mpi("break-glass", "review", "hotline", "--note", "justified").code == 0
    [use] = json.loads(mpi("break-glass", "list", "--json").out)
    assert use["review"] == "operator: justified"

"""The five cases of PIXm 3.1.0's query (ITI-83), and what goes with them."""

import pytest

from mpi.api.app import create_app
from mpi.api.fhir.cross_reference import PatientIdentifier, parse_token
from mpi.service.core.index import GuessLimits
from mpi.storage.tables import DisclosureRow, table_of
from tests.index import OPERATOR, with_settings
from tests.unit.api.fhir.conftest import D02_SYSTEM, issues_of
from tests.unit.api.live import add_key, calling, problem

PATH = "/fhir/Patient/$ihe-pix"
EID_SYSTEM = "urn:mpi:enterprise-id"
D01_SYSTEM = "urn:mpi:source:D01"


def ask(client, system, value, *targets):
    return client.get(
        PATH,
        params=[("sourceIdentifier", f"{system}|{value}"), *(("targetSystem", each) for each in targets)],
    )


def identifiers_of(answer):
    """Return the identifiers and logical IDs of an answer."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    body = answer.json()
    assert body["resourceType"] == "Parameters"
    found = set()
    for parameter in body.get("parameter", ()):
        if parameter["name"] == "targetId":
            found.add(parameter["valueReference"]["reference"])
        else:
            assert parameter["name"] == "targetIdentifier"
            found.add((parameter["valueIdentifier"]["system"], parameter["valueIdentifier"]["value"]))
    return found


def server(client):
    return str(client.base_url.join("/fhir"))


def test_case_1_all_other_identifiers_are_answered_without_the_one_sent(everywhere, child):
    eid = child.store("D01", "pix-1")
    assert child.store("D02", "pix|1") == eid
    logical = f"{server(everywhere)}/Patient/{eid}"
    everything = {(D01_SYSTEM, "pix-1"), (D02_SYSTEM, "pix|1"), (EID_SYSTEM, eid), logical}
    assert identifiers_of(ask(everywhere, D01_SYSTEM, "pix-1")) == everything - {(D01_SYSTEM, "pix-1")}
    assert identifiers_of(ask(everywhere, D02_SYSTEM, "pix|1")) == everything - {(D02_SYSTEM, "pix|1")}
    assert identifiers_of(ask(everywhere, D02_SYSTEM, r"pix\|1")) == everything - {(D02_SYSTEM, "pix|1")}
    for typed in (eid, eid.lower(), eid.replace("-", "")):
        assert identifiers_of(ask(everywhere, EID_SYSTEM, typed)) == everything - {(EID_SYSTEM, eid)}
    assert identifiers_of(ask(everywhere, server(everywhere), f"Patient/{eid}")) == everything - {logical}


def test_target_systems_choose_the_identifiers_that_are_answered(everywhere, child):
    eid = child.store("D01", "pix-2")
    child.store("D02", "pix-2")
    assert identifiers_of(ask(everywhere, D01_SYSTEM, "pix-2", D02_SYSTEM)) == {(D02_SYSTEM, "pix-2")}
    both = ask(everywhere, D01_SYSTEM, "pix-2", EID_SYSTEM, server(everywhere))
    assert identifiers_of(both) == {(EID_SYSTEM, eid), f"{server(everywhere)}/Patient/{eid}"}
    # A domain that the server knows and the person is not in.
    assert identifiers_of(ask(everywhere, D01_SYSTEM, "pix-2", "urn:mpi:source:CCWIS")) == set()


@pytest.mark.parametrize(
    ("system", "value"),
    [
        (D01_SYSTEM, "no-such"),
        (D01_SYSTEM, ""),
        (D01_SYSTEM, "x" * 300),
        (D01_SYSTEM, "a\u0000b"),
        (EID_SYSTEM, "T7K3-M92Q-X0HN"),
        (EID_SYSTEM, "no ID"),
        (EID_SYSTEM, ""),
    ],
)
def test_case_2_an_unknown_identifier_is_not_found(everywhere, system, value):
    [issue] = issues_of(ask(everywhere, system, value), 404)
    assert issue == {
        "severity": "error",
        "code": "not-found",
        "diagnostics": "sourceIdentifier Patient Identifier not found",
    }


@pytest.mark.parametrize("logical_id", ["Patient/no-such", "no-such", "Patient/", "Observation/1", ""])
def test_case_2_an_unknown_logical_id_is_not_found(everywhere, logical_id):
    [issue] = issues_of(ask(everywhere, server(everywhere), logical_id), 404)
    assert issue["code"] == "not-found"


@pytest.mark.parametrize(
    "system", ["urn:oid:1.2.3", "urn:mpi:source:NO-SUCH", "urn:mpi:source:D02", "D01", ""]
)
def test_case_3_an_unknown_source_domain_is_refused(everywhere, system):
    [issue] = issues_of(ask(everywhere, system, "pix-1"), 400)
    assert issue == {
        "severity": "error",
        "code": "code-invalid",
        "diagnostics": "sourceIdentifier Assigning Authority not found",
    }


def test_case_4_an_unknown_target_domain_is_refused(everywhere, child):
    child.store("D01", "pix-4")
    for targets in (["urn:oid:1.2.3"], [D02_SYSTEM, ""], ["urn:mpi:source:NO-SUCH"]):
        [issue] = issues_of(ask(everywhere, D01_SYSTEM, "pix-4", *targets), 403)
        assert issue == {
            "severity": "error",
            "code": "code-invalid",
            "diagnostics": "targetSystem not found",
        }


def test_case_5_a_merged_or_deleted_patient_has_no_identifiers(everywhere, child):
    first = child.store("D01", "pix-5")
    second = child.store("D02", "pix-5", first_name="Oskari", birth_date="2001-01-01")
    merge = {"eids": [first, second], "survivor": first, "reason": "same-child"}
    assert everywhere.post("/v1/persons:merge", json=merge).status_code == 200
    assert identifiers_of(ask(everywhere, EID_SYSTEM, second)) == set()
    survivor = identifiers_of(ask(everywhere, D02_SYSTEM, "pix-5", EID_SYSTEM))
    assert survivor == {(EID_SYSTEM, first)}
    assert everywhere.delete("/v1/sources/D02/records/pix-5").status_code == 200
    assert identifiers_of(ask(everywhere, D02_SYSTEM, "pix-5")) == set()


def test_records_and_domains_that_the_client_may_not_see_are_like_none(index, app, everywhere, child):
    eid = child.store("D01", "pix-6")
    child.store("CCWIS", "pix-6")
    with calling(app, add_key(index, "pix-d01", sources=["D01"])) as client:
        found = identifiers_of(ask(client, D01_SYSTEM, "pix-6"))
        assert found == {(EID_SYSTEM, eid), f"{server(client)}/Patient/{eid}"}
        hidden = ask(client, "urn:mpi:source:CCWIS", "pix-6")
        unknown = ask(client, "urn:mpi:source:NO-SUCH", "pix-6")
        assert issues_of(hidden, 400) == issues_of(unknown, 400)
        hidden = ask(client, D01_SYSTEM, "pix-6", "urn:mpi:source:CCWIS")
        unknown = ask(client, D01_SYSTEM, "pix-6", "urn:mpi:source:NO-SUCH")
        assert issues_of(hidden, 403) == issues_of(unknown, 403)
        other = child.store("CCWIS", "pix-7", first_name="Oskari", birth_date="2001-01-01")
        hidden, unknown = ask(client, EID_SYSTEM, other), ask(client, EID_SYSTEM, "T7K3-M92Q-X0HN")
        assert issues_of(hidden, 404) == issues_of(unknown, 404)


def test_each_answer_has_lines_on_the_ledger(index, everywhere, child):
    child.store("D01", "pix-8")

    def count_lines():
        with index.database.ledger.read(OPERATOR) as unit:
            return len(unit.connection.execute(table_of(DisclosureRow).select()).all())

    before = count_lines()
    identifiers_of(ask(everywhere, D01_SYSTEM, "pix-8"))
    assert count_lines() == before + 2


def test_who_guesses_identifiers_has_to_wait(index):
    limited = with_settings(index, guess_limits=GuessLimits(of_program=2))
    with calling(create_app(limited), add_key(index, "guesser")) as client:
        for guess in ("guess-1", "guess-2"):
            issues_of(ask(client, D01_SYSTEM, guess), 404)
        problem(ask(client, D01_SYSTEM, "guess-3"), 429, "too-many-guesses")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sourceIdentifier=urn:mpi:source:D01|1&sourceIdentifier=urn:mpi:source:D01|2",
        "sourceIdentifier=urn:mpi:source:D01|1&as_of=2020-01-01",
        "sourceidentifier=urn:mpi:source:D01|1",
    ],
)
def test_a_wrong_query_is_refused(everywhere, query):
    assert issues_of(everywhere.get(f"{PATH}?{query}"), 400)


def test_a_client_without_the_crosswalk_is_refused(index, app):
    with calling(app, add_key(index, "no-crosswalk", ["person.read", "record.read"])) as client:
        [issue] = issues_of(ask(client, D01_SYSTEM, "pix-1"), 403)
        assert issue["code"] == "forbidden"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("urn:a|1", ("urn:a", "1")),
        (r"urn:a|1\|2", ("urn:a", "1|2")),
        ("urn:a|1|2", ("urn:a", "1|2")),
        (r"urn:a|1\\2\,3\$4\5", ("urn:a", r"1\2,3$4\5")),
        ("urn:a", ("urn:a", "")),
        ("|1", ("", "1")),
    ],
)
def test_a_token_is_a_system_and_a_value(text, expected):
    assert parse_token(text) == PatientIdentifier(*expected)

"""Whole-index actions follow from the scope that the index holds."""

from dataclasses import replace
from datetime import date

import pytest

from mpi.domain.viewer import Action
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.parties import Party, PartyKind
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client
from mpi.service.access.explain_access import SupposedRequest, explain_client_access
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, SECOND_PERSON, make_child
from tests.scopes import open_scoped_indexes

STATE = Party("state", "State Education Agency", PartyKind.EDUCATION, frozenset({"all"}))
OWN_USE = Grant(
    discloser="state",
    recipient="state",
    population="all",
    legal_basis="own_records",
    purposes=frozenset({"data_quality"}),
    output_fields=frozenset({"all"}),
    matching_fields=frozenset({"all"}),
)
WHOLE = Agreement(
    code="state",
    version=0,
    title="The state's own use of all school records",
    parties=(STATE,),
    grants=(OWN_USE,),
    begins=date(2020, 1, 1),
)
NAMED = replace(WHOLE, parties=(replace(STATE, sources=frozenset({"sis"})),))


@pytest.fixture
def site(tmp_path):
    with open_scoped_indexes(tmp_path, {"education": ("sis",)}) as indexes:
        upsert(indexes.scopes["education"], OPERATOR, "sis", make_child("1"))
        indexes.sync()
        yield indexes


def ask(index, terms, sources=None):
    """Return a client's viewer under terms in an index."""
    propose_version(index, OPERATOR, terms)
    approve_version(index, SECOND_PERSON, terms.code)
    key = add_client(index, OPERATOR, "state", ["crosswalk.export", "recluster"], sources, terms.code)
    return authenticate(index, key, "data_quality")


def test_the_owner_of_a_scope_exports_its_index(site):
    viewer = ask(site.scopes["education"], WHOLE)
    assert viewer.actions == {Action.CROSSWALK_EXPORT, Action.RECLUSTER}
    assert [row.local_id for row in export_crosswalk(site.scopes["education"], viewer)] == ["1"]


def test_in_the_shared_index_the_same_agreement_covers_no_whole_index(site):
    viewer = ask(site.shared, WHOLE)
    assert viewer.actions == frozenset()
    assert viewer.rights.find_refusal(Action.CROSSWALK_EXPORT).code == "scope-outside-agreement"


def test_a_party_of_some_sources_exports_no_scope(site):
    viewer = ask(site.scopes["education"], NAMED, ["sis"])
    assert viewer.rights.find_refusal(Action.RECLUSTER).code == "scope-outside-agreement"


@pytest.mark.parametrize(
    ("place", "reason"), [("education", "permitted"), ("shared", "scope-outside-agreement")]
)
def test_the_explanation_of_a_decision_is_for_the_same_scope(site, place, reason):
    index = site.shared if place == "shared" else site.scopes[place]
    ask(index, WHOLE)
    request = SupposedRequest(Action.RECLUSTER, "data_quality")
    assert explain_client_access(index, OPERATOR, "state", request).reason_code == reason

"""A client or account of several parties acts for the party that its binding names."""

from dataclasses import replace

import pytest

from mpi.domain.errors import AccessDenied, ConflictError, NotFoundError
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, RecordAccess, Viewer
from mpi.service.access.accounts.account_list import list_accounts
from mpi.service.access.accounts.account_rights import bind_account
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.client_authentication import authenticate
from mpi.service.access.clients import add_client, bind_client, list_clients
from mpi.service.access.explain_access import SupposedRequest, explain_client_access
from mpi.service.agreements.register import approve_version, propose_version
from tests.agreements import AGENCY, SCHOOL, TO_AGENCY, TO_SCHOOL, make_dsa
from tests.index import OPERATOR, SECOND_PERSON, open_test_index

BOTH = ("sis", "ccwis")
FOSTER = frozenset({("ccwis", "foster_care")})


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path, *BOTH, database_url=database_url) as new_index:
        propose_version(new_index, OPERATOR, make_dsa())
        approve_version(new_index, SECOND_PERSON, "dsa-1")
        yield new_index


def add(index, party=None, name="exchange"):
    return add_client(index, OPERATOR, name, ["record.read", "record.write"], BOTH, "dsa-1", party)


def test_without_a_party_a_client_of_two_parties_is_refused(index):
    viewer = authenticate(index, add(index), "school_stability")
    assert viewer.rights.find_refusal(Action.RECORD_READ).code == "party-unknown"


@pytest.mark.parametrize(
    ("party", "own", "disclosed", "fields"),
    [
        ("district", "sis", "ccwis", {"flags"}),
        ("agency", "ccwis", "sis", {"school_id", "grade", "entry_date"}),
    ],
)
def test_the_direction_of_a_grant_follows_from_the_party(index, party, own, disclosed, fields):
    viewer = authenticate(index, add(index, party), "school_stability")
    assert viewer.rights.find_access(own) is RecordAccess.OWN
    assert viewer.rights.find_access(disclosed) is RecordAccess.HIDDEN
    assert viewer.rights.find_access(disclosed, FOSTER) is RecordAccess.DISCLOSED
    assert viewer.rights.carried(Action.RECORD_READ, disclosed, FOSTER).fields == fields
    refusal = viewer.rights.find_refusal(Action.RECORD_WRITE, disclosed)
    assert refusal.code == "source-outside-agreement"
    assert viewer.rights.find_refusal(Action.RECORD_WRITE, own) is None


def test_the_next_call_is_for_the_party_of_the_new_binding(index):
    key = add(index, "district")
    bind_client(index, OPERATOR, "exchange", "dsa-1", "agency")
    assert authenticate(index, key, "school_stability").rights.find_access("ccwis") is RecordAccess.OWN
    assert [client.party for client in list_clients(index, OPERATOR) if client.name == "exchange"] == [
        "agency"
    ]
    bind_client(index, OPERATOR, "exchange", "dsa-1")
    assert authenticate(index, key, "school_stability").actions == frozenset()


def test_the_explanation_of_a_decision_is_for_the_same_party(index):
    add(index, "agency")
    request = SupposedRequest(Action.RECORD_WRITE, "school_stability", "sis")
    assert (
        explain_client_access(index, OPERATOR, "exchange", request).reason_code == "source-outside-agreement"
    )


def test_a_party_that_leaves_the_agreement_leaves_the_client_without_rights(index):
    key = add(index, "agency")
    grants = tuple(
        replace(
            grant,
            discloser=grant.discloser.replace("agency", "care"),
            recipient=grant.recipient.replace("agency", "care"),
        )
        for grant in (TO_AGENCY, TO_SCHOOL)
    )
    changed = make_dsa(parties=(SCHOOL, replace(AGENCY, code="care")), grants=grants, owners=())
    propose_version(index, OPERATOR, changed)
    approve_version(index, SECOND_PERSON, "dsa-1")
    assert authenticate(index, key, "school_stability").actions == frozenset()


def test_a_binding_names_a_party_that_owns_one_of_the_sources(index):
    with pytest.raises(NotFoundError):
        add(index, "court")
    with pytest.raises(ConflictError):
        add_client(index, OPERATOR, "school", ["record.read"], ["sis"], "dsa-1", "agency")
    assert not [client for client in list_clients(index, OPERATOR) if client.agreement == "dsa-1"]


def test_who_does_not_administer_agreements_names_no_party(index):
    admin = Viewer(
        "ona",
        "system_admin",
        frozenset({Action.CLIENT_ADMIN, Action.ACCOUNT_ADMIN, Action.RECORD_READ, Action.QUESTION_ANSWER,
                   Action.LINK_REPORT, Action.CONSENT}),
        None,
        agreement="dsa-1",
    )  # fmt: skip
    with pytest.raises(AccessDenied):
        add_client(index, admin, "exchange", ["record.read"], BOTH, "dsa-1", "agency")
    with pytest.raises(AccessDenied):
        add_account(index, admin, NewAccount("olu", "Olu", Role.SOURCE_OWNER, BOTH, "dsa-1", "agency"))


def test_an_account_acts_for_the_party_of_its_binding(index):
    add_account(index, OPERATOR, NewAccount("olu", "Olu", Role.SOURCE_OWNER, BOTH, "dsa-1", "agency"))
    bind_account(index, OPERATOR, "olu", "dsa-1", "district")
    assert [account.party for account in list_accounts(index, OPERATOR)] == ["district"]
    with pytest.raises(ConflictError):
        add_account(index, OPERATOR, NewAccount("cal", "Cal", Role.CASEWORKER, BOTH, "dsa-1", "district"))
    add_account(index, OPERATOR, NewAccount("cal", "Cal", Role.CASEWORKER, BOTH, "dsa-1", "agency"))

"""Agreements between a made-up school district and a made-up agency, for tests."""

from dataclasses import replace
from datetime import date, timedelta

from mpi.domain import clock
from mpi.policy.agreement import Agreement, Clock, CodeList, Grant, Owner
from mpi.policy.parties import Party, PartyKind
from mpi.service.agreements.house import build_house_agreement
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.core.index import Index
from tests.index import OPERATOR

SCHOOL = Party("district", "Quill School District", PartyKind.EDUCATION, frozenset({"sis"}))
AGENCY = Party("agency", "Child Welfare of Quill", PartyKind.CHILD_WELFARE, frozenset({"ccwis"}))
TO_AGENCY = Grant(
    discloser="district",
    recipient="agency",
    population="foster_care",
    legal_basis="ferpa_caseworker",
    purposes=frozenset({"school_stability", "transport"}),
    output_fields=frozenset({"school_id", "grade", "entry_date"}),
    matching_fields=frozenset({"first_name", "last_name", "birth_date"}),
)
TO_SCHOOL = Grant(
    discloser="agency",
    recipient="district",
    population="foster_care",
    legal_basis="state_statute",
    purposes=frozenset({"school_stability"}),
    output_fields=frozenset({"flags.foster_care"}),
    matching_fields=frozenset({"first_name", "last_name", "birth_date"}),
)
DSA = Agreement(
    code="dsa-1",
    version=0,
    title="School stability of children in care",
    parties=(SCHOOL, AGENCY),
    grants=(TO_AGENCY, TO_SCHOOL),
    begins=date(2026, 1, 1),
    ends=date(2026, 12, 31),
    retention_days=365,
    clocks=(Clock("inspection", 45),),
    owners=(Owner("agency", "data_steward", "Office of Data"),),
    codes=(CodeList("county", frozenset({"Quill"})),),
)


def permit_emergencies(index: Index) -> None:
    """Put a version of the operator's rule in force that names emergency access."""
    house = build_house_agreement()
    [grant] = house.grants
    named = replace(grant, purposes=grant.purposes | {"emergency_breakglass"})
    propose_version(index, OPERATOR, replace(house, grants=(named,)))
    approve_version(index, OPERATOR, "house", alone=True)


def make_dsa(**changes: object) -> Agreement:
    """Return the example agreement with other terms."""
    return replace(DSA, **changes)


def make_care_terms(*grants: Grant, **changes: object) -> Agreement:
    """Return terms in force from today for a year between an agency and a district, with other grants."""
    today = clock.now().date()
    terms = Agreement(
        code="dsa-1",
        version=1,
        title="Child welfare and district",
        parties=(
            Party("agency", "Agency", PartyKind.CHILD_WELFARE, frozenset({"CCWIS"})),
            Party("district", "District 1", PartyKind.EDUCATION, frozenset({"D01"})),
        ),
        grants=grants,
        begins=today,
        ends=today + timedelta(days=365),
        is_approved=True,
    )
    return replace(terms, **changes)


def change_grant(**changes: object) -> Agreement:
    """Return the example agreement with only its first grant, which has other terms."""
    return replace(DSA, grants=(replace(TO_AGENCY, **changes),))

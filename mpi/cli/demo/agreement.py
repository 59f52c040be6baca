"""Data-sharing agreement of the demo's agencies."""

from datetime import timedelta

from mpi.domain import clock
from mpi.domain.viewer import make_operator
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.parties import ALL, Party, PartyKind
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.core.index import Index
from training.simulate.sources.rosters import SourceSystem

AGREEMENT = "dsa-demo"
_YEAR = timedelta(days=365)
_AGENCY = Party("agency", "Child Welfare Agency", PartyKind.CHILD_WELFARE, frozenset({SourceSystem.CCWIS}))
DISTRICTS = (
    Party("north", "North School District", PartyKind.EDUCATION, frozenset({SourceSystem.NORTH})),
    Party("south", "South School District", PartyKind.EDUCATION, frozenset({SourceSystem.SOUTH})),
)


def register_agreement(index: Index) -> None:
    """Put an agreement of the demo's agencies in force."""
    today = clock.now().date()
    to_district = (frozenset({"school_stability"}), frozenset({"flags.foster_care", "local_id"}))
    to_agency = (frozenset({"case_planning"}), frozenset({ALL}))
    agreement = Agreement(
        code=AGREEMENT,
        version=1,
        title="Child welfare and two school districts",
        parties=(_AGENCY, *DISTRICTS),
        grants=(
            *(
                Grant(_AGENCY.code, district.code, "foster_care", "state_statute", *to_district, frozenset())
                for district in DISTRICTS
            ),
            *(
                Grant(district.code, _AGENCY.code, "foster_care", "ferpa_caseworker", *to_agency, frozenset())
                for district in DISTRICTS
            ),
        ),
        begins=today,
        ends=today + _YEAR,
    )
    propose_version(index, make_operator("demo-operator"), agreement)
    approve_version(index, make_operator("demo-approver"), AGREEMENT)

"""The agreement that every index has from its start.

It is the operator's own rule for the records of the index. A new version can narrow it, and it can be ended
like any other.
"""

from datetime import date

from mpi.domain import clock
from mpi.domain.viewer import PURPOSES
from mpi.policy.agreement import HOUSE, Agreement, Grant
from mpi.policy.parties import ALL, Party, PartyKind
from mpi.service.agreements.documents import to_content
from mpi.storage.repositories.access.agreements import AgreementStep, AgreementVersion, StepKind
from mpi.storage.unit_of_work.units import WriteUnit

HOUSE_TITLE = "Rule of the operator for the records of this index"
HOUSE_BEGINS = date(2000, 1, 1)
"""First day of the operator's rule: early enough for a clock that is set back."""
_EXCLUDED_PURPOSES = frozenset({"emergency_breakglass"})


def build_house_agreement() -> Agreement:
    """Return the operator's rule: every purpose but break-glass, every field."""
    everything = frozenset({ALL})
    return Agreement(
        code=HOUSE,
        version=1,
        title=HOUSE_TITLE,
        parties=(Party("operator", "Operator of this index", PartyKind.OPERATOR, everything),),
        grants=(
            Grant(
                discloser="operator",
                recipient="operator",
                population=ALL,
                legal_basis="own_records",
                purposes=frozenset(PURPOSES) - _EXCLUDED_PURPOSES,
                output_fields=everything,
                matching_fields=everything,
            ),
        ),
        begins=HOUSE_BEGINS,
    )


def add_house_agreement(unit: WriteUnit) -> None:
    """Add the operator's rule to a new index, in force at once."""
    agreement = build_house_agreement()
    unit.agreements.add_version(AgreementVersion(HOUSE, 1, to_content(agreement), unit.commit_no))
    unit.agreements.add_step(
        AgreementStep(HOUSE, unit.commit_no, 1, StepKind.APPROVE, clock.now().date().isoformat(), "init")
    )

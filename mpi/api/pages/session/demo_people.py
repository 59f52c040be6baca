"""Demo users of a test index without sign-in, one a role."""

from mpi.domain.roles import ACTIONS_BY_ROLE, PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import Viewer
from mpi.service.access.sign_in import SignedInAccount
from mpi.service.core.index import Index

_NAMES = {
    Role.STEWARD: ("demo-steward", "Sam Steward"),
    Role.APPROVER: ("demo-approver", "Ada Approver"),
    Role.SOURCE_OWNER: ("demo-source-owner", "Olu Owner"),
    Role.OPERATOR: ("demo-operator", "Ona Operator"),
}


def create_demo_person(index: Index, role: str | None) -> SignedInAccount:
    """Build the demo user of a role, by default the steward.

    Nothing is stored. The demo source owner owns the first source of kind ``sis``, or else the first source.
    """
    demo_role = Role(role) if role in set(Role) else Role.STEWARD
    name, full_name = _NAMES[demo_role]
    sources = None
    if demo_role is Role.SOURCE_OWNER:
        sources = _find_first_school(index)
    viewer = Viewer(name, PURPOSES_BY_ROLE[demo_role][0], ACTIONS_BY_ROLE[demo_role], sources)
    return SignedInAccount(
        viewer=viewer,
        name=name,
        full_name=full_name,
        role=demo_role,
        csrf=index.keyed_hash.to_token("csrf", "open pages"),
    )


def _find_first_school(index: Index) -> frozenset[str]:
    """Return the code of the first school system, or first source."""
    with index.database.read(Viewer("nobody")) as unit:
        sources = unit.sources.all()
    schools = [source for source in sources if source.kind == "sis"] or sources
    return frozenset(source.code for source in schools[:1])

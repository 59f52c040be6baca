"""Demo users of a test index without sign-in, one a role."""

from collections.abc import Iterable

from mpi.domain.roles import PURPOSES_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer
from mpi.policy.agreement import HOUSE
from mpi.service.access.session_authentication import SignedInAccount
from mpi.service.access.viewers import Caller, make_viewer
from mpi.service.core.index import Index
from mpi.storage.unit_of_work.units import ReadUnit

_NAMES = {
    Role.STEWARD: ("demo-steward", "Sam Steward"),
    Role.APPROVER: ("demo-approver", "Ada Approver"),
    Role.SOURCE_OWNER: ("demo-source-owner", "Olu Owner"),
    Role.OPERATOR: ("demo-operator", "Ona Operator"),
    Role.CASEWORKER: ("demo-caseworker", "Cal Caseworker"),
    Role.POINT_OF_CONTACT: ("demo-point-of-contact", "Pat Contact"),
    Role.REGISTRAR: ("demo-registrar", "Rae Registrar"),
    Role.HOMELESS_LIAISON: ("demo-homeless-liaison", "Lee Liaison"),
    Role.ANALYST: ("demo-analyst", "Ann Analyst"),
    Role.AUDITOR: ("demo-auditor", "Aud Auditor"),
    Role.PRIVACY_OFFICER: ("demo-privacy-officer", "Pri Officer"),
    Role.AGENCY_HEAD: ("demo-agency-head", "Hal Head"),
}
_GRANTED = {
    Role.PRIVACY_OFFICER: frozenset({Action.RECORD_SEAL, Action.RECORD_EXPUNGE}),
    Role.POINT_OF_CONTACT: frozenset({Action.ROSTER_EXPORT}),
    Role.CASEWORKER: frozenset({Action.ROSTER_EXPORT}),
}
"""Actions that a demo user is granted by name."""
_KINDS_OF_SOURCES = {
    Role.SOURCE_OWNER: ("sis",),
    Role.CASEWORKER: ("ccwis", "sis"),
    Role.POINT_OF_CONTACT: ("sis", "ccwis"),
    Role.REGISTRAR: ("sis", "ccwis"),
    Role.HOMELESS_LIAISON: ("sis", "ccwis"),
}
"""Kinds of the sources that a demo user is named for, the first source of each kind."""


def create_demo_person(index: Index, role: str | None) -> SignedInAccount:
    """Build the demo user of a role, by default the steward.

    Nothing is stored. Everybody acts under the agreement ``house``. The demo source owner owns the first
    source of kind ``sis``, or else the first source.
    """
    demo_role = Role(role) if role in set(Role) else Role.STEWARD
    name, full_name = _NAMES[demo_role]
    with index.database.read(Viewer("nobody")) as unit:
        kinds = _KINDS_OF_SOURCES.get(demo_role)
        sources = None if kinds is None else _find_first_sources(unit, kinds)
        caller = Caller(
            name,
            _GRANTED.get(demo_role, frozenset()),
            sources,
            HOUSE,
            unit.agreements.find_last_step(HOUSE),
            role=demo_role,
        )
        viewer = make_viewer(index, unit, caller, PURPOSES_BY_ROLE[demo_role][0])
    return SignedInAccount(
        viewer=viewer,
        name=name,
        full_name=full_name,
        role=demo_role,
        csrf=index.keyed_hash.to_token("csrf", "open pages"),
    )


def _find_first_sources(unit: ReadUnit, kinds: Iterable[str]) -> frozenset[str]:
    """Return the first source of each kind, or else the first source."""
    sources = unit.sources.all()
    firsts = [next((source for source in sources if source.kind == kind), None) for kind in kinds]
    return frozenset(source.code for source in firsts if source) or frozenset(s.code for s in sources[:1])

"""A live site under attack, and the values planted in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from mpi.domain.roles import ACTIONS_BY_ROLE, PURPOSES_BY_ROLE, Role
from mpi.policy.route_table import ROUTES
from mpi.service.access.session_authentication import csrf_token
from mpi.service.records.upsert import upsert
from mpi.service.statements.sources import NewSource, add_source
from tests.index import OPERATOR, crosswalk, load_rows, make_child
from tests.policy.route_matrix import HOUSE, MatrixSite, make_key, make_token, open_matrix_site
from tests.unit.api.live import add_key

OWN, OTHER = "D01", "CCWIS"
"""Source of the attacker, and of the agency whose children are hidden from it."""
CANARIES = {
    "first_name": "Zzcanaryfirst",
    "last_name": "Zzcanarylast",
    "city": "Zzcanarytown",
    "address_line1": "77123 Zzcanarystreet Ave",
    "phone": "614-555-7712",
    "email": "zzcanarymail@example.org",
    "guardian_last_name": "Zzcanaryparent",
}
"""Values of a planted child that no log, error, URL or metric may hold."""
SSN = "212-47-7712"
LOCAL_ID = "zzcanary-c-1"
LEAKS = ("zzcanary", "5557712", "555-7712", "212477712", "212-47-7712", "77123")
"""What to look for, in lower case."""
WRITE_METHODS = ("POST", "PUT", "DELETE")


@dataclass
class AttackedSite:
    """A live site with planted children.

    Args:
        matrix: the index, its server, and callers of each role.
        url: base URL.
        district_key: key of a client that sees one source.
        hidden_eids: IDs of children of the other agency alone.
        own_eid: ID of the attacker's own child.
    """

    matrix: MatrixSite
    url: str
    district_key: str
    hidden_eids: tuple[str, ...]
    own_eid: str

    @property
    def index(self):
        """The index."""
        return self.matrix.index

    @property
    def client(self) -> httpx.Client:
        """HTTP client without a credential."""
        return self.matrix.client

    def call(self, method: str, path: str, key: str | None = None, **options) -> httpx.Response:
        """Call the API, with the key of the program that may do everything by default."""
        headers = {"Authorization": f"Bearer {key or make_key('program', HOUSE)}"}
        return self.client.request(method, path, headers=headers, **options)

    def open_page(self, role: Role, method: str, path: str, headers=None, **options) -> httpx.Response:
        """Open a page as a person of a role, for the role's first purpose."""
        cookie = {"Cookie": f"mpi-sign-in={token_of(role)}", "Accept": "text/html"}
        return self.client.request(method, path, headers={**cookie, **(headers or {})}, **options)

    def csrf_of(self, role: Role) -> str:
        """Return the CSRF token of a role's session."""
        return csrf_token(self.index, token_of(role))

    def state(self) -> tuple[object, ...]:
        """Return what an attack must not change: who is who, and the latest commit."""
        with self.index.database.read(None) as unit:
            commit = unit.last_commit()
        return crosswalk(self.index), commit


def token_of(role: Role) -> str:
    """Return the session token of a role."""
    return make_token(role, PURPOSES_BY_ROLE[role][0], HOUSE)


def roles_of(route: str) -> list[Role]:
    """Return the roles that may use a page."""
    rule = ROUTES[route]
    return [
        role
        for role in Role
        if set(rule.actions) <= ACTIONS_BY_ROLE[role]
        and (not rule.choices or set(rule.choices) & ACTIONS_BY_ROLE[role])
    ]


def plant_children(index) -> None:
    """Add children of both agencies, among them pairs that wait for a steward."""
    add_source(index, OPERATOR, NewSource(OTHER))
    # First, so that load 1, step 1 and the rest of number 1 are hidden from the attacker.
    load_rows(index, OTHER, make_child(LOCAL_ID, **CANARIES, ssn=SSN, birth_date="2013-07-12"))
    load_rows(index, OWN, *(make_child(f"own-{n}", first_name=f"Owna{n}") for n in range(3)))
    upsert(index, OPERATOR, OTHER, make_child("c-2", first_name="Hidda", last_name="Denchild"))
    # Almost the same child at the attacker's agency: a question for a steward.
    names = {name: f"{CANARIES[name]}h" for name in ("first_name", "last_name")}
    upsert(index, OPERATOR, OWN, make_child("own-9", **names, birth_date="2013-07-12", postal_code=None))


@contextmanager
def open_attacked_site(folder) -> Iterator[AttackedSite]:
    """Serve an index with planted children, with callers of each role."""
    with open_matrix_site(folder) as matrix:
        plant_children(matrix.index)
        ids = crosswalk(matrix.index)
        key = add_key(matrix.index, "one-district", sources={OWN})
        hidden = tuple(ids[OTHER, local_id] for local_id in (LOCAL_ID, "c-2"))
        yield AttackedSite(matrix, str(matrix.client.base_url), key, hidden, ids[OWN, "own-0"])

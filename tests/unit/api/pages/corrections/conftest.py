"""Two children in a fresh index, and a steward who corrects them on open pages."""

import re
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.viewer import SecondApprover
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, crosswalk, make_child, with_settings
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME

LINA = {"first_name": "Lina", "last_name": "Quarterly", "birth_date": "2012-05-17"}
MARLON = {"first_name": "Marlon", "last_name": "Overbrook", "birth_date": "2009-11-02", "sex": "M"}


@dataclass(frozen=True)
class Steward:
    """Client of the open pages of an index, as a steward."""

    index: object
    client: httpx.Client

    def get(self, path):
        """Open a page."""
        return self.client.get(path)

    def send(self, path, form):
        """Send the fields of a form with its token."""
        token = re.search(r'name="csrf" value="(\w+)"', self.client.get("/find").text)[1]
        return self.client.post(path, data={"csrf": token, **form}, headers=SAME)

    def eid(self, source, local_id):
        """Return the enterprise ID of a record now."""
        return crosswalk(self.index)[source, local_id]


def read_hidden_fields(page):
    """Return the hidden fields of a page's forms by name; a field may have several values."""
    fields = {}
    for name, value in re.findall(r'<input type="hidden" name="([\w-]+)" value="([^"]*)"', page):
        fields.setdefault(name, []).append(value)
    return {
        name: list(dict.fromkeys(values)) for name, values in fields.items() if name not in ("csrf", "eid")
    }


def put(index, source, local_id, **child):
    """Store a record; return the enterprise ID of its child."""
    return upsert(index, OPERATOR, source, make_child(local_id, **child)).enterprise_id


@contextmanager
def work_as_steward(index):
    """Serve an index with Lina (two records) and Marlon (one), and work on it as a steward."""
    put(index, "D01", "lina-1", **LINA)
    put(index, "CCWIS", "lina-2", **LINA)
    put(index, "CCWIS", "marlon-1", **MARLON)
    with (
        serving(create_app(index, open_pages=True)) as url,
        httpx.Client(base_url=url, timeout=30, verify=PLAIN, cookies={"mpi-acting-as": "steward"}) as client,
    ):
        yield Steward(index, client)


@pytest.fixture
def steward(fresh_index):
    """A steward whose steps are applied at once."""
    with work_as_steward(fresh_index) as worker:
        yield worker


@pytest.fixture
def steward_with_approval(fresh_index):
    """A steward whose steps wait for a second person."""
    with work_as_steward(with_settings(fresh_index, second_approver=SecondApprover.ALWAYS)) as worker:
        yield worker

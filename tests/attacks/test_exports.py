"""No cell of any file that the program writes is a formula."""

import csv
import io

from mpi.cli.output_files import write_csv
from mpi.domain.roles import Role
from mpi.domain.viewer import Action, make_operator
from mpi.policy.route_table import ROUTES
from mpi.service.core.disclosure import disclose
from mpi.service.loads.load_log import list_loads
from tests.attacks.site import OWN
from tests.index import load_rows, make_child

FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "  =1", "\uff1d1+1", "=cmd|' /C calc'!A0")
BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
EXPORTS = {
    "GET /ledger.csv": (Role.AUDITOR, "/ledger.csv"),
    "GET /issues.csv": (Role.SOURCE_OWNER, f"/issues.csv?source={OWN}&state=all"),
    "GET /loads/{number}/rejects.csv": (Role.OPERATOR, "/loads/{load}/rejects.csv"),
}
"""Role and path of every download that a role alone permits."""
GRANTED_EXPORTS = {"GET /my-children.csv", "GET /students-in-care.csv"}
"""Downloads that take a grant. tests/unit/api/pages/test_rosters.py reads them with a formula as a name."""

FIGURE_EXPORTS = {"GET /reports/{report_name}.csv"}
"""Downloads of figures, in which no cell is a sender's."""


def _is_formula(cell):
    return cell.lstrip(" ").startswith(BEGINNINGS)


def test_every_download_is_listed():
    assert EXPORTS.keys() | GRANTED_EXPORTS | FIGURE_EXPORTS == {
        route for route in ROUTES if route.endswith(".csv")
    }


def test_no_cell_of_an_export_is_a_formula(own_site, attack, tmp_path):
    site = own_site
    records = [make_child(text, birth_date="2199-01-01", as_of="2199-01-01") for text in FORMULAS]
    load_rows(site.index, OWN, *records, make_child("good-1", first_name="Goodwin"), confirm=True)
    for text in FORMULAS:
        disclose(site.index, make_operator(text.strip()), Action.BREAK_GLASS, (), [text.strip()])
    load = list_loads(site.index, make_operator(), OWN)[0]
    with attack("Formulas in exports") as attempts:
        for role, path in EXPORTS.values():
            answer = site.open_page(role, "GET", path.format(load=load.number))
            assert answer.status_code == 200, answer.text
            cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
            # A rejected row is named by its number and reason, so its file has nothing of the sender.
            assert role is Role.OPERATOR or any(cell.startswith("'=") for cell in cells), path
            for cell in cells:
                attempts.add(is_through=_is_formula(cell), what=(path, cell))
        file = tmp_path / "crosswalk.csv"
        write_csv(file, ("source", "local_id"), [(OWN, text) for text in FORMULAS])
        for row in csv.reader(io.StringIO(file.read_text(), newline="")):
            for cell in row:
                attempts.add(is_through=_is_formula(cell), what=("write_csv", cell))

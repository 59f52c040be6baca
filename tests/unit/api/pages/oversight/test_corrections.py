"""Page of the corrections that a person received: own records alone, confirmed once."""

import re
from contextlib import ExitStack

from mpi.api.app import create_app
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.audit.incidents import list_incidents, send_corrections, show_incident
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.undo import undo_step
from tests.index import OPERATOR, load_rows, make_child, open_test_index
from tests.pages.desk import PASSWORD
from tests.unit.api.live import serving
from tests.unit.api.pages.oversight.test_incidents import enter


def test_a_person_who_saw_a_wrong_link_confirms_its_correction(tmp_path):
    with open_test_index(tmp_path, "D01", "CCWIS") as index, ExitStack() as stack:
        load_rows(index, "D01", make_child("D-1"))
        load_rows(index, "CCWIS", make_child("C-1"))
        for name in ("stu", "sam"):
            add_account(index, OPERATOR, NewAccount(name, name.title(), Role.STEWARD, None), PASSWORD)
        url = stack.enter_context(serving(create_app(index)))
        stu, sam = (stack.enter_context(enter(index, url, name)) for name in ("stu", "sam"))
        eid = look_up_crosswalk(index, OPERATOR, "D01", "D-1").enterprise_id
        assert stu.get(f"/people/{eid}").status_code == 200
        parts = [[RecordRef("D01", "D-1")], [RecordRef("CCWIS", "C-1")]]
        step = split(index, OPERATOR, eid, parts, StepOptions("test")).step
        [incident] = list_incidents(index, OPERATOR)
        assert 'href="/corrections"' not in stu.get("/queue").text
        send_corrections(index, OPERATOR, incident.code)

        assert 'href="/corrections"' in stu.get("/queue").text
        assert 'href="/corrections"' not in sam.get("/queue").text
        page = stu.get("/corrections").text
        assert "D-1" in page
        assert "C-1" in page
        assert "D-1" not in sam.get("/corrections").text
        token = re.search(r'name="csrf" value="(\w+)"', page)[1]
        path = f"/corrections/{incident.code}"
        headers = {"Sec-Fetch-Site": "same-origin"}
        assert stu.post(path, data={"csrf": token}, headers=headers).status_code == 303
        assert stu.post(path, data={"csrf": token}, headers=headers).status_code == 409
        token = re.search(r'name="csrf" value="(\w+)"', sam.get("/queue").text)[1]
        assert sam.post(path, data={"csrf": token}, headers=headers).status_code == 404
        [confirmed] = [
            each for each in show_incident(index, OPERATOR, incident.code).recipients if each.client == "stu"
        ]
        assert confirmed.acknowledged_by == "stu"

        undo_step(index, OPERATOR, step)
        page = stu.get("/corrections").text
        assert "This correction was withdrawn on" in page
        assert "undo what you changed because of that correction" in page
        assert page.count("Confirm it by") == 1
        assert 'href="/corrections"' in stu.get("/queue").text

"""An operator sends files of a source with minimum holdings to learn who is in care."""

import json
import re
import time

from mpi.api.app import create_app
from mpi.domain.viewer import Action
from mpi.service.records.upsert import upsert
from tests.index import OPERATOR, load_rows, open_test_index
from tests.unit.api.live import add_key, calling
from tests.unit.api.pages.desk.test_sign_in import SAME
from tests.unit.service.holdings.conftest import add_care_sources

HEADER = "local_id,first_name,last_name,birth_date\n"
ROWS = {
    "x": "x,Quillon,Marrowbone,2013-05-17\n",
    "y": "y,Tamsin,Featherlow,2011-02-08\n",
    "z": "z,Orla,Wintergreen,2010-09-21\n",
}
NAMES = ("local_id", "first_name", "last_name", "birth_date")
NIGHTLY = [dict(zip(NAMES, row.strip().split(","), strict=True)) for row in ROWS.values()]
FILES = {
    "whose withdrawals would count": ROWS["z"],
    "without a local ID": ",Nameless,Nobody,2012-01-01\n",
    "of the child": ROWS["x"],
    "of all": "".join(ROWS.values()),
}
"""Rows of the files that are sent, whole and in part, to be tried and to be loaded."""


def _send(client, rows, **fields):
    """Send a file, and return the end of its job."""
    files = {"file": ("a.csv", (HEADER + rows).encode())}
    answer = client.post("/v1/sources/school/loads", files=files, data=fields)
    if answer.status_code != 202:
        return {"problem": answer.json()["detail"]}
    while (job := client.get(answer.headers["location"]).json())["state"] == "running":
        time.sleep(0.05)
    return job


def _read_all(client, people, job):
    """Return all that the API and the pages say of a job and its load."""
    number = job.get("result")
    paths = ["/v1/loads", "/v1/jobs", "/v1/reports/loads"]
    pages = [f"/jobs/{job.get('id')}"]
    if number:
        paths += [f"/v1/loads/{number}", f"/v1/loads/{number}/rejects"]
        pages += [f"/loads/{number}", f"/loads/{number}/rejects.csv"]
    said = [job, *(client.get(path).json() for path in paths), *(people.get(page).text for page in pages)]
    if number:
        said += [
            client.post(f"/v1/loads/{number}:undo", json={"preview": preview}).json()
            for preview in (True, False)
        ]
        said.append(client.get("/v1/loads").json())
    return [_without_times(each) for each in said]


def _without_times(said):
    """Return what was said without times, tokens and durations."""
    text = said if isinstance(said, str) else json.dumps(said, sort_keys=True)
    text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z?|\w{3} \d{1,2}, \d{4}[^<]*", "TIME", text)
    text = re.sub(r'name="csrf" value="\w+"|urn:uuid:[\w-]+', "TOKEN", text)
    return re.sub(r'"previous_s": (\d+|null)|[^>]*\bseconds?\b[^<]*', "DURATION", text)


def _watch(folder, in_care):
    """Return what an operator is told, where one child of the nightly file is in care."""
    with open_test_index(folder) as index:
        add_care_sources(index)
        [child] = [row for row in NIGHTLY if row["local_id"] == in_care]
        load_rows(index, "welfare", {**child, "local_id": "c"})
        load_rows(index, "school", *NIGHTLY)
        key = add_key(index, "nightly", {Action.LOAD, Action.REPORT})
        with (
            calling(create_app(index), key) as client,
            calling(create_app(index, open_pages=True), None) as people,
        ):
            people.cookies.set("mpi-acting-as", "operator")
            people.headers.update(SAME)
            told = {
                (name, snapshot, dry_run): _read_all(
                    client, people, _send(client, rows, snapshot=snapshot, dry_run=dry_run)
                )
                for name, rows in FILES.items()
                for snapshot in ("full", "delta")
                for dry_run in ("true", "false")
                if snapshot == "full" or rows == ROWS["x"]
            }
            upsert(index, OPERATOR, "school", {**child, "restrictions": [{"kind": "sealed"}]})
            for dry_run in ("true", "false"):
                job = _send(client, ROWS["x"], dry_run=dry_run)
                told["of a sealed child", "delta", dry_run] = _read_all(client, people, job)
            return told


def test_no_file_of_minimum_holdings_tells_an_operator_who_is_in_care(tmp_path, attack):
    with attack("Files that would tell who is in care") as attempts:
        told, told_of_another = (_watch(tmp_path / in_care, in_care) for in_care in ("x", "y"))
        for attempt, answers in told.items():
            pairs = zip(answers, told_of_another[attempt], strict=False)
            different = [pair for pair in pairs if pair[0] != pair[1]]
            is_through = bool(different) or len(answers) != len(told_of_another[attempt])
            attempts.add(is_through=is_through, what=(attempt, different[:1]))

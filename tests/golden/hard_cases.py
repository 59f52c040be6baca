"""Golden pairs, each a scene of its own in a simulated state, resolved by the real service.

The pairs of the field stand in ``hard_cases.csv`` of the evaluation data, those of this project in
``cases.toml`` beside this module.
"""

import csv
import json
import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpi.bootstrap import init_index, open_index
from mpi.config import Settings
from mpi.domain.errors import NotFoundError
from mpi.domain.snapshot import Snapshot
from mpi.domain.viewer import make_operator
from mpi.intake.rows import CanonicalRow
from mpi.service.core.index import Index
from mpi.service.loads.load import LoadOptions, load
from mpi.service.persons.crosswalk_export import export_crosswalk
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.review.task_list import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from tests.golden.scenes import OTHERS, RECLUSTERED, OtherRecord
from training.simulate.simulation import simulate

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MPI_EVAL_DATA", ROOT.parent / "shared" / "data"))
FIELD_CASES = DATA / "hardcases" / "hard_cases.csv"
OWN_CASES = Path(__file__).with_name("cases.toml")
OPERATOR = make_operator()
STATE_RECORDS = 5_000
_ADDRESS = re.compile(r"(?P<line>.*?)\s+(?P<postal>\d{5})(?:\s+\((?:(?P<type>placement)|.*)\))?")
_RELATIONSHIPS = ("foster parent", "grandmother")
_MOST_TASKS = 1000

Record = dict[str, object]


@dataclass(frozen=True)
class Case:
    """A golden pair: two records as sent, each with its source, and the expected decision."""

    name: str
    topic: str
    expected: str
    left: tuple[str, Record]
    right: tuple[str, Record]


def cases() -> dict[str, Case]:
    """Return the golden pairs by name: the field's, where its file is at hand, and our own."""
    return {case.name: case for case in (*_read_field_cases(), *_read_own_cases())}


def _read_field_cases() -> list[Case]:
    if not FIELD_CASES.is_file():
        return []
    with FIELD_CASES.open(encoding="utf-8", newline="") as file:
        return [_case_from_row(row) for row in csv.DictReader(file)]


def _read_own_cases() -> list[Case]:
    return [
        Case(
            case["name"],
            case["topic"],
            case["expected"],
            _record_from_table(case, "left"),
            _record_from_table(case, "right"),
        )
        for case in tomllib.loads(OWN_CASES.read_text("utf-8"))["case"]
    ]


def _record_from_table(case: Mapping[str, Any], side: str) -> tuple[str, Record]:
    record: Record = {**case[side], "local_id": f"{case['name']}-{side}"}
    if "state_id" in record:
        record["identifiers"] = _state_id(str(record.pop("state_id")))
    return str(record.pop("source")), record


def make_state(home: Path) -> None:
    """Make an index with a simulated state, to be copied for each scene."""
    index, _key = init_index(_settings(home), is_test=True)
    for source in ("CCWIS", "SIS"):
        add_source(index, OPERATOR, NewSource(source))
    for source, file in simulate(records=STATE_RECORDS, seed=41).files.items():
        add_source(index, OPERATOR, NewSource(str(source)))
        columns = list(file.columns.items())
        rows = [
            CanonicalRow(line + 2, None, {name: column[line] for name, column in columns if column[line]})
            for line in range(len(file))
        ]
        load(index, OPERATOR, str(source), rows, LoadOptions(Snapshot.FULL))
    index.database.dispose()


def decide(case: Case, state: Path, folder: Path) -> str:
    """Resolve the scene in a copy of the state and return the decision for the pair."""
    shutil.copytree(state, folder)
    with _open_index(folder) as index:
        for source, record in others(case):
            upsert(index, OPERATOR, source, record)
        if case.name in RECLUSTERED:
            recluster(index, OPERATOR, index.matcher, apply=True, refresh_lists=True)
        if case.name == "HC15":
            return _decide_sealed_after_linking(index, case)
        if case.name.startswith("HC28"):
            return _decide_after_expungement(index, case)
        for source, record in (case.left, case.right):
            upsert(index, OPERATOR, source, record)
        return _decision(index, case)


def _decision(index: Index, case: Case) -> str:
    left, right = ((source, str(record["local_id"])) for source, record in (case.left, case.right))
    persons = {(row.source, row.local_id): row.enterprise_id for row in export_crosswalk(index, OPERATOR)}
    if persons[left] == persons[right]:
        return "link"
    task_records = (
        {(label.source, label.local_id) for label in task.records}
        for task in list_review_tasks(index, OPERATOR, _MOST_TASKS)
    )
    return "review" if {left, right} in task_records else "no_link"


def _decide_sealed_after_linking(index: Index, case: Case) -> str:
    """Send both records without the seal, then the seal."""
    (source, sealed), (school, school_record) = case.left, case.right
    unsealed = {name: value for name, value in sealed.items() if name != "restrictions"}
    upsert(index, OPERATOR, source, unsealed)
    link_result = upsert(index, OPERATOR, school, school_record)
    assert link_result.outcome == "linked", "the two must be linked before the seal"
    upsert(index, OPERATOR, source, sealed)
    shown_record = read(index, OPERATOR, school, str(school_record["local_id"]))
    is_unchanged = shown_record["enterprise_id"] == link_result.enterprise_id
    return (
        "blocked" if is_unchanged and _is_unknown(index, source, str(sealed["local_id"])) else "not blocked"
    )


def _decide_after_expungement(index: Index, case: Case) -> str:
    """Expunge a known client, then send it again, or refer it under another number."""
    expunged, second_record = (case.left, case.right) if case.name == "HC28" else (case.right, case.left)
    source, record = expunged
    upsert(index, OPERATOR, source, {n: v for n, v in record.items() if n != "restrictions"})
    upsert(index, OPERATOR, source, record)
    answer = upsert(index, OPERATOR, source, second_record[1])
    if answer.outcome == "refused":
        return "blocked"
    is_alone = answer.outcome == "created" and not answer.tasks
    return "no_link" if is_alone and _is_unknown(index, source, str(record["local_id"])) else "link"


def _is_unknown(index: Index, source: str, local_id: str) -> bool:
    try:
        read(index, OPERATOR, source, local_id)
    except NotFoundError:
        pass
    else:
        return False
    return all((row.source, row.local_id) != (source, local_id) for row in export_crosswalk(index, OPERATOR))


def others(case: Case) -> Iterator[tuple[str, Record]]:
    """Yield the other records of the scene."""
    for number, scene_record in enumerate(OTHERS.get(case.name, ())):
        yield scene_record.source, _record_of_other(case, scene_record, number)


def _record_of_other(case: Case, scene_record: OtherRecord, number: int) -> Record:
    base = dict(case.left[1] if scene_record.like == "left" else case.right[1]) if scene_record.like else {}
    record = {**base, "local_id": f"other-{number}", **scene_record.changes}
    if scene_record.source == "SIS":
        record["identifiers"] = _state_id(f"98000000{number:02}")
    elif "identifiers" not in scene_record.changes:
        record.pop("identifiers", None)
    return {name: value for name, value in record.items() if value is not None}


@contextmanager
def _open_index(home: Path) -> Iterator[Index]:
    index = open_index(_settings(home))
    try:
        yield index
    finally:
        index.database.dispose()


def _settings(home: Path) -> Settings:
    return Settings(home=home, database_url=None, model=None, secret_file=None)


def _case_from_row(row: Mapping[str, str]) -> Case:
    return Case(
        row["case_id"],
        row["topic"],
        row["expected"],
        (row["l_source"], _record_from_row("l", row)),
        (row["r_source"], _record_from_row("r", row)),
    )


def _record_from_row(side: str, row: Mapping[str, str]) -> Record:
    record: Record = {
        "first_name": row[f"{side}_first"],
        "middle_name": row[f"{side}_middle"],
        "last_name": row[f"{side}_last"],
        "suffix": row[f"{side}_suffix"],
        "birth_date": row[f"{side}_dob"],
        "sex": row[f"{side}_sex"],
        **_parse_address(row[f"{side}_address"]),
        **_parse_guardian(row[f"{side}_guardian"]),
        **_parse_ids(row[f"{side}_ids"]),
    }
    if side == "l" and "DOB estimated" in row["context"]:
        record["birth_date_quality"] = "estimated"
    return {name: value for name, value in record.items() if value}


def _parse_address(text: str) -> Record:
    match = _ADDRESS.fullmatch(text)
    if match is None:
        return {}
    home: Record = {"address_line1": match["line"], "postal_code": match["postal"]}
    return {"addresses": json.dumps([{**home, "type": match["type"]}])} if match["type"] else home


def _parse_guardian(text: str) -> Record:
    relationship = next((each for each in _RELATIONSHIPS if text.startswith(each)), None)
    names = text.removeprefix(relationship or "").replace(" Sr", "").split()
    if not names:
        return {}
    return {
        "guardian_first_name": names[0].rstrip("."),
        "guardian_last_name": " ".join(names[1:]) or None,
        "guardian_relationship": relationship,
    }


def _parse_ids(text: str) -> Record:
    first, *notes = text.split(";")
    system, local_id = first.split(":", 1)
    record: Record = {"local_id": local_id}
    if system == "ssid":
        record["identifiers"] = _state_id(local_id)
    for note in notes:
        record |= _parse_note(note)
    return record


def _parse_note(note: str) -> Record:
    name, _, value = note.partition("=")
    if name == "district":
        district, kind, day = value.split()
        return {"district_id": district, f"{kind}_date": day}
    if name.startswith("enrolled"):
        _, district, day = name.split()
        return {"district_id": district, "entry_date": day.rstrip(".")}
    if name == "aka":
        first_name, surname = value.split()
        return {"other_names": json.dumps([{"first_name": first_name, "last_name": surname}])}
    return {
        "multiple_birth": {"multiple_birth": "true"},
        "ssn4": {"ssn_last4": value},
        "status": {"restrictions": json.dumps([{"kind": "sealed"}])},
        "expunged": {"restrictions": json.dumps([{"kind": "expunged"}])},
        "acp": {"restrictions": json.dumps([{"kind": "address_confidential"}])},
        "previous_birth_date": {"previous_birth_dates": value},
    }[name]


def _state_id(value: str) -> str:
    return json.dumps([{"system": "state_student_id", "assigner": "SEA", "value": value}])

"""Probes of an attacker who may write to a school source, and their result.

Each probe is made for a child that child welfare holds, or for one that nobody holds. It returns whether the
attacker takes the child for one of child welfare. In the index of a scope that must never be so. Where
readers of sources share one index, the same probes find the children (the control).
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, Viewer
from mpi.service.core.index import Index
from mpi.service.persons.persons import look_up_crosswalk
from mpi.service.quality.dashboard import measure_quality
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.review.task_list import list_review_tasks
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.expunge_requests import MAX_RECORDS, approve_expunges
from mpi.service.stewardship.merge_split_move import StepOptions, merge
from tests.index import OPERATOR, SECOND_PERSON, load_rows, make_child, many_children, open_test_index
from tests.scopes import open_scoped_indexes

SCHOOL, WELFARE = "sis", "ccwis"
READER = Viewer("school", "school_stability", frozenset(Action), frozenset({SCHOOL}))
"""The attacker: a client that may do everything, with the records of one school source."""
ANALYST = Viewer("analyst", "system_admin", ACTIONS_BY_ROLE[Role.OPERATOR], None)
"""The attacker's second role, which sees figures and no records."""
KNOWN_CHILDREN = 20
"""Children who are in care and in school from the beginning, so that no figure is suppressed as small."""


@dataclass(frozen=True)
class Target:
    """What the attacker works on.

    Args:
        index: the index that answers.
        sync: lets the shared index follow.
    """

    index: Index
    sync: Callable[[], object]

    def put(self, local_id: str, **content: object) -> str:
        """Send a made-up record; return its enterprise ID."""
        resolved = upsert(self.index, READER, SCHOOL, make_child(local_id, **content))
        self.sync()
        return str(resolved.enterprise_id)

    def delete(self, *local_ids: str) -> None:
        """Withdraw made-up records."""
        for local_id in local_ids:
            withdraw(self.index, READER, SCHOOL, local_id)
        self.sync()


@dataclass(frozen=True)
class Outcome:
    """For how many children a probe says that child welfare holds them.

    Args:
        children: of the children that it holds.
        others: of as many that nobody holds.
        count: number of each.
    """

    children: int
    others: int
    count: int


def put_delete_and_put_again(target: Target, child: dict[str, object]) -> bool:
    """Return whether an ID persists over a withdrawal and a new local ID."""
    known = _names_of(child)
    first = target.put(f"{child['local_id']}-1", **known)
    target.delete(f"{child['local_id']}-1")
    second = target.put(f"{child['local_id']}-2", **known)
    target.delete(f"{child['local_id']}-2")
    return first == second


def send_two_half_records(target: Target, child: dict[str, object]) -> bool:
    """Return whether two records join that match nothing but a record of the child.

    The first has name, birth date and ZIP, the second another last name, the birth date and the SSN.
    """
    known = _names_of(child)
    target.put(f"{child['local_id']}-3", **known)
    changed = {"last_name": "Quill", "postal_code": None, "ssn": child["ssn"]}
    second = target.put(f"{child['local_id']}-4", **{**known, **changed})
    first = look_up_crosswalk(target.index, READER, SCHOOL, f"{child['local_id']}-3").enterprise_id
    target.delete(f"{child['local_id']}-3", f"{child['local_id']}-4")
    return first == second


def preview_a_merge(target: Target, child: dict[str, object]) -> bool:
    """Return whether the younger of two persons with one record each would survive.

    The survivor is the person with most records, and then the oldest.
    """
    stranger = many_children(1, 900_000 + int(str(child["local_id"])[1:]))[0]
    older = target.put(f"{child['local_id']}-5", **_names_of(stranger))
    younger = target.put(f"{child['local_id']}-6", **_names_of(child))
    options = StepOptions("same-child", preview=True)
    effect = merge(target.index, READER, [older, younger], options)
    survivor = next(person.enterprise_id for person in effect.persons if person.change == "kept")
    target.delete(f"{child['local_id']}-5", f"{child['local_id']}-6")
    return survivor == younger


def look_for_a_question(target: Target, child: dict[str, object], reader: Viewer = READER) -> bool:
    """Return whether the index asks about two records that it would link by themselves.

    They share a made-up SSN, birth date and ZIP. The first has the child's name, the second another one. A
    record of the child matches the first about as well, and is not the second's child.
    """
    known = {**_names_of(child), "ssn": "412-55-9182"}
    sent = [f"{child['local_id']}-8", f"{child['local_id']}-9"]
    target.put(sent[0], **known)
    target.put(sent[1], **{**known, "first_name": "Zuri", "last_name": "Quill"})
    tasks = list_review_tasks(target.index, reader, 1000)
    target.delete(*sent)
    return any({record.local_id for record in task.records} == set(sent) for task in tasks)


def compare_figures(target: Target, child: dict[str, object]) -> bool:
    """Return whether one more child in care is found after a record of the child was sent."""
    before = measure_quality(target.index, ANALYST).match_rate
    target.put(f"{child['local_id']}-7", **_names_of(child))
    after = measure_quality(target.index, ANALYST).match_rate
    target.delete(f"{child['local_id']}-7")
    return (before.in_care, before.found) != (after.in_care, after.found)


PROBES: dict[str, Callable[[Target, dict[str, object]], bool]] = {
    "PUT, DELETE, PUT": put_delete_and_put_again,
    "two half-records": send_two_half_records,
    "survivor of a merge preview": preview_a_merge,
    "question about two records": look_for_a_question,
    "figures before and after": compare_figures,
}
"""The probes, by name."""


def make_children(count: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return children that child welfare holds, and as many others."""
    children = [
        {**child, "ssn": f"219-{10 + number // 9000:02}-{1000 + number % 9000}"}
        for number, child in enumerate(many_children(2 * count + KNOWN_CHILDREN))
    ]
    return children[KNOWN_CHILDREN::2], children[KNOWN_CHILDREN + 1 :: 2]


def run_probes(target: Target, count: int) -> dict[str, Outcome]:
    """Make every probe for children of child welfare and for others, in random order."""
    held, others = make_children(count)
    order = [(child, True) for child in held] + [(child, False) for child in others]
    outcomes = {}
    for name, probe in PROBES.items():
        random.Random(name).shuffle(order)
        found = [is_held for child, is_held in order if probe(target, child)]
        outcomes[name] = Outcome(sum(found), len(found) - sum(found), count)
    return outcomes


@contextmanager
def open_scope_target(folder: Path, count: int) -> Iterator[Target]:
    """Open the scope of the schools, beside that of child welfare."""
    with open_scoped_indexes(folder, {"education": (), "child_welfare": ()}) as indexes:
        education = indexes.scopes["education"]
        _fill_school(education)
        _fill_welfare(indexes.scopes["child_welfare"], count)
        indexes.sync()
        yield Target(education, indexes.sync)


@contextmanager
def open_shared_target(folder: Path, count: int) -> Iterator[Target]:
    """Open one index for schools and child welfare."""
    with open_test_index(folder) as index:
        _fill_school(index)
        _fill_welfare(index, count)
        yield Target(index, lambda: None)


def _fill_school(index: Index) -> None:
    """Add the school source, with children who are in care."""
    add_source(index, OPERATOR, NewSource(SCHOOL, kind=SourceKind.SIS))
    load_rows(index, SCHOOL, *many_children(KNOWN_CHILDREN))


def _fill_welfare(index: Index, count: int) -> None:
    """Add the source of child welfare, with children in care; a tenth are sealed, and a tenth expunged."""
    add_source(index, OPERATOR, NewSource(WELFARE, kind=SourceKind.CCWIS))
    in_care = [{"population": "foster_care", "value": "Y"}]
    held, _others = make_children(count)
    load_rows(
        index,
        WELFARE,
        *({**child, "flags": in_care} for child in many_children(KNOWN_CHILDREN)),
        *({**child, "flags": in_care} for child in held),
    )
    restricted = dict.fromkeys(range(0, count, 10), "sealed") | dict.fromkeys(range(5, count, 10), "expunged")
    rows = [{**held[number], "restrictions": [{"kind": kind}]} for number, kind in restricted.items()]
    load_rows(index, WELFARE, *rows, confirm=True)
    expunged = [str(child["local_id"]) for child in held[5::10]]
    for start in range(0, len(expunged), MAX_RECORDS):
        approve_expunges(index, SECOND_PERSON, WELFARE, expunged[start : start + MAX_RECORDS])


def _names_of(child: dict[str, object]) -> dict[str, object]:
    """Return what an attacker knows of a child."""
    return {name: child[name] for name in ("first_name", "last_name", "birth_date", "postal_code")}

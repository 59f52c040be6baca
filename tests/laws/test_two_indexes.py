"""A reader of one scope gets what an index without the other scopes would answer (law 7).

Two sites get the same calls of one school client. The first site also has a child-welfare agency, whose
records come and go at random; the second has never heard of it. Every answer must be equal to the byte, once
enterprise IDs, which are random, are replaced by the numbers of their persons.

``LAWS_EXAMPLES`` and ``LAWS_STEPS`` make it run longer than in the suite (`scripts/prove-scopes`).
"""

import os
import re
import shutil
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mpi.api.app import create_app
from mpi.domain import clock
from mpi.service.quality.publication import publish_figures
from mpi.service.records.upsert import upsert, withdraw
from tests.index import OPERATOR, crosswalk, make_child, many_children, open_test_index
from tests.laws.record_strategies import content_to_json, contents
from tests.scopes import open_scoped_indexes
from tests.unit.api.live import add_key, calling

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "6"))
STEPS = int(os.environ.get("LAWS_STEPS", "12"))
SHRINK = "LAWS_SHRINK" in os.environ
SECRET = "5a" * 32
START = datetime(2031, 9, 1, tzinfo=UTC)
IN_MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # noqa: S108 - of our own
EID = re.compile(r"\bT?[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}\b")
ETAG = re.compile(r"\"[0-9a-f]{32}\"")
"""An ETag is a hash of what an answer shows, enterprise IDs among it."""
EID_LIST = re.compile(r"\"P\d+\"(,\"P\d+\")+")
RANDOM_HEADERS = frozenset({"date", "x-request-id"})

local_ids = st.sampled_from([f"r{number}" for number in range(4)])
sources = st.sampled_from(["sis", "sis2"])


class Site:
    """The index of a school's scope, served, with or without another agency beside it."""

    def __init__(self, stack: ExitStack, folder: Path, *, has_agency: bool) -> None:
        scopes = {"education": ("sis", "sis2")} | ({"child_welfare": ("ccwis",)} if has_agency else {})
        self.indexes = stack.enter_context(open_scoped_indexes(folder, scopes, secret=SECRET))
        self.index = self.indexes.scopes["education"]
        key = add_key(self.index, "school")
        app, desk = create_app(self.index), create_app(self.index, open_pages=True)
        self.client = stack.enter_context(calling(app, key))
        self.people = stack.enter_context(calling(desk, None))
        self.api_paths = sorted(path for path, calls in app.openapi()["paths"].items() if "get" in calls)
        self.page_paths = sorted(
            route.path
            for route in desk.routes
            if "GET" in (getattr(route, "methods", None) or ()) and route.path not in self.api_paths
        )
        self.headers = {"Purpose-Of-Use": "school_stability"}
        self.tags: dict[str, str] = {}

    def call(self, method: str, path: str, **options) -> tuple[object, ...]:
        """Send a call of the school's client; return the answer without random identifiers."""
        return self._describe(self.client.request(method, path, headers=self.headers, **options))

    def open_page(self, path: str) -> tuple[object, ...]:
        """Open a page of the desk; return it without random identifiers."""
        return self._describe(self.people.get(path, headers={"Accept": "text/html"}))

    def _describe(self, answer) -> tuple[object, ...]:
        headers = {name: value for name, value in answer.headers.items() if name not in RANDOM_HEADERS}
        return answer.status_code, self._name(str(sorted(headers.items()))), self._name(answer.text)

    def _name(self, text: str) -> str:
        with self.index.database.read(OPERATOR) as unit:
            text = text.replace(unit.configs.index_info().generation, "GENERATION")
            persons = {eid: unit.persons.find_by_eid(eid) for eid in set(EID.findall(text))}
        text = re.sub(r"urn:uuid:[0-9a-f-]{36}", "UUID", text)
        text = EID.sub(lambda found: f"P{persons[found[0]].id}" if persons[found[0]] else found[0], text)
        text = ETAG.sub(lambda found: self.tags.setdefault(found[0], f"TAG{len(self.tags)}"), text)
        # Enterprise IDs are listed in their own order, which is random.
        return EID_LIST.sub(lambda found: ",".join(sorted(found[0].split(","))), text)

    def person_of(self, source: str, local_id: str) -> str:
        """Return the enterprise ID of a record here, or one that does not exist."""
        return crosswalk(self.index).get((source, local_id), "T000-0000-0000")


def assert_equal(answer, expected) -> None:
    """Compare two answers, and show where they differ first."""
    for part, expected_part in zip(map(str, answer), map(str, expected), strict=True):
        pairs = enumerate(zip(part, expected_part, strict=False))
        start = max(0, next((place for place, (one, other) in pairs if one != other), 0) - 80)
        assert part[start : start + 300] == expected_part[start : start + 300]
        assert part == expected_part


class TwoIndexes(RuleBasedStateMachine):
    """Equal calls to two sites, one of which also has another agency's records."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.time = START
        self.stack.enter_context(clock.set_clock(lambda: self.time))
        self.folder = Path(tempfile.mkdtemp(prefix="two-", dir=IN_MEMORY))
        self.stack.callback(shutil.rmtree, self.folder)
        self.with_agency = Site(self.stack, self.folder / "with", has_agency=True)
        self.alone = Site(self.stack, self.folder / "alone", has_agency=False)

    def teardown(self) -> None:
        self.stack.close()

    def both(self, method: str, path: str, **options) -> None:
        """Send one call to both sites and compare the answers."""
        self.time += timedelta(hours=5)
        answers = [site.call(method, path, **options) for site in (self.with_agency, self.alone)]
        assert_equal(*answers)

    def both_get(self, path: str, source: str, local_id: str, number: int, *, is_page: bool = False) -> None:
        """Read one path at both sites, about the same record, and compare the answers."""
        self.time += timedelta(hours=5)
        answers = []
        for site in (self.with_agency, self.alone):
            values = {"source": source, "local_id": local_id, "eid": site.person_of(source, local_id)}
            parts = re.split(r"\{(\w+)(?::\w+)?\}", path)
            parts[1::2] = [str(values.get(name, number)) for name in parts[1::2]]
            answers.append(site.open_page("".join(parts)) if is_page else site.call("GET", "".join(parts)))
        assert_equal(*answers)

    @rule(local_id=local_ids, content=contents)
    def the_agency_sends_a_record(self, local_id, content):
        record = dict.fromkeys(make_child(None)) | content_to_json(content)
        as_of = clock.format_timestamp(self.time)
        upsert(
            self.with_agency.indexes.scopes["child_welfare"],
            OPERATOR, "ccwis", make_child(local_id, **record, as_of=as_of),
        )  # fmt: skip

    @rule()
    def figures_are_published(self):
        for site in (self.with_agency, self.alone):
            publish_figures(site.index, OPERATOR)
        self.time += timedelta(days=1)

    @rule(local_id=local_ids)
    def the_agency_withdraws_a_record(self, local_id):
        index = self.with_agency.indexes.scopes["child_welfare"]
        if ("ccwis", local_id) in crosswalk(index):
            withdraw(index, OPERATOR, "ccwis", local_id)

    @rule()
    def the_shared_indexes_follow(self):
        self.with_agency.indexes.sync()
        self.alone.indexes.sync()

    @rule(source=sources, local_id=local_ids, content=contents)
    def the_school_sends_a_record(self, source, local_id, content):
        self.both("PUT", f"/v1/sources/{source}/records/{local_id}", json=content_to_json(content))

    @rule(source=sources, local_id=local_ids)
    def the_school_withdraws_a_record(self, source, local_id):
        self.both("DELETE", f"/v1/sources/{source}/records/{local_id}")

    @rule(content=contents)
    def the_school_searches(self, content):
        self.both("POST", "/v1/persons:search", json=content_to_json(content))

    @rule(data=st.data(), source=sources, local_id=local_ids, number=st.integers(1, 3))
    def the_school_reads(self, data, source, local_id, number):
        path = data.draw(st.sampled_from(self.with_agency.api_paths))
        self.both_get(path, source, local_id, number)

    @rule(data=st.data(), source=sources, local_id=local_ids, number=st.integers(1, 3))
    def a_steward_of_the_school_opens_a_page(self, data, source, local_id, number):
        path = data.draw(st.sampled_from(self.with_agency.page_paths))
        self.both_get(path, source, local_id, number, is_page=True)

    @rule(
        first=local_ids, second=local_ids, kind=st.sampled_from(["SAME", "DIFFERENT"]), preview=st.booleans()
    )
    def the_school_decides(self, first, second, kind, preview):
        ends = [{"source": "sis", "local_id": first}, {"source": "sis2", "local_id": second}]
        groups = [ends] if kind == "SAME" else [[ends[0]], [ends[1]]]
        self.both(
            "POST",
            "/v1/decisions",
            json={"kind": kind, "groups": groups, "reason": "test", "preview": preview},
        )

    @rule(source=sources, local_id=local_ids, other=sources, other_id=local_ids, preview=st.booleans())
    def the_school_merges(self, source, local_id, other, other_id, preview):
        self.time += timedelta(hours=5)
        answers = []
        for site in (self.with_agency, self.alone):
            eids = [site.person_of(source, local_id), site.person_of(other, other_id)]
            body = {"persons": eids, "reason": "test", "preview": preview}
            answers.append(site.call("POST", "/v1/persons:merge", json=body))
        assert_equal(*answers)

    @invariant()
    def the_crosswalks_have_the_same_partition(self):
        parts = []
        for site in (self.with_agency, self.alone):
            persons: dict[str, set] = {}
            for record, eid in crosswalk(site.index).items():
                persons.setdefault(eid, set()).add(record)
            parts.append({frozenset(records) for records in persons.values()})
        assert parts[0] == parts[1]


TwoIndexes.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    # Shrinking a run of many steps takes minutes, so it is off unless somebody looks for a fault.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if SHRINK else [])],
)
test_two_indexes = TwoIndexes.TestCase


def test_a_put_deleted_and_sent_again_under_another_local_id_tells_nothing(tmp_path):
    """The probe that found 120 of 120 children in care on one index for all sources."""
    children = many_children(20)
    with open_scoped_indexes(tmp_path, {"education": ("sis",), "child_welfare": ("ccwis",)}) as indexes:
        education = indexes.scopes["education"]
        for child in children[::2]:
            upsert(indexes.scopes["child_welfare"], OPERATOR, "ccwis", child)
        indexes.sync()
        assert not any(_returns_the_same_id(education, indexes.sync, child) for child in children)


def test_the_probe_tells_where_readers_of_sources_share_one_index(tmp_path):
    """The control: without scopes the same probe finds exactly the children of the other agency."""
    children = many_children(6)
    with open_test_index(tmp_path, "sis", "ccwis") as index:
        for child in children[::2]:
            upsert(index, OPERATOR, "ccwis", child)
        found = [_returns_the_same_id(index, lambda: None, child) for child in children]
        assert found == [True, False] * 3


def _returns_the_same_id(index, sync, child) -> bool:
    """Return whether an ID persists over a withdrawal and a new local ID."""
    probe = {**child, "local_id": f"probe-{child['local_id']}"}
    first = upsert(index, OPERATOR, "sis", probe)
    sync()
    withdraw(index, OPERATOR, "sis", probe["local_id"])
    sync()
    second = upsert(index, OPERATOR, "sis", {**probe, "local_id": f"again-{child['local_id']}"})
    withdraw(index, OPERATOR, "sis", f"again-{child['local_id']}")
    return first.enterprise_id == second.enterprise_id


def test_a_record_of_another_scope_joins_nothing_here(tmp_path):
    """Two half-records that only a hidden record joins stay apart, in every answer."""
    scopes = {"education": ("sis", "sis2"), "child_welfare": ("ccwis",)}
    with open_scoped_indexes(tmp_path, scopes) as indexes:
        education = indexes.scopes["education"]
        upsert(indexes.scopes["child_welfare"], OPERATOR, "ccwis", make_child("c1", ssn="219-09-9998"))
        upsert(education, OPERATOR, "sis", make_child("h1", ssn=None))
        upsert(
            education, OPERATOR, "sis2",
            make_child("h2", first_name="Zoe", last_name="Quill", birth_date="2012-11-30", ssn="219-09-9998"),
        )  # fmt: skip
        indexes.sync()
        assert len(set(crosswalk(education).values())) == 2

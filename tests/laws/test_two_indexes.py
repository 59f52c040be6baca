"""A reader of one scope gets what an index without the other scopes would answer (law 7).

Two sites get the same requests of the callers of a school scope. Other agencies use the first site too: their
records, among them the same children, come and go at random, and the shared index follows. The second site
has never heard of them. Every answer must be equal to the byte, over every route, page, form and command.

``LAWS_EXAMPLES`` and ``LAWS_STEPS`` make it run longer than in the suite (`scripts/prove-scopes`), and print
which routes were answered how; ``LAWS_STORE=postgresql`` runs it there.
"""

import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mpi.api.app import create_app
from mpi.cli.catalog import COMMANDS as CATALOG
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.errors import MpiError
from mpi.domain.record_ref import RecordRef
from mpi.domain.viewer import SecondApprover
from mpi.service.quality.publication import publish_figures
from mpi.service.recluster.recluster_plan import recluster
from mpi.service.records.deferred_search import finish_deferred_searches
from mpi.service.records.upsert import upsert
from mpi.service.records.withdrawal import withdraw
from mpi.service.stewardship.decisions import DecisionRequest, decide
from tests.accounts import PASSWORD, cheap_password_hashing
from tests.index import OPERATOR, crosswalk, load_rows, make_child, open_test_index
from tests.laws import paired_sites, random_calls
from tests.laws.paired_sites import (
    FormParser,
    PairedSites,
    SharedRandomness,
    build_site,
    open_site,
    persons_of,
)
from tests.laws.random_calls import API_CALLS, COMMANDS, COMMANDS_LEFT_OUT, FORMS, PAGES, Chooser, Memory
from tests.laws.record_strategies import content_to_json, contents

EXAMPLES = int(os.environ.get("LAWS_EXAMPLES", "4"))
STEPS = int(os.environ.get("LAWS_STEPS", "12"))
COMMANDS_AT_END = 20 if "LAWS_EXAMPLES" in os.environ else 2
SHRINK = "LAWS_SHRINK" in os.environ
COUNTED = "LAWS_EXAMPLES" in os.environ
STORE = os.environ.get("LAWS_STORE", "sqlite")
START = datetime(2031, 9, 1, tzinfo=UTC)
IN_MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # noqa: S108 - of our own

API_CALLERS = (*paired_sites.API_CLIENTS, *paired_sites.WITHOUT_KEY)
SECOND_PERSONS = ("counsel", "second")
PURPOSES = (
    "school_stability", "emergency_breakglass", "emergency_breakglass", "transport", "system_admin",
    "program_evaluation", "curiosity",
)  # fmt: skip
PAUSES = (timedelta(seconds=1),) * 8 + (timedelta(minutes=7),) * 8 + (timedelta(hours=5), timedelta(days=2))
PEOPLE = tuple(paired_sites.PEOPLE)
LIMITS = (
    {},
    {},
    {"second_approver": SecondApprover.ALWAYS},
    {"block_hard": 3, "block_alarm": 2},
    {"edfi_id_pattern": "OH########*", "edfi_answer_size": 1},
)
"""Settings of the sites, of which a run has one."""
LAST_CONTENT = (("birth_date", "2014-01-20"), ("first_name", "Jayden"), ("last_name", "Cruz"))

seeds = st.integers(0, 2**32)
local_ids = st.sampled_from(random_calls.LOCAL_IDS)
other_agencies = st.sampled_from(
    [(scope, code) for scope, codes in paired_sites.OTHERS.items() for code in codes]
)


@pytest.fixture(scope="module", autouse=True)
def site_homes(tmp_path_factory, request):
    """Make both sites once, to copy for each run."""
    home = tmp_path_factory.mktemp("two")
    TwoIndexes.postgres = request.getfixturevalue("postgres") if STORE == "postgresql" else None
    for name in ("beside", "alone"):
        url = None
        if TwoIndexes.postgres is not None:
            TwoIndexes.databases[name] = TwoIndexes.postgres.new_schema()
            url = TwoIndexes.postgres.url(TwoIndexes.databases[name])
        build_as_ever(home / name, url)
    TwoIndexes.homes = home
    TwoIndexes.calls.clear()
    yield
    if COUNTED:
        print_calls(TwoIndexes.calls)
        print(f"{TwoIndexes.steps_taken} steps")


def build_as_ever(home: Path, database_url: str | None = None) -> None:
    """Make a site at the same time and with the same random numbers as the other one."""
    randomness = SharedRandomness()
    with clock.fixed_clock(START), cheap_password_hashing(), randomness.in_force():
        build_site(home, randomness, has_others=home.name == "beside", database_url=database_url)


def print_calls(calls: dict[tuple[str, int], int]) -> None:
    """Print how often each route, form and command was answered with each status."""
    routes: dict[str, dict[int, int]] = {}
    for (route, status), count in sorted(calls.items()):
        routes.setdefault(route, {})[status] = count
    for route, counts in routes.items():
        print(f"{route}: {', '.join(f'{count} x {status}' for status, count in counts.items())}")
    done = [route for route, counts in routes.items() if any(status < 400 for status in counts)]
    print(f"{sum(calls.values())} requests; {len(routes)} kinds, of which {len(done)} did what was asked")


class TwoIndexes(RuleBasedStateMachine):
    """Equal requests to two sites, one of which other agencies use too."""

    homes: Path
    postgres = None
    databases: ClassVar[dict[str, str]] = {}
    calls: ClassVar[dict[tuple[str, int], int]] = {}
    steps_taken = 0

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.time = START
        self.memory = Memory()
        self.pages: dict[str, FormParser] = {}
        self.stack.enter_context(clock.set_clock(lambda: self.time))
        self.stack.enter_context(cheap_password_hashing())
        randomness = SharedRandomness()
        self.stack.enter_context(randomness.in_force())
        self.folder = Path(tempfile.mkdtemp(prefix="two-", dir=IN_MEMORY))
        self.stack.callback(shutil.rmtree, self.folder)
        self.randomness = randomness

    @initialize(limits=st.sampled_from(LIMITS))
    def open_sites(self, limits):
        beside, alone = (self.open_one(name, limits) for name in ("beside", "alone"))
        self.sites = PairedSites(beside, alone, self.randomness, self.calls)
        self.other = beside.indexes

    def open_one(self, name: str, limits: dict[str, object]) -> paired_sites.Site:
        """Copy the home of a site, and open it."""
        home, url = self.folder / name, None
        shutil.copytree(self.homes / name, home)
        if self.postgres is not None:
            database = self.postgres.new_database(template=self.databases[name])
            self.stack.callback(self.postgres.drop, database)
            url = self.postgres.url(database)
        has_others = name == "beside"
        return open_site(self.stack, home, has_others=has_others, database_url=url, **limits)

    def teardown(self) -> None:
        try:
            if hasattr(self, "sites"):
                self.call_everything()
        finally:
            self.stack.close()

    def call_everything(self) -> None:
        """Call each route and page, and some commands."""
        for number, route in enumerate(API_CALLS):
            self.call(self.choose(number, LAST_CONTENT), "all", route)
        for number, route in enumerate(PAGES):
            c = self.choose(number)
            self.open_page("approver", random_calls.fill_path(c, route), route)
        for number in range(COMMANDS_AT_END):
            c = self.choose(number, LAST_CONTENT)
            self.run(c, c.one_of(*COMMANDS))

    def choose(self, seed: int, content=()) -> Chooser:
        """Let some time pass, and begin to make a request."""
        # Hypothesis likes small numbers, which would choose the same things again and again.
        chance = random.Random(f"{seed} {self.sites.step}")
        self.time += chance.choice(PAUSES)
        persons = persons_of(self.sites.alone.index)
        return Chooser(chance, self.memory, content_to_json(content), self.time, persons)

    def call(self, c: Chooser, caller: str, route: str) -> None:
        """Send a random request to a route of the API."""
        method, path = route.split()
        headers = self.choose_purpose(c, caller)
        if c.is_rare(0.15):
            headers["Idempotency-Key"] = c.one_of("k1", "k2")
        if c.is_rare(0.15):
            headers["If-Match"] = c.seen("etag", '"0"')
        options = API_CALLS[route](c)
        answer = self.sites.send(
            caller, method, random_calls.fill_path(c, path), route=path, headers=headers, **options
        )
        self.memory.learn(answer.text)
        self.memory.note("etag", answer.header("etag"))
        self.memory.note("token", (answer.header("location") or "").partition("/results/")[2])
        if path == "/v1/events" and answer.status == 200:
            self.memory.note("cursor", str(json_of(answer)["cursor"]))

    def choose_purpose(self, c: Chooser, caller: str) -> dict[str, str]:
        """Return headers that name a purpose, mostly a permitted one."""
        if c.is_rare(0.15):
            return {}
        permitted = {"rescue": "emergency_breakglass"}.get(caller, "data_quality")
        purpose = c.one_of(*PURPOSES) if c.is_rare() else permitted
        headers = {"Purpose-Of-Use": purpose}
        if purpose == "emergency_breakglass" and c.is_rare(0.9):
            headers["Break-Glass-Reason"] = "a child is in danger"
        return headers

    @rule(seed=seeds, content=contents)
    def a_client_sends_or_reads_a_record(self, seed, content):
        c = self.choose(seed, content)
        self.call(c, c.one_of(*["all"] * 6, *API_CALLERS), c.one_of(*random_calls.RECORDS))

    @rule(seed=seeds, content=contents)
    def a_client_takes_a_step(self, seed, content):
        self.call(c := self.choose(seed, content), "all", c.one_of(*random_calls.STEPS))

    @rule(seed=seeds, content=contents)
    def a_client_calls_any_route(self, seed, content):
        c = self.choose(seed, content)
        self.call(c, c.one_of(*["all"] * 6, *API_CALLERS), c.one_of(*API_CALLS))

    @rule(seed=seeds)
    def a_second_person_answers_a_request(self, seed):
        c = self.choose(seed)
        self.call(c, c.one_of(*SECOND_PERSONS), c.one_of(*random_calls.REQUESTS))

    @rule(seed=seeds)
    def an_agreement_is_made(self, seed):
        c = self.choose(seed)
        c.path_values["code"] = c.agreement_code()
        self.call(c, "all", "POST /v1/agreements")
        self.call(c, "counsel", "POST /v1/agreements/{code}:approve")
        if c.is_rare(0.6):
            self.run(c, "client bind" if c.is_rare(0.5) else "account bind")
        if c.is_rare(0.4):
            step = c.one_of("suspend", "resume", "end")
            self.call(c, c.one_of("counsel", "all"), f"POST /v1/agreements/{{code}}:{step}")
        self.call(c, c.one_of(*API_CALLERS), "GET /v1/agreements/{code}/history")
        self.open_page(
            c.one_of(*PEOPLE), random_calls.fill_path(c, "/agreements/{code}"), "/agreements/{code}"
        )

    @rule(seed=seeds, content=contents)
    def an_order_is_answered(self, seed, content):
        c = self.choose(seed, content)
        c.path_values |= c.ref()
        kind = c.one_of("sealed", "expunged")
        c.content["restrictions"] = [{"kind": kind, "reference": "26-JV-0412"}]
        self.call(c, "all", "PUT /v1/sources/{source}/records/{local_id}")
        if kind == "sealed":
            self.call(c, c.one_of("all", "second"), "POST /v1/unseal-requests")
        requests = "unseal-requests" if kind == "sealed" else "expunge-requests"
        self.call(c, "all", f"GET /v1/{requests}")
        answer = c.one_of("approve", "approve", "refuse")
        self.call(c, c.one_of("all", *SECOND_PERSONS), f"POST /v1/{requests}:{answer}")
        self.call(c, "all", "GET /v1/sources/{source}/records/{local_id}")
        self.run(c, c.one_of("expunge certificate", "unseal list", "db orders", "verify", "db restored"))

    @rule(seed=seeds, content=contents)
    def emergency_access_is_used(self, seed, content):
        c = self.choose(seed, content)
        for _ in range(3):
            reads = ("GET /v1/persons/{eid}", "POST /v1/persons:search", "GET /v1/crosswalk")
            self.call(c, c.one_of("rescue", "rescue", "all"), c.one_of(*reads, random_calls.RECORDS[1]))
        self.run(c, c.one_of("break-glass list", "break-glass review"))

    @rule(seed=seeds)
    def surplus_records_are_dropped(self, seed):
        c = self.choose(seed)
        c.path_values["source"] = c.source()
        for name in ("source set", "holdings apply", "holdings approve", "holdings list"):
            self.run(c, name)

    @rule(seed=seeds)
    def a_person_opens_a_page(self, seed):
        c = self.choose(seed)
        person, route = c.one_of(*PEOPLE), c.one_of(*PAGES, "a link", "a link", "a link")
        if route == "a link":
            path = c.one_of("/", *(self.pages[person].links if person in self.pages else ()))
        else:
            path = random_calls.fill_path(c, route)
        self.open_page(person, path, route)

    @rule(seed=seeds)
    def a_person_sends_a_form_of_a_page(self, seed):
        c = self.choose(seed)
        person = c.one_of(*PEOPLE, "demo")
        forms = self.pages[person].forms if person in self.pages else []
        # The form to sign out is on every page.
        forms = [form for form in forms if form.action != "/sign-out"] or forms
        if not forms:
            self.open_page(person, c.one_of("/queue", "/find", c.seen("link", "/")), "a link")
            return
        form = c.one_of(*forms)
        values = form.fill(c.chance, lambda name: random_calls.invent_text(c, name))
        if form.method == "GET":
            self.open_page(person, form.action, "a link", params=values)
        else:
            self.send_form(person, form.action, "the action of a form", values)

    @rule(seed=seeds)
    def a_person_sends_any_form(self, seed):
        c = self.choose(seed)
        route = c.one_of(*FORMS)
        person = "demo" if route == "/view-as" else c.one_of(*PEOPLE)
        if person not in self.pages:
            self.open_page(person, "/", "/")
        values = [(name, random_calls.invent_text(c, name)) for name in FORMS[route] if not c.is_rare(0.1)]
        tokens = self.pages[person].values_of("csrf") if person in self.pages else []
        if tokens and not c.is_rare(0.05):
            values.append(("csrf", tokens[0]))
        self.send_form(person, random_calls.fill_path(c, route), route, values)

    def open_page(self, person: str, path: str, route: str, **options: object) -> None:
        """Open a page, and sign in first where that is asked for."""
        answer = self.sites.send(person, "GET", path, route=route, headers={"Accept": "text/html"}, **options)
        if "/sign-in" in (answer.header("location") or ""):
            self.sign_in(person)
            answer = self.sites.send(
                person, "GET", path, route=route, headers={"Accept": "text/html"}, **options
            )
        self.read_page(person, answer)

    def send_form(self, person: str, path: str, route: str, values: list[tuple[str, str]]) -> None:
        """Send a form, and look at the page that it leads to."""
        fields: dict[str, list[str]] = {}
        for name, value in values:
            fields.setdefault(name, []).append(value)
        answer = self.sites.send(person, "POST", path, route=route, data=fields)
        location = answer.header("location")
        if location:
            self.open_page(person, location, "a link")
        else:
            self.read_page(person, answer)

    def read_page(self, person: str, answer) -> None:
        """Remember the forms, links and IDs of a page."""
        if answer.text.startswith("<!"):
            self.pages[person] = FormParser(answer.text)
            self.memory.learn(answer.text)
            for name in ("etag", "seen", "step", "bulk"):
                for value in self.pages[person].values_of(name):
                    self.memory.note(name, value)

    def sign_in(self, person: str) -> None:
        """Sign a person in, as a browser does."""
        page = FormParser(self.sites.send(person, "GET", "/sign-in", route="/sign-in").text)
        values = [
            (name, {"name": person, "password": PASSWORD}.get(name, options[0] if options else ""))
            for name, _kind, options in (page.forms[0].fields if page.forms else [])
        ]
        self.sites.send(person, "POST", "/sign-in", route="/sign-in", data=dict(values))

    @rule(seed=seeds, content=contents)
    def the_operator_of_the_scope_runs_a_command(self, seed, content):
        c = self.choose(seed, content)
        self.run(c, c.one_of(*COMMANDS))

    def run(self, c: Chooser, name: str) -> None:
        """Run a command of the scope's operator."""
        arguments, text, files = random_calls.build_command(c, name)
        result = self.sites.run(*arguments, route=name, text=text, files=files)
        self.memory.learn(str(result[1]))
        if name == "expunge certificate" and "--json" in arguments and "--check" not in arguments:
            self.memory.note("certificate", str(result[1]))

    @rule()
    def deferred_searches_of_the_scope_are_finished(self):
        self.sites.compare(lambda site: finish_deferred_searches(site.index, OPERATOR))

    @rule(agency=other_agencies, local_id=local_ids, content=contents)
    def another_agency_sends_a_record(self, agency, local_id, content):
        scope, source = agency
        as_of = clock.format_timestamp(self.time)
        record = {**dict.fromkeys(make_child(None)), **content_to_json(content)}
        upsert(self.other.scopes[scope], OPERATOR, source, make_child(local_id, **record, as_of=as_of))

    @rule(agency=other_agencies, local_id=local_ids)
    def another_agency_withdraws_a_record(self, agency, local_id):
        scope, source = agency
        if (source, local_id) in crosswalk(self.other.scopes[scope]):
            withdraw(self.other.scopes[scope], OPERATOR, source, local_id)

    @rule(
        agency=other_agencies,
        records=st.lists(st.tuples(local_ids, contents), max_size=4, unique_by=lambda row: row[0]),
    )
    def another_agency_loads_a_file(self, agency, records):
        scope, source = agency
        rows = [
            make_child(local_id, **{**dict.fromkeys(make_child(None)), **content_to_json(content)})
            for local_id, content in records
        ]
        load_rows(self.other.scopes[scope], source, *rows)

    @rule(seed=seeds, kind=st.sampled_from(["SAME", "DIFFERENT"]))
    def a_steward_of_the_shared_index_decides(self, seed, kind):
        chance = random.Random(seed)
        records = [
            {"source": source, "local_id": local_id} for source, local_id in crosswalk(self.other.shared)
        ]
        if len(records) < 2:
            return
        ends = chance.sample(records, 2)
        groups = (tuple(ends),) if kind == "SAME" else tuple((end,) for end in ends)
        try:
            decide(self.other.shared, OPERATOR, decision_request(kind, groups))
        except MpiError:
            return  # it contradicts another decision

    @rule()
    def figures_are_published(self):
        self.sites.compare(lambda site: publish_figures(site.index, OPERATOR))
        self.time += timedelta(days=1)

    @rule()
    def the_shared_indexes_follow(self):
        paired_sites.sync_sites(self.sites)

    @rule()
    def the_shared_index_is_clustered_again(self):
        recluster(self.other.shared, OPERATOR, self.other.shared.matcher, apply=True)

    @invariant()
    def the_persons_are_equal(self):
        assert persons_of(self.sites.beside.index) == persons_of(self.sites.alone.index)
        TwoIndexes.steps_taken += 1


def decision_request(kind: str, groups) -> DecisionRequest:
    """Return a decision about records."""
    return DecisionRequest(
        DecisionKind(kind), [[RecordRef(**record) for record in group] for group in groups], "test"
    )


def json_of(answer) -> dict[str, object]:
    """Return the JSON of an answer."""
    return json.loads(answer.body)


TwoIndexes.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
    # Shrinking a run of many steps takes minutes, so it is off unless somebody looks for a fault.
    phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if SHRINK else [])],
)
test_two_indexes = TwoIndexes.TestCase


def routes_of(router) -> Iterator[tuple[str, str]]:
    """Yield method and path of every route of an application."""
    for route in router.routes:
        nested = getattr(route, "original_router", None)
        if nested is not None:
            yield from routes_of(nested)
            continue
        for method in route.methods - {"HEAD"}:
            yield method, route.path.replace(":path}", "}")


def test_every_route_page_form_and_command_is_called(tmp_path):
    """A new one must be added to `random_calls`, or it is not compared."""
    with open_test_index(tmp_path) as index:
        routes = {*routes_of(create_app(index)), *routes_of(create_app(index, open_pages=True))}
    expected = {*(tuple(route.split()) for route in API_CALLS), *(("GET", path) for path in PAGES)}
    assert routes == expected | {("POST", path) for path in FORMS}
    commands = {name for name, entry in CATALOG.items() if entry.target is not None}
    assert commands == COMMANDS.keys() | COMMANDS_LEFT_OUT.keys()

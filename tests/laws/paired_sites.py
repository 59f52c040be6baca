"""Two sites of one school system: beside other agencies, and alone.

Both sites get the same requests, and every byte of their answers must be equal. Both draw the same random
numbers, so that enterprise IDs, tokens and salts are equal too. Nothing has to be renamed or left out, and
the order of lists that are sorted by ID is compared as well.
"""

import io
import os
import random
import re
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import patch

import httpx

from mpi.api.app import create_app
from mpi.bootstrap import open_index, open_scope
from mpi.cli.client_key import KEY_VARIABLE
from mpi.cli.main import run as run_command
from mpi.config import Settings
from mpi.domain.errors import MpiError
from mpi.domain.roles import Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action
from mpi.policy.agreement import Agreement, Grant
from mpi.policy.parties import Party, PartyKind
from mpi.service.access.accounts.account_rights import bind_account, grant_actions
from mpi.service.access.clients import bind_client
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.scopes.transfer import transfer_changes
from mpi.service.statements.sources import NewSource, add_source
from tests.accounts import add_person
from tests.desk import similar_child
from tests.index import OPERATOR, load_rows, make_child, make_tuning, many_children
from tests.scopes import ScopedIndexes, open_scoped_indexes
from tests.unit.api.live import add_key, serving

SECRET = "5a" * 32
EDUCATION = "education"
SCHOOLS = ("sis", "sis2")
OTHERS = {"child_welfare": ("ccwis", "courts"), "housing": ("hmis",)}
"""Sources of the other agencies, by scope."""

API_CLIENTS = {
    "all": (frozenset(Action), None),
    "sis": (frozenset(Action), SCHOOLS[:1]),
    "second": (
        frozenset(
            {
                Action.RECORD_EXPUNGE,
                Action.RECORD_SEAL,
                Action.RECORD_READ,
                Action.CONSENT,
                Action.SUBPOENA_DECIDE,
                Action.RIGHTS_DECIDE,
            }
        ),
        SCHOOLS,
    ),
    "counsel": (
        frozenset(
            {
                Action.APPROVE,
                Action.AGREEMENT_READ,
                Action.AGREEMENT_ADMIN,
                Action.RECORD_SEAL,
                Action.RECORD_EXPUNGE,
                Action.LOAD,
                Action.SOURCE_ADMIN,
            }
        ),
        None,
    ),
    "district": (frozenset(Action) - {Action.BREAK_GLASS}, SCHOOLS[:1]),
    "rescue": (
        frozenset(
            {
                Action.PERSON_READ,
                Action.PERSON_SEARCH,
                Action.RECORD_READ,
                Action.CROSSWALK_READ,
                Action.BREAK_GLASS,
            }
        ),
        SCHOOLS[:1],
    ),
    "lookup": (frozenset({Action.CROSSWALK_READ, Action.PERSON_READ, Action.PERSON_SEARCH}), SCHOOLS[1:]),
}
"""Actions and sources of the scope's API clients."""
APPROVER_CLIENT = "counsel"
"""The client whose API key is in the environment of the commands."""
WITHOUT_KEY = ("none", "wrong")
PEOPLE = {
    "steward": (Role.STEWARD, None),
    "sis-steward": (Role.STEWARD, SCHOOLS[:1]),
    "approver": (Role.APPROVER, None),
    "sis-owner": (Role.SOURCE_OWNER, SCHOOLS[:1]),
    "sis-operator": (Role.OPERATOR, None),
    "contact": (Role.POINT_OF_CONTACT, SCHOOLS[:1]),
    "privacy": (Role.PRIVACY_OFFICER, None),
    "analyst": (Role.ANALYST, None),
    "auditor": (Role.AUDITOR, None),
}
"""Role and sources of the people who sign in to the scope."""
NAMED_GRANTS = {"contact": ("break.glass",), "privacy": ("record.seal", "record.expunge")}
"""Actions that people are granted by name."""

OWN_USE = Grant(
    discloser="district",
    recipient="district",
    population="all",
    legal_basis="own_records",
    purposes=frozenset({"data_quality", "school_stability", "transport", "emergency_breakglass"}),
    output_fields=frozenset({"all"}),
    matching_fields=frozenset({"all"}),
)
AGREEMENT = Agreement(
    code="district",
    version=0,
    title="One district, and what a charter school discloses to it",
    parties=(
        Party("district", "Quill Schools", PartyKind.EDUCATION, frozenset(SCHOOLS[:1])),
        Party("charter", "Charter School", PartyKind.EDUCATION, frozenset(SCHOOLS[1:])),
    ),
    grants=(
        OWN_USE,
        replace(
            OWN_USE,
            discloser="charter",
            legal_basis="ferpa_school_officials",
            purposes=frozenset({"data_quality", "school_stability"}),
            output_fields=frozenset({"first_name", "last_name", "birth_date", "school_id"}),
            matching_fields=frozenset({"first_name", "last_name", "birth_date"}),
        ),
    ),
    begins=date(2031, 1, 1),
)
"""An agreement in force, under which some callers act; the others act under the operator's rule."""
BOUND_CLIENTS, BOUND_ACCOUNTS = ("district", "rescue"), ("contact",)

# Batches adapt to the time that a transaction took, and threads wake at times of their own. Here they do
# not, so that both sites commit alike.
TUNING = make_tuning(
    pacing={"transaction_s": 1e6, "rest_s": 0.0, "contended_for_s": 0.0},
    request={"deferred_search_poll_s": 1e5, "publication_poll_s": 1e5},
)
_TLS = ssl.create_default_context()
"""Not used, but a client without one takes 20 ms to make its own."""
_LIVE_SERIES = re.compile(r"^mpi_http_request_duration_seconds_(bucket|sum).*$", re.MULTILINE)
"""Times of requests. How fast an answer comes is measured by `scripts/bench-scope-timing`."""

_EXPIRY = re.compile(r"expires=[^;]+GMT")
"""Time at which a cookie is deleted, which is the system's like that of the header ``Date``."""


class SharedRandomness:
    """Random numbers of this process, which can be drawn once more.

    Each kind of thread draws its own, since threads of the background wake at times of their own.
    """

    def __init__(self) -> None:
        self._seed: object = 0
        self._generators: dict[str, random.Random] = {}

    def restart(self, seed: object) -> None:
        """Draw the numbers of a seed from their beginning."""
        self._seed, self._generators = seed, {}
        random.seed(str(seed))

    def draw(self, count: int) -> bytes:
        """Return random bytes, instead of ``os.urandom``."""
        kind = re.sub(r"\d+", "", threading.current_thread().name)
        generator = self._generators.get(kind)
        if generator is None:
            generator = self._generators.setdefault(kind, random.Random(f"{self._seed} {kind}"))
        return generator.randbytes(count)

    @contextmanager
    def in_force(self) -> Iterator[None]:
        """Give these numbers to all that asks the operating system for some."""
        with patch.object(os, "urandom", self.draw), patch.object(random, "_urandom", self.draw):
            yield


class Site:
    """A site with the scope of the schools, as its users reach it."""

    def __init__(self, stack: ExitStack, folder: Path, indexes: ScopedIndexes) -> None:
        self.folder = folder
        self.indexes = indexes
        self.index = indexes.scopes[EDUCATION]
        url = stack.enter_context(serving(create_app(self.index)))
        demo_url = stack.enter_context(serving(create_app(self.index, open_pages=True)))
        self.clients: dict[str, httpx.Client] = {}
        for name in (*API_CLIENTS, *WITHOUT_KEY, *PEOPLE, "demo"):
            # Each site has its own port, which must not be in what it is asked.
            headers = {"Host": "localhost"}
            if name in API_CLIENTS or name == "wrong":
                headers["Authorization"] = f"Bearer mpi_test_{name}"
            client = httpx.Client(
                base_url=demo_url if name == "demo" else url, headers=headers, timeout=60, verify=_TLS
            )
            self.clients[name] = stack.enter_context(client)

    def send(self, caller: str, method: str, path: str, **options: object) -> "Answer":
        """Send a request of a caller, and return all of its answer."""
        response: httpx.Response = self.clients[caller].request(method, path, **options)
        body, ignored_headers = response.content, {"date"}
        if path == "/metrics":
            body = _LIVE_SERIES.sub("", response.text).encode()
            ignored_headers.add("content-length")
        headers = tuple(
            (name, _EXPIRY.sub("expires=now", value))
            for name, value in response.headers.multi_items()
            if name not in ignored_headers
        )
        return Answer(response.status_code, headers, body)

    def run(self, arguments: tuple[str, ...], text: str, files: dict[str, str]) -> tuple[object, ...]:
        """Run a command of the scope's operator in a folder with files; return all that it made."""
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        for name, content in files.items():
            (work / name).write_text(content)
        settings = {
            "MPI_HOME": str(self.folder),
            "MPI_SCOPE": EDUCATION,
            KEY_VARIABLE: f"mpi_test_{APPROVER_CLIENT}",
        }
        if self.indexes.shared.database.is_postgresql:
            settings["MPI_DATABASE_URL"] = self.indexes.shared.database.url
        out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
        stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
        before = Path.cwd()
        os.chdir(work)
        try:
            with (
                patch.dict(os.environ, settings),
                patch("sys.stdin", stdin),
                redirect_stdout(out),
                redirect_stderr(err),
            ):
                code = int(run_command(arguments))
        finally:
            os.chdir(before)
        written = sorted((path.name, path.read_bytes()) for path in work.iterdir() if path.name not in files)
        texts = [stream.buffer.getvalue().decode().replace(str(self.folder), "HOME") for stream in (out, err)]
        return code, *texts, written


@dataclass(frozen=True)
class Answer:
    """All that a caller can see of an answer, except how long it took."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")

    def header(self, name: str) -> str | None:
        """Return a header; None where the answer has none of that name."""
        return dict(self.headers).get(name)


@dataclass
class PairedSites:
    """The two sites, the random numbers that they share, and what callers have seen.

    Args:
        beside: the site that other agencies use too.
        alone: the site that the schools have for themselves.
        randomness: random numbers of both.
        calls: how often each kind of request was answered, by status.
    """

    beside: Site
    alone: Site
    randomness: SharedRandomness
    calls: dict[tuple[str, int], int] = field(default_factory=dict)
    step: int = 0

    def send(self, caller: str, method: str, path: str, *, route: str, **options: object) -> Answer:
        """Send a request to both sites, compare the answers, and return them."""
        answer = self.compare(lambda site: site.send(caller, method, path, **options))
        # An Ed-Fi identity system answers 502 to what its own state does not allow, such as a held record.
        is_state = answer.status == 502 and path.startswith("/identity/v2/")
        assert answer.status < 500 or is_state, (caller, method, path, options, answer.text[:2000])
        key = (f"{method} {route}", answer.status)
        self.calls[key] = self.calls.get(key, 0) + 1
        return answer

    def run(
        self, *arguments: str, route: str, text: str = "", files: dict[str, str] | None = None
    ) -> tuple[object, ...]:
        """Run a command at both sites, compare what it prints and writes, and return it."""
        result = self.compare(lambda site: site.run(arguments, text, files or {}))
        assert result[0] != 70, result
        key = (f"mpi {route}", int(str(result[0])))
        self.calls[key] = self.calls.get(key, 0) + 1
        return result

    def compare(self, act):
        """Do the same at both sites with the same random numbers, and compare the results."""
        self.step += 1
        results = []
        for site in (self.beside, self.alone):
            self.randomness.restart(self.step)
            results.append(act(site))
        if results[0] != results[1]:
            raise AssertionError(show_difference(*map(str, results)))
        return results[0]


def persons_of(index) -> dict[tuple[str, str], str]:
    """Return the enterprise ID of every active record, without a line on the ledger."""
    with index.database.read(OPERATOR) as unit:
        eids = {person.id: person.eid for person in unit.persons.all()}
        persons = unit.persons.all_current_persons()
        labels = unit.records.labels(persons)
    return {(label.source, label.local_id): eids[persons[record]] for record, label in sorted(labels.items())}


def show_difference(text: str, expected: str) -> str:
    """Return the places at which two texts differ first."""
    pairs = enumerate(zip(text, expected, strict=False))
    start = max(0, next((place for place, (one, other) in pairs if one != other), 0) - 200)
    return f"with other agencies: {text[start : start + 600]}\nalone: {expected[start : start + 600]}"


def build_site(
    folder: Path, randomness: SharedRandomness, *, has_others: bool, database_url: str | None = None
) -> None:
    """Make the indexes of a site, with the accounts and first records of the schools."""
    randomness.restart("indexes")
    scopes = {EDUCATION: ()} | (dict.fromkeys(OTHERS, ()) if has_others else {})
    with open_scoped_indexes(folder, scopes, secret=SECRET, database_url=database_url) as indexes:
        randomness.restart("schools")
        _fill_schools(indexes.scopes[EDUCATION])
        if has_others:
            _fill_others(indexes)
        indexes.sync()


def _fill_schools(index) -> None:
    """Add sources, callers and records of the schools."""
    for code in SCHOOLS:
        add_source(index, OPERATOR, NewSource(code, kind=SourceKind.SIS))
    for name, (actions, sources) in API_CLIENTS.items():
        add_key(index, name, actions, sources)
    for name, (role, sources) in PEOPLE.items():
        add_person(index, name, role, sources, name)
    propose_version(index, OPERATOR, AGREEMENT)
    approve_version(index, OPERATOR, AGREEMENT.code, alone=True)
    for name in BOUND_CLIENTS:
        bind_client(index, OPERATOR, name, AGREEMENT.code)
    for name in BOUND_ACCOUNTS:
        bind_account(index, OPERATOR, name, AGREEMENT.code)
    for name, actions in NAMED_GRANTS.items():
        grant_actions(index, OPERATOR, name, actions)
    children = many_children(4)
    load_rows(index, "sis", *children)
    load_rows(index, "sis2", *(similar_child(child) for child in children))


def _fill_others(indexes: ScopedIndexes) -> None:
    """Add records of the other agencies, many of the same children, and equal names."""
    for scope, sources in OTHERS.items():
        index = indexes.scopes[scope]
        for code in sources:
            add_source(index, OPERATOR, NewSource(code, kind=SourceKind.CCWIS))
        for name in (*API_CLIENTS, "wrong"):
            add_key(index, name)
        same = [
            make_child(f"j{number}", first_name="Jayden", last_name="Cruz", birth_date="2014-01-20")
            for number in range(3)
        ]
        load_rows(index, sources[0], *many_children(30), *same)


def open_site(stack: ExitStack, folder: Path, *, has_others: bool, database_url=None, **limits) -> Site:
    """Open a site that was made before.

    Args:
        stack: closes it.
        folder: its home folder.
        has_others: whether other agencies use it too.
        database_url: the database on PostgreSQL; None for SQLite in the folder.
        limits: further settings.
    """
    settings = Settings(
        home=folder, model=None, database_url=database_url, secret_file=None, edfi_sources="sis", **limits
    )
    indexes = ScopedIndexes(open_index(settings, tuning=TUNING))
    stack.callback(indexes.shared.database.dispose)
    for code in (EDUCATION, *(OTHERS if has_others else ())):
        indexes.scopes[code] = open_scope(settings, code, tuning=TUNING)
        stack.callback(indexes.scopes[code].database.dispose)
    return Site(stack, folder, indexes)


class FormParser(HTMLParser):
    """Forms and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self.links: list[str] = []
        self._select: list[str] | None = None
        self.feed(html)

    def values_of(self, name: str) -> list[str]:
        """Return the values of all hidden fields of a name."""
        return [
            option
            for form in self.forms
            for other, kind, options in form.fields
            if other == name and kind == "hidden"
            for option in options
        ]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect a form, a field or a link."""
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and values.get("href", "").startswith("/"):
            self.links.append(values["href"])
        elif tag == "form" and values.get("method", "").lower() in ("get", "post"):
            self.forms.append(PageForm(values["action"], values["method"].upper()))
        elif tag == "option" and self._select is not None:
            self._select.append(values.get("value", ""))
        elif self.forms and values.get("name") and tag in ("input", "select", "textarea", "button"):
            kind = values.get("type", "text") if tag == "input" else tag
            options = [values.get("value", "")] if kind in ("hidden", "radio", "checkbox", "button") else []
            self.forms[-1].fields.append((values["name"], kind, options))
            self._select = options if tag == "select" else None


@dataclass
class PageForm:
    """A form of a page: where it is sent, and its fields with their kinds and values."""

    action: str
    method: str
    fields: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def fill(self, chance: random.Random, invent: Callable[[str], str]) -> list[tuple[str, str]]:
        """Fill the form in at random, as a person could.

        Args:
            chance: chooses.
            invent: returns text for a field of a name.
        """
        values: list[tuple[str, str]] = []
        choices: dict[str, list[str]] = {}
        for name, kind, options in self.fields:
            if kind == "hidden":
                values.append((name, options[0]))
            elif kind in ("radio", "button"):
                choices.setdefault(name, []).extend(options)
            elif kind == "select":
                values.append((name, chance.choice(options or [""])))
            elif kind == "checkbox":
                values += [(name, options[0] or "1")] if chance.random() < 0.5 else []
            else:
                values.append((name, invent(name)))
        return values + [(name, chance.choice(options)) for name, options in choices.items()]


def sync_sites(sites: PairedSites) -> None:
    """Let the shared index of each site take over what changed; a refused scope does not stop the others."""
    for site in (sites.beside, sites.alone):
        for code, index in site.indexes.scopes.items():
            try:
                transfer_changes(index, site.indexes.shared, OPERATOR, code)
            except MpiError:
                continue

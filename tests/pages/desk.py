"""Small desk for page tests: one question of each shape, a wrong link, and accounts."""

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta

from mpi.api.app import create_app
from mpi.api.pages.rendering.paths import question_path
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import make_operator
from mpi.service.access.accounts import NewAccount, add_account, grant_actions
from mpi.service.access.emergency_sessions import begin_emergency, end_emergency
from mpi.service.access.sign_in import authenticate_session, change_password, sign_in
from mpi.service.agreements.refusals import record_refusal
from mpi.service.core.block_limits import queue_large_blocks
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.proposals import propose
from mpi.service.records.upsert import read, upsert
from mpi.service.review.answers import defer
from mpi.service.review.owner_questions import ask_owner
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.sampling.blind_sample import draw_blind_sample
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, report_link
from mpi.service.stewardship.unseal_requests import request_unseals
from tests.agreements import permit_emergencies
from tests.index import crosswalk, load_rows, make_child, many_children, open_test_index
from tests.unit.api.live import serving

PASSWORD = "a river runs under nine bridges"
_BURST = 24
LONG = "Wolfeschlegelsteinhausenbergerdorff-Featherstonehaugh"

SIMILAR = {"first_name": "Amara", "last_name": "Okonkwo", "birth_date": "2014-03-09"}
TWINS = {"last_name": "Castellanos", "birth_date": "2012-06-01", "multiple_birth": True}
PAIR = {"first_name": "Philippa", "last_name": LONG, "birth_date": "2013-02-11"}
WRONG_LINK = {"first_name": "Isaiah", "last_name": "Washington", "birth_date": "2011-07-04"}


@dataclass(frozen=True)
class Desk:
    """Addresses and content of a served desk.

    Args:
        index: the open index.
        url: address of the pages that require sign-in.
        open_url: address of the pages without sign-in.
        wrong: the enterprise ID under which two children of one name were linked.
        sessions: tokens of people who are signed in, by account name.
    """

    index: object
    url: str
    open_url: str
    wrong: str
    sessions: dict[str, str]

    def change(self, source, local_id):
        """Let a source send changed content for a record."""
        record = read(self.index, make_operator(), source, local_id)["record"]
        record.pop("as_of")
        upsert(self.index, make_operator(), source, {**record, "middle_name": "Quill"})


@contextmanager
def open_desk(folder, *, full=False):
    """Make a desk, serve it with and without sign-in, and remove it at the end.

    Args:
        folder: folder of the index.
        full: whether it holds a question of every shape, and some answers.
    """
    with open_test_index(folder) as index:
        _add_records(index)
        if full:
            _add_more_questions(index)
        _add_accounts(index)
        wrong = crosswalk(index)["sis", "wrong-1"]
        sessions = _add_oversight(index, wrong) if full else {}
        with serving(create_app(index)) as url, serving(create_app(index, open_pages=True)) as open_url:
            yield Desk(index, url, open_url, wrong, sessions)


def _add_records(index):
    operator = make_operator()
    add_source(
        index, operator, NewSource("sis", "North District SIS", "North School District", SourceKind.SIS)
    )
    add_source(index, operator, NewSource("ccwis", "Child welfare", "Child Welfare Agency", SourceKind.CCWIS))
    flag = {"population": "foster_care", "value": "Y", "definition": "ESSA", "begin": "2026-03-01"}
    load_rows(
        index,
        "sis",
        make_child(
            "alike-1", **{**SIMILAR, "first_name": "Amarah", "last_name": "Okonkwa"}, school_id="NORTH-E1"
        ),
        make_child("alike-2", **{**SIMILAR, "first_name": "Amaro", "last_name": "Okonkwe"}, postal_code=None),
        make_child("twin-1", **TWINS, first_name="Martino"),
        make_child("twin-2", **TWINS, first_name="Martina"),
        make_child("pair-1", **PAIR, school_id="NORTH-H1", grade="08"),
        make_child("wrong-1", **WRONG_LINK, school_id="NORTH-M1", guardian_first_name="Denise"),
    )
    load_rows(
        index,
        "ccwis",
        make_child("alike-0", **SIMILAR, flags=[flag]),
        make_child("twin-3", **{**TWINS, "last_name": "Castelanos"}, first_name="Martin"),
        make_child("pair-2", **{**PAIR, "first_name": "Philippe", "last_name": LONG + "e"}),
        make_child("wrong-2", **WRONG_LINK, guardian_first_name="Roberta", flags=[flag]),
    )


def _add_more_questions(index):
    """A burst of birth dates a day off, a report, a question put off, one asked of its source, a run."""
    for source, day in (("sis", "11"), ("ccwis", "12")):
        children = [
            {**child, "birth_date": f"{child['birth_date'][:8]}{day}"} for child in many_children(_BURST)
        ]
        load_rows(index, source, *children)
    # An overlay: the source sends another child under a known local ID.
    load_rows(
        index,
        "sis",
        make_child("became", first_name="Rosalind", last_name="Ferrars", birth_date="2010-01-02"),
    )
    overlaid = make_child(
        "became", first_name="Tobias", last_name="Quillfeather", birth_date="2015-08-19", sex="M"
    )
    upsert(index, make_operator(), "sis", overlaid)
    groups = [[RecordRef("sis", "wrong-1")], [RecordRef("ccwis", "wrong-2")]]
    report_link(
        index, make_operator("sis-feed"), DecisionRequest(DecisionKind.DIFFERENT, groups, "wrong-link")
    )
    questions = load_queue_page(index, make_operator(), Filters(kind="pair")).questions
    single_questions = [child for child in questions if not child.burst]
    due_date = (date.fromisoformat(clock.today()) + timedelta(days=30)).isoformat()
    defer(index, make_operator("Ida Steward"), single_questions[-1].key, due_date)
    record = next(label for label in single_questions[-2].records if label.source == "sis")
    ask_owner(index, make_operator("Ida Steward"), single_questions[-2].key, record, "confirm-name")
    propose(index, make_operator("Ada Approver"), index.matcher)
    with index.database.write(make_operator(), "probe") as unit:
        queue_large_blocks(unit, index.config_id(unit), {1 << 60: 24_310, -77: 1_204})
    draw_blind_sample(index, make_operator("demo"))


def _add_accounts(index):
    for name, full_name, role, sources in (
        ("ida", "Ida Steward", Role.STEWARD, None),
        ("jon", "Jon Steward", Role.STEWARD, None),
        ("ada", "Ada Approver", Role.APPROVER, None),
        ("olu", "Olu Owner", Role.SOURCE_OWNER, ("sis",)),
        ("ona", "Ona Operator", Role.OPERATOR, None),
        ("rae", "Rae Registrar", Role.STEWARD, ("sis",)),
        ("roy", "Roy Registrar", Role.STEWARD, ("sis",)),
    ):
        add_account(index, make_operator(), NewAccount(name, full_name, role, sources), PASSWORD)
    for name in ("rae", "roy"):
        grant_actions(index, make_operator(), name, ["record.write"])


def _add_oversight(index, eid):
    """Emergency access in each state, requests about seals, and lines and refusals of the ledger.

    Returns:
        Tokens of the people who are signed in.
    """
    permit_emergencies(index)
    sessions = {}
    for name, full_name in (("dee", "Dee Caseworker"), ("cal", "Cal Caseworker"), ("sia", "Sia Caseworker")):
        account = NewAccount(name, full_name, Role.CASEWORKER, ("ccwis",))
        add_account(index, make_operator(), account, PASSWORD)
        grant_actions(index, make_operator(), name, ["break.glass"])
        sessions[name] = change_password(
            index, sign_in(index, name, PASSWORD), PASSWORD, f"{PASSWORD} {name}"
        )
    sessions["roy"] = change_password(index, sign_in(index, "roy", PASSWORD), PASSWORD, f"{PASSWORD} roy")
    for name in ("cal", "sia"):
        begin_emergency(
            index,
            sessions[name],
            "A child ran from a placement last night; which school may have seen the child?",
        )
    look_up_person(index, authenticate_session(index, sessions["cal"]).viewer, eid)
    end_emergency(index, sessions["sia"])
    for reason in ("purpose-outside-agreement", "no-legal-responsibility"):
        record_refusal(index, make_operator("district-portal"), "person.read", reason)
    for local_id in ("sealed-1", LONG):
        record = make_child(local_id, first_name="Zebulonia")
        load_rows(index, "sis", record)
        upsert(index, make_operator(), "sis", {**record, "restrictions": [{"kind": "sealed"}]})
    request_unseals(index, make_operator("counsel"), "sis", ["sealed-1"], "26-JV-0412")
    request_unseals(index, make_operator("demo-privacy-officer"), "sis", [LONG], "26-JV-0413 (a)")
    expunged = make_child("expunged-1", first_name="Zebulonia")
    load_rows(index, "ccwis", expunged)
    upsert(index, make_operator("ccwis-feed"), "ccwis", {**expunged, "restrictions": [{"kind": "expunged"}]})
    return sessions


def every_page(desk):
    """Yield name, role and path of each page with an address.

    The role is None when signed out, and ``account:NAME`` for a person who is signed in.
    """
    yield "sign-in", None, "/sign-in"
    yield "home", "steward", "/"
    yield "queue", "steward", "/queue"
    yield "queue-empty", "steward", "/queue?state=asleep"
    yield "queue-waiting", "steward", "/queue?state=waiting"
    for shape, key in questions_of(desk.index).items():
        yield f"question-{shape}", "steward", question_path(key)
    yield "find", "steward", "/find"
    yield "find-wrong", "steward", "/people?eid=nonsense"
    yield "person", "steward", f"/people/{desk.wrong}"
    yield "unlink", "steward", f"/people/{desk.wrong}/unlink"
    other = crosswalk(desk.index)["sis", "pair-1"]
    yield "link", "steward", f"/people/{desk.wrong}/link"
    yield "link-pair", "steward", f"/people/{desk.wrong}/link?other={other}"
    yield "link-wrong", "steward", f"/people/{desk.wrong}/link?other={desk.wrong}"
    yield "link-none", "steward", "/link"
    yield "move", "steward", f"/people/{desk.wrong}/move"
    yield "correct", "steward", f"/people/{desk.wrong}/correct"
    yield "practice", "steward", "/practice"
    yield "blind", "steward", "/blind"
    yield "quality", "steward", "/quality"
    yield "runs", "approver", "/runs"
    yield "run", "approver", "/runs/1"
    yield "not-permitted", "steward", "/accounts"
    yield "accounts", "operator", "/accounts"
    yield "agreements", "operator", "/agreements"
    yield "agreement", "operator", "/agreements/house"
    yield "quality-operator", "operator", "/quality"
    yield "waiting", "steward", "/waiting"
    yield "asked", "source-owner", "/asked"
    yield "emergency", "account:dee", "/emergency"
    yield "emergency-open", "account:cal", "/emergency"
    yield "emergency-child", "account:cal", f"/people/{desk.wrong}"
    yield "emergency-over", "account:sia", "/emergency"
    yield "emergency-reviews", "privacy-officer", "/emergency/uses"
    yield "ledger", "auditor", "/ledger"
    yield "ledger-child", "privacy-officer", f"/ledger?eid={desk.wrong}"
    yield "ledger-none", "privacy-officer", "/ledger?client=nobody"
    yield "ledger-wrong", "auditor", "/ledger?eid=nonsense"
    yield "seals", "privacy-officer", "/seals"
    yield "register", "account:roy", "/register"


def questions_of(index):
    """Return the key of one waiting question of each shape."""
    keys = {}
    for question in load_queue_page(index, make_operator(), Filters(state=None)).questions:
        view = load_question_view(index, make_operator(), question.key)
        keys.setdefault(f"{view.shape}-{question.kind}-{min(len(view.pairs), 2)}", question.key)
    return keys


def enter_as(context, desk, role):
    """Make a browser's context that of a role or account; return the address of its pages."""
    if role is None:
        return desk.url
    if role.startswith("account:"):
        token = desk.sessions[role.removeprefix("account:")]
        context.add_cookies([{"name": "mpi-sign-in", "value": token, "url": desk.url}])
        return desk.url
    context.add_cookies([{"name": "mpi-acting-as", "value": role, "url": desk.open_url}])
    return desk.open_url

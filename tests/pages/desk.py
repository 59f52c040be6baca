"""Small desk for page tests: one question of each shape, a wrong link, and accounts."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta

from mpi.api.app import create_app
from mpi.api.pages.rendering.paths import question_path
from mpi.domain import clock
from mpi.domain.decision import DecisionKind
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, Viewer, make_operator
from mpi.policy.cases.subpoena import CaseState, CounselDecision, CounselVerdict, Subpoena
from mpi.service.access.accounts.account_rights import grant_actions
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.access.emergency_sessions import begin_emergency, end_emergency
from mpi.service.access.session_authentication import authenticate_session
from mpi.service.access.sign_in import change_password, sign_in
from mpi.service.agreements.refusals import record_refusal
from mpi.service.agreements.register import approve_version, propose_version
from mpi.service.audit.incidents import list_incidents
from mpi.service.core.block_limits import queue_large_blocks
from mpi.service.jobs.job_recorder import end_job
from mpi.service.jobs.job_state import JobKind, begin_job
from mpi.service.legal.subpoena_cases import decide_case, list_cases, open_case, record_notice
from mpi.service.loads.load_log import list_loads
from mpi.service.loads.sent_files.draft import list_drafts
from mpi.service.notices.digest import turn_on
from mpi.service.notices.question_notes import add_note
from mpi.service.persons.persons import look_up_person
from mpi.service.recluster.proposals import propose
from mpi.service.records.record_reader import read
from mpi.service.records.upsert import upsert
from mpi.service.review.assignments import assign, defer
from mpi.service.review.owner_questions import answer_owner_question, ask_owner
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.rosters.caseload_intake import CaseloadRow, replace_caseload
from mpi.service.sampling.blind_sample import draw_blind_sample
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, decide, report_link
from mpi.service.stewardship.merge_split_move import StepOptions, split
from mpi.service.stewardship.owner_consent import refuse_consent, set_consent_required
from mpi.service.stewardship.pending_steps import list_pending_steps
from mpi.service.stewardship.unseal_requests import request_unseals
from mpi.storage.repositories.rosters.caseloads import Caseworker
from mpi.storage.repositories.steps.jobs import JobState
from tests.agreements import change_grant, permit_emergencies
from tests.index import crosswalk, load_rows, make_child, many_children, open_test_index, with_settings
from tests.pages.administration import ADMINISTRATION_PAGES, ONA, add_administration
from tests.pages.rights import add_rights, rights_pages
from tests.published_reports import publish_ago
from tests.unit.api.live import serving
from tests.unit.service.jobs.test_jobs import begin_as_dead_process

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
        load: number of the load with rejected rows.
    """

    index: object
    url: str
    open_url: str
    wrong: str
    sessions: dict[str, str]
    load: int = 0

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
        _add_caseload(index)
        _declare_contacts(index)
        if full:
            _add_more_questions(index)
        _add_accounts(index)
        wrong = crosswalk(index)["sis", "wrong-1"]
        sessions = _add_oversight(index, wrong) if full else {}
        if full:
            _add_approvals(index)
            add_administration(index, PASSWORD)
            add_rights(index, sessions)
            # Last, since a release before a seal is shown to nobody.
            _publish_reports(index)
        load = list_loads(index, make_operator(), "west")[0].number if full else 0
        mailing = with_settings(index, sends_mail=True)
        with serving(create_app(mailing)) as url, serving(create_app(mailing, open_pages=True)) as open_url:
            yield Desk(mailing, url, open_url, wrong, sessions, load)


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


def _add_caseload(index):
    """Give a child with a school and one without to the demonstration's caseworker."""
    person = Caseworker("demo-caseworker", "Cal Caseworker", "614-555-0100", "cal@agency.example")
    rows = [CaseloadRow(local_id, person) for local_id in ("wrong-2", "alike-0")]
    replace_caseload(index, make_operator(), "ccwis", rows)


def _declare_contacts(index):
    """Declare whom to call, one overdue, and who owes what."""
    (index.home / "contacts.csv").write_text(
        "level,code,organization,name,phone,email,owner,confirm_by,sources\n"
        "state,,Department of Education,Foster care desk,614-555-0100,,State foster care lead,2047-06-30,\n"
        f"district,NORTH,North School District,{LONG},614-555-0101,p@north.example,North,2020-06-30,sis\n"
        "agency,CW,Child Welfare Agency,Intake desk,614-555-0102,,Child Welfare Agency,2047-06-30,ccwis\n"
    )
    (index.home / "responsibilities.csv").write_text(
        "kind,of,owner,escalates_to,days\n"
        "feed,sis,North SIS team,North director of data,2\n"
        "queue,,Stewards,Head of data,30\n"
    )


def _publish_reports(index):
    """Publish reports on enough children in care for some counts to be shown."""
    stay = {"type": "foster_family_home", "begin": "2026-01-10"}
    children = [{**child, "placements": [stay]} for child in many_children(40, start=500)]
    load_rows(index, "ccwis", *children)
    publish_ago(index)


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
    sessions = _add_answers(index)
    _add_incident(index)
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
    return sessions | add_legal_cases(index)


def _add_incident(index):
    """Two children who were linked, of whom a school's client was told, and who were parted."""
    names = {"first_name": "Zebulonia", "last_name": "Hartwell-Quill"}
    load_rows(index, "sis", make_child("parted-1", **names))
    load_rows(index, "ccwis", make_child("parted-2", **names))
    eid = crosswalk(index)["sis", "parted-1"]
    assert eid == crosswalk(index)["ccwis", "parted-2"]
    school = Viewer("north-portal", "data_quality", frozenset({Action.PERSON_READ}), None)
    look_up_person(index, school, eid)
    parts = [[RecordRef("sis", "parted-1")], [RecordRef("ccwis", "parted-2")]]
    split(index, make_operator("Ida Steward"), eid, parts, StepOptions("different-children"))


def add_legal_cases(index):
    """A case in each state, and an agreement that discloses on the basis of consent.

    Returns:
        Tokens of the people who handle them.
    """
    dsa = change_grant(
        legal_basis="consent", population="all", output_fields=frozenset({"grade", "school_id"})
    )
    propose_version(index, make_operator(), replace(dsa, begins=date(2020, 1, 1), ends=None))
    approve_version(index, make_operator("Second Person"), "dsa-1")
    sessions = {}
    for name, full_name, actions in (
        ("lex", "Lex Registrar", ["subpoena.manage", "consent.record", "rights.manage"]),
        ("kim", "Kim Counsel", ["subpoena.decide", "rights.decide"]),
    ):
        add_account(
            index, make_operator(), NewAccount(name, full_name, Role.SOURCE_OWNER, ("sis",)), PASSWORD
        )
        grant_actions(index, make_operator(), name, actions)
        sessions[name] = change_password(
            index, sign_in(index, name, PASSWORD), PASSWORD, f"{PASSWORD} {name}"
        )
    clerk, counsel = (authenticate_session(index, sessions[name]).viewer for name in ("lex", "kim"))
    today = date.fromisoformat(clock.today())
    for number, verdict in enumerate((None, CounselVerdict.RELEASE, CounselVerdict.REFUSE)):
        served = Subpoena(
            source="sis",
            court="Juvenile Court of Quill County, second chamber",
            reference=f"26-JV-041{number}",
            served_by="Office of the Public Defender",
            received=today - timedelta(days=9),
            due=today + timedelta(days=number - 1),
        )
        fields = ("first_name", "last_name", "enrollments", "grade", "school_id")
        code = open_case(index, clerk, served, ("pair-1", "wrong-1"), fields)
        if verdict is not None:
            record_notice(index, clerk, code, today)
            decide_case(index, counsel, code, CounselDecision(verdict, "R. Alvarado", "relevant to custody"))
    return sessions


def _add_approvals(index):
    """A step that waits for an owner, a step that came back, and long work in each state."""
    set_consent_required(index, make_operator(), "sis", asks=True)
    steward = make_operator("demo-steward")
    groups = ((RecordRef("sis", "wrong-1"),), (RecordRef("ccwis", "wrong-2"),))
    for reason in ("different-children", "wrong-link"):
        effect = decide(index, steward, DecisionRequest(DecisionKind.DIFFERENT, groups, reason))
        if reason == "different-children":
            owner = Viewer("Olu Owner", None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({"sis"}))
            refuse_consent(index, owner, effect.step, "not-enough", "Please ask the school first.")
    ended = begin_as_dead_process(index, JobKind.PROPOSE)
    failed = begin_job(index, steward, JobKind.UNDO_LOAD, 1)
    end_job(index, steward, failed.id, JobState.FAILED, error="load 1 is held: there is nothing to undo")
    running = begin_job(index, steward, JobKind.PROPOSE)
    assert (ended.id, failed.id, running.id) == (1, 2, 3)
    with index.database.write(steward, "job") as unit:
        begun_at = clock.format_timestamp(clock.now() - timedelta(seconds=30))
        unit.jobs.record_progress(3, running.worker, running.beat, "scoring pairs", begun_at, 40_000, 125_000)


def _add_answers(index):
    """A steward with the daily mail, to whom a colleague wrote and an owner answered."""
    account = NewAccount("max", "Max Steward", Role.STEWARD, None)
    add_account(index, make_operator(), account, PASSWORD)
    token = change_password(index, sign_in(index, "max", PASSWORD), PASSWORD, f"{PASSWORD} max")
    viewer = authenticate_session(index, token).viewer
    [question, *_] = load_queue_page(index, make_operator(), Filters(kind="pair")).questions
    add_note(index, make_operator("Ida Steward"), question.key, "Both live on Oak Street, @max. See it?")
    [number] = ask_owner(index, viewer, question.key, question.records[0], "confirm-address")
    answer_owner_question(index, make_operator("Olu Owner"), number, "wrong", "The family moved in May.")
    assign(index, viewer, question.key, "max")
    turn_on(index, viewer, "max@example.org")
    return {"max": token}


_PAGES = (
    ("sign-in", None, "/sign-in"),
    ("home", "steward", "/"),
    ("queue", "steward", "/queue"),
    ("queue-empty", "steward", "/queue?state=asleep"),
    ("queue-waiting", "steward", "/queue?state=waiting"),
    ("find", "steward", "/find"),
    ("find-wrong", "steward", "/people?eid=nonsense"),
    ("person", "steward", "/people/{wrong}"),
    ("unlink", "steward", "/people/{wrong}/unlink"),
    ("link", "steward", "/people/{wrong}/link"),
    ("link-pair", "steward", "/people/{wrong}/link?other={other}"),
    ("link-wrong", "steward", "/people/{wrong}/link?other={wrong}"),
    ("link-none", "steward", "/link"),
    ("move", "steward", "/people/{wrong}/move"),
    ("correct", "steward", "/people/{wrong}/correct"),
    ("practice", "steward", "/practice"),
    ("blind", "steward", "/blind"),
    ("quality", "steward", "/quality"),
    ("students-in-care", "point-of-contact", "/students-in-care"),
    ("my-children", "caseworker", "/my-children"),
    ("case-plan", "caseworker", "/my-children/{wrong}/case-plan"),
    ("local-match", "registrar", "/local-match"),
    ("contacts", "caseworker", "/contacts"),
    ("contacts-operator", "operator", "/contacts"),
    ("obligations", "privacy-officer", "/obligations"),
    ("runs", "approver", "/runs"),
    ("run", "approver", "/runs/1"),
    ("not-permitted", "steward", "/accounts"),
    ("account-requests", "approver", "/account-requests"),
    ("papers", "privacy-officer", "/papers"),
    ("transparency", None, "/transparency"),
    ("agreements", "operator", "/agreements"),
    ("agreement", "operator", "/agreements/house"),
    ("quality-operator", "operator", "/quality"),
    ("waiting", "steward", "/waiting"),
    ("asked", "source-owner", "/asked"),
    ("issues", "source-owner", "/issues?source=sis"),
    ("issues-operator", "operator", "/issues?source=west"),
    ("scorecard", "source-owner", "/scorecard?source=sis"),
    ("scorecard-operator", "operator", "/scorecard?source=west"),
    ("waiting-owner", "source-owner", "/waiting"),
    ("jobs", "approver", "/jobs"),
    ("job-failed", "operator", "/jobs/2"),
    ("emergency", "account:dee", "/emergency"),
    ("emergency-open", "account:cal", "/emergency"),
    ("emergency-child", "account:cal", "/people/{wrong}"),
    ("emergency-over", "account:sia", "/emergency"),
    ("emergency-reviews", "privacy-officer", "/emergency/uses"),
    ("ledger", "auditor", "/ledger"),
    ("ledger-child", "privacy-officer", "/ledger?eid={wrong}"),
    ("ledger-none", "privacy-officer", "/ledger?client=nobody"),
    ("ledger-wrong", "auditor", "/ledger?eid=nonsense"),
    ("ledger-link", "auditor", "/ledger/link"),
    ("incidents", "privacy-officer", "/incidents?closed=1"),
    ("sessions", "account:lex", "/sessions"),
    ("second-factor", "account:lex", "/second-factor"),
    ("seals", "privacy-officer", "/seals"),
    ("subpoenas", "account:lex", "/subpoenas"),
    ("subpoenas-counsel", "account:kim", "/subpoenas"),
    ("rights", "account:lex", "/rights"),
    ("retention", "account:lex", "/retention"),
    ("retention-officer", "account:kim", "/retention"),
    ("research", "privacy-officer", "/research"),
    ("reports", "analyst", "/reports"),
    ("report", "analyst", "/reports/waterfall"),
    ("report-populations", "analyst", "/reports/populations"),
    ("report-combinations", "analyst", "/reports/combinations"),
    ("source-rule", "operator", "/sources/sis/rule"),
    ("consents", "account:lex", "/consents"),
    ("activity", "steward", "/activity"),
    ("activity-team", "approver", "/activity?tab=team"),
    ("activity-child", "steward", "/activity?tab=child&eid={wrong}"),
    ("activity-wrong", "steward", "/activity?tab=child&eid=nonsense"),
    ("activity-answers", "account:max", "/activity"),
    ("workload", "steward", "/workload"),
    ("register", "account:roy", "/register"),
)
"""Name, role and path of pages whose address follows from the desk."""


def every_page(desk):
    """Yield name, role and path of each page with an address.

    The role is None when signed out, and ``account:NAME`` for a person who is signed in.
    """
    files = list_drafts(desk.index, make_operator(ONA))
    places = {
        "wrong": desk.wrong,
        "other": crosswalk(desk.index)["sis", "pair-1"],
        "load": desk.load,
        "file": files[0].code if files else "0" * 48,
    }
    for name, role, path in _PAGES:
        yield name, role, path.format_map(places)
    for name, path in ADMINISTRATION_PAGES:
        yield name, "operator", path.format_map(places)
    for shape, key in questions_of(desk.index).items():
        yield f"question-{shape}", "steward", question_path(key)
    [step] = list_pending_steps(desk.index, make_operator())
    yield "waiting-step", "steward", f"/waiting/{step.step}"
    yield "waiting-step-owner", "source-owner", f"/waiting/{step.step}"
    for number, state in ((1, "interrupted"), (3, "running")):
        yield f"job-{state}", "approver", f"/jobs/{number}"
    for incident in list_incidents(desk.index, make_operator()):
        yield "incident", "privacy-officer", f"/incidents/{incident.code}"
    yield from rights_pages(desk)
    for view in list_cases(desk.index, authenticate_session(desk.index, desk.sessions["lex"]).viewer):
        yield f"subpoena-{view.state}", "account:lex", f"/subpoenas/{view.case.code}"
        if view.state is CaseState.OPEN:
            yield "subpoena-counsel", "account:kim", f"/subpoenas/{view.case.code}"


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

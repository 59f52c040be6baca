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
from mpi.service.access.accounts import NewAccount, add_account
from mpi.service.core.block_limits import queue_large_blocks
from mpi.service.recluster.proposals import propose
from mpi.service.records.upsert import read, upsert
from mpi.service.review.answers import defer
from mpi.service.review.owner_questions import ask_owner
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.sampling.blind_sample import draw_blind_sample
from mpi.service.statements.sources import NewSource, add_source
from mpi.service.stewardship.decisions import DecisionRequest, report_link
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
    """

    index: object
    url: str
    open_url: str
    wrong: str

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
        with serving(create_app(index)) as url, serving(create_app(index, open_pages=True)) as open_url:
            yield Desk(index, url, open_url, wrong)


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
    ):
        add_account(index, make_operator(), NewAccount(name, full_name, role, sources), PASSWORD)


def every_page(desk):
    """Yield name, role (None when signed out) and path of each page with an address."""
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


def questions_of(index):
    """Return the key of one waiting question of each shape."""
    keys = {}
    for question in load_queue_page(index, make_operator(), Filters(state=None)).questions:
        view = load_question_view(index, make_operator(), question.key)
        keys.setdefault(f"{view.shape}-{question.kind}-{min(len(view.pairs), 2)}", question.key)
    return keys

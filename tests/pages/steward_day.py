"""A steward's day at the desk by keyboard alone, counted; ``scripts/prove-day`` prints JSON.

The index is the demo's. The steward answers questions, passes one on and reads the reply, answers one that an
owner sent back, links two children by search, moves a record and corrects a value. Every answer to a question
is the truth. Keys are presses of keys without typed text. The seconds of a decision run from its first key to
the page that is shown after it.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from urllib.parse import unquote

from mpi.api.app import create_app
from mpi.api.pages.desk.question_view import QuestionPage, build_question_page
from mpi.api.pages.rendering.answer_groups import AskedChildren, read_group_verdict
from mpi.cli.demo.demo_index import build_demo, open_demo_index, read_build, read_truth
from mpi.domain.record_ref import RecordRef
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Viewer, make_operator
from mpi.policy.agreement import HOUSE
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.core.index import Index
from mpi.service.persons.golden_record import look_up_golden_record
from mpi.service.persons.search import search_persons
from mpi.service.review.question_view import load_question_view
from mpi.service.stewardship.owner_consent import refuse_consent
from mpi.service.stewardship.pending_steps import list_pending_steps
from tests.bench.environment import machine
from tests.index import crosswalk
from tests.pages.chromium import browsing
from tests.pages.person import Person
from tests.unit.api.live import serving

QUESTIONS = 25
DEMO_RECORDS = 20_000
MAX_MEDIAN_KEYS = 2
MAX_MEDIAN_S = 0.33
_PASSWORD = "a lantern over nine quiet rivers"
_STEWARD, _APPROVER, _OWNER = "day-steward", "day-approver", "Day Owner"
_QUESTION_PAGE = "/queue/"


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: key presses, pages shown, and seconds to the page after it."""

    kind: str
    keys: int
    pages: int
    seconds: float


@dataclass
class Day:
    """A steward's day.

    Args:
        index: the demo's index.
        url: address of the served desk.
        chromium: a browser.
        person_of: true person of each record.
        steward: the steward at the keyboard.
        decisions: what was done so far.
        asked_source: source whose owner was asked to consent to the first answer.
    """

    index: Index
    url: str
    chromium: object
    person_of: Mapping[RecordRef, Hashable]
    steward: Person
    decisions: list[Decision] = field(default_factory=list)
    asked_source: str = ""

    @contextmanager
    def count(self, kind: str) -> Iterator[None]:
        """Count the keys, pages and seconds of one decision."""
        person = self.steward
        keys, pages, begun_at = person.keys_pressed, person.pages_shown, time.perf_counter()
        yield
        self.decisions.append(
            Decision(
                kind,
                person.keys_pressed - keys,
                person.pages_shown - pages,
                person.shown_at - begun_at,
            )
        )

    def answer_questions(self, count: int) -> None:
        """Answer questions one after the other; the first answer waits for an owner."""
        self.steward.press("c")
        for number in range(count):
            page = self.read_question()
            source = page.pairs[0].left.source if number == 0 and page.pairs else None
            if source:
                self.ask_consent(source, asks=True)
            with self.count("question"):
                self.answer(page)
            self.require("Answered." if source is None else "Saved.")
            if source:
                self.ask_consent(source, asks=False)
                self.asked_source = source

    def read_question(self) -> QuestionPage:
        """Return the contents of the question on the screen."""
        key = self.read_question_key()
        viewer = _make_viewer(_STEWARD, Role.STEWARD)
        return build_question_page(self.index, viewer, load_question_view(self.index, viewer, key), {})

    def read_question_key(self) -> str:
        """Return the key of the question on the screen."""
        address = self.steward.page.url.partition("?")[0].partition("#")[0]
        if _QUESTION_PAGE not in address:
            raise AssertionError(f"no question is open, but {address}")
        return unquote(address.rpartition("/")[2])

    def answer(self, page: QuestionPage) -> None:
        """Give the true answer of the question on the screen, and save it."""
        if page.view.responses:
            self.steward.tab_to("input[name=response]")
            self.steward.tap("Space")
        elif any(self.find_true_choice(group) is None for group in page.asked):
            self.steward.tab_to("a[href$='by=child']")
            self.steward.enter()
            self.answer_each_pair()
        else:
            self.answer_groups(page.asked)
        self.steward.enter()

    def answer_groups(self, groups: tuple[AskedChildren, ...]) -> None:
        """Choose the true answer of each group of pairs."""
        for place, group in enumerate(groups):
            key = self.find_true_choice(group)
            if len(key) == 1:
                self.steward.tap(key)
            else:
                self.choose_by_arrows(key)
            if place < len(groups) - 1:
                self.steward.tap("j")

    def find_true_choice(self, group: AskedChildren) -> str | None:
        """Return the key of the true answer, else its value in the form; None if there is none."""
        truth = {
            pair.no: "same" if self.person_of[pair.left] == self.person_of[pair.right] else "different"
            for pair in group.pairs
        }
        if not group.choices:
            return truth[group.pairs[0].no][0]
        for choice in group.choices:
            verdicts = {
                no: read_group_verdict(choice.value, str(first)) for no, first in group.group_of.items()
            }
            if all(verdicts[pair.no] == truth[pair.no] for pair in group.pairs):
                return choice.key or choice.value
        return None

    def choose_by_arrows(self, value: str) -> None:
        """Press the down arrow until the answer with this value is chosen."""
        for _ in range(12):
            if self.steward.page.evaluate("document.activeElement.value") == value:
                return
            self.steward.tap("ArrowDown")
        raise AssertionError(f"no arrow key leads to the answer {value}")

    def answer_each_pair(self) -> None:
        """Choose the true answer for each two children of the question on the screen."""
        legends = self.steward.page.locator("fieldset[data-pair]")
        places = [
            int(each.removeprefix("pair-")) for each in legends.evaluate_all("all => all.map(e => e.id)")
        ]
        pair_of = {pair.no: pair for pair in self.read_question().pairs}
        for number, place in enumerate(places):
            pair = pair_of[place]
            self.steward.tap("s" if self.person_of[pair.left] == self.person_of[pair.right] else "d")
            if number < len(places) - 1:
                self.steward.tap("j")

    def send_back(self, source: str) -> None:
        """Let the owner of a source refuse what waits."""
        owner = Viewer(_OWNER, None, ACTIONS_BY_ROLE[Role.SOURCE_OWNER], frozenset({source}))
        [step] = list_pending_steps(self.index, _make_viewer(_STEWARD, Role.STEWARD))
        refuse_consent(self.index, owner, step.step, "not-enough", "Please compare the schools first.")

    def ask_consent(self, source: str, *, asks: bool) -> None:
        """Set whether a source asks for consent, as its scope would send the setting."""
        with self.index.database.write(make_operator(), "scope") as unit:
            [number] = [each.id for each in unit.sources.all() if each.code == source]
            unit.sources.set_asks_consent(number, asks_consent=asks)

    def answer_refusal(self) -> None:
        """Open the answer that came back, and answer the question again."""
        self.send_back(self.asked_source)
        with self.count("refusal that came back"):
            self.open_returned_answer("Please compare the schools first.")
            self.answer(self.read_question())
        self.require("Answered.")

    def escalate(self) -> None:
        """Pass the question on, let an approver reply, read the reply and answer."""
        key = self.read_question_key()
        with self.count("escalation"):
            self.steward.tap("e")
            self.steward.type("Are these the same family?")
            self.steward.press("Control+Enter")
        if self.read_question_key() == key:
            raise AssertionError("the next question did not open")
        self.reply_as_approver()
        with self.count("reply to an escalation"):
            self.open_returned_answer("The school says so.")
            self.answer(self.read_question())
        self.require("Answered.")

    def reply_as_approver(self) -> None:
        """Let an approver find the escalated question on the desk, and reply by keyboard."""
        approver = Person(self.chromium, self.url)
        approver.sign_in(_APPROVER, _PASSWORD)
        approver.tab_to("section[aria-labelledby=mine] a[href^='/queue/']")
        approver.enter()
        approver.press("c")
        approver.tab_to("#reply-note")
        approver.type("The school says so.")
        approver.press("Control+Enter")
        approver.context.close()

    def open_returned_answer(self, note: str) -> None:
        """Open and claim the question of the newest answer that came back."""
        self.steward.press("r")
        self.require(note)
        self.steward.tap("1")
        self.steward.enter()
        self.require(note)
        self.steward.press("c")

    def link_by_search(self) -> None:
        """Find two children by name and birth date, compare them, and link them."""
        first, second = self.find_two_results()
        with self.count("link by search"):
            self.search(first)
            for eid in (first, second):
                self.mark_row(f"input[name=child][value='{eid}']")
            self.steward.press("Control+Enter")
            self.steward.press("p")
            self.confirm()
        self.require("Linked.")

    def mark_row(self, box: str) -> None:
        """Go to the row of a check box by its number, and mark it."""
        rows = self.steward.page.locator("[data-row]")
        holds = rows.evaluate_all("(all, box) => all.map(row => row.querySelector(box) !== null)", box)
        self.steward.tap(str(holds.index(True) + 1))
        self.steward.tap("x")

    def find_two_results(self) -> tuple[str, str]:
        """Return two children that one search finds: the same child if there is one, else any two."""
        by_person = defaultdict(set)
        links = crosswalk(self.index)
        for record, eid in links.items():
            by_person[self.person_of[RecordRef(*record)]].add(eid)
        split = [sorted(eids) for eids in by_person.values() if len(eids) > 1]
        for first, *others in split:
            found = self.list_found(first)
            for second in others:
                if {first, second} <= set(found):
                    return first, second
        for eid in sorted(set(links.values())):
            found = self.list_found(eid)
            if eid in found and len(found) > 1:
                return eid, next(each for each in found if each != eid)
        raise AssertionError("no search finds two children")

    def list_found(self, eid: str) -> list[str]:
        """Return the enterprise IDs that a search by a child's name and birth date finds."""
        # Searches are counted by client, so each has a client of its own.
        found = search_persons(self.index, make_operator(f"day-{eid}"), self.read_child(eid))
        return [result.enterprise_id for result in found]

    def read_child(self, eid: str) -> dict[str, str]:
        """Return the name and birth date of a child's golden record."""
        golden = look_up_golden_record(self.index, make_operator(), eid)
        values = {value.attribute: str(value.value) for value in golden.values}
        return {name: values.get(name, "") for name in ("first_name", "last_name", "birth_date")}

    def search(self, eid: str) -> None:
        """Search for a child by name and birth date."""
        self.steward.press("/")
        for name, value in self.read_child(eid).items():
            self.steward.tab_to(f"#{name}")
            self.steward.type(value)
        self.steward.enter()

    def move_record(self) -> None:
        """Move one record of a child to a new child."""
        eid, record = self.find_record_to_move()
        with self.count("move"):
            self.open_child(eid)
            self.steward.press("m")
            self.mark_row(f"input[name=record][value$='{record.local_id}']")
            self.steward.tap("n")
            self.steward.press("p")
            self.confirm()
        self.require("Moved.")

    def find_record_to_move(self) -> tuple[str, RecordRef]:
        """Return a child with a record of somebody else, else any of several records."""
        records_of = defaultdict(list)
        for record, eid in crosswalk(self.index).items():
            records_of[eid].append(RecordRef(*record))
        several = {eid: records for eid, records in sorted(records_of.items()) if len(records) > 1}
        for eid, records in several.items():
            wrong = [each for each in records if self.person_of[each] != self.person_of[records[0]]]
            if wrong:
                return eid, wrong[0]
        eid, records = next(iter(several.items()))
        return eid, records[-1]

    def open_child(self, eid: str) -> None:
        """Open a child by its enterprise ID."""
        self.steward.press("i")
        self.steward.type(eid)
        self.steward.enter()

    def correct_value(self) -> None:
        """Correct the first name of a child."""
        eid = next(islice(sorted(set(crosswalk(self.index).values())), 7, None))
        with self.count("correction"):
            self.open_child(eid)
            self.steward.press("e")
            self.steward.tab_to("#value")
            self.steward.type("Marguerite")
            self.steward.tab_to("#note")
            self.steward.type("Birth certificate seen.")
            self.steward.press("Control+Enter")
        self.require("Marguerite")

    def confirm(self) -> None:
        """Read the preview, and confirm it."""
        self.require("What would change")
        self.steward.press("Control+Enter")

    def require(self, text: str) -> None:
        """Fail if the page does not show a text."""
        if not self.steward.shows(text):
            raise AssertionError(f"{self.steward.page.url} does not show: {text}")


def live_day(
    index: Index, person_of: Mapping[RecordRef, Hashable], questions: int = QUESTIONS
) -> list[Decision]:
    """Do a steward's day on an index in a real Chromium; return its decisions."""
    for name, role in ((_STEWARD, Role.STEWARD), (_APPROVER, Role.APPROVER)):
        add_account(index, make_operator(), NewAccount(name, f"A {role}", role, None, HOUSE), _PASSWORD)
    with serving(create_app(index)) as url, browsing() as chromium:
        steward = Person(chromium, url)
        steward.sign_in(_STEWARD, _PASSWORD)
        day = Day(index, url, chromium, person_of, steward)
        day.answer_questions(questions)
        day.escalate()
        day.answer_refusal()
        day.link_by_search()
        day.move_record()
        day.correct_value()
        return day.decisions


def summarize(decisions: list[Decision]) -> dict[str, object]:
    """Return medians of keys and seconds, of all decisions and of each kind."""
    by_kind = defaultdict(list)
    for decision in decisions:
        by_kind[decision.kind].append(decision)
    return {
        **_take_medians(decisions),
        "kinds": {kind: _take_medians(each) for kind, each in by_kind.items()},
    }


def _take_medians(decisions: list[Decision]) -> dict[str, float]:
    return {
        "decisions": len(decisions),
        "median_keys": statistics.median(each.keys for each in decisions),
        "median_seconds": round(statistics.median(each.seconds for each in decisions), 3),
        "median_pages": statistics.median(each.pages for each in decisions),
    }


def _make_viewer(name: str, role: Role) -> Viewer:
    return replace(make_operator(name), actions=ACTIONS_BY_ROLE[role])


@contextmanager
def open_demo(folder: Path, records: int) -> Iterator[tuple[Index, Mapping[RecordRef, Hashable]]]:
    """Build and open a demo's index, with the true person of each record."""
    if read_build(folder, records) is None:
        build_demo(folder, records, lambda *_: None)
    truth = {RecordRef(*record): person for record, person in read_truth(folder).person.items()}
    with open_demo_index(folder) as index:
        yield index, truth


def main() -> int:
    """Do the day and print JSON; exit with 1 if a median is above its bar."""
    parser = argparse.ArgumentParser(prog="scripts/prove-day", description=__doc__)
    parser.add_argument("--records", type=int, default=DEMO_RECORDS, help="records of the demo")
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="questions that are answered")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="mpi-day-") as name,
        open_demo(Path(name), arguments.records) as (index, person_of),
    ):
        figures = summarize(live_day(index, person_of, arguments.questions))
    is_within = figures["median_keys"] <= MAX_MEDIAN_KEYS and figures["median_seconds"] <= MAX_MEDIAN_S
    bars = {"median_keys": MAX_MEDIAN_KEYS, "median_seconds": MAX_MEDIAN_S}
    print(json.dumps({"machine": machine(), "bars": bars, **figures}, indent=2))
    return 0 if is_within else 1


if __name__ == "__main__":
    sys.exit(main())

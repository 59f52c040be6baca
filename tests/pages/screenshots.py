"""Screenshots of every page for the docs: light, dark and at the width of a phone.

The pages show the demo's state, and those of an operator or a records office that of the page tests.
usage: python -m tests.pages.screenshots [FOLDER of the pictures] [FOLDER of the demo, kept between runs]
"""

import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from mpi.api.app import create_app
from mpi.api.pages.rendering.paths import question_path
from mpi.cli.demo.comparison import read_labeled_index
from mpi.cli.demo.demo_index import SOURCES, build_demo, open_demo_index, read_build, read_truth
from mpi.cli.demo.story import choose_story
from mpi.domain.roles import Role
from mpi.domain.viewer import make_operator
from mpi.policy.agreement import HOUSE
from mpi.service.access.accounts.new_accounts import NewAccount, add_account
from mpi.service.recluster import proposals
from mpi.service.review.owner_questions import ask_owner
from mpi.service.review.question_view import load_question_view
from mpi.service.review.queue import Filters, load_queue_page
from mpi.service.sampling.blind_review import answer_blind_pair, get_next_blind_pair
from mpi.service.sampling.blind_sample import draw_blind_sample
from tests.pages.chromium import browsing
from tests.pages.desk import enter_as, every_page, open_desk
from tests.unit.api.live import serving

RECORDS = 6_000
LOOKS = {"light": (1440, "light"), "dark": (1440, "dark"), "narrow": (360, "light")}
_COLOURS = 96
_MAX_HEIGHT = 1_400
"""Maximum height of a picture in pixels; the rest is cut off."""
_PAGES_IN_ALL_LOOKS = {"question", "person", "desk", "link", "move"}
"""Pages that are also taken dark and narrow."""


def _unfold_calls(page) -> None:
    """Open the calls about persons in the API documentation."""
    page.locator("#operations-tag-persons button").click()
    page.wait_for_selector(".opblock")


_PAGES_BY_PATH = (
    ("runs", "approver", "/runs", None),
    ("run", "approver", "/runs/1", None),
    ("asked", "source-owner", "/asked", None),
    ("activity", "steward", "/activity", None),
    ("ledger", "auditor", "/ledger", None),
    ("seals", "privacy-officer", "/seals", None),
    ("agreements", "privacy-officer", "/agreements", None),
    ("papers", "privacy-officer", "/papers", None),
    ("transparency", "privacy-officer", "/transparency", None),
    ("documentation", "steward", "/docs", _unfold_calls),
)
"""Name, role and path of pages that need no action."""
_PAGES_OF_TESTS = {
    "account", "accounts", "account-end", "account-requests", "case-plan", "client", "clients", "consents",
    "contacts", "correct", "emergency-open", "emergency-reviews", "file", "files", "freezes", "health",
    "incident", "incidents",
    "job-running", "jobs", "ledger-link", "load", "load-undo", "loads", "local-match", "my-children",
    "not-permitted", "obligations",
    "register", "report", "reports", "research", "retention", "rights", "second-factor", "sessions",
    "sign-in", "source", "scorecard", "source-rule", "sources", "students-in-care", "subpoena-open",
    "subpoenas", "waiting", "waiting-step", "workload",
}  # fmt: skip
"""Pages whose states only the desk of the page tests has, by the names that it gives them."""


def main(folder: Path, demo: Path) -> None:
    """Make the demo's state if needed, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    if read_build(demo, RECORDS) is None:
        build_demo(demo, RECORDS, lambda *_: None)
        with open_demo_index(demo) as index:
            _add_activity(index, demo)
    with (
        open_demo_index(demo) as index,
        serving(create_app(index, open_pages=True)) as url,
        browsing() as browser,
    ):
        pages = list(_pages(index, demo))
        for look, (width, scheme) in LOOKS.items():
            for name, role, path, press in pages:
                if look != "light" and name not in _PAGES_IN_ALL_LOOKS:
                    continue
                context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
                context.add_cookies([{"name": "mpi-acting-as", "value": role, "url": url}])
                page = context.new_page()
                answer = page.goto(f"{url}{path}")
                assert answer.ok, f"{path}: {answer.status}"
                if press is not None:
                    press(page)
                _save(folder / f"{name}-{look}.png", page.screenshot(full_page=True))
                context.close()
    _take_pages_of_tests(folder)


def _take_pages_of_tests(folder: Path) -> None:
    """Take the pictures of the page tests' desk."""
    width, scheme = LOOKS["light"]
    with (
        tempfile.TemporaryDirectory() as kept,
        open_desk(Path(kept), full=True) as desk,
        browsing() as browser,
    ):
        for name, role, path in every_page(desk):
            if name not in _PAGES_OF_TESTS:
                continue
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            page = context.new_page()
            answer = page.goto(f"{enter_as(context, desk, role)}{path}")
            assert answer.status < 500, f"{path}: {answer.status}"
            _save(folder / f"{name}-light.png", page.screenshot(full_page=True))
            context.close()


def _add_activity(index, demo: Path) -> None:
    """Add what a desk has after some days: judged pairs, questions to owners, a proposal, accounts."""
    labeled = read_labeled_index(index, read_truth(demo))
    person_of = {labeled.labels[record]: person for record, person in labeled.person_of.items()}
    draw_blind_sample(index, make_operator("demo"))
    steward = make_operator("Ida Steward")
    for _ in range(90):
        view = get_next_blind_pair(index, steward)
        if view is None:
            break
        left, right = (person_of[question.label] for question in view.records)
        answer_blind_pair(index, steward, view.id, "same" if left == right else "different")
    asked_count = 0
    for question in load_queue_page(index, make_operator(), Filters(), limit=60).questions:
        record = next((label for label in question.records if label.source == "district_north"), None)
        if record is not None and asked_count < 3:
            ask_owner(
                index,
                make_operator("Ida Steward"),
                question.key,
                record,
                ("confirm-name", "one-child", "confirm-birth-date")[asked_count],
            )
            asked_count += 1
    proposals.propose(index, make_operator("Ada Approver"), index.matcher)
    for name, full_name, role, sources in (
        ("ida", "Ida Steward", Role.STEWARD, None),
        ("ada", "Ada Approver", Role.APPROVER, None),
        ("olu", "Olu Owner", Role.SOURCE_OWNER, (next(str(s) for s in SOURCES),)),
    ):
        add_account(index, make_operator(), NewAccount(name, full_name, role, sources, HOUSE), None)


def _pages(index, demo: Path) -> Iterator[tuple]:
    """Yield name, role, path and action of each picture."""
    story = choose_story(index, read_labeled_index(index, read_truth(demo)))
    top = load_queue_page(index, make_operator(), Filters(), limit=60).questions
    group_question = next(
        (
            question.key
            for question in top
            if len(load_question_view(index, make_operator(), question.key).pairs) > 1
        ),
        top[0].key,
    )

    def claim(page):
        if page.locator("form[action$='/claim']").count():
            with page.expect_navigation():
                page.locator("form[action$='/claim'] button").click()

    def practise(page):
        page.locator("input[value=different]").check()
        with page.expect_navigation():
            page.locator("form[data-answers] button").click()

    def unlink(page):
        page.locator("input[name=record]").first.check()
        with page.expect_navigation():
            page.locator("main form button").first.click()

    def search(page):
        record = story.held[0].record
        for field in ("first_name", "last_name", "birth_date"):
            page.fill(f"form[action='/find'] [name={field}]", str(record[field]))
        with page.expect_navigation():
            page.locator("form[action='/find'] button").click()

    def preview_link(page):
        with page.expect_navigation():
            page.locator("#step button").first.click()

    def preview_move(page):
        page.locator("input[name=record]").first.check()
        page.locator("input[value=other]").check()
        page.fill("#other", other)
        with page.expect_navigation():
            page.locator("main form button:not(.hidden):not([value=search])").click()

    child = f"/people/{story.enterprise_id}"
    other = _choose_other(index, group_question, story.enterprise_id)
    yield "question", "steward", question_path(group_question), claim
    yield "desk", "steward", "/", None
    yield "queue", "steward", "/queue", None
    yield "person", "steward", child, None
    yield "unlink", "steward", f"{child}/unlink", unlink
    yield "link", "steward", f"{child}/link?other={other}", preview_link
    yield "move", "steward", f"{child}/move", preview_move
    yield "find", "steward", "/find", search
    yield "practice", "steward", "/practice", practise
    yield "blind", "steward", "/blind", None
    yield "quality", "steward", "/quality", None
    yield from _PAGES_BY_PATH


def _choose_other(index, key: str, eid: str) -> str:
    """Return a child of a question who is not the given one."""
    cards = load_question_view(index, make_operator(), key).cards
    return next(card.enterprise_id for card in cards if card.enterprise_id not in (None, eid))


def _save(path: Path, png: bytes) -> None:
    """Write a picture with few colors, which are enough for text on plain backgrounds."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    picture = image.crop((0, 0, image.width, min(image.height, _MAX_HEIGHT)))
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:]]
    pictures = given[0] if given else Path("docs/images")
    if len(given) > 1:
        main(pictures, given[1])
    else:
        with tempfile.TemporaryDirectory() as kept:
            main(pictures, Path(kept) / "demo")

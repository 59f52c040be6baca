"""Pages that take a file: its columns are explained, corrected, tried and loaded, and nothing stays."""

import errno
import json
import os
import re
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from mpi.api.app import create_app
from mpi.domain.errors import ConflictError
from mpi.domain.roles import Role
from mpi.domain.source import SourceKind
from mpi.domain.viewer import Action, Viewer, make_operator
from mpi.service.indexing.reindex import ignore_progress
from mpi.service.loads.load_log import find_load, list_loads
from mpi.service.loads.sent_files.draft import (
    MAX_DRAFTS,
    begin_draft,
    copy_draft,
    list_drafts,
    list_loadable_sources,
    remove_drafts,
)
from mpi.service.loads.sent_files.upload import STALE_S, UploadOptions, load_upload, remove_stale_folders
from mpi.service.statements.source_end import retire_source
from mpi.service.statements.sources import NewSource, add_source
from tests.accounts import cheap_password_hashing
from tests.index import OPERATOR, open_test_index
from tests.unit.api.live import PLAIN, serving
from tests.unit.api.pages.desk.test_sign_in import SAME, Browser, sign_in_new_account

HEADER = "Student_Number,First_Name,Last_Name,DOB,Gender,Foster,2024,Remark"
CODES = ("A", "B", "A")
ROWS = [
    f"70{number},Quillana{'abcdefghi'[number]},Pagewright,0{number % 7 + 1}/0{number % 7 + 2}/2012,F,"
    f"{CODES[number % 3]},x,Nice child"
    for number in range(9)
]
FILE = "\n".join([HEADER, *ROWS]) + "\n"
HIDDEN = ("Quillana", "Pagewright", "2012-", "/2012", "Nice child")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An index with one source, and the address of its pages."""
    with open_test_index(tmp_path_factory.mktemp("files")) as opened:
        add_source(opened, OPERATOR, NewSource("sis", "North SIS", "North", SourceKind.SIS))
        with serving(create_app(opened, open_pages=True)) as url:
            yield opened, url


@pytest.fixture
def index(site):
    return site[0]


@pytest.fixture
def open_browser(site):
    """Return a browser in a role; the files of each test are gone at its end."""
    index, url = site
    with ExitStack() as stack:

        def make(role="operator"):
            cookies = {"mpi-acting-as": role}
            return stack.enter_context(
                httpx.Client(base_url=url, timeout=30, verify=PLAIN, cookies=cookies, headers=SAME)
            )

        yield make
    for folder in list_folders(index):
        os.utime(folder, (0, 0))
        for file in folder.iterdir():
            os.utime(file, (0, 0))
    remove_stale_folders(index, OPERATOR)
    assert list_folders(index) == []


@pytest.fixture
def browser(open_browser):
    return open_browser()


def list_folders(index):
    folder = index.home / "uploads"
    return list(folder.iterdir()) if folder.exists() else []


def send(browser, content=FILE, name="children of Amara.csv", **fields):
    token = read_token(browser, "/files")
    return browser.post("/files", data={"csrf": token, **fields}, files={"file": (name, content)})


def read_token(browser, path):
    return re.search(r'name="csrf" value="(\w+)"', browser.get(path).text)[1]


def press(browser, path, button, **fields):
    return browser.post(path, data={"csrf": read_token(browser, path), "do": button, **fields})


def read_choices(page):
    """Return name and chosen value of each list of a page; None where nothing is chosen."""
    lists = re.findall(r'<select id="([\w-]+)".*?</select>', page, re.DOTALL)
    chosen = {}
    for name in lists:
        body = re.search(rf'<select id="{name}".*?</select>', page, re.DOTALL)[0]
        selected = re.search(r'<option value="([^"]*)" selected', body)
        chosen[name] = selected[1] if selected else None
    return chosen


ANSWERS = {"date-3": "%m/%d/%Y", "code-5-0": "Y", "code-5-1": "N"}
LOAD = {"source": "sis", "snapshot": "delta"}


def test_a_file_is_explained_without_any_value_and_loaded_after_its_questions(browser, index):
    sent = send(browser)
    path = sent.headers["location"]
    page = browser.get(path).text
    assert not [value for value in HIDDEN if value in page]
    choices = read_choices(page)
    assert (choices["field-0"], choices["field-3"], choices["field-7"]) == (
        "local_id",
        "birth_date",
        "ignore",
    )
    assert (choices["date-3"], choices["code-5-0"]) == (None, None), (
        "what is unclear is not chosen for anybody"
    )
    refused = press(browser, path, "load", **LOAD)
    assert refused.status_code == 400
    assert "2 columns are not clear" in refused.text
    assert list_loads(index, OPERATOR) == []
    tried = press(browser, path, "try", **ANSWERS, **LOAD)
    job = browser.get(tried.headers["location"]).text
    assert "<b>9</b><span>new</span>" in job
    assert list_loads(index, OPERATOR) == [], "a try stores nothing"
    mapping = browser.get(f"{path}/mapping.toml")
    assert 'codes = {"A" = "Y", "B" = "N", ' in mapping.text
    assert '"2024"' in mapping.text
    assert "attachment" in mapping.headers["content-disposition"]
    loaded = press(browser, path, "load", **LOAD)
    number = int(loaded.headers["location"].rpartition("/")[2])
    counts = find_load(index, OPERATOR, number).entry.counts
    assert (counts["created"], counts["rejected"]) == (9, 0)
    assert browser.get(path).status_code == 404
    assert list_folders(index) == [], "neither the file nor its copies stay"


def test_a_file_goes_when_its_job_has_loaded_it_and_stays_if_a_check_held_it(browser, index):
    path = send(browser).headers["location"]
    press(browser, path, "save", **ANSWERS)
    code, person = path.rpartition("/")[2], make_operator("demo-operator")
    copy = copy_draft(index, person, code, "sis", UploadOptions())
    assert len(list_folders(index)) == 2
    assert load_upload(index, person, "sis", copy.code, ignore_progress)
    assert list_folders(index) == []
    path = send(browser, "Student_Number,Last_Name,DOB\n70x,New,2012-02-02\n").headers["location"]
    held = press(browser, path, "load", source="sis", snapshot="full")
    assert "held" in browser.get(held.headers["location"]).text.lower()
    assert browser.get(path).status_code == 200


def load_row(browser, index, local_id, last_name, **fields):
    """Load one row over the pages, and return the entry of the load."""
    path = send(browser, f"local_id,last_name\n{local_id},{last_name}\n").headers["location"]
    loaded = press(browser, path, "load", **LOAD, **fields)
    return find_load(index, OPERATOR, int(loaded.headers["location"].rpartition("/")[2])).entry


@pytest.mark.parametrize("minutes", [0, -1439])
def test_a_file_of_today_by_the_readers_clock_replaces_what_was_loaded_today(browser, index, minutes):
    load_row(browser, index, f"today{minutes}", "Lopez")
    today = (datetime.now(UTC) + timedelta(minutes=minutes)).date().isoformat()
    entry = load_row(browser, index, f"today{minutes}", "Garcia", as_of=today, utc_offset=str(minutes))
    assert (entry.counts["updated"], entry.counts["history"]) == (1, 0)


def test_a_file_of_an_earlier_day_counts_as_of_its_end_by_the_readers_clock(browser, index):
    load_row(browser, index, "may", "Lopez")
    entry = load_row(browser, index, "may", "Garcia", as_of="2024-05-01", utc_offset="-300")
    assert (entry.as_of, entry.counts["history"]) == ("2024-05-02T04:59:59.999999Z", 1)


def test_a_list_that_shows_a_guess_answers_no_question(browser):
    header = "Student_Number,Birthdat,Homeless"
    rows = "".join(f"{n},05/{n + 13}/2012,X\n" for n in range(9))
    path = send(browser, f"{header}\n{rows}").headers["location"]
    shown = read_choices(browser.get(path).text)
    assert (shown["field-1"], shown["date-1"], shown["code-2-0"]) == (None, "%m/%d/%Y", "Y")
    press(browser, path, "save", **{name: value for name, value in shown.items() if value})
    refused = press(browser, path, "try", **LOAD)
    assert "1 columns are not clear" in refused.text
    press(browser, path, "save", **{"field-1": "birth_date"})
    assert press(browser, path, "try", **LOAD).status_code == 303


def test_a_column_gets_another_meaning_and_its_old_answers_go(browser):
    path = send(browser).headers["location"]
    press(browser, path, "save", **ANSWERS)
    press(browser, path, "save", **{"field-5": "ignore", "field-7": "preferred_name", "state": "OH"})
    page = browser.get(path).text
    choices = read_choices(page)
    assert (choices["field-5"], choices["field-7"]) == ("ignore", "preferred_name")
    assert "code-5-0" not in choices
    press(browser, path, "save", **{"field-7": "birth_date", "field-3": "ignore"})
    assert "most of its values are no dates" not in browser.get(path).text


@pytest.mark.parametrize(
    ("button", "fields", "message"),
    [
        ("save", {"field-0": "guardians.x]]"}, "choose one of the list"),
        ("save", {"date-3": "%Q"}, "choose one of the list"),
        ("save", {"code-5-0": "maybe"}, "choose one of the list"),
        ("try", {**ANSWERS, "source": "sis", "snapshot": "half"}, "choose whether the file holds all"),
        ("try", {**ANSWERS, "source": "sis", "snapshot": "full", "as_of": "soon"}, "a day is YYYY-MM-DD"),
        ("load", {**ANSWERS, **LOAD, "as_of": "0026-11-24"}, "lies before 1900"),
        ("load", {**ANSWERS, **LOAD, "as_of": "2999-11-24"}, "more than a day ahead"),
        ("load", {**ANSWERS, **LOAD, "as_of": "2024-11-24", "utc_offset": "x"}, "a number of minutes"),
        ("try", {**ANSWERS, "snapshot": "full"}, "source: is missing"),
        ("other", {}, "press one of the buttons"),
    ],
)
def test_a_choice_that_no_list_has_is_refused_and_the_file_stays(browser, button, fields, message):
    path = send(browser).headers["location"]
    answer = press(browser, path, button, **fields)
    assert answer.status_code == 400
    assert message in answer.text
    assert browser.get(path).status_code == 200


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "a.csv", "choose a file that is not empty"),
        (b"1,2,3\n4,5,6\n", "a.csv", "no header line"),
        (b"\x00\x01\x02" * 50, "a.csv", "file.csv"),
        (b"PK\x03\x04broken", "a.zip", "zip"),
        (",".join(f"First Name {n}" for n in range(301)) + "\n" + "a," * 300 + "a\n", "a.csv", "301 columns"),
    ],
)
def test_a_file_that_is_no_table_is_refused_and_does_not_stay(browser, index, content, name, message):
    answer = send(browser, content, name)
    assert answer.status_code == 400
    assert message.lower() in answer.text.lower()
    assert list_folders(index) == []


def test_a_file_goes_when_its_person_signs_out_and_those_of_others_stay(browser, index):
    others = send(browser).headers["location"]
    with cheap_password_hashing(), serving(create_app(index)) as url, Browser(url) as signed_in:
        signed_in.headers.update(SAME)
        sign_in_new_account(signed_in, index, "ada.operator", Role.OPERATOR)
        path = send(signed_in).headers["location"]
        assert len(list_folders(index)) == 2
        signed_in.post("/sign-out", data={"csrf": read_token(signed_in, path)})
    assert [folder.name for folder in list_folders(index)] == [others.rpartition("/")[2]]


def test_a_file_is_its_persons_alone_and_may_be_removed(open_browser, index):
    browser = open_browser()
    path = send(browser).headers["location"]
    assert open_browser("approver").get(path).status_code in {403, 404}
    assert open_browser("steward").get("/files").status_code == 403
    assert browser.get("/files/../../secret").status_code == 404
    assert browser.get("/files/" + "0" * 48).status_code == 404
    press(browser, path, "remove")
    assert list_folders(index) == []


def test_a_forgotten_file_goes_after_an_hour_and_a_used_one_stays(browser, index):
    path = send(browser).headers["location"]
    remove_stale_folders(index, OPERATOR)
    assert browser.get(path).status_code == 200
    [folder] = list_folders(index)
    old = time.time() - STALE_S - 60
    for each in (folder, *folder.iterdir()):
        os.utime(each, (old, old))
    remove_stale_folders(index, OPERATOR)
    assert browser.get(path).status_code == 404


def test_a_file_is_copied_where_the_disk_has_no_hard_links(browser, index, monkeypatch):
    path = send(browser).headers["location"]
    press(browser, path, "save", **ANSWERS)

    def refuse_link(*_paths):
        raise OSError(errno.ENOTSUP, "operation not supported")

    monkeypatch.setattr(os, "link", refuse_link)
    copy = copy_draft(index, make_operator("demo-operator"), path.rpartition("/")[2], "sis", UploadOptions())
    [copied] = (index.home / "uploads" / copy.code).glob("file*")
    assert copied.read_text() == FILE
    assert copied.stat().st_mode & 0o777 == 0o600
    copy.remove()
    assert press(browser, path, "try", **LOAD).status_code == 303


def test_a_file_that_another_release_took_is_gone_and_does_not_count(browser, index):
    paths = [send(browser).headers["location"] for _ in range(MAX_DRAFTS)]
    for folder in list_folders(index):
        content = json.loads((folder / "draft.json").read_bytes())
        content["shape"].remove("lacks_state")
        del content["view"]["lacks_state"]
        (folder / "draft.json").write_text(json.dumps(content))
    assert "the server was upgraded since: send it again" in browser.get(paths[0]).text
    assert paths[0] not in browser.get("/files").text
    assert send(browser).status_code == 303
    assert len(list_folders(index)) == 1


def test_files_that_arrive_at_once_count_for_their_person_alone(index):
    one, other = make_operator("one"), make_operator("other")
    begun = [begin_draft(index, one) for _ in range(MAX_DRAFTS)]
    with pytest.raises(ConflictError, match="5 files already"):
        begin_draft(index, one)
    begun.append(begin_draft(index, other))
    assert len(list_folders(index)) == MAX_DRAFTS + 1
    (index.home / "uploads" / begun[-1].code / "draft.json").write_text("of another person")
    assert list_drafts(index, one) == []
    remove_drafts(index, "one")
    assert [folder.name for folder in list_folders(index)] == [begun[-1].code]
    begun[-1].remove()


def test_only_sources_whose_files_are_taken_are_offered(index):
    for code, kind in (("old", SourceKind.SIS), ("moved", SourceKind.SIS), ("desk", SourceKind.STEWARD)):
        add_source(index, OPERATOR, NewSource(code, kind=kind))
    retire_source(index, OPERATOR, "old")
    with index.database.write(OPERATOR, "source") as unit:
        unit.sources.set_scope([unit.sources.get_by_code("moved").id], "education")
    assert list_loadable_sources(index, OPERATOR) == [("sis", "North SIS")]
    assert (
        list_loadable_sources(
            index, Viewer("north", actions=frozenset({Action.LOAD}), sources=frozenset({"x"}))
        )
        == []
    )


def test_a_person_may_keep_few_files_and_a_form_of_another_site_leaves_none(browser, index):
    for _ in range(MAX_DRAFTS):
        assert send(browser).status_code == 303
    assert send(browser).status_code == 409
    with pytest.raises(ConflictError, match="5 files already"):
        begin_draft(index, make_operator("demo-operator"))
    assert len(list_folders(index)) == MAX_DRAFTS
    token = read_token(browser, "/files")
    foreign = browser.post(
        "/files",
        data={"csrf": token},
        files={"file": ("a.csv", FILE)},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert "another site" in foreign.text
    assert len(list_folders(index)) == MAX_DRAFTS

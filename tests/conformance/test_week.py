"""A week of an index between schools and child welfare, on both stores.

Each day brings what such a week brings. After each step, a consumer of the change feed has the crosswalk of
the index; at the end of each day so has the receiver of a webhook, but for the day on which it fails.
"""

import shutil
import sqlite3
import subprocess
from contextlib import ExitStack
from dataclasses import replace

import pytest

from mpi.api.app import create_app
from mpi.bootstrap import note_restore, open_index
from mpi.client import Client, CursorFile, FeedRestoredError, RecordRef, apply_events
from mpi.config import Settings
from mpi.connectors.registry import make_connector
from mpi.domain.record_ref import RecordRef as LocalRef
from mpi.domain.snapshot import Snapshot
from mpi.intake.reader import open_file
from mpi.service.loads.load import LoadOptions, load
from mpi.service.maintenance.verify import verify
from mpi.service.pulls.pull import PullOptions, pull
from mpi.service.review.answers.pair_answers import PairVerdict, answer_question
from mpi.service.webhooks.subscriptions import register_webhook
from tests.clients import QUICK
from tests.desk import only_question, similar_child
from tests.edfi_server import EdfiServer, serve_edfi
from tests.index import OPERATOR, crosswalk, load_rows, many_children, open_test_index, partition_of
from tests.oneroster_server import serve_oneroster
from tests.unit.api.live import PLAIN, add_key, serving
from tests.webhook_receiver import allow_loopback, deliver_due, receiving

SOURCES = ("north", "ccwis", "afcars", "south")
CHILDREN = many_children(12)
DOUBTFUL = (("south", "c9"), ("ccwis", "W-c9"))
"""The records of the question of Friday."""
AFCARS = """<acf:data xmlns:acf="http://www.acf.hhs.gov"><E1_title_iv_agency>39</E1_title_iv_agency>
<E2_report_date>202609</E2_report_date><records>{}</records></acf:data>"""


class Consumer:
    """A system that keeps its own copy of the crosswalk by the change feed.

    Args:
        folder: keeps its cursor.
    """

    def __init__(self, folder):
        self._cursors = CursorFile(folder / "cursor.json")
        self.copy = {}
        self.restarts = 0

    def catch_up(self, client):
        """Read what has changed; begin anew if the index was restored."""
        try:
            for page in client.follow(self._cursors):
                apply_events(self.copy, page.events)
        except FeedRestoredError:
            self._cursors.forget()
            self.copy.clear()
            self.restarts += 1
            self.catch_up(client)


class Week:
    """An index with its server, two districts, an agency, a consumer and a receiver of webhooks."""

    def __init__(self, folder, database_url, postgres, north, south, receiver, clock):
        self.folder, self.postgres = folder, postgres
        self.north, self.south, self.receiver, self.clock = north, south, receiver, clock
        self.settings = Settings(
            home=folder / "home",
            model=str(folder / "home" / "tiny"),
            database_url=database_url,
            secret_file=None,
            second_approver="never",
        )
        self.consumer = Consumer(folder)
        self._stack = ExitStack()

    def open(self):
        """Open the index and serve it."""
        index = allow_loopback(open_index(self.settings))
        self._stack.callback(index.database.dispose)
        self.index = index
        url = self._stack.enter_context(serving(create_app(index)))
        self.client = Client(url, "mpi_test_consumer", tls=PLAIN, retry=QUICK)
        self._stack.callback(self.client.close)

    def close(self):
        """Stop the server and close the index."""
        self._stack.close()

    def pull(self, connection):
        """Pull from a district and load what came."""
        receipt = pull(self.index, OPERATOR, connection, make_connector(connection), PullOptions())
        assert receipt.has_advanced
        self.check()
        return receipt

    def load_delta(self, source, *children):
        """Load a delta file."""
        load_rows(self.index, source, *children, snapshot=Snapshot.DELTA)
        self.check()

    def post(self, path, **body):
        """Make a call as a steward's program; return the values of the answer."""
        answer = self.client.request("POST", path, body=body)
        self.check()
        return answer.body

    def check(self):
        """Let the consumer catch up, and compare its copy with the crosswalk."""
        self.consumer.catch_up(self.client)
        assert self.consumer.copy == {RecordRef(*key): eid for key, eid in crosswalk(self.index).items()}

    def end_day(self, *, is_delivered=True):
        """Deliver webhooks, compare what their receiver has, and go on to the next day."""
        deliver_due(self.index)
        if is_delivered:
            assert self.copy_of_receiver() == self.consumer.copy
        assert verify(self.index, OPERATOR) == []
        self.clock.advance(days=1)

    def copy_of_receiver(self):
        """Return the crosswalk that the receiver of webhooks has by its messages, each counted once."""
        copy, seen = {}, set()
        receiver = self.receiver
        for number, message, status in zip(receiver.ids, receiver.messages, receiver.statuses, strict=True):
            if number in seen or status != 204:
                continue
            seen.add(number)
            if message["type"] == "feed.restored":
                copy.clear()
            for event in message["data"].get("events", ()):
                key = RecordRef(event["source"], event["local_id"])
                if event["after"] is None:
                    copy.pop(key, None)
                else:
                    copy[key] = event["after"]
        return copy

    def settle_question(self):
        """Answer the only question: its two records are of one child."""
        question = only_question(self.index, OPERATOR)
        left, right = (LocalRef(*key) for key in DOUBTFUL)
        answer_question(self.index, OPERATOR, question.key, [PairVerdict(left, right, "same")], "same-child")
        self.check()

    def are_one(self, *keys):
        """Return whether records are of one person."""
        eids = crosswalk(self.index)
        return len({eids[key] for key in keys}) == 1

    def back_up(self):
        """Back the index up with the tool of its store."""
        self.backup = self.folder / "backup"
        self.backup.mkdir()
        self.backed_up = crosswalk(self.index)
        if self.settings.database_url is None:
            for name in ("mpi.db", "mpi-ledger.db"):
                with sqlite3.connect(self.settings.home / name) as plain:
                    plain.execute("VACUUM INTO ?", (str(self.backup / name),))
                plain.close()
        else:
            self._run("pg_dump", "--format=custom", "--file", self.backup / "mpi.dump", "--dbname",
                      self.postgres.connection_string(self.index.database.engine.url.database))  # fmt: skip

    def restore(self):
        """Restore the backup, as docs/how-to/backup-and-restore.md says."""
        self.close()
        if self.settings.database_url is None:
            for path in self.settings.home.glob("mpi*.db*"):
                path.unlink()
            for path in self.backup.iterdir():
                shutil.copy2(path, self.settings.home)
        else:
            restored = self.postgres.new_database()
            self._run("pg_restore", "--exit-on-error", "--single-transaction", "--no-owner", "--dbname",
                      self.postgres.connection_string(restored), self.backup / "mpi.dump")  # fmt: skip
            self.settings = self.settings.model_copy(update={"database_url": self.postgres.url(restored)})
        note_restore(self.settings)
        self.open()

    def _run(self, tool, *arguments):
        subprocess.run([self.postgres.binaries / tool, *arguments], check=True)


def connect_north(week):
    """Return the connection to the northern district, which speaks Ed-Fi."""
    return replace(week.north.connect(parts=["descriptions"]), source="north")


def connect_south(week):
    """Return the connection to the southern district, which speaks OneRoster."""
    return week.south.connection(source="south")


def add_to_north(week, child):
    """Store a student in the system of the northern district."""
    week.north.put_student(
        child["local_id"],
        firstName=child["first_name"],
        lastSurname=child["last_name"],
        birthDate=child["birth_date"],
    )


def add_to_south(week, child):
    """Store a student in the system of the southern district."""
    key = child["local_id"]
    week.south.add_student(
        int(key[1:]), key=key, givenName=child["first_name"], familyName=child["last_name"], middleName=None
    )
    week.south.put("demographics", {"sourcedId": key, "birthDate": child["birth_date"], "sex": "female"})


def in_care(child):
    """Return a child's record in the agency's system, which has local IDs of its own."""
    return child | {"local_id": f"W-{child['local_id']}"}


def write_afcars(path, *children):
    """Write an AFCARS file of children, who have no names in it."""
    records = "".join(
        f"<record><E4_child_record_number>A-{child['local_id']}</E4_child_record_number>"
        f"<E5_date_of_birth>{str(child['birth_date']).replace('-', '')}</E5_date_of_birth>"
        f"<E6_sex>2</E6_sex></record>"
        for child in children
    )
    path.write_text(AFCARS.format(records))
    return path


@pytest.fixture
def week(tmp_path, database_url, request, manual_clock):
    postgres = None if database_url is None else request.getfixturevalue("postgres")
    if postgres is not None:
        database_url = postgres.url(postgres.new_database())
    with (
        open_test_index(tmp_path / "home", *SOURCES, database_url=database_url) as index,
        serve_edfi(EdfiServer()) as north,
        serve_oneroster() as south,
        receiving() as receiver,
    ):
        add_key(index, "consumer")
        index.database.dispose()
        week = Week(tmp_path, database_url, postgres, north, south, receiver, manual_clock)
        week.open()
        yield week
        week.close()


def live_through_monday(week):
    """The northern district is pulled for the first time."""
    for child in CHILDREN[:8]:
        add_to_north(week, child)
    assert week.pull(connect_north(week)).is_full
    register_webhook(week.index, OPERATOR, week.receiver.url, client="consumer")
    week.end_day()


def live_through_tuesday(week):
    """An extract of the agency links; a file of AFCARS has no names and links nothing."""
    load_rows(week.index, "ccwis", *(in_care(child) for child in CHILDREN[:6]), snapshot=Snapshot.FULL)
    week.check()
    assert week.are_one(("north", "c0"), ("ccwis", "W-c0"))
    before = crosswalk(week.index)
    file = write_afcars(week.folder / "afcars.xml", *CHILDREN[:6])
    load(week.index, OPERATOR, "afcars", open_file(file, None, None), LoadOptions())
    week.check()
    after = crosswalk(week.index)
    assert {key: eid for key, eid in after.items() if key in before} == before
    assert not {eid for key, eid in after.items() if key not in before} & set(before.values())
    assert len(after) == len(before) + 6
    week.end_day()


def live_through_wednesday(week):
    """What changed in the night."""
    week.north.delete_student("c7")
    week.north.rename_student("c1", "c1-new")
    add_to_north(week, CHILDREN[8])
    receipt = week.pull(connect_north(week))
    assert (receipt.is_full, receipt.removed, receipt.renamed) == (False, 1, 1)
    assert week.are_one(("north", "c1-new"), ("ccwis", "W-c1"))
    week.load_delta("ccwis", in_care(CHILDREN[8]))
    assert week.are_one(("north", "c8"), ("ccwis", "W-c8"))
    week.end_day()


def live_through_thursday(week):
    """The southern district is pulled; a pupil has moved there from the north."""
    for child in (CHILDREN[6], *CHILDREN[9:]):
        add_to_south(week, child)
    assert week.pull(connect_south(week)).is_full
    assert week.are_one(("north", "c6"), ("south", "c6"))
    week.end_day()
    week.back_up()


def live_through_friday(week):
    """A doubtful record is settled by a person; two children are merged by mistake."""
    week.load_delta("ccwis", in_care(similar_child(CHILDREN[9])))
    assert not week.are_one(*DOUBTFUL)
    week.settle_question()
    assert week.are_one(*DOUBTFUL)
    settled = crosswalk(week.index)
    eids = [settled["north", "c2"], settled["north", "c3"]]
    step = week.post("/v1/persons:merge", eids=eids, reason="documents")["step"]
    assert week.are_one(("north", "c2"), ("north", "c3"))
    week.post(f"/v1/steps/{step}:undo", reason="mistake")
    assert crosswalk(week.index) == settled
    week.end_day()


def live_through_saturday(week):
    """The receiver of webhooks fails all day."""
    week.receiver.fail(4, 503)
    week.load_delta("ccwis", in_care(CHILDREN[10]))
    week.end_day(is_delivered=False)
    assert week.copy_of_receiver() != week.consumer.copy
    while week.receiver.answers:
        deliver_due(week.index)
        week.clock.advance(hours=12)
    week.end_day()


def live_through_sunday(week):
    """The index is restored from Thursday's backup, and what was sent since is sent again."""
    before_the_restore = partition_of(week.index)
    week.restore()
    week.check()
    assert week.consumer.restarts == 1
    assert crosswalk(week.index) == week.backed_up
    week.end_day()
    week.load_delta("ccwis", in_care(similar_child(CHILDREN[9])), in_care(CHILDREN[10]))
    week.pull(connect_north(week))
    week.pull(connect_south(week))
    week.settle_question()
    week.end_day()
    assert partition_of(week.index) == before_the_restore


def test_crosswalk_and_consumers_agree_through_a_week(week):
    live_through_monday(week)
    live_through_tuesday(week)
    live_through_wednesday(week)
    live_through_thursday(week)
    live_through_friday(week)
    live_through_saturday(week)
    live_through_sunday(week)

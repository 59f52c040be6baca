"""The ledger as an auditor reads it: filtered, paged, exported, and without hidden records."""

from datetime import date, timedelta

import pytest

from mpi.domain import clock
from mpi.domain.errors import AccessDenied, InputError, NotFoundError
from mpi.domain.roles import ACTIONS_BY_ROLE, Role
from mpi.domain.viewer import Action, Viewer, make_operator
from mpi.service.access.ledger import PAGE_SIZE, LedgerFilter, LedgerLine, export_ledger, read_ledger
from mpi.service.agreements.refusals import record_refusal
from mpi.service.core.disclosure import disclose
from mpi.service.persons.persons import look_up_person
from mpi.service.records.upsert import upsert
from mpi.storage.repositories.access.refusals import Refusal
from tests.index import OPERATOR, crosswalk, expunge, make_child, open_test_index

READERS = {Role.AUDITOR, Role.PRIVACY_OFFICER}
AUDITOR = Viewer("aud", "system_admin", frozenset({Action.LEDGER_READ}), None, agreement="house")
READER = make_operator("portal")
ODALYS = make_child("1", first_name="Odalys", last_name="Trueblood", birth_date="2012-02-02")
IGNACY = make_child("2", first_name="Ignacy", last_name="Valcour", birth_date="2010-03-04")


@pytest.fixture
def index(tmp_path, database_url):
    with open_test_index(tmp_path, "sis", "ccwis", database_url=database_url) as new_index:
        for record in (ODALYS, IGNACY):
            upsert(new_index, OPERATOR, "sis", record)
        yield new_index


@pytest.fixture
def ids(index):
    eids = crosswalk(index)
    return eids["sis", "1"], eids["sis", "2"]


def read(index, **wanted):
    """Return the lines of other readers than the auditor."""
    lines = read_ledger(index, AUDITOR, LedgerFilter(**wanted)).lines
    return [line for line in lines if line.client != AUDITOR.client]


def test_a_line_says_who_was_shown_which_fields_of_which_child_and_why(index, ids):
    viewer = Viewer("portal", "transport", OPERATOR.actions, None, agreement="house")
    look_up_person(index, viewer, ids[0])
    [line] = read(index, client="portal", purpose="transport", agreement="house")
    assert read(index, action=line.action) == [line]
    assert read(index, action="record.read") == []
    assert (line.client, line.action, line.purpose, line.agreement) == (
        "portal",
        "person.read",
        "transport",
        "house",
    )
    assert (line.enterprise_ids, line.is_about_all) == ((ids[0],), False)
    assert line.fields == ("now", "records")
    for other in ({"client": "desk"}, {"purpose": "court_report"}, {"agreement": "dsa-1"}):
        assert read(index, **{"client": "portal", **other}) == []


def test_the_lines_of_one_child_name_no_other(index, ids):
    [first, second] = (index_records(index, eid) for eid in ids)
    disclose(index, READER, Action.PERSON_SEARCH, first | second, ["birth_date"])
    disclose(index, READER, Action.PERSON_READ, second, ["birth_date"])
    disclose(index, READER, Action.CROSSWALK_EXPORT, (), ["enterprise_id"], "all@1")
    assert [line.enterprise_ids for line in read(index, enterprise_id=ids[0].lower(), client="portal")] == [
        (),
        (ids[0],),
    ]
    assert len(read(index, enterprise_id=ids[1], client="portal")) == 3
    record_refusal(index, READER, "person.read", "no-agreement")
    page = read_ledger(index, AUDITOR, LedgerFilter(enterprise_id=ids[0], client="portal"))
    assert page.refusals == ()
    assert read_ledger(index, AUDITOR, LedgerFilter(client="aud")).lines[0].enterprise_ids == (ids[0],)


def index_records(index, eid):
    with index.database.read(OPERATOR) as unit:
        person = unit.persons.find_by_eid(eid)
        return set(unit.persons.members({person.id})[person.id])


def test_neither_a_sealed_record_nor_a_line_about_it_alone_is_shown(index, ids):
    first, second = (index_records(index, eid) for eid in ids)
    disclose(index, READER, Action.PERSON_SEARCH, first | second, ["birth_date"])
    disclose(index, READER, Action.PERSON_READ, first, ["birth_date"])
    upsert(index, OPERATOR, "sis", {**ODALYS, "restrictions": [{"kind": "sealed"}]})
    assert [line.enterprise_ids for line in read(index, client="portal")] == [(ids[1],)]
    unknown = "T7K3-M92Q-X0HN"
    messages = set()
    for eid in (ids[0], unknown):
        with pytest.raises(NotFoundError) as missing:
            read(index, enterprise_id=eid)
        messages.add(str(missing.value))
    assert len(messages) == 1
    expunge(index, "sis", IGNACY)
    assert read(index, client="portal") == []


def test_pages_join_without_gap_or_repeat_also_within_one_instant(index, manual_clock):
    expected = []
    for number in range(30):
        for twin in range(7):
            client = f"client-{number:02}-{twin}"
            disclose(index, make_operator(client), Action.QUALITY_READ, (), ["rate"])
            expected.append(client)
        manual_clock.advance(seconds=1)
    before, found, sizes = None, [], []
    while True:
        page = read_ledger(index, AUDITOR, LedgerFilter(), before)
        shown = [line.client for line in page.lines if line.client.startswith("client-")]
        found += shown
        sizes.append(len(shown))
        before = page.older
        if before is None:
            break
    assert found == expected[::-1]
    assert max(sizes) < PAGE_SIZE + 7


def test_each_reading_and_export_is_on_the_ledger_with_its_children(index, ids):
    look_up_person(index, READER, ids[0])
    read_ledger(index, AUDITOR, LedgerFilter(client="portal"))
    export_ledger(index, AUDITOR, LedgerFilter(client="portal"))
    own = read_ledger(index, AUDITOR, LedgerFilter(client="aud")).lines
    assert [(line.action, line.enterprise_ids) for line in own] == [("ledger.read", (ids[0],))] * 2


def test_days_are_whole_and_the_last_thirty_by_default(index, manual_clock):
    today = clock.now().date()
    disclose(index, make_operator("early"), Action.QUALITY_READ, (), ["rate"])
    manual_clock.advance(days=31)
    disclose(index, make_operator("late"), Action.QUALITY_READ, (), ["rate"])
    names = lambda **wanted: {line.client for line in read(index, **wanted)}  # noqa: E731
    assert "early" not in names()
    assert "early" in names(first_day=today)
    assert names(first_day=today, last_day=today) >= {"early"}
    assert "late" not in names(first_day=today, last_day=today)
    assert names(last_day=date.max) == set()
    assert names(first_day=date.min, last_day=date.max) >= {"early", "late"}
    with pytest.raises(InputError):
        names(first_day=today, last_day=today - timedelta(days=1))


def test_refusals_stand_beside_the_lines_and_follow_the_same_filter(index, manual_clock):
    for client in ("portal", "desk"):
        refused = Viewer(client, "transport", agreement="house")
        record_refusal(index, refused, "person.read", "purpose-outside-agreement")
        record_refusal(index, refused, "person.read", "purpose-outside-agreement")
    page = read_ledger(index, AUDITOR, LedgerFilter(client="portal", purpose="transport", agreement="house"))
    assert [(one.client, one.reason, one.count) for one in page.refusals] == [
        ("portal", "purpose-outside-agreement", 2)
    ]
    assert read_ledger(index, AUDITOR, LedgerFilter(purpose="court_report")).refusals == ()
    assert read_ledger(index, AUDITOR, LedgerFilter(action="record.read")).refusals == ()
    assert len(read_ledger(index, AUDITOR, LedgerFilter(action="person.read")).refusals) == 2
    for _ in range(PAGE_SIZE + 5):
        manual_clock.advance(minutes=1)
        record_refusal(index, Viewer("late"), "person.read", "no-agreement")
    page = read_ledger(index, AUDITOR, LedgerFilter(client="late"))
    older = read_ledger(index, AUDITOR, LedgerFilter(client="late"), None, page.older_refusals)
    minutes = [one.minute for one in (*page.refusals, *older.refusals)]
    assert (len(minutes), older.older_refusals) == (PAGE_SIZE + 5, None)
    assert minutes == sorted(set(minutes), reverse=True)


def test_an_export_holds_lines_and_refusals_in_one_order(index, ids, manual_clock):
    look_up_person(index, READER, ids[0])
    manual_clock.advance(minutes=2)
    record_refusal(index, READER, "person.read", "no-agreement")
    manual_clock.advance(minutes=2)
    look_up_person(index, READER, ids[1])
    rows = export_ledger(index, AUDITOR, LedgerFilter(client="portal"))
    assert [type(row) for row in rows] == [LedgerLine, Refusal, LedgerLine]


def test_an_export_of_too_many_lines_is_refused_whole(index):
    for _ in range(3):
        disclose(index, READER, Action.QUALITY_READ, (), ["rate"])
    record_refusal(index, READER, "person.read", "no-agreement")
    wanted = LedgerFilter(client="portal")
    assert len(export_ledger(index, AUDITOR, wanted, limit=4)) == 4
    with pytest.raises(InputError, match="choose fewer days"):
        export_ledger(index, AUDITOR, wanted, limit=3)


def test_who_sees_only_some_sources_or_works_on_records_reads_no_ledger(index):
    for viewer in (
        Viewer("sue", "system_admin", frozenset({Action.LEDGER_READ}), frozenset({"sis"})),
        *(
            Viewer(role, "data_quality", ACTIONS_BY_ROLE[role], None, agreement="house")
            for role in Role
            if role not in READERS
        ),
        Viewer("eve", "system_admin", frozenset(), None),
    ):
        for act in (read_ledger, export_ledger):
            with pytest.raises(AccessDenied):
                act(index, viewer, LedgerFilter())
